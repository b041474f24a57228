"""The drawing canvas in JupyterLab: what is drawn by mouse, finger and keyboard is what Python has.

The notebook saves the drawing whenever it changes; the tests compare the file with what the
browser shows, pixel for pixel.
"""

import base64
import json
import time

import numpy as np
import pytest
from lab import CHROMIUM, IDLE, NOT_FOUND, notebook_page
from PIL import Image
from test_studio_browser import CONTRAST, LOWEST_CONTRAST, NAMELESS, SHOTS

from nstlib import data
from nstlib.widgets.canvas import DrawingCanvas

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

PLAIN = """
import os
from nstlib.widgets.canvas import DrawingCanvas

def keep(drawing, name):
    def write():
        drawing.save(f"draft-{name}.png")
        os.replace(f"draft-{name}.png", f"{name}.png")
    drawing.on_change(write)
    write()
    return drawing

keep(DrawingCanvas(), "plain")
"""
PAPER = "#ffffe8"
TRACED = f'keep(DrawingCanvas((64, 96), trace="chelsea", zoom=3.5, paper="{PAPER}"), "traced")'
NAMES = ("plain", "traced")
WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (214, 39, 40)
WAIT = 20  # seconds
WIDTHS = (1000, 1600)  # px
TEXTS = (
    "fieldset legend, fieldset label, .nst-upload span, .widget-html-content, .widget-label, "
    ".nst-slider span, .nst-slider output, button:not(:disabled), option"
)

SHOWN = """canvas => {
  const { data, width, height } =
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (const value of data) text += String.fromCharCode(value);
  return { width, height, content: btoa(text) };
}"""


class Panel:
    """A canvas and its controls on the page, and the file that Python writes of it."""

    def __init__(self, page, file, number):
        self.page, self.file = page, file
        self.area = page.locator(".jp-OutputArea").filter(has=page.locator(".nst-easel"))
        self.area = self.area.nth(number)
        self.canvas = self.area.locator(".nst-easel canvas")
        self.canvas.and_(page.locator("[role=img]")).wait_for()

    def button(self, name):
        return self.area.get_by_role("button", name=name, exact=True)

    def radio(self, name):
        return self.area.get_by_role("radio", name=name, exact=True)

    def says(self, text):
        self.area.get_by_role("status").filter(has_text=text).wait_for()

    def shown(self):
        """Read the pixels that the browser shows, (H, W, 4)."""
        seen = self.canvas.evaluate(SHOWN)
        flat = np.frombuffer(base64.b64decode(seen["content"]), np.uint8)
        return flat.reshape(seen["height"], seen["width"], 4)

    def drawn(self):
        """Read the pixels that Python has, (H, W, 3)."""
        with Image.open(self.file) as picture:
            return np.array(picture)

    def wait(self, condition):
        """Wait for what Python has to fulfil a condition, and for the browser to show it."""
        end = time.monotonic() + WAIT
        while not condition(self.drawn()) or (self.shown()[..., :3] != self.drawn()).any():
            assert time.monotonic() < end, "Python's drawing and the browser's differ"
            self.page.wait_for_timeout(50)
        assert (self.shown()[..., 3] == 255).all()
        return self.drawn()

    def on_page(self, x, y):
        """Say where on the page the middle of a pixel is."""
        self.canvas.scroll_into_view_if_needed()
        box, (height, width) = self.canvas.bounding_box(), self.drawn().shape[:2]
        across, down = box["width"] / width, box["height"] / height
        return box["x"] + (x + 0.5) * across, box["y"] + (y + 0.5) * down

    def drag(self, *points, button="left"):
        self.page.mouse.move(*self.on_page(*points[0]))
        self.page.mouse.down(button=button)
        for point in points[1:]:
            self.page.mouse.move(*self.on_page(*point), steps=5)
        self.page.mouse.up(button=button)

    def brush(self, size):
        """Set the size at once: of several changes the last may be sent after the next stroke."""
        self.area.get_by_role("slider", name="brush size (px)", exact=True).fill(str(size))

    def shoot(self, name):
        if SHOTS:
            SHOTS.mkdir(exist_ok=True)
            self.page.screenshot(path=SHOTS / f"{name}.png")

    def clear(self):
        self.button("Clear").click()
        self.says("Cleared")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Open a notebook with two canvases once for all tests."""
    base = tmp_path_factory.mktemp("canvas")
    (base / "home").mkdir()
    (base / "root").mkdir()
    cells = [
        {"cell_type": "code", "id": f"cell-{number}", "source": source, "metadata": {}}
        | {"execution_count": None, "outputs": []}
        for number, source in enumerate((PLAIN, TRACED))
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (base / "root" / "canvas.ipynb").write_text(json.dumps(book))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # the browser needs the other core
        with notebook_page(base / "root", "canvas.ipynb", base / "home") as (page, errors):
            page.locator(".nst-easel canvas").nth(1).wait_for()
            yield base / "root", page, errors


@pytest.fixture
def panel(notebook):
    folder, page, errors = notebook
    errors.clear()
    panel = Panel(page, folder / "plain.png", 0)
    panel.clear()
    panel.radio("pen").check()
    panel.radio("black").check()
    panel.brush(4)
    yield panel
    assert not errors


def count(color):
    return lambda pixels: (pixels == color).all(2).sum()


def test_what_is_drawn_with_the_mouse_is_what_python_has(panel):
    panel.drag((60, 30), (200, 60), (130, 160), (60, 30))
    outline = panel.wait(lambda pixels: count(BLACK)(pixels) > 1000)
    panel.radio("red").check()
    panel.radio("fill").check()
    panel.page.mouse.click(*panel.on_page(130, 80))
    filled = panel.wait(lambda pixels: count(RED)(pixels) > 1000)
    assert (filled[outline.sum(2) == 0] == BLACK).all()
    assert {tuple(map(int, color)) for color in filled.reshape(-1, 3)} == {WHITE, BLACK, RED}
    panel.radio("eraser").check()
    panel.drag((130, 5), (130, 185))
    erased = panel.wait(lambda pixels: count(RED)(pixels) < count(RED)(filled))
    assert (erased[:, 129:131] == WHITE).all()
    panel.shoot("canvas-drawn")
    for state in (filled, outline, np.full_like(outline, 255)):
        panel.button("Undo").click()
        panel.wait(lambda pixels, state=state: (pixels == state).all())


def test_a_stroke_goes_through_the_places_pointed_at(panel):
    panel.brush(1)
    panel.drag((10, 10), (245, 10), (245, 180))
    pixels = panel.wait(lambda pixels: count(BLACK)(pixels) > 300)
    expected = np.full_like(pixels, 255)
    expected[10, 10:246] = expected[10:181, 245] = 0
    assert (pixels == expected).all()


def test_only_the_first_button_draws_and_the_wheel_scrolls(panel):
    panel.brush(3)
    panel.drag((20, 20), (100, 100), button="right")
    panel.page.keyboard.press("Escape")  # the context menu
    panel.drag((20, 150), (100, 150), button="middle")
    panel.page.mouse.move(*panel.on_page(200, 20))
    before = panel.canvas.bounding_box()
    panel.page.mouse.wheel(0, 120)
    panel.page.wait_for_function(
        "([one, top]) => one.getBoundingClientRect().top < top - 50",
        arg=[panel.canvas.element_handle(), before["y"]],
    )
    panel.drag((50, 50), (60, 50))
    pixels = panel.wait(lambda pixels: count(BLACK)(pixels) > 0)
    expected = np.full_like(pixels, 255)
    expected[49:52, 49:62] = 0
    assert (pixels == expected).all()


def test_a_stroke_ends_at_the_side(panel):
    x, y = panel.on_page(255, 100)
    panel.page.mouse.move(*panel.on_page(200, 100))
    panel.page.mouse.down()
    panel.page.mouse.move(x + 40, y, steps=4)
    panel.page.mouse.move(*panel.on_page(200, 150), steps=4)
    panel.page.mouse.up()
    pixels = panel.wait(lambda pixels: count(BLACK)(pixels) > 0)
    assert (pixels[100, 200:] == BLACK).all()
    assert (pixels[110:] == WHITE).all()


def test_a_finger_draws(panel):
    touch = panel.page.context.new_cdp_session(panel.page)

    def send(kind, *places):
        points = [dict(zip("xy", panel.on_page(*place), strict=True)) for place in places]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", (100, 50))
    for x in range(110, 201, 10):
        send("touchMove", (x, 50))
    send("touchStart", (200, 50), (50, 150))
    send("touchMove", (210, 50), (90, 150))
    send("touchEnd")
    pixels = panel.wait(lambda pixels: count(BLACK)(pixels) > 0)
    assert (pixels[50, 100:211] == BLACK).all()
    assert (pixels[100:] == WHITE).all()
    panel.button("Undo").click()
    panel.wait(lambda pixels: count(WHITE)(pixels) == pixels.shape[0] * pixels.shape[1])


def test_a_sketch_is_loaded_by_keyboard_alone(panel):
    keys = panel.page.keyboard
    panel.radio("black").focus()
    names = []
    while len(names) < 8 and names[-1:] != ["load a sketch"]:
        keys.press("Tab")
        names.append(
            panel.page.evaluate(
                "() => { const one = document.activeElement;"
                "return (one.labels?.[0] ?? one).textContent.trim(); }"
            )
        )
    assert names == ["Undo", "Clear", "download the drawing (PNG)", "load a sketch"]
    keys.press("ArrowDown")
    title = data.about(data.names("sketch")[0])["title"]
    panel.says(f"{title} is loaded; Undo takes it back.")
    sketch = panel.wait(lambda pixels: (pixels < 255).any())
    assert 0.02 < (sketch < 128).all(2).mean() < 0.5
    panel.shoot("canvas-sketch")
    panel.button("Undo").focus()
    keys.press("Enter")
    panel.wait(lambda pixels: (pixels == 255).all())


def test_a_picture_is_traced_but_not_drawn(notebook, panel):
    folder, page, _ = notebook
    traced = Panel(page, folder / "traced.png", 1)
    expected = DrawingCanvas((64, 96), trace="chelsea", paper=PAPER)
    traced.drag((20, 10), (80, 50))
    expected.stroke([(20, 10), (80, 50)])
    wanted = expected._shown

    def shown():
        return (traced.shown()[..., :3] == wanted).all()

    end = time.monotonic() + WAIT
    while not shown() and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert shown()
    pixels = traced.drawn()
    drawn = expected.drawn[0, 0].numpy() == 1
    assert (pixels[drawn] == BLACK).all()
    assert (pixels[~drawn] == (255, 255, 232)).all()
    traced.shoot("canvas-traced")
    traced.button("Stop tracing").click()
    traced.wait(lambda pixels: True)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_panel_fits_the_window(panel, width):
    panel.page.set_viewport_size({"width": width, "height": 1000})
    panel.page.wait_for_timeout(500)  # JupyterLab lays itself out again
    outputs = panel.page.locator(".jp-OutputArea-output, .jp-Notebook, html").all()
    sizes = [one.evaluate("one => [one.scrollWidth, one.clientWidth]") for one in outputs]
    assert all(scroll <= client + 1 for scroll, client in sizes), sizes
    panel.shoot(f"canvas-{width}")


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_texts_can_be_read_in_each_theme(panel, theme):
    panel.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    light = "true" if theme.endswith("Light") else "false"
    panel.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")
    panel.page.wait_for_timeout(500)  # the style sheet arrives, transitions end
    panel.shoot(f"canvas-{theme.split()[1].lower()}")
    contrast, where = panel.page.evaluate(LOWEST_CONTRAST, [panel.area.element_handle(), TEXTS])
    assert contrast >= CONTRAST, where


def test_everything_has_a_name_for_screen_readers(panel):
    assert panel.area.evaluate(NAMELESS) == []
    name = "drawing of 256x192 px, 0% of it drawn. Draw with the mouse"
    panel.area.get_by_role("img", name=name).wait_for()
    panel.drag((0, 100), (255, 100))
    panel.area.get_by_role("img", name="drawing of 256x192 px, 2% of it drawn").wait_for()
    assert panel.canvas.get_attribute("tabindex") is None


def test_a_page_that_is_loaded_again_shows_the_drawing_and_goes_on(notebook, panel):
    folder, page, _ = notebook
    stop = Panel(page, folder / "traced.png", 1).button("Stop tracing")
    if stop.is_enabled():  # else its paper is not what the file has
        stop.click()
    panel.radio("red").check()
    panel.drag((30, 30), (200, 150))
    panel.wait(lambda pixels: count(RED)(pixels) > 0)
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    page.reload()
    page.wait_for_function(IDLE)
    again = [Panel(page, folder / f"{name}.png", place) for place, name in enumerate(NAMES)]
    for one in again:
        one.wait(lambda pixels: True)
        one.button("Undo").click()
        one.wait(lambda pixels: (pixels == pixels[0, 0]).all())
    for one in again:
        one.drag((10, 10), (60, 40))
        one.wait(lambda pixels: (pixels != pixels[0, 0]).any())
