"""The studio in a real browser: in JupyterLab, then as a Voilà app."""

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lab import CHROMIUM, NOT_FOUND, free_port, notebook_page, wait_for, watched_page
from PIL import Image

from nstlib import masks

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "studio.ipynb"
SHOTS = ROOT / "screenshots" if os.environ.get("NSTLIB_SCREENSHOTS") else None
SIZE = 96  # px, for short runs
WIDE, NARROW, TALL = 1600, 1024, 2700  # px
CONTRAST = 4.5  # of text against its background, WCAG 2 level AA
PICTURE = "img[alt^='the picture']"  # of the run
TEXTS = (
    "fieldset legend, fieldset label, .nst-upload span, .nst-layer-facts, .widget-html-content, "
    ".widget-label, .nst-slider span, .nst-slider output, .nst-disclosure"
)

ADVANCED = "Advanced: colours, strokes, sizes, a second style"
CONTROLS = ("colours", "a second style")

CHANGED = """before => ![...document.querySelectorAll('[role=status]')]
  .some(one => one.innerText === before)"""

NAMELESS = """area => [...area.querySelectorAll("input, button, select, textarea")]
  .filter(one => !(one.labels && [...one.labels].some(label => label.textContent.trim()))
    && !one.getAttribute("aria-label") && !one.title && !one.textContent.trim())
  .map(one => one.outerHTML.slice(0, 200))"""

# Lay each colour over what is below it, from the page's ground up, and compare as WCAG 2 says.
LOWEST_CONTRAST = """([area, texts]) => {
  const parse = text => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, ground) =>
    [0, 1, 2].map(i => top[i] * top[3] + ground[i] * (1 - top[3])).concat(1);
  const ground = one => one
    ? over(parse(getComputedStyle(one).backgroundColor), ground(one.parentElement))
    : [255, 255, 255, 1];
  const light = colour => colour.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  return [...area.querySelectorAll(texts)].filter(one => one.innerText.trim()).map(one => {
    const below = ground(one);
    const pair = [over(parse(getComputedStyle(one).color), below), below].map(light);
    return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), one.outerHTML.slice(0, 200)];
  }).sort((one, other) => one[0] - other[0])[0];
}"""


class Panel:
    """The studio on a page, as a visitor sees it."""

    def __init__(self, page, area):
        self.page, self.area = page, area

    def button(self, name):
        return self.area.get_by_role("button", name=name, exact=True)

    def says(self, text):
        """Wait for a status line that says this."""
        line = self.area.get_by_role("status").filter(has_text=text)
        line.wait_for()
        return line.inner_text()

    def begin(self):
        self.button("Run").click()
        self.says("Running: iteration")

    def run_once(self):
        """Make sure that a whole or stopped run is there to look at."""
        if self.button("Show the code").is_disabled():
            self.begin()
            self.says("Finished: iteration")
        self.button("Show the code").click(trial=True)  # once it is enabled

    def reach(self, iteration):
        while self.iteration() < iteration:
            self.page.wait_for_timeout(50)

    def iteration(self):
        return int(re.search(r"iteration (\d+)", self.says("iteration")).group(1))

    def picture_changes(self, act):
        """Act; wait until the run's picture is another one."""
        before = self.area.locator(PICTURE).get_attribute("src")
        act()
        self.page.wait_for_function(
            "([one, before]) => one.src !== before",
            arg=[self.area.locator(PICTURE).element_handle(), before],
        )

    def knob(self, label):
        """Find a slider by the name that a listener hears."""
        return self.area.get_by_role("slider", name=label, exact=True)

    def press(self, label, *keys):
        """Press keys on a slider's handle, which keeps the focus."""
        knob = self.knob(label)
        knob.focus()
        for key in keys:
            self.page.keyboard.press(key)
        assert knob.evaluate("one => one === document.activeElement")

    def file_input(self, label):
        return self.area.locator("label.nst-upload").filter(has_text=label).locator("input")

    def finished_code(self):
        """Run for some iterations; return the code of that run."""
        self.begin()
        self.reach(2)
        self.button("Stop").click()
        self.says("Stopped by you: iteration")
        self.button("Show the code").click()
        code = self.area.get_by_label("code", exact=True)
        code.wait_for()
        self.page.wait_for_function("one => one.value", arg=code.element_handle())
        return code.input_value()

    def download(self, name):
        with self.page.expect_download() as waiting:
            self.button(name).click()
        download = waiting.value
        return download.suggested_filename, Path(download.path()).read_bytes()

    def shoot(self, name):
        if SHOTS:
            SHOTS.mkdir(exist_ok=True)
            self.page.screenshot(path=SHOTS / f"{name}.png")


def run_again(program, folder):
    """Run code in a process of its own; return the picture it makes."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    program += '.save("again.png")'
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=folder, check=True)
    return Image.open(folder / "again.png")


def small_studio(folder):
    """Write the notebook to a folder, for small pictures."""
    source = NOTEBOOK.read_text(encoding="utf-8")
    small = source.replace("SIZE = 256", f"SIZE = {SIZE}")
    assert small != source
    folder.mkdir()
    (folder / "studio.ipynb").write_text(small, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Open the studio in JupyterLab once for all tests."""
    base = tmp_path_factory.mktemp("lab")
    (base / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # the browser needs the other core
        root = small_studio(base / "root")
        with notebook_page(root, "studio.ipynb", base / "home") as (page, errors):
            panel = Panel(page, page.locator(".jp-OutputArea").filter(has=page.locator("fieldset")))
            panel.button("Run").wait_for()
            yield panel, errors


@pytest.fixture
def panel(lab):
    panel, errors = lab
    errors.clear()
    yield panel
    if panel.button("Stop").is_enabled():
        panel.button("Stop").click()
    panel.button("Run").click(trial=True)  # once it is enabled
    assert not errors


def test_pictures_and_layers_are_chosen_by_their_names(panel):
    for title, size in (("A cup of coffee", "96x64"), ("The Red Sun in the Wave's Hollow", "96x")):
        panel.area.get_by_role("radio", name=title).check()
        panel.says(f"{title}: {size}")
    for name, act in (("block5_conv1", "uncheck"), ("block3_conv3", "check")):
        box = panel.area.get_by_role("checkbox", name=f"{name} for style")
        getattr(box, act)()
        panel.knob(name).wait_for(state="attached" if act == "check" else "detached")
    panel.area.get_by_role("radio", name="block2_conv2 for content").check()
    panel.area.get_by_alt_text("The eight strongest feature maps of block2_conv2").wait_for()
    panel.says("block2_conv2: 32 channels of 48x32 px")


def test_a_mind_is_changed_during_a_run_and_the_code_repeats_it(panel, tmp_path):
    panel.run_once()
    panel.picture_changes(panel.begin)
    panel.reach(2)
    panel.button("Pause").click()
    panel.says("Paused: iteration")
    paused = panel.iteration()
    panel.page.wait_for_timeout(2000)
    assert panel.iteration() == paused
    weights = panel.says("weights: content")
    panel.press("content : style", *["ArrowLeft"] * 3)
    panel.page.wait_for_function(CHANGED, arg=weights)
    panel.picture_changes(panel.button("Resume").click)
    panel.says("Running: iteration")
    panel.reach(paused + 3)
    panel.button("Stop").click()
    panel.says("Stopped by you: iteration")

    name, png = panel.download("download the picture (PNG)")
    picture = Image.open(io.BytesIO(png))
    settings = json.loads(picture.text["nstlib"])
    assert name == "painted.png"
    assert max(picture.size) == SIZE
    assert [part["iterations"] for part in settings["parts"]] == [
        paused,
        panel.iteration() - paused,
    ]
    first, second = (part["content_weight"] for part in settings["parts"])
    assert second < first
    name, settings_file = panel.download("download the settings (JSON)")
    assert name == "settings.json"
    assert json.loads(settings_file) == settings

    panel.button("Show the code").click()
    code = panel.area.get_by_label("code", exact=True)
    code.wait_for()
    again = run_again(code.input_value(), tmp_path)
    assert again.size == picture.size
    assert again.tobytes() == picture.tobytes()


def test_advanced_options_are_chosen_and_the_code_has_them(panel):
    opener = panel.button(ADVANCED)
    colors, second = (panel.area.get_by_label(name, exact=True) for name in CONTROLS)
    assert not colors.is_visible()
    assert opener.get_attribute("aria-expanded") == "false"
    opener.focus()
    panel.page.keyboard.press("Enter")
    colors.select_option(label="the photo's: only brightness is painted")
    second.check()
    group = panel.area.get_by_role("group", name="second painting")
    group.get_by_role("radio", name="Poppy Meadow at Noon").check()
    panel.press("its share", *["ArrowLeft"] * 4)
    panel.says("the photo's colours; Poppy Meadow at Noon everywhere, its share 0.3.")
    assert panel.area.evaluate(NAMELESS) == []
    program = panel.finished_code()
    for line in ("[painting, second]", "style_shares=[0.7, 0.3]", "colors='photo'"):
        assert line in program
    panel.shoot("lab-advanced")
    second.uncheck()
    colors.select_option(label="the painting's")
    panel.says("Advanced options in use: none.")
    opener.click()
    colors.wait_for(state="hidden")


def test_a_mask_is_drawn_by_mouse_and_the_code_repeats_the_picture(panel, tmp_path):
    panel.button(ADVANCED).click()
    second = panel.area.get_by_label("a second style", exact=True)
    second.check()
    where = panel.area.get_by_label("where it goes")
    where.select_option(label="where I draw it on the photo")
    panel.area.get_by_label("load a shape").select_option(label="the left half")
    panel.says("where it is drawn.")
    panel.button("Clear").click()
    panel.says("until something is drawn.")
    canvas = panel.area.locator(".nst-easel canvas").and_(panel.page.locator("[role=img]"))
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    panel.page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    panel.page.mouse.down()
    panel.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5, steps=5)
    panel.page.mouse.up()
    panel.says("where it is drawn.")
    program = panel.finished_code()
    assert "masks=[None, mask]" in program
    _, png = panel.download("download the picture (PNG)")
    again, picture = run_again(program, tmp_path), Image.open(io.BytesIO(png))
    assert again.tobytes() == picture.tobytes()
    mask = masks.load_mask(base64.b64decode(json.loads(picture.text["nstlib"])["mask"]))
    rows, columns = (mask[0, 0].amax(axis).nonzero() for axis in (1, 0))
    assert 0.1 < columns.min() / mask.shape[3] < 0.2
    assert 0.8 < columns.max() / mask.shape[3] < 0.9
    assert 0.4 < rows.float().mean() / mask.shape[2] < 0.6
    second.uncheck()
    panel.button(ADVANCED).click()


def test_iterations_are_gone_back_over_by_keyboard_and_kept_as_frames(panel):
    panel.run_once()
    last = panel.iteration()
    panel.picture_changes(lambda: panel.press("iteration", "ArrowLeft"))
    panel.area.get_by_alt_text(f"the picture after iteration {last - 1}", exact=True).wait_for()
    panel.picture_changes(lambda: panel.press("iteration", "ArrowRight"))
    name, gif = panel.download("download the frames (GIF)")
    frames = Image.open(io.BytesIO(gif))
    assert name == "painted.gif"
    assert frames.format == "GIF"
    assert max(frames.size) == SIZE
    assert frames.n_frames == last + 1


def test_code_that_is_shown_follows_the_next_run(panel):
    panel.run_once()
    panel.button("Show the code").click()
    code = panel.area.get_by_label("code", exact=True)
    code.wait_for()
    seed = panel.area.get_by_label("seed of the noise")
    seed.fill("17")
    seed.press("Tab")
    assert "seed=17," not in code.input_value()
    panel.begin()
    panel.reach(2)
    panel.button("Stop").click()
    panel.page.wait_for_function("one => one.value.includes('seed=17,')", arg=code.element_handle())


def test_before_and_after_are_compared_by_keyboard(panel):
    panel.run_once()
    slider = panel.area.get_by_role("slider", name="share of the picture that shows the result")
    after = panel.area.get_by_alt_text("the result")
    share = int(slider.input_value())
    assert after.evaluate("one => one.style.clipPath") == f"inset(0px {100 - share}% 0px 0px)"
    slider.focus()
    for _ in range(3):
        panel.page.keyboard.press("ArrowRight")
    assert after.evaluate("one => one.style.clipPath") == f"inset(0px {97 - share}% 0px 0px)"
    assert slider.evaluate("one => one === document.activeElement")


def test_buttons_are_pressed_by_keyboard(panel):
    panel.run_once()
    panel.button("Run").focus()
    panel.page.keyboard.press("Space")
    panel.says("Running: iteration")
    panel.reach(2)
    panel.button("Stop").focus()
    panel.page.keyboard.press("Enter")
    panel.says("Stopped by you: iteration")
    download = panel.button("download the settings (JSON)")
    download.click(trial=True)  # once it is enabled
    download.focus()
    with panel.page.expect_download():
        panel.page.keyboard.press("Enter")


def test_a_large_picture_is_uploaded(panel, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (1750, 1790, 3), dtype=np.uint8)
    file = tmp_path / "large.png"
    Image.fromarray(noise).save(file)
    assert 9_300_000 < file.stat().st_size < 9_500_000
    panel.file_input("upload a photo").set_input_files(file)
    panel.says(f"large.png: {SIZE}x94 px")
    radios = panel.area.locator("fieldset").filter(has_text="Chelsea").get_by_role("radio")
    assert radios.count() == 4
    panel.area.locator("fieldset").filter(has_text="Chelsea").locator(":checked").wait_for(
        state="detached"
    )
    panel.area.get_by_role("radio", name="Chelsea the cat").check()
    panel.says("Chelsea the cat: 96x64 px")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"these are words", "is not a picture that Pillow can read"),
        ("report.jpg", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is not a picture that Pillow can read"),
        ("random.jpg", 20_000_000, "has 20.0 MB; at most 9.5 MB can be uploaded"),
        ("<b>bold</b>.jpg", b"", "is not a picture that Pillow can read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(panel, tmp_path, name, content, reason):
    radio = panel.area.get_by_role("radio", name="Moonrise over the River Valley")
    for one in (panel.area.get_by_role("radio", name="Poppy Meadow at Noon"), radio):
        one.check()
    panel.says("Moonrise over the River Valley: 96x75 px")
    if isinstance(content, int):
        file = tmp_path / name
        file.write_bytes(os.urandom(content))
    else:
        file = {"name": name, "mimeType": "image/jpeg", "buffer": content}
    panel.file_input("upload a painting").set_input_files(file)
    line = panel.says(reason)
    assert line.startswith(name)
    assert line.endswith("Still Moonrise over the River Valley.")
    assert radio.is_checked()


def test_nothing_moves_in_a_run_and_what_waits_for_its_end_is_dimmed(panel):
    run = panel.button("Run")
    run.scroll_into_view_if_needed()
    boxes = [run.bounding_box()]
    panel.begin()
    boxes.append(run.bounding_box())
    panel.button("Pause").click()
    panel.says("Paused: iteration")
    boxes.append(run.bounding_box())
    for name in ("Run", "download the picture (PNG)", "Show the code"):
        button = panel.button(name)
        assert button.is_disabled()
        assert float(button.evaluate("one => getComputedStyle(one).opacity")) < 0.9
    panel.button("Stop").click()
    panel.says("Stopped by you: iteration")
    assert boxes == [run.bounding_box()] * 3


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_panel_fits_the_window(panel, width):
    panel.page.set_viewport_size({"width": width, "height": TALL})
    panel.page.wait_for_timeout(500)  # JupyterLab lays itself out again
    panel.shoot(f"lab-{width}-light")
    outputs = panel.page.locator(".jp-OutputArea-output, .jp-Notebook, html").all()
    sizes = [one.evaluate("one => [one.scrollWidth, one.clientWidth]") for one in outputs]
    assert len(sizes) >= 3
    assert all(scroll <= client + 1 for scroll, client in sizes), sizes


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_texts_can_be_read_in_each_theme(panel, theme):
    panel.page.evaluate(
        "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
    )
    light = "true" if theme.endswith("Light") else "false"
    panel.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")
    panel.button(ADVANCED).click()
    panel.area.get_by_label("a second style", exact=True).check()
    panel.area.get_by_role("group", name="second painting").wait_for()
    panel.page.wait_for_timeout(500)  # the style sheet arrives, transitions end
    for width in (NARROW, WIDE):
        if SHOTS and light == "false":
            panel.page.set_viewport_size({"width": width, "height": TALL})
            panel.page.wait_for_timeout(500)
            panel.shoot(f"lab-{width}-dark")
    contrast, where = panel.page.evaluate(LOWEST_CONTRAST, [panel.area.element_handle(), TEXTS])
    panel.area.get_by_label("a second style", exact=True).uncheck()
    panel.button(ADVANCED).click()
    assert contrast >= CONTRAST, where


def test_everything_has_a_name_for_screen_readers(panel):
    pictures = panel.area.locator("img").all()
    assert len(pictures) == 9 + 4  # thumbnails; feature maps, picture, before, after
    assert all((one.get_attribute("alt") or "").strip() for one in pictures)
    curves = panel.area.get_by_role("img").and_(panel.area.locator("svg"))
    assert (curves.get_attribute("aria-label") or "").strip()
    assert panel.area.evaluate(NAMELESS) == []


@contextlib.contextmanager
def voila(folder):
    """Serve a folder's studio as an app; yield its address."""
    port = free_port()
    flags = ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with open(folder / "voila.log", "w") as log:
        app = subprocess.Popen(
            [sys.executable, "-m", "voila", str(folder / "studio.ipynb"), *flags],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(20)


def test_the_studio_is_an_app_under_voila(lab, tmp_path):
    browser = lab[0].page.context.browser  # Playwright runs once at a time
    with voila(small_studio(tmp_path / "root")) as url:
        wait_for(url, path="voila/templates/lab/static/voila.js")
        page, errors = watched_page(browser, viewport=(WIDE, TALL))
        page.route("https://**", lambda route: route.abort())  # Voilà wants icons from the web
        page.goto(url)
        panel = Panel(page, page.locator("body"))
        panel.button("Run").wait_for()
        panel.picture_changes(panel.begin)
        panel.button("Stop").click()
        panel.says("Stopped by you: iteration")
        panel.shoot("voila")
        assert page.locator(".jp-CodeCell .jp-InputArea:visible").count() == 0
        assert page.evaluate(
            "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1"
        )
        assert [error for error in errors if "cdn.jsdelivr.net" not in error] == []
        page.close()
