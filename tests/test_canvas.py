"""The drawing canvas without a browser: what it sends is collected, events are sent as it would."""

import io
import re

import ipycanvas
import numpy as np
import pytest
import torch
import traitlets
from PIL import Image
from test_pickers import WRONG_FILES, encoded, send

from nstlib import data, images
from nstlib.widgets import canvas as module
from nstlib.widgets.canvas import DrawingCanvas

HEIGHT, WIDTH = SHAPE = (40, 60)
WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (214, 39, 40)


def event(drawing, kind, *places):
    """Send what the browser sends: a place of the mouse, or of each finger."""
    content = {"event": kind}
    touches = [{"x": x, "y": y} for x, y in places]
    content |= {"touches": touches} if kind.startswith("touch") else touches[0]
    drawing.canvas._handle_frontend_event(drawing.canvas, content, [])


def pixels(drawing):
    return np.array(images.to_picture(drawing.image))


def is_of(drawing, color):
    return (pixels(drawing) == color).all(2)


class Browser:
    """What the browser would show: patches laid one over the other."""

    def __init__(self):
        self.seen, self.patches = np.zeros((*SHAPE, 3), np.uint8), []

    def put(self, patch, x, y):
        assert patch.dtype == np.uint8
        assert patch.shape[2] == 4  # three would be sent as JPEG
        assert (patch[..., 3] == 255).all()
        assert type(x) is type(y) is int
        height, width = patch.shape[:2]
        assert 0 < height <= HEIGHT - y
        assert 0 < width <= WIDTH - x
        self.seen[y : y + height, x : x + width] = patch[..., :3]
        self.patches.append((x, y, width, height))


@pytest.fixture
def browser(monkeypatch):
    browser = Browser()
    monkeypatch.setattr(
        ipycanvas.Canvas, "put_image_data", lambda self, patch, x=0, y=0: browser.put(patch, x, y)
    )
    return browser


@pytest.fixture
def drawing(browser):
    return DrawingCanvas(SHAPE)


@pytest.fixture
def calls(drawing):
    calls = []
    drawing.on_change(lambda: calls.append(1))
    return calls


def test_a_new_canvas_is_white_paper(drawing, browser):
    assert drawing.image.shape == (1, 3, *SHAPE)
    assert drawing.image.dtype == torch.float32
    assert (drawing.image == 1).all()
    assert drawing.drawn.shape == (1, 1, *SHAPE)
    assert drawing.drawn.dtype == torch.float32
    assert not drawing.drawn.any()
    assert (browser.seen == 255).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 12])
def test_a_line_is_as_wide_as_the_brush_in_one_colour(drawing, size):
    drawing.stroke([(20, 20), (40, 20)], size=size)
    assert {tuple(color) for color in pixels(drawing).reshape(-1, 3)} == {WHITE, BLACK}
    dark = is_of(drawing, BLACK)
    assert dark[:, 30].sum() == size
    assert dark.any(0).sum() == 20 + size
    assert drawing.drawn[0, 0].numpy().sum() == dark.sum()


def test_a_dot_is_round(drawing):
    drawing.stroke([(30.5, 20.5)], size=21)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    assert (is_of(drawing, BLACK) == ((x - 30) ** 2 + (y - 20) ** 2 <= 10.5**2)).all()


def test_a_slanted_line_has_round_ends(drawing):
    drawing.stroke([(15.5, 10.5), (40.5, 22.5)], size=9)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    share = np.linspace(0, 1, 2001)[:, None, None]  # of the way, at many places
    squares = (x - 15 - 25 * share) ** 2 + (y - 10 - 12 * share) ** 2
    assert (is_of(drawing, BLACK) == (squares.min(0) <= 4.5**2)).all()


@pytest.mark.parametrize("end", [(59, 39), (59, 13), (20, 39), (3, 39), (59, 0.5)])
def test_the_thinnest_line_has_no_holes(drawing, end):
    drawing.stroke([(2.3, 1.7), end], size=1)
    dark = is_of(drawing, BLACK)
    steps = [abs(int(end[0]) - 2), abs(int(end[1]) - 1)]
    along = int(np.argmax(steps))
    assert dark.any(along).sum() == steps[along] + 1
    assert dark[1, 2]
    assert dark[int(end[1]), int(end[0])]


def test_points_are_joined_and_a_colour_is_a_name_or_a_value(drawing):
    corners = [(5, 5), (50, 5), (50, 30), (5, 30), (5, 5)]
    drawing.stroke(corners, color="red", size=3)
    assert (is_of(drawing, RED)[[5, 5, 20, 30], [5, 30, 50, 30]]).all()
    assert not is_of(drawing, RED)[15, 25]
    drawing.stroke([(25, 15)], color="#010203", size=1)
    assert is_of(drawing, (1, 2, 3)).sum() == 1


def test_what_lies_outside_is_cut_off(drawing, browser):
    drawing.stroke([(-500, 20), (500, 20)], size=1)
    assert is_of(drawing, BLACK).sum() == WIDTH
    drawing.stroke([(-50, -50), (-20, -9), (100, -30)], size=10)
    assert is_of(drawing, BLACK).sum() == WIDTH
    drawing.stroke([(0, 0)], size=10)
    assert is_of(drawing, BLACK)[:4, :4].all()
    drawing.stroke([(WIDTH + 3, HEIGHT + 3)], size=20)
    assert is_of(drawing, BLACK)[-1, -1]
    assert (browser.seen == pixels(drawing)).all()


def test_the_mouse_draws_as_the_controls_say(drawing, calls):
    drawing.color.value, drawing.size.value = "red", 3
    event(drawing, "mouse_down", (10.5, 10.5))
    assert is_of(drawing, RED).sum() == 9
    event(drawing, "mouse_move", (20.5, 10.5))
    event(drawing, "mouse_move", (20.5, 30.5))
    assert calls == []
    event(drawing, "mouse_up", (30.5, 30.5))
    assert calls == [1]
    event(drawing, "mouse_move", (50, 5))
    by_code = DrawingCanvas(SHAPE)
    by_code.stroke([(10.5, 10.5), (20.5, 10.5), (20.5, 30.5), (30.5, 30.5)], color="red", size=3)
    assert (pixels(drawing) == pixels(by_code)).all()
    assert calls == [1]


def test_a_mouse_whose_button_is_not_pressed_draws_nothing(drawing, calls):
    for kind in ("mouse_move", "mouse_up", "mouse_out", "mouse_move"):
        event(drawing, kind, (10, 10))
    assert not drawing.drawn.any()
    assert calls == []


def test_leaving_the_canvas_ends_the_stroke_at_its_side(drawing, calls):
    event(drawing, "mouse_down", (50, 20))
    event(drawing, "mouse_out", (65, 20))
    before = pixels(drawing)
    assert is_of(drawing, BLACK)[20, -1]
    event(drawing, "mouse_move", (30, 20))
    event(drawing, "mouse_up", (30, 30))
    assert (pixels(drawing) == before).all()
    assert calls == [1]
    drawing.undo()
    assert not drawing.drawn.any()


def test_the_first_finger_draws_until_any_is_lifted(drawing, calls):
    drawing.size.value = 1
    event(drawing, "touch_start", (5, 5))
    event(drawing, "touch_move", (20, 5))
    event(drawing, "touch_start", (20, 5), (40, 30))
    event(drawing, "touch_move", (30, 5), (40, 35))
    event(drawing, "touch_end", (40, 35))
    event(drawing, "touch_move", (50, 35))
    event(drawing, "touch_start", (50, 35), (3, 3))
    event(drawing, "touch_end")
    assert is_of(drawing, BLACK)[5, 5:31].all()
    assert drawing.drawn.sum() == 26
    assert calls == [1]
    event(drawing, "touch_start", (5, 20))
    event(drawing, "touch_cancel")
    event(drawing, "touch_move", (40, 20))
    assert drawing.drawn.sum() == 27
    assert calls == [1, 1]


def test_the_eraser_gives_the_paper_back(browser):
    drawing = DrawingCanvas(SHAPE, paper="#fff8e0")
    drawing.stroke([(0, 20), (59, 20)], size=9)
    drawing.tool.value = "eraser"
    drawing.size.value = 20
    event(drawing, "mouse_down", (30, 20))
    event(drawing, "mouse_up", (30, 20))
    assert not drawing.drawn[0, 0, :, 25:35].any()
    assert drawing.drawn[0, 0, 20, :19].all()
    assert (pixels(drawing)[20, 30] == (255, 248, 224)).all()
    drawing.tool.value = "pen"
    drawing.stroke([(30, 20)], size=1)
    assert drawing.drawn[0, 0, 20, 30]


def test_fill_stops_at_lines_also_at_thin_slants(drawing, calls):
    diamond = [(30, 5), (45, 20), (30, 35), (15, 20), (30, 5)]
    drawing.stroke(diamond, size=1)
    outline = drawing.drawn.sum()
    drawing.tool.value, drawing.color.value = "fill", "red"
    event(drawing, "mouse_down", (30.9, 20.9))
    event(drawing, "mouse_move", (2, 2))
    event(drawing, "mouse_up", (2, 2))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    assert (is_of(drawing, RED) == (abs(x - 30) + abs(y - 20) < 15)).all()
    assert drawing.drawn.sum() == outline + is_of(drawing, RED).sum()
    assert len(calls) == 2
    drawing.fill(0, 0, color="blue")
    assert is_of(drawing, WHITE).sum() == 0
    drawing.undo()
    drawing.undo()
    assert drawing.drawn.sum() == outline


def test_fill_heeds_the_exact_colour(drawing):
    drawing.stroke([(0, 20), (60, 20)], size=4, color="#fefefe")
    drawing.fill(30, 5, color="red")
    assert is_of(drawing, RED)[:18].all()
    assert is_of(drawing, RED).sum() == 18 * WIDTH


@pytest.mark.parametrize("place", [(-1, 5), (5, -0.1), (60, 5), (5, 40)])
def test_fill_outside_the_canvas_does_nothing(drawing, calls, place):
    drawing.fill(*place)
    assert not drawing.drawn.any()
    assert calls == []
    assert not drawing.undo()


def test_undo_goes_back_one_deed_at_a_time(drawing, browser, calls):
    states = [pixels(drawing)]
    deeds = [
        lambda: drawing.stroke([(5, 5), (40, 30)]),
        lambda: drawing.fill(50, 5, color="green"),
        lambda: drawing.load("bird_on_branch"),
        drawing.clear_button.click,
        lambda: event(drawing, "touch_start", (30, 20)),
    ]
    for deed in deeds:
        deed()
        states.append(pixels(drawing))
    for state in reversed(states[:-1]):
        drawing.undo_button.click()
        assert (pixels(drawing) == state).all()
        assert (browser.seen == state).all()
        assert drawing.status.text == "Undone."
    drawing.undo_button.click()
    assert drawing.status.text == "There is nothing to undo."
    assert len(calls) == 2 * len(deeds)


def test_deeds_that_change_nothing_are_not_undone(drawing, calls):
    drawing.stroke([(20, 20)], color="red")
    red = pixels(drawing)
    drawing.stroke([(20, 20)], color="blue")
    blue = pixels(drawing)
    drawing.fill(20, 20, color="blue")
    drawing.stroke([(-90, -90)])
    assert len(calls) == 2
    assert (pixels(drawing) == blue).all()
    assert drawing.undo()
    assert (pixels(drawing) == red).all()


def test_undo_is_bounded_and_images_given_away_stay(drawing):
    for number in range(module.UNDOS + 5):
        drawing.stroke([(number, 20.5)], size=1)
    before = drawing.image
    copy = before.clone()
    assert sum(drawing.undo() for _ in range(100)) == module.UNDOS
    assert drawing.drawn.sum() == 5
    assert torch.equal(before, copy)


def test_what_is_sent_is_what_is_drawn(drawing, browser):
    generator = np.random.default_rng(0)
    drawing.trace("coffee")
    paper = browser.seen.copy()
    for _ in range(25):
        places = generator.uniform((-20, -20), (WIDTH + 20, HEIGHT + 20), (6, 2)).tolist()
        drawing.tool.value = str(generator.choice(["pen", "pen", "eraser", "fill"]))
        drawing.color.value = str(generator.choice(list(drawing.colors)))
        drawing.size.value = int(generator.integers(1, 12))
        for kind, place in zip(
            ["mouse_down", *["mouse_move"] * 4, "mouse_up"], places, strict=True
        ):
            event(drawing, kind, place)
            assert (browser.seen == drawing._shown).all()
            drawn = drawing.drawn[0, 0].numpy() == 1
            assert (browser.seen == np.where(drawn[..., None], pixels(drawing), paper)).all()
    drawing.stop_button.click()
    assert (browser.seen == pixels(drawing)).all()


def test_only_the_rectangle_that_changed_is_sent(drawing, browser):
    browser.patches.clear()
    drawing.size.value = 3
    event(drawing, "mouse_down", (10.5, 20.5))
    event(drawing, "mouse_move", (13.5, 20.5))
    event(drawing, "mouse_move", (13.5, 20.5))
    event(drawing, "mouse_up", (13.5, 20.5))
    assert browser.patches == [(9, 19, 3, 3), (12, 19, 3, 3)]


def test_a_client_that_comes_later_is_sent_everything(drawing, browser, monkeypatch):
    drawing.stroke([(5, 5), (40, 30)])
    browser.seen[:] = 7
    drawing.canvas._handle_frontend_event(drawing.canvas, {"event": "client_ready"}, [])
    assert (browser.seen == pixels(drawing)).all()


def test_every_message_names_its_canvas(monkeypatch):
    """A page that was loaded again does not know which canvas was drawn on before."""
    drawing, messages = DrawingCanvas(SHAPE), []
    manager = drawing.canvas._canvas_manager
    monkeypatch.setattr(
        manager, "_send_custom", lambda command, buffers=(): messages.append((command, buffers))
    )
    for place in (5, 25):
        drawing.stroke([(place, 5)], color="red", size=3)
    switch, put = (ipycanvas.canvas.COMMANDS[name] for name in ("switchCanvas", "putImageData"))
    assert [[command[0] for command in commands] for commands, _ in messages] == [[switch, put]] * 2
    for commands, [patch] in messages:
        assert commands[0][1] == [f"IPY_MODEL_{drawing.canvas.model_id}"]
        picture = Image.open(io.BytesIO(patch))
        assert picture.format == "PNG"
        assert picture.convert("RGB").getcolors() == [(9, RED)]


def test_the_traced_picture_is_seen_but_no_part_of_the_drawing(drawing, browser, photo, calls):
    assert drawing.stop_button.disabled
    drawing.trace(photo)
    assert not drawing.drawn.any()
    assert (drawing.image == 1).all()
    assert calls == []
    seen = browser.seen.copy()
    assert (seen[:, 15:45] < 255).any(2).mean() > 0.9
    assert seen.min() > 255 * (1 - module.FADED) - 1
    drawing.stroke([(30, 20)], size=10)
    drawn = drawing.drawn[0, 0].numpy() == 1
    assert (browser.seen[drawn] == 0).all()
    assert (browser.seen[~drawn] == seen[~drawn]).all()
    drawing.tool.value = "eraser"
    drawing.stroke([(30, 20)], size=20)
    assert (browser.seen == seen).all()
    drawing.clear()
    assert (browser.seen == seen).all()
    drawing.stop_button.click()
    assert (browser.seen == 255).all()
    assert drawing.stop_button.disabled


def test_a_traced_sketch_keeps_its_paper(drawing, browser):
    drawing.trace("bird_on_branch")
    assert (browser.seen[:, 12:48] == 255).all(2).mean() < 0.1


def test_a_mask_over_a_photo_has_its_shape(photo):
    drawing = DrawingCanvas(photo.shape[2:], trace=photo)
    drawing.stroke([(10, 10)], size=5)
    assert drawing.drawn.shape == (1, 1, *photo.shape[2:])
    faded = (module.FADED * photo + (1 - module.FADED)) * 255
    seen = torch.from_numpy(drawing._shown.copy()).permute(2, 0, 1)[None]
    assert (faded - seen)[(1 - drawing.drawn).expand(-1, 3, -1, -1) == 1].abs().max() <= 0.51


@pytest.mark.parametrize("size", [(40, 10), (10, 40), (600, 400), (3, 2)])
def test_a_picture_is_fitted_into_the_middle(drawing, size):
    drawing.load(encoded("PNG", size, RED))
    red = is_of(drawing, RED)
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    height, width = len(rows), len(columns)
    assert height == HEIGHT or width == WIDTH
    assert abs(width / height - size[0] / size[1]) <= size[0] / size[1] / min(height, width)
    assert abs(rows[0] - (HEIGHT - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (WIDTH - 1 - columns[-1])) <= 1
    assert red.sum() == height * width
    assert (is_of(drawing, WHITE) | red).all()


@pytest.mark.parametrize("size", [(300, 200), (30, 20), (61, 39)])
def test_a_map_of_flat_colours_gets_no_others(drawing, size):
    picture = Image.new("RGB", size, RED)
    picture.paste((0, 80, 200), (0, 0, size[0] // 2, size[1]))
    picture.paste((250, 250, 250), (size[0] // 3, size[1] // 3, size[0], size[1] // 2))
    file = io.BytesIO()
    picture.save(file, "PNG")
    colors = {RED, (0, 80, 200), (250, 250, 250)}
    for source in (file.getvalue(), images.from_picture(picture)):
        drawing.clear()
        drawing.load(source)
        assert {tuple(map(int, one)) for one in pixels(drawing).reshape(-1, 3)} - {WHITE} == colors


def test_a_saved_drawing_is_the_same_when_it_is_loaded(drawing, browser, tmp_path):
    for number, name in enumerate(drawing.colors):
        drawing.stroke([(4 * number, 0), (4 * number, 40)], color=name, size=2)
    drawing.stroke([(55, 0), (55, 40)], color="#f4f4f4")
    file = drawing.save(tmp_path / "drawing.png")
    with Image.open(file) as picture:
        assert (np.array(picture) == pixels(drawing)).all()
    other = DrawingCanvas(SHAPE, sketch=str(file))
    assert torch.equal(other.image, drawing.image)
    name, content = drawing.downloads._make("drawing")
    assert name == "drawing.png"
    assert (np.array(Image.open(io.BytesIO(content))) == pixels(drawing)).all()
    with pytest.raises(ValueError, match=r"cannot write 'drawing\.xyz'"):
        drawing.save(tmp_path / "drawing.xyz")


def test_a_sketchs_own_paper_becomes_the_canvass():
    drawing = DrawingCanvas((96, 128), sketch="bird_on_branch")
    assert 0.2 < 1 - drawing.drawn.mean() < 0.9
    assert not drawing.undo()
    assert not drawing.drawn[0, 0, :, :10].any()
    drawing.fill(0, 0, color="light blue")
    assert is_of(drawing, (154, 208, 245)).mean() > 0.2
    photo = DrawingCanvas((96, 128), sketch="chelsea")
    inner = images.load_image(data.path("chelsea"), size=128).shape[2:]
    assert photo.drawn.sum() == pytest.approx(inner[0] * inner[1], rel=0.01)


def test_a_sketch_is_chosen_from_the_menu_and_again_after_clear(drawing, calls):
    names = [name for _, name in drawing.sketches.options]
    assert names == ["", *data.names("sketch")]
    paintings = DrawingCanvas(SHAPE, kind="painting").sketches.options
    assert [name for _, name in paintings] == ["", *data.names("painting")]
    drawing.sketches.value = "bird_on_branch"
    bird = drawing.image
    assert bird.std() > 0
    assert drawing.status.text == "Robin on a Branch is loaded; Undo takes it back."
    drawing.clear_button.click()
    assert not drawing.drawn.any()
    assert drawing.status.text == "Cleared; Undo brings the drawing back."
    drawing.sketches.value = "bird_on_branch"
    assert torch.equal(drawing.image, bird)
    assert len(calls) == 3
    drawing.undo_button.click()
    drawing.sketches.value = "bird_on_branch"
    assert torch.equal(drawing.image, bird)


def test_a_picture_to_trace_is_uploaded(drawing, browser):
    send(drawing, "red.png", encoded("PNG", (60, 40)))
    assert drawing.status.text == "red.png is there to be traced."
    assert not drawing.stop_button.disabled
    assert (browser.seen == browser.seen[0, 0]).all()
    assert browser.seen[0, 0].max() < 255


@pytest.mark.parametrize("name", [name for name in WRONG_FILES if name != "wide.png"])
def test_a_wrong_upload_is_refused_in_words(drawing, browser, name):
    content, size, reason = WRONG_FILES[name]
    drawing.stroke([(5, 5), (40, 30)])
    drawing.trace("coffee")
    seen, before = browser.seen.copy(), drawing.image
    send(drawing, name, content, size)
    assert drawing.status.text.startswith(name)
    assert re.search(reason, drawing.status.text)
    assert (browser.seen == seen).all()
    assert torch.equal(drawing.image, before)


@pytest.mark.parametrize("method", ["load", "trace"])
@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("birt_on_branch", FileNotFoundError, "'birt_on_branch'.*built-in.*bird_on_branch"),
        (b"words", ValueError, "not a picture"),
        (torch.zeros(3, 40, 60), ValueError, r"got shape \(3, 40, 60\)"),
        (torch.zeros(1, 1, 40, 60), ValueError, r"got shape \(1, 1, 40, 60\)"),
        (torch.full((1, 3, 40, 60), torch.nan), ValueError, "not finite"),
    ],
)
def test_what_is_no_picture_is_an_error_and_changes_nothing(
    drawing, browser, method, source, error, words
):
    drawing.stroke([(5, 5), (40, 30)])
    before, sent = drawing.image, len(browser.patches)
    with pytest.raises(error, match=words):
        getattr(drawing, method)(source)
    assert torch.equal(drawing.image, before)
    assert len(browser.patches) == sent
    assert drawing.undo()
    assert not drawing.undo()


@pytest.mark.parametrize("shape", [(7, 60), (40, 0), (40,), (40, 60, 3), (40.0, 60), 40, None])
def test_a_wrong_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"shape is .*each 8 or more"):
        DrawingCanvas(shape)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"paper": "snowy"}, r"no colour 'snowy'; .*'#1f5fbf'"),
        ({"paper": "#ffffff00"}, "no colour '#ffffff00'"),
        ({"colors": {"sky": "#12345"}}, "no colour '#12345'"),
        ({"colors": ["red", 5]}, "no colour 5"),
        ({"colors": {}}, "colors is empty"),
        ({"kind": "doodle"}, "no pictures of kind 'doodle'"),
        ({"zoom": 0}, "zoom is 0; give a number above 0"),
        ({"zoom": "2"}, "zoom is '2'"),
        ({"zoom": float("nan")}, "zoom is nan"),
    ],
)
def test_a_wrong_option_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        DrawingCanvas(SHAPE, **options)


@pytest.mark.parametrize(
    ("points", "options", "words"),
    [
        ([], {}, r"points are \[\]; give \(x, y\) pairs"),
        ([(1, 2, 3)], {}, "give .* pairs"),
        ([(1, float("nan"))], {}, "finite"),
        ([(1, 2)], {"color": "sky"}, "no colour 'sky'.*light blue"),
        ([(1, 2)], {"size": 0}, "size is 0; .* 1 or more"),
        ([(1, 2)], {"size": 2.5}, r"size is 2\.5"),
    ],
)
def test_a_wrong_stroke_is_an_error_and_no_deed(drawing, points, options, words):
    with pytest.raises(ValueError, match=words):
        drawing.stroke(points, **options)
    assert not drawing.undo()


def test_colours_are_names_for_values_or_their_own():
    named = DrawingCanvas(SHAPE, colors={"sky": "#9AD0F5", "grass": "green"})
    assert named.colors == {"sky": "#9ad0f5", "grass": "#008000"}
    assert named.color.options == [["sky", "#9ad0f5"], ["grass", "#008000"]]
    assert named.color.value == "sky"
    named.stroke([(5, 5)], color="grass")
    assert (pixels(named)[5, 5] == (0, 128, 0)).all()
    assert DrawingCanvas(SHAPE, colors=["#102030"]).colors == {"#102030": "#102030"}
    with pytest.raises(traitlets.TraitError, match="no colour 'sea'; choose one of sky, grass"):
        named.color.value = "sea"


def test_controls_and_canvas_have_names(drawing):
    assert drawing._manners.label.startswith("drawing of 60x40 px, 0% of it drawn. Draw with the")
    drawing.fill(5, 5)
    assert drawing._manners.label.startswith("drawing of 60x40 px, 100% of it drawn.")
    labels = [drawing.tool.label, drawing.color.label, drawing.size.label, drawing.upload.label]
    assert all([*labels, drawing.sketches.description])


def test_a_saved_notebook_says_what_the_panel_is(drawing):
    content, _ = drawing._repr_mimebundle_()
    assert content["text/plain"] == "A drawing canvas: run this cell to use it."
    assert "application/vnd.jupyter.widget-view+json" in content


def test_with_segments_one_fill_colours_one_of_them():
    labels = torch.zeros(16, 24, dtype=torch.long)
    labels[:, 10:] = 1
    drawing = DrawingCanvas((16, 24), segments=labels)
    drawing.stroke([(0, 8), (24, 8)], color="red", size=3)  # a line does not hold it up
    drawing.fill(20, 2, color="blue")
    blue = torch.tensor([0x1F, 0x5F, 0xBF]).reshape(1, 3, 1, 1) / 255
    filled = (drawing.value == blue).all(1)[0]
    assert torch.equal(filled, labels == 1)


def test_segments_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(8, 8\).*\(16, 24\)"):
        DrawingCanvas((16, 24), segments=torch.zeros(8, 8))
