"""The first cell for Colab: it installs there, is silent elsewhere, and stands in every chapter."""

import importlib.util
import sys
import types
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

FOLDER = Path(__file__).parents[1] / "notebooks"
CHAPTERS = sorted(FOLDER.glob("[0-9]*.ipynb"))
SOURCE = ""  # what the chapters' cell installs; "" while no address is known, and no cell is there


def load_colab():
    spec = importlib.util.spec_from_file_location("colab", FOLDER / "colab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Shell:
    """Stands for IPython, which runs %pip."""

    def __init__(self):
        self.lines = []

    def run_line_magic(self, name, line):
        self.lines.append(f"%{name} {line}")


def run(cell):
    shell = Shell()
    exec(TransformerManager().transform_cell(cell.source), {"get_ipython": lambda: shell})
    return shell.lines


def test_the_cell_does_nothing_elsewhere():
    assert run(load_colab().cell("https://example.org/n.whl")) == []


def test_the_cell_installs_and_allows_widgets_in_colab(monkeypatch):
    asked = []
    colab = types.ModuleType("google.colab")
    colab.output = types.SimpleNamespace(enable_custom_widget_manager=lambda: asked.append(True))
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    lines = run(load_colab().cell("https://example.org/n.whl"))
    assert lines == ['%pip install --quiet "nstlib @ https://example.org/n.whl"']
    assert asked == [True]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_it_goes_below_the_title_once_and_out_again(path):
    colab, notebook = load_colab(), nbformat.read(path, 4)
    before = [cell.source for cell in colab.put(notebook, None).cells]
    for source in ("first", "second"):
        colab.put(notebook, source)
    nbformat.validate(notebook)
    assert [colab.is_colab(cell) for cell in notebook.cells].index(True) == 1
    assert "second" in notebook.cells[1].source
    assert "ccc" not in "".join(cell.cell_type[0] for cell in notebook.cells)
    assert [cell.source for cell in colab.put(notebook, None).cells] == before


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_the_cell_or_none(path):
    colab = load_colab()
    found = [cell.source for cell in nbformat.read(path, 4).cells if colab.is_colab(cell)]
    assert found == ([colab.cell(SOURCE).source] if SOURCE else [])
