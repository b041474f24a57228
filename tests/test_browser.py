"""A live panel in a real browser: press Run, see the picture change, press Stop."""

import nbformat
import pytest
from lab import CHROMIUM, NOT_FOUND, notebook_page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

CELL = """
import torch
from nstlib import synthesis, widgets

torch.set_num_threads(1)  # the browser needs the other core
start = torch.full((1, 3, 32, 32), 0.5)

def start_run():
    return synthesis.iterate(
        start,
        lambda image: {"content": (image * torch.rand_like(image)).square().mean()},
        iterations=100_000,
        evaluations=50,
        optimizer="adam",
    )

widgets.LiveRun(start_run, {}, preview=start)
"""


@pytest.fixture
def page(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    (tmp_path / "root").mkdir()
    (tmp_path / "home").mkdir()
    nbformat.write(notebook, tmp_path / "root" / "live.ipynb")
    with notebook_page(tmp_path / "root", "live.ipynb", tmp_path / "home") as (page, errors):
        yield page
    assert not errors


def test_run_and_stop_in_jupyterlab(page):
    notebook = page.locator(".jp-Notebook")
    picture = notebook.locator("img.nst-picture").first
    picture.wait_for()
    before = picture.get_attribute("src")
    run, stop = (notebook.get_by_role("button", name=n, exact=True) for n in ("Run", "Stop"))
    assert stop.is_disabled()
    run.click()
    page.wait_for_function(
        "before => document.querySelector('img.nst-picture').src !== before", arg=before
    )
    notebook.get_by_text("Running: iteration").wait_for()
    stop.click()
    notebook.get_by_text("Stopped by you: iteration").wait_for()
    run.click(trial=True)  # once it is enabled
