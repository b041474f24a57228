"""Run notebooks from top to bottom and save them clean: `python notebooks/save.py NOTEBOOK ...`."""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def main(paths):
    for path in map(Path, paths):
        started = time.perf_counter()
        notebook = nbformat.read(path, 4)
        client = NotebookClient(
            notebook,
            timeout=300,
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": path.parent}},
        )
        client.execute()
        clean(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - started:.0f} s, {path.stat().st_size:,} bytes")


def clean(notebook):
    """Drop what differs from run to run: progress bars, widget models, the Python version."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata.pop("execution", None)
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)


if __name__ == "__main__":
    main(sys.argv[1:])
