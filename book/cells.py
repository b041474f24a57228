"""A notebook's cells and stored outputs to HTML; nothing is run."""

import base64
import re
from html import escape
from pathlib import Path

from nbconvert.filters import Highlight2HTML, strip_ansi

from book import prose
from book.panels import PANELS

SUFFIXES = {"image/jpeg": "jpg", "image/png": "png"}
LIVE = re.compile(r"run this cell to use it\.$")  # what a widget leaves in a saved notebook
highlight = Highlight2HTML(pygments_lexer="ipython3")


def to_html(notebook, source, pictures):
    """Render a notebook.

    Args:
        notebook: as nbformat reads it.
        source: where it lies and what its page is called.
        pictures: {file name: bytes} to which the pictures of its outputs are added.
    """
    stem = Path(source.name).stem  # unlike the file's, no other page has it
    panels = iter(PANELS.get(stem, []))
    parts = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(prose.to_html(cell.source))
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(highlight(cell.source))
            parts += outputs(cell, f"{stem}_{number}", panels, pictures, source.path.name)
    return "\n".join(parts)


def outputs(cell, prefix, panels, pictures, file):
    """Yield the HTML of each output of a cell."""
    for number, output in enumerate(cell.outputs):
        data = output.get("data", {})
        kind = next((kind for kind in SUFFIXES if kind in data), None)
        text = output.get("text") or data.get("text/plain", "")
        if kind:
            name = f"{prefix}_{number}.{SUFFIXES[kind]}"
            pictures[name] = base64.b64decode(data[kind])
            yield picture(f"pictures/{name}", output.metadata.get(kind, {}).get("alt", ""))
        elif LIVE.search(text):
            yield panel(file, next(panels, None))
        elif output.get("name") != "stderr":
            yield f'<pre class="output">{escape(strip_ansi(text).rstrip())}</pre>'


def picture(address, alt):
    return f'<p class="picture"><img src="{address}" alt="{escape(alt)}"></p>'


def panel(file, known):
    """Show a live panel as a picture, if there is one, and say how to run it."""
    command = "make studio" if file == "studio.ipynb" else "make lab"
    in_bundle = "python start.py studio" if command == "make studio" else "python start.py"
    notebook = f" and run the notebook <code>{file}</code>" if command == "make lab" else ""
    shown = f'<img src="figures/{known[0]}.jpg" alt="{escape(known[1])}">' if known else ""
    return f"""<figure class="panel">{shown}
<figcaption><strong>A live panel.</strong> On this page it only looks like one: to use it, type
<code>{command}</code> (in a bundle: <code>{in_bundle}</code>){notebook}.</figcaption></figure>"""
