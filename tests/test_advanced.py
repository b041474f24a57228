"""The studio's advanced options without a browser: what they choose, how they are kept."""

import pytest
import torch

from nstlib import data, images, masks, recipes
from nstlib.widgets import pickers
from nstlib.widgets.advanced import COLORS, SHARE, STROKES, Advanced, check
from nstlib.widgets.parts import Part, plan, plan_rest
from nstlib.widgets.place import DRAWN, EVERYWHERE, NO_SHAPE, SHAPES, mask_text, read_mask

SIZE = 64


@pytest.fixture
def panel(photo):
    return Advanced(photo, size=SIZE)


@pytest.fixture
def painting():
    return pickers.PicturePicker("painting", "swirling_night", kind="painting", size=SIZE)


def drawn_on(panel, shape="the left half"):
    panel.has_second.value, panel.place.where.value = True, DRAWN
    panel.place.shapes.value = shape
    return panel


def whole(panel, **changes):
    """What the studio's settings are, as far as these options go."""
    parts = [{"scales": panel.sizes(), "iterations": [1] * len(panel.sizes())}]
    return {"size": SIZE, "photo": "chelsea", "parts": parts, **panel.settings(), **changes}


def test_nothing_is_chosen_at_first(panel, painting):
    assert panel.value == panel.settings() == {}
    assert panel.sizes() == [SIZE]
    assert len(panel.styles(painting)) == 1
    assert panel.status.text == "Advanced options in use: none."
    assert panel.place.canvas is None
    assert not panel.opener.expanded


def test_it_opens_and_closes(panel):
    shown = []
    for expanded in (True, False):
        panel.opener.expanded = expanded
        shown.append(panel._box.layout.display)
    assert shown == [None, "none"]


@pytest.mark.parametrize("colors", [name for name in COLORS if name != "painting"])
def test_colors_are_an_option_of_transfer(panel, colors):
    panel.colors.value = colors
    assert panel.value == panel.settings() == {"colors": colors}
    assert "colours" in panel.status.text


def test_the_menu_offers_every_way_with_colors_that_transfer_knows(network, photo):
    for colors in COLORS:
        recipes.transfer_objective(photo, photo, network=network, colors=colors)


@pytest.mark.parametrize(("factor", "side"), [(0.5, 32), (1.5, 96)])
def test_the_size_of_the_strokes_is_that_of_both_paintings(panel, painting, factor, side):
    panel.strokes.value = factor
    panel.has_second.value = True
    assert panel.settings()["style_size"] == side
    assert [max(image.shape[2:]) for image in panel.styles(painting)] == [side, side]
    assert f"paintings at {side} px" in panel.status.text


def test_coarse_to_fine_ends_at_the_size_of_the_pictures(panel):
    panel.scales.value = 3
    assert panel.value == {"scales": [16, 32, 64]}
    assert panel.settings() == {}  # the parts of the run tell it
    assert "16, 32, 64 px" in panel.status.text


def test_a_second_style_has_a_share(panel, painting):
    panel.has_second.value = True
    panel.second.thumbnails.value = "ink_mountains"
    panel.share.value = 0.3
    assert panel.value == {"style_shares": [0.7, 0.3]}
    assert panel.settings() == {"second": "ink_mountains", "share": 0.3}
    second = images.load_image(data.path("ink_mountains"), size=SIZE)
    assert torch.equal(panel.styles(painting)[1], second)
    panel.has_second.value = False
    assert panel.value == panel.settings() == {}


def test_a_second_style_goes_where_it_is_drawn(panel, photo):
    drawn_on(panel)
    rest, mask = panel.value["masks"]
    assert rest is None
    assert list(panel.value) == ["masks"]
    assert mask.shape[2:] == photo.shape[2:]
    assert mask[..., 0].min() > 0.95
    assert mask[..., -1].max() < 0.05
    assert torch.equal(mask, masks.soften(panel.place.canvas.drawn, SIZE / 64))
    assert "share" not in panel.settings()
    assert panel.share not in panel._more.children


def test_where_nothing_is_drawn_the_styles_are_blended(panel):
    drawn_on(panel)
    panel.place.canvas.clear()
    assert panel.value == {"style_shares": [0.5, 0.5]}
    assert "until something is drawn" in panel.status.text


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_loaded_without_a_mouse(panel, shape):
    drawn_on(panel, shape)
    assert 0.3 < panel.place.canvas.drawn.mean() < 0.55
    panel.place.canvas.undo()
    assert panel.place.shapes.value == NO_SHAPE  # so that it can be loaded again
    assert panel.place.canvas.drawn.sum() == 0


def test_a_mask_survives_as_text(photo):
    mask = (torch.rand(1, 1, *photo.shape[2:]) > 0.5).float()
    assert torch.equal(read_mask(mask_text(mask)), mask)


def test_a_mask_as_text_is_short():
    y, x = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    disc = ((x - 128) ** 2 + (y - 100) ** 2 < 70**2)[None, None]
    assert len(mask_text(disc)) < 1500


def test_another_photo_of_the_same_shape_gets_new_paper_that_can_be_undone(panel, photo):
    drawn_on(panel)
    before, canvas = panel.place.canvas.drawn, panel.place.canvas
    panel.look_at(1 - photo)
    assert panel.place.canvas is canvas
    assert canvas.drawn.sum() == 0
    canvas.undo()
    assert torch.equal(canvas.drawn, before)


def test_another_photo_of_another_shape_gets_another_canvas(panel):
    drawn_on(panel)
    panel.look_at(torch.zeros(1, 3, 64, 40))
    assert panel.place.canvas.drawn.shape == (1, 1, 64, 40)
    assert panel.settings()["share"] == 0.5
    panel.place.shapes.value = "the left half"
    assert panel.place.canvas.drawn[..., :20].min() == 1


def test_everyone_is_told_of_every_change(panel):
    told = []
    panel.on_change(lambda: told.append(panel.settings()))
    panel.colors.value = "photo"
    panel.strokes.value = 0.6
    panel.scales.value = 2
    drawn_on(panel)
    panel.place.canvas.stroke([(50, 5)], size=3)
    assert told[-1] == panel.settings()
    assert len({str(one) for one in told}) >= 5


def test_what_is_chosen_is_chosen_again(panel, photo):
    panel.colors.value, panel.strokes.value, panel.scales.value = "match", 0.7, 2
    panel.second.thumbnails.value = "ink_mountains"
    drawn_on(panel)
    panel.place.canvas.stroke([(40, 5), (60, 40)], size=5)
    other, told = Advanced(photo, size=SIZE), []
    other.on_change(lambda: told.append(1))
    check(whole(panel))
    other.restore(whole(panel))
    assert whole(other) == whole(panel)
    assert len(told) == 1
    assert torch.equal(other.value["masks"][1], panel.value["masks"][1])


def test_settings_without_these_options_choose_the_usual(panel):
    panel.colors.value, panel.strokes.value, panel.scales.value = "match", 0.7, 2
    panel.share.value = 0.2
    drawn_on(panel)
    old = {"size": SIZE, "photo": "chelsea", "parts": [{"iterations": 60}]}
    check(old)
    panel.restore(old)
    assert panel.value == panel.settings() == {}
    assert panel.place.where.value == EVERYWHERE
    assert panel.share.value == SHARE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colors": "sepia"}, "the colours 'sepia'"),
        ({"style_size": 31}, "0.5 to 1.5 times 64 px, not 31"),
        ({"style_size": "64"}, "not 64"),
        ({"parts": [{"scales": [20, 64]}]}, r"the sizes from coarse to fine are \[20, 64\]"),
        ({"parts": [{"scales": 64}]}, "the sizes from coarse to fine are 64"),
        ({"share": 1.1}, "the second style's share is 1.1"),
        ({"share": None}, "the second style's share is None"),
        ({"mask": "no base64!"}, "its mask is no PNG"),
        ({"mask": "AAAA"}, "its mask is no PNG"),
        ({"mask": 7}, "its mask is no PNG"),
        ({"mask": mask_text(torch.ones(1, 1, 64, 64))}, "64x64 px and its picture 64x43 px"),
        ({"mask": mask_text(torch.zeros(1, 1, 43, 64))}, "empty"),
    ],
)
def test_options_that_cannot_be_chosen_are_refused(panel, changes, reason):
    panel.has_second.value = True
    with pytest.raises(ValueError, match=reason):
        check(whole(panel, **changes))


def test_a_mask_of_another_size_is_scaled_to_the_photo(panel):
    large = torch.zeros(1, 1, 86, 128)
    large[..., :64] = 1
    panel.has_second.value = True
    panel.place.restore(mask_text(large))
    drawn = panel.place.canvas.drawn
    assert drawn.shape == (1, 1, 43, 64)
    assert drawn[..., :32].min() == 1
    assert drawn[..., 32:].max() == 0


def test_the_ends_of_the_strokes_slider_can_be_kept(panel):
    for factor in STROKES:
        panel.strokes.value = factor
        check(whole(panel))


def test_a_run_is_divided_among_its_sizes():
    assert plan([64], 60) == {64: 60}
    assert plan([16, 32, 64], 60) == {16: 20, 32: 20, 64: 20}
    assert plan([32, 64], 5) == {32: 2, 64: 3}
    assert plan([16, 32, 64], 1) == {16: 1, 32: 1, 64: 1}


@pytest.mark.parametrize(
    ("made", "now", "rest"),
    [
        ({16: 3}, 16, {16: 17, 32: 20, 64: 20}),
        ({16: 20}, 16, {32: 20, 64: 20}),
        ({16: 20, 32: 19}, 32, {32: 1, 64: 20}),
        ({16: 20, 32: 20, 64: 5}, 64, {64: 15}),
        ({16: 1, 32: 1, 64: 20}, 64, {64: 1}),
    ],
)
def test_what_is_left_of_a_run_begins_at_the_size_it_has_come_to(made, now, rest):
    planned = plan([16, 32, 64], 60)
    parts = [Part({}, planned, made)]
    assert plan_rest(planned, parts, torch.zeros(1, 3, now - 5, now)) == rest
