"""What nbval does not see: a stripped notebook would pass it without any comparison."""

import base64
import importlib.util
import io
import itertools
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CHAPTERS = sorted(FOLDER.glob("[0-9]*.ipynb"))


def load_conftest():
    spec = importlib.util.spec_from_file_location("nbval_rules", FOLDER / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(path):
    cells = nbformat.read(path, 4).cells
    return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def prose(path):
    """A notebook's text without its blocks of code."""
    cells = nbformat.read(path, 4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def test_there_are_chapters():
    assert len(CHAPTERS) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_was_run_top_to_bottom_and_saved_clean(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs)
    assert not any("widget-view" in kind for o in outputs for kind in o.get("data", {}))
    assert "widgets" not in nbformat.read(path, 4).metadata
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_picture_has_alt_text(path):
    alts = [
        output.metadata.get(kind, {}).get("alt", "")
        for cell in code_cells(path)
        for output in cell.outputs
        for kind in output.get("data", {})
        if kind.startswith("image/")
    ]
    assert len(alts) >= 5
    assert all(len(alt) > 20 for alt in alts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_picture_in_the_text_has_alt_text(path):
    text = prose(path)
    assert "<img" not in text
    assert all(len(alt) > 20 for alt in re.findall(r"!\[(.*?)\]\(", text, re.DOTALL))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_headings_are_in_order(path):
    levels = [len(marks) for marks in re.findall(r"^(#{1,6}) ", prose(path), re.MULTILINE)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_and_prose_comes_between(path):
    cells = nbformat.read(path, 4).cells
    lengths = [len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code"]
    assert max(lengths) <= 15
    kinds = "".join(cell.cell_type[0] for cell in cells)
    assert "ccc" not in kinds


def test_only_progress_may_stand_on_stderr():
    def stderr(text):
        return [{"name": "stderr", "text": text}]

    rules = load_conftest()
    bar = "\r  0%|          | 0/10 [00:00<?, ?iteration/s]\rexpected time: about 4 s\n"
    assert rules.surprises(stderr(bar)) == []
    assert rules.surprises(stderr(bar + "UserWarning: old\n")) == ["UserWarning: old"]


def test_picture_comparison_tells_pictures_apart():
    def output(pixels):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return {"data": {"image/png": base64.b64encode(file.getvalue()).decode()}}

    rules = load_conftest()
    ramp = np.linspace(0, 255, 96 * 96 * 3).reshape(96, 96, 3).astype(np.uint8)
    assert rules.picture_problem([output(ramp)], [output(ramp)]) is None
    assert "differs" in rules.picture_problem([output(255 - ramp)], [output(ramp)])
    assert rules.picture_problem([output(255 - ramp)], [output(ramp)], tolerance=1) is None
    assert "px" in rules.picture_problem([output(ramp[:90])], [output(ramp)])
    assert "stored pictures" in rules.picture_problem([], [output(ramp)])
