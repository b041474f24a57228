"""Chapters 1 to 7 from top to bottom in a real browser, and each panel's controls pressed once."""

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
SHORTER = {  # trainings, whose results nbval looks at
    "STEPS = 700": "STEPS = 200",
    'STEPS = {2: {"pixels": 660, "features": 400}, 4: {"pixels": 1400, "features": 400}}': (
        'STEPS = {2: {"pixels": 60, "features": 60}, 4: {"pixels": 60, "features": 60}}'
    ),
}


@pytest.fixture
def chapter(request, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(NOTEBOOKS / "figures", root / "figures")
    (tmp_path / "home").mkdir()
    name = f"{request.param}.ipynb"
    notebook = nbformat.read(NOTEBOOKS / name, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for long, short in SHORTER.items():
                cell.source = cell.source.replace(long, short)
            cell.outputs = []  # what is seen afterwards was made here
    nbformat.write(notebook, root / name)
    with notebook_page(root, name, tmp_path / "home", timeout=LONGEST) as (page, errors):
        yield page, request.param
    assert not errors


@pytest.mark.parametrize("chapter", sorted(RADIOS), indirect=True)
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
    ran_to_the_end(notebook)


@pytest.mark.parametrize("chapter", ["07_super_resolution"], indirect=True)
def test_the_menu_and_the_slider_of_chapter_7_compare_networks(chapter):
    page, _ = chapter
    notebook = page.locator(".jp-Notebook")
    panel = notebook.locator(".jp-OutputArea-output").filter(has=page.locator(".nst-compare-stage"))
    network = panel.get_by_alt_text("the network's picture")
    network.wait_for()
    before = network.get_attribute("src")
    panel.get_by_label("network").select_option("features x4")
    page.wait_for_function(
        "([one, before]) => one.src !== before", arg=[network.element_handle(), before]
    )
    slider = panel.get_by_role("slider")
    slider.fill("20")
    assert "80%" in network.evaluate("one => one.style.clipPath")
    ran_to_the_end(notebook)


def ran_to_the_end(notebook):
    notebook.get_by_text("not answered yet").first.wait_for()  # the last cell of a chapter
    assert notebook.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
