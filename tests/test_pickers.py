"""What is chosen in the panels: pictures, layers and weights; no browser."""

import io
import itertools
import re

import pytest
import torch
from PIL import Image

from nstlib import data, features, images, widgets
from nstlib.stages import Convolution, Fire, Pool
from nstlib.widgets import basics

BALANCED = {"content_weight": 0.31447, "style_weight": 1e4, "tv_weight": 9.87654}
FIELDS = {
    "block1_conv1": 3,
    "block1_conv2": 5,
    "block2_conv1": 10,
    "block3_conv1": 24,
    "block4_conv1": 60,
    "block5_conv1": 132,
}


def encoded(form, size=(90, 60), color=(200, 80, 10), **options):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, form, **options)
    return file.getvalue()


def send(picker, name, content, size=None):
    """Upload as the browser does: a message, and the content unless it is over the limit."""
    message = {"name": name, "size": len(content) if size is None else size}
    buffers = [] if content is None else [memoryview(content)]
    picker.upload._receive(picker.upload, message, buffers)


@pytest.fixture
def picker():
    return widgets.PicturePicker("photo", "chelsea", kind="photo", size=64)


def test_a_built_in_picture_is_chosen_by_its_thumbnail(picker):
    calls = []
    picker.on_change(lambda: calls.append(picker.value))
    assert picker.value == "chelsea"
    assert picker.status.text == "Chelsea the cat: 64x43 px"
    picker.thumbnails.value = "coffee"
    assert calls == ["coffee"]
    assert picker.status.text == "A cup of coffee: 64x43 px"
    assert torch.equal(picker.image(), images.load_image(data.path("coffee"), size=64))


def test_the_thumbnails_are_the_built_in_pictures_of_the_kind(picker):
    assert [one["name"] for one in picker.thumbnails.pictures] == list(data.names("photo"))
    for one in picker.thumbnails.pictures:
        assert one["alt"] == data.about(one["name"])["alt"]
        assert one["src"].startswith("data:image/jpeg;base64,")


def test_a_path_is_chosen_and_a_wrong_one_is_refused(picker, tmp_path):
    file = tmp_path / "red.png"
    file.write_bytes(encoded("PNG"))
    picker.path.value = f" {file} "
    assert picker.value == str(file)
    assert picker.status.text == f"{file}: 64x43 px"
    assert picker.thumbnails.value == ""
    picker.path.value = str(tmp_path / "none.png")
    assert picker.value == str(file)
    assert "no file" in picker.status.text
    assert picker.status.text.endswith(f"Still {file}.")
    picker.thumbnails.value = "chelsea"
    assert picker.value == "chelsea"


def test_a_built_in_name_is_never_taken_for_a_path(picker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coffee").write_bytes(encoded("PNG", (1000, 10)))
    picker.path.value = "coffee"
    assert picker.status.text == "coffee: 64x43 px"
    assert torch.equal(picker.image(), images.load_image(data.path("coffee"), size=64))


@pytest.mark.parametrize("form", ["PNG", "GIF", "JPEG"])
def test_an_uploaded_picture_is_used(picker, form):
    calls, content = [], encoded(form)
    picker.on_change(lambda: calls.append(picker.name))
    send(picker, "my red.file", content)
    assert calls == ["my red.file"]
    assert picker.value == content
    assert picker.thumbnails.value == ""
    assert picker.status.text == "my red.file: 64x43 px"
    assert torch.equal(picker.image(), images.load_image(content, size=64))


@pytest.mark.parametrize("name", ["../../etc/passwd", "chelsea", "/etc/passwd", ""])
def test_an_uploads_name_is_neither_a_path_nor_a_built_in_picture(picker, name):
    content = encoded("PNG", color=(0, 0, 255))
    send(picker, name, content)
    assert picker.value == content
    assert picker.image()[0, 2].min() == 1
    assert picker.image()[0, :2].max() == 0
    send(picker, name, b"root:x:0:0")
    assert picker.value == content


WRONG_FILES = {
    "broken.png": (encoded("PNG", (300, 200))[:-200], None, "is damaged|not a picture"),
    "cut.jpg": (encoded("JPEG", (300, 200))[:400], None, "is damaged|not a picture"),
    "paper.jpg": (b"%PDF-1.7\n1 0 obj << /Type /Catalog >>", None, "not a picture"),
    "empty.png": (b"", None, "not a picture"),
    "large.png": (None, 20_000_000, r"has 20\.0 MB; at most 9\.5 MB"),
    "sent.png": (bytes(basics.UPLOAD_LIMIT + 1), None, r"has 9\.5 MB; at most 9\.5 MB"),
    "wide.png": (encoded("PNG", (30_000, 400)), None, "too narrow: 64x1 px.*needs 32 px"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused_in_words_and_the_choice_stays(picker, name):
    content, size, reason = WRONG_FILES[name]
    picker.thumbnails.value = "coffee"
    before, calls = picker.image(), []
    picker.on_change(lambda: calls.append(picker.value))
    send(picker, name, content, size)
    assert re.match(f"{name}:? .*({reason})", picker.status.text)
    assert picker.status.text.endswith("Still A cup of coffee.")
    assert "\n" not in picker.status.text
    assert (picker.value, picker.name) == ("coffee", "A cup of coffee")
    assert picker.thumbnails.value == "coffee"
    assert torch.equal(picker.image(), before)
    assert not calls


def fact_lines(layers):
    entries = [entry for block in layers.drawing.blocks for entry in block["layers"]]
    return {entry["name"]: entry["facts"] for entry in entries}


def test_the_layers_tell_their_sizes_and_what_they_see(network):
    layers = widgets.LayerPicker(network, torch.rand(1, 3, 96, 64), content="block4_conv2")
    facts = fact_lines(layers)
    assert list(facts) == list(network.layers)
    for layer, field in FIELDS.items():
        assert facts[layer].endswith(f"each value sees {field} px of the picture")
    assert facts["block3_conv1"].startswith("block3_conv1: 64 channels of 16x24 px, ")
    layers.look_at(torch.rand(1, 3, 64, 128))
    assert fact_lines(layers)["block3_conv1"].startswith("block3_conv1: 64 channels of 32x16 px, ")


def positive_pocket():
    """Pocket's shape, two channels wide: every weight counts."""
    generator, tensors, inputs = torch.Generator().manual_seed(0), {}, 3
    for layer in features.LAYERS:
        weight = 0.5 + torch.rand(2, inputs, 3, 3, generator=generator)
        tensors |= {f"{layer}.weight": weight / 18, f"{layer}.bias": torch.ones(2)}
        inputs = 2
    return features.pocket_network(tensors)


def positive_squeezenet():
    generator = torch.Generator().manual_seed(0)

    def part(outputs, inputs, side):
        weight = 0.5 + torch.rand(outputs, inputs, side, side, generator=generator)
        return weight / weight[0].numel(), torch.ones(outputs)

    stages = {"conv1": Convolution(*part(2, 3, 3), padding="none", stride=2)}
    for number in range(2, 10):
        pool = Pool("average", 3, ceil=True) if number in (2, 4, 6) else None
        inputs = 2 if number == 2 else 4
        parts = {
            "squeeze": part(2, inputs, 1),
            "expand1x1": part(2, 2, 1),
            "expand3x3": part(2, 2, 3),
        }
        stages[f"fire{number}"] = Fire(parts, pool=pool)
    return features.FeatureNetwork("squeezenet1_1", stages, mean=(0, 0, 0), std=(1, 1, 1))


@pytest.mark.parametrize("make", [positive_pocket, positive_squeezenet])
def test_the_field_told_is_where_the_gradient_of_one_value_is_not_zero(make):
    network, side = make(), 320
    for layer in network.layers:
        image = torch.ones(1, 3, side, side).requires_grad_()
        value = network(image, [layer])[layer]
        facts = network.facts(layer, (side, side))
        assert (facts["channels"], facts["sides"]) == (value.shape[1], tuple(value.shape[2:]))
        middle = value.shape[2] // 2
        value[0, -1, middle, middle].backward()
        seen = image.grad[0].sum(0) != 0
        for across in (0, 1):
            places = seen.any(across).nonzero()
            assert places.max() - places.min() + 1 == facts["field"], layer


def test_the_fields_of_vgg_are_those_of_the_literature():
    network = positive_pocket()
    assert {layer: network.facts(layer, (64, 64))["field"] for layer in FIELDS} == FIELDS


def test_style_layers_come_shallow_to_deep_however_they_were_chosen(network, photo):
    layers = widgets.LayerPicker(
        network, photo, content="block2_conv2", style=["block3_conv1", "block1_conv1"]
    )
    assert layers.style == ["block1_conv1", "block3_conv1"]
    layers.drawing.style_layers = ["block3_conv1", "block2_conv1", "block1_conv2"]
    assert layers.value == {
        "content": "block2_conv2",
        "style": ["block1_conv2", "block2_conv1", "block3_conv1"],
    }


def test_only_what_is_asked_for_is_offered(network, photo):
    content = widgets.LayerPicker(network, photo, content="block2_conv2")
    style = widgets.LayerPicker(network, photo, style=["block1_conv1"])
    assert (content.drawing.for_content, content.drawing.for_style) == (True, False)
    assert (style.drawing.for_content, style.drawing.for_style) == (False, True)
    assert style.content == ""
    assert content.style == []


def test_the_layer_in_focus_shows_its_feature_maps(network, photo):
    layers = widgets.LayerPicker(network, photo, content="block2_conv2")
    assert layers.maps.alt == "The eight strongest feature maps of block2_conv2"
    before = layers.maps.value
    layers.drawing.focused = "block1_conv1"
    assert layers.maps.alt == "The eight strongest feature maps of block1_conv1"
    assert layers.maps.value != before
    focused = layers.maps.value
    layers.look_at(photo.flip(3))
    assert layers.maps.value != focused
    layers.look_at(photo)
    layers.drawing.focused = "block2_conv2"
    assert layers.maps.value == before


def moved(values):
    sliders = widgets.WeightSliders(BALANCED, [f"layer{number}" for number in range(len(values))])
    for slider, value in zip(sliders.layers.values(), values, strict=True):
        slider.value = value
    return sliders


def test_the_middle_stands_for_the_balanced_weights():
    sliders = moved([1, 1, 2])
    assert sliders.value == {
        "content_weight": 0.3145,
        "style_weight": 10000,
        "tv_weight": 9.877,
        "style_weights": [0.25, 0.25, 0.5],
    }
    sliders.content.value, sliders.variation.value = 10, 0.1
    assert sliders.value["content_weight"] == 3.145
    assert sliders.value["tv_weight"] == 0.9877


@pytest.mark.parametrize("values", [[1, 1, 1], [3, 0.1, 0.1, 0.1, 0.1], [0.3, 1.7, 3], [0.7] * 6])
def test_shares_sum_to_one_and_follow_the_sliders(values):
    shares = list(moved(values).shares().values())
    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert shares == pytest.approx([value / sum(values) for value in values], abs=5e-4)


def test_shares_are_zero_where_every_slider_is():
    sliders = moved([0, 0])
    assert sliders.value["style_weights"] == [0, 0]
    other = moved([1, 2])
    other.restore(sliders.value)
    assert other.value["style_weights"] == [0, 0]


def test_restoring_is_the_inverse_of_the_value():
    for values in itertools.product((0, 0.1, 1.7, 3), repeat=3):
        sliders, other = moved(values), moved([1, 1, 1])
        sliders.content.value, sliders.variation.value = 0.037, 21.3
        other.restore(sliders.value)
        assert other.value == sliders.value, values
    sliders, other = moved([3, 0.1, 0.1, 0.1, 0.1]), moved([1] * 5)
    other.restore(sliders.value)
    assert other.value == sliders.value


def test_other_layers_keep_the_sliders_of_those_that_stay():
    sliders = widgets.WeightSliders(BALANCED, ["a", "b"])
    sliders.layers["b"].value = 3
    sliders.set_layers(["b", "c"])
    assert sliders.shares() == {"b": 0.75, "c": 0.25}
    assert [slider.label for slider in sliders.layers.values()] == ["b", "c"]


def test_the_numbers_shown_are_the_numbers_used():
    sliders = moved([0.3, 1.7, 3])
    for slider in (sliders.content, sliders.variation, sliders.layers["layer1"]):
        slider.value = 1.23
        value = sliders.value
        shown = [float(number) for number in re.findall(r"[\d.e+-]*\d", sliders._numbers.text)]
        assert shown == [
            value["content_weight"],
            value["style_weight"],
            *value["style_weights"],
            value["tv_weight"],
        ]
    sliders.set_balanced({**BALANCED, "content_weight": 2.0})
    assert sliders._numbers.text.startswith("weights: content 2.46, style 10000 x (")
