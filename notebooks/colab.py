"""A first cell for Google Colab, which does nothing elsewhere.

`python notebooks/colab.py SOURCE NOTEBOOK ...` puts it below the title, or renews it; run
`make notebooks` after. SOURCE is what pip can install there: the address of a wheel, or
git+https://... of the repository. Without SOURCE: `python notebooks/colab.py - NOTEBOOK ...` takes
the cell out.
"""

import sys

import nbformat
from nbformat.v4 import new_code_cell

TAG = "colab"
CELL = """\
import sys

if "google.colab" in sys.modules:  # elsewhere this cell does nothing
    %pip install --quiet "nstlib @ {source}"
    from google.colab import output

    output.enable_custom_widget_manager()"""


def cell(source):
    """Write the cell for a source; Colab offers widgets of others only when asked to."""
    made = new_code_cell(CELL.format(source=source), metadata={"tags": [TAG]})
    made["id"] = TAG
    return made


def is_colab(one):
    return TAG in one.metadata.get("tags", [])


def put(notebook, source):
    """Put the cell below the title, once; take it out if the source is None."""
    cells = [one for one in notebook.cells if not is_colab(one)]
    notebook.cells = cells if source is None else [cells[0], cell(source), *cells[1:]]
    return notebook


def main(source, *paths):
    for path in paths:
        notebook = nbformat.read(path, 4)
        nbformat.write(put(notebook, None if source == "-" else source), path)


if __name__ == "__main__":
    main(*sys.argv[1:])
