"""Chapters 1 to 6 from top to bottom in a real browser, and each panel's controls pressed once."""

import shutil
from pathlib import Path

import nbformat
import pytest
from lab import CHROMIUM, NOT_FOUND, notebook_page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LONGEST = 300_000  # ms, of a chapter on a busy machine
RADIOS = {  # what is chosen in each chapter's panel before the run
    "01_content_reconstruction": ["block2_conv1 for content"],
    "02_style_reconstruction": ["The Red Sun in the Wave's Hollow"],
    "03_style_transfer": ["A cup of coffee", "Poppy Meadow at Noon"],
    "04_better_transfers": ["Poppy Meadow at Noon", "fill"],
    "05_sketch_to_painting": ["eraser", "meadow"],
    "06_fast_style_transfer": ["Poppy Meadow at Noon"],
}
SHORTER = ("STEPS = 700", "STEPS = 200")  # chapter 6's training, whose result nbval looks at


@pytest.fixture(params=sorted(RADIOS))
def chapter(request, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(NOTEBOOKS / "figures", root / "figures")
    (tmp_path / "home").mkdir()
    name = f"{request.param}.ipynb"
    notebook = nbformat.read(NOTEBOOKS / name, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = cell.source.replace(*SHORTER)
            cell.outputs = []  # what is seen afterwards was made here
    nbformat.write(notebook, root / name)
    with notebook_page(root, name, tmp_path / "home", timeout=LONGEST) as (page, errors):
        yield page, request.param
    assert not errors


def test_a_chapter_runs_from_top_to_bottom_and_its_panel_works(chapter):
    page, name = chapter
    notebook = page.locator(".jp-Notebook")
    run, pause, stop = (
        notebook.get_by_role("button", name=n, exact=True).last for n in ("Run", "Pause", "Stop")
    )
    run.wait_for()
    for title in RADIOS[name]:
        radio = notebook.get_by_role("radio", name=title).last
        radio.check()
        assert radio.is_checked()
    before = page.evaluate("[...document.querySelectorAll('img.nst-picture')].at(-1).src")
    run.click()
    notebook.get_by_text("Running: iteration 2").wait_for()
    pause.click()
    notebook.get_by_text("Paused: iteration").wait_for()
    after = page.evaluate("[...document.querySelectorAll('img.nst-picture')].at(-1).src")
    assert after != before
    notebook.get_by_role("button", name="Resume", exact=True).click()
    notebook.get_by_text("Running: iteration").wait_for()
    stop.click()
    notebook.get_by_text("Stopped by you: iteration").wait_for()
    assert notebook.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    notebook.get_by_text("not answered yet").first.wait_for()  # the last cell of a chapter
