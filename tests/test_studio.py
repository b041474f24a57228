"""The studio without a browser: run, change, compare, keep; and the weights it begins with."""

import io
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from nstlib import data, images, plots, recipes, widgets
from nstlib.features import load_network
from nstlib.widgets.keep import FRAME_MILLISECONDS, LAST_MILLISECONDS, code
from nstlib.widgets.place import DRAWN

ROOT = Path(__file__).parents[1]
WAIT = 30  # seconds
FEW = ["block1_conv1", "block2_conv1"]
BOTH = ("swirling_night", "woodcut_wave")  # the first and the second painting


@pytest.fixture(autouse=True)
def no_drawings(monkeypatch):
    """Leave out feature maps, which another file tests: they take most of the time."""
    monkeypatch.setattr(plots, "figure_bytes", lambda figure: b"")


@pytest.fixture
def make(network):
    """Make studios; close them afterwards."""
    made = []

    def make_one(**options):
        made.append(widgets.Studio(options.pop("network", network), size=64, **options))
        return made[-1]

    yield make_one
    for studio in made:
        studio.close()


def run(studio, wait=True):
    studio.live.run_button.click()
    assert not wait or studio.live.wait(WAIT)


def wait_until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def run_with_a_change(studio, after, change):
    """Run; change something while the run is paused after some iterations."""
    run(studio, wait=False)
    wait_until(lambda: len(studio.live.history) > after or not studio.live.running)
    studio.live.pause_button.click()
    wait_until(lambda: studio.live.status.text.startswith("Paused"))
    change()
    studio.live.pause_button.click()
    assert studio.live.wait(WAIT)


def executed(program):
    names = {}
    exec(program, names)
    return names["result"].image


def png_of(studio):
    return Image.open(io.BytesIO(studio.keep.make("picture")[1]))


def pixels(content):
    return images.load_image(content)


def test_compare_shows_both_pictures():
    compare = widgets.Compare()
    before, after = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    compare.show(before, after)
    assert pixels(compare.before).max() == 0
    assert pixels(compare.after).min() == 1
    compare.show(after, before)
    assert pixels(compare.before).min() == 1


def test_a_menu_chooses_what_is_compared():
    dark, light = torch.zeros(1, 3, 8, 8), torch.ones(1, 3, 8, 8)
    menu = widgets.CompareMenu("pair", {"up": (dark, light), "down": (light, dark)}, "down")
    assert pixels(menu.compare.before).min() == 1
    menu.menu.value = "up"
    assert pixels(menu.compare.before).max() == 0
    assert pixels(menu.compare.after).min() == 1
    data, _ = menu._repr_mimebundle_()
    assert data["text/plain"] == "Two pictures with a slider: run this cell to use it."
    assert set(data) > {"text/plain"}


def test_nothing_can_be_kept_before_the_first_run(make):
    studio, sent = make(), []
    studio.keep.downloads.send = lambda *message: sent.append(message)
    studio.keep.downloads._answer(studio.keep.downloads, {"key": "picture"}, [])
    assert not sent
    assert studio.keep.code_button.disabled


def test_a_run_can_be_kept_as_picture_frames_settings_and_code(make):
    studio, sent = make(iterations=4), []
    studio.painting.thumbnails.value = "woodcut_wave"
    run(studio)
    assert studio.live.status.text.startswith("Finished: iteration 4")
    studio.keep.downloads.send = lambda *message: sent.append(message)
    for key in ("picture", "frames", "settings", "secrets"):
        studio.keep.downloads._answer(studio.keep.downloads, {"key": key}, [])
    names = [message["name"] for message, _ in sent]
    contents = [content for _, (content,) in sent]
    assert names == ["painted.png", "painted.gif", "settings.json"]
    settings = json.loads(contents[2])
    picture, film = (Image.open(io.BytesIO(content)) for content in contents[:2])
    assert json.loads(picture.text["nstlib"]) == settings
    assert picture.tobytes() == images.to_picture(studio.live.image).tobytes()
    assert film.n_frames == len(studio.live.frames) == 5
    assert film.size == picture.size
    durations = []
    for number in range(5):
        film.seek(number)
        durations.append(film.info["duration"])
    assert durations == [FRAME_MILLISECONDS] * 4 + [LAST_MILLISECONDS]
    assert settings["painting"] == "woodcut_wave"
    assert [part["iterations"] for part in settings["parts"]] == [4]
    studio.keep.code_button.click()
    assert torch.equal(executed(studio.keep.code.value), studio.live.image)
    assert pixels(studio.compare.before).shape == pixels(studio.compare.after).shape


@pytest.mark.parametrize("start", recipes.STARTS)
def test_the_code_repeats_a_run_whose_weights_were_changed(make, start):
    studio = make(iterations=6)
    studio.start.value, studio.seed.value = start, 7

    def change():
        studio.weights.content.value = 30
        studio.weights.layers["block1_conv1"].value = 0.3

    run_with_a_change(studio, 2, change)
    assert len(studio.live.parts) == 2
    assert sum(part["iterations"] for part in studio._settings["parts"]) == 6
    assert torch.equal(executed(code(studio._settings)), studio.live.image)


def test_the_code_repeats_a_run_changed_before_its_first_iteration(make, monkeypatch):
    studio = make(iterations=2)
    begin = studio._begin

    def begin_and_change(**values):
        run = begin(**values)
        studio.weights.content.value = 30
        return run

    monkeypatch.setattr(studio.live, "_start_run", begin_and_change)
    run(studio)
    assert len(studio.live.parts) == 2
    assert torch.equal(executed(code(studio._settings)), studio.live.image)


def test_pictures_and_layers_changed_during_a_run_count_from_the_next_one(make):
    studio = make(iterations=5)

    def change():
        studio.photo.thumbnails.value = "rocket"
        studio.painting.thumbnails.value = "stained_glass"
        studio.layers.drawing.style_layers = FEW
        studio.layers.drawing.content_layer = "block3_conv1"
        studio.weights.content.value = 3

    run_with_a_change(studio, 2, change)
    assert studio.live.status.text.startswith("Finished: iteration 5")
    assert len(studio.live.parts) == 2
    assert torch.equal(executed(code(studio._settings)), studio.live.image)
    assert pixels(studio.compare.before).sub(pixels(studio.compare.after)).abs().mean() < 0.2
    assert list(studio.weights.layers) == FEW
    run(studio)
    settings = json.loads(png_of(studio).text["nstlib"])
    assert (settings["photo"], settings["painting"]) == ("rocket", "stained_glass")
    assert (settings["content_layer"], settings["style_layers"]) == ("block3_conv1", FEW)
    expected = recipes.balanced_weights(
        data.path("rocket"),
        data.path("stained_glass"),
        content_layer="block3_conv1",
        style_layers=FEW,
        network=studio.network,
        size=64,
    )
    weight = settings["parts"][0]["content_weight"]
    assert weight == pytest.approx(3 * expected["content_weight"], rel=1e-3)
    assert torch.equal(executed(code(settings)), studio.live.image)


def test_nothing_can_be_kept_while_a_run_is_under_way(make):
    studio = make(iterations=10**6)
    run(studio, wait=False)
    wait_until(lambda: len(studio.live.history) > 1)
    studio.live.stop_button.click()
    assert studio.live.wait(WAIT)
    assert studio.keep.downloads.ready
    run(studio, wait=False)
    wait_until(lambda: len(studio.live.history) == 2)
    assert not studio.keep.downloads.ready
    assert studio.keep.code_button.disabled


def test_without_a_style_layer_it_says_so_and_the_next_run_works(make):
    studio = make(iterations=1)
    studio.layers.drawing.style_layers = []
    studio.photo.thumbnails.value = "coffee"
    run(studio)
    assert studio.live.status.text == (
        "Stopped: choose a layer for content and at least one for style. "
        "Change a setting and press Run."
    )
    assert not studio.keep.downloads.ready
    studio.layers.drawing.style_layers = FEW
    run(studio)
    assert studio.live.status.text.startswith("Finished: iteration 1")
    assert studio.keep.downloads.ready
    assert [len(values["weights"]["style_weights"]) for values, _ in studio.live.parts] == [2]


def moved(studio):
    """Choose something other than the defaults everywhere."""
    studio.photo.thumbnails.value = "coffee"
    studio.painting.thumbnails.value = "ink_mountains"
    studio.layers.drawing.style_layers = [*reversed(FEW), "block3_conv2"]
    studio.layers.drawing.content_layer = "block2_conv2"
    studio.start.value, studio.seed.value = "noise", 3
    studio.weights.content.value, studio.weights.variation.value = 0.2, 7
    for slider, value in zip(studio.weights.layers.values(), (0.1, 3, 0.4), strict=True):
        slider.value = value
    return studio


def test_loaded_settings_choose_the_same_and_give_the_same_picture(make):
    first, second = moved(make(iterations=2)), make(iterations=2)
    run(first)
    second.keep.read(*first.keep.make("settings"))
    assert second.keep.status.text == "settings.json: loaded. Press Run for the same picture."
    assert second.settings() == first.settings()
    assert second.photo.value == "coffee"
    run(second)
    assert torch.equal(second.live.image, first.live.image)


def test_loading_says_where_a_run_here_would_differ(make):
    studio, settings = make(), moved(make()).settings()
    for change in ({"size": 96}, {"parts": settings["parts"] * 2}):
        studio.keep.read("kept.json", json.dumps(settings | change).encode())
        assert studio.keep.status.text.startswith("kept.json: loaded. A run here differs")
        assert studio.weights.value == {
            name: settings["parts"][0][name] for name in studio.weights.value
        }


@pytest.fixture(scope="module")
def pair():
    """A studio that refuses settings, and good ones for it."""
    studio = widgets.Studio("pocket", size=64)
    yield studio, moved(widgets.Studio(studio.network, size=64)).settings()
    studio.close()


def without(settings, name):
    return {key: value for key, value in settings.items() if key != name}


def with_weight(settings, **weights):
    return {**settings, "parts": [{**settings["parts"][0], **weights}]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda good: b'{"a": "\xe9"}', "it is no JSON file"),
        (lambda good: b"{", "it is no JSON file"),
        (lambda good: b"[" * 100_000, "it is no JSON file"),
        (lambda good: [good], "no settings of the studio"),
        (lambda good: {**good, "version": 2}, "no settings of the studio"),
        (lambda good: without(good, "parts"), "it lacks 'parts'"),
        (lambda good: without(good, "seed"), "it lacks 'seed'"),
        (lambda good: {**good, "parts": []}, "it lacks 'style_weights'"),
        (lambda good: {**good, "network": "vgg19"}, "for the network 'vgg19'"),
        (lambda good: {**good, "style_layers": ["fire3", "fire4"]}, "not here: fire3, fire4"),
        (lambda good: {**good, "content_layer": "conv9"}, "not here: conv9"),
        (lambda good: {**good, "photo": "my.png"}, "not here: my.png"),
        (lambda good: {**good, "start": "middle"}, "not here: middle"),
        (lambda good: {**good, "second": "my.png"}, "not here: my.png"),
        (lambda good: {**good, "colors": "sepia"}, "not here: the colours 'sepia'"),
        (lambda good: {**good, "mask": "?"}, "its mask is no PNG"),
        (lambda good: {**good, "style_layers": []}, "at least one style layer"),
        (lambda good: {**good, "style_layers": FEW[::-1]}, "shallow to deep"),
        (lambda good: {**good, "seed": "seven"}, "not a number"),
        (lambda good: with_weight(good, content_weight=None), "not a number"),
        (lambda good: with_weight(good, tv_weight=float("nan")), "not a number"),
        (lambda good: with_weight(good, style_weights=[1, -1, 1]), "not a number"),
        (lambda good: with_weight(good, style_weights=[1]), "1 style weights for 3 style layers"),
    ],
)
def test_wrong_settings_are_refused_in_words_and_nothing_changes(pair, change, reason):
    studio, good = pair
    before, wrong = studio.settings(), change(good)
    content = wrong if isinstance(wrong, bytes) else json.dumps(wrong).encode()
    studio.keep.read("kept.json", content)
    assert studio.keep.status.text.startswith("kept.json: ")
    assert reason in studio.keep.status.text
    assert studio.keep.status.text.endswith(". Nothing was changed.")
    assert studio.settings() == before


def test_settings_are_not_loaded_during_a_run(make):
    studio, settings = make(iterations=10**6), moved(make()).settings()
    before = studio.settings()
    run(studio, wait=False)
    studio.keep.read("kept.json", json.dumps(settings).encode())
    assert "a run is under way" in studio.keep.status.text
    assert studio.settings() == before


@pytest.mark.parametrize(("name", "kept"), [("my.png", "my.png"), ("chelsea", "./chelsea")])
def test_of_an_upload_only_the_name_is_kept(make, name, kept):
    studio, file = make(), io.BytesIO()
    Image.new("RGB", (90, 60), "teal").save(file, "PNG")
    content = file.getvalue()
    message = {"name": name, "size": len(content)}
    studio.photo.upload._receive(studio.photo.upload, message, [memoryview(content)])
    settings = studio.settings()
    assert settings["photo"] == kept
    assert f"photo = images.load_image({kept!r}, size=64)" in code(settings)
    with pytest.raises(ValueError, match=f"not here: {kept}"):
        studio.load(settings)


def test_two_studios_at_the_same_time_make_the_pictures_they_make_alone(make):
    network = load_network(device="cpu")
    studios = [make(iterations=6, network=network) for _ in range(2)]
    moved(studios[1])
    alone = []
    for studio in studios:
        run(studio)
        alone.append((studio.live.image, studio.live.history))
    for studio in studios:
        run(studio, wait=False)
    assert all(studio.live.running for studio in studios)
    for studio, (image, history) in zip(studios, alone, strict=True):
        assert studio.live.wait(WAIT)
        assert torch.equal(studio.live.image, image)
        assert studio.live.history == history
    assert not torch.equal(alone[0][0], alone[1][0])


def test_closing_the_studio_ends_its_run(make):
    before = set(threading.enumerate())
    studio = make(iterations=10**6)
    run(studio, wait=False)
    assert set(threading.enumerate()) > before
    studio.close()
    assert set(threading.enumerate()) == before


def shallow(studio):
    """Choose layers that also see something in a picture of 32 px."""
    studio.layers.drawing.style_layers = FEW
    studio.layers.drawing.content_layer = "block2_conv2"
    return studio


def colored(studio, colors):
    studio.advanced.colors.value = colors


def with_second(studio, share=0.3):
    studio.advanced.has_second.value, studio.advanced.share.value = True, share


def with_mask(studio):
    with_second(studio)
    studio.advanced.place.where.value = DRAWN
    studio.advanced.place.canvas.stroke([(10, 12), (30, 30), (55, 20)], size=15)


def with_sizes(studio, count=2):
    studio.advanced.scales.value = count


def with_strokes(studio):
    studio.advanced.strokes.value = 0.7


def with_everything(studio):
    for change in (with_mask, with_sizes, with_strokes):
        change(studio)
    colored(studio, "photo")


ADVANCED = [
    (lambda studio: colored(studio, "photo"), "colors='photo'"),
    (lambda studio: colored(studio, "match"), "colors='match'"),
    (with_second, "style_shares=[0.7, 0.3]"),
    (with_mask, "masks=[None, mask]"),
    (with_sizes, "scales=[32, 64]"),
    (with_strokes, "size=45"),
    (with_everything, "[painting, second]"),
]


@pytest.mark.parametrize(("choose", "line"), ADVANCED)
def test_the_code_repeats_a_run_with_advanced_options(make, choose, line):
    studio, plain = shallow(make(iterations=4)), shallow(make(iterations=4))
    choose(studio)
    run(studio)
    run(plain)
    assert studio.live.status.text.startswith("Finished: iteration 4")
    program = code(studio._settings)
    assert line in program
    assert "recipes.transfer(" in program
    assert torch.equal(executed(program), studio.live.image)
    assert not torch.equal(studio.live.image, plain.live.image)


@pytest.mark.parametrize(("choose", "line"), ADVANCED)
def test_the_code_repeats_a_changed_run_with_advanced_options(make, choose, line):
    studio = shallow(make(iterations=6))
    choose(studio)

    def change():
        studio.weights.content.value = 30
        studio.advanced.has_second.value = False  # counts from the next run on

    run_with_a_change(studio, 1, change)
    assert len(studio._settings["parts"]) == 2
    program = code(studio._settings)
    assert program.count(line) >= 1
    assert torch.equal(executed(program), studio.live.image)


def test_the_code_makes_the_same_picture_in_a_fresh_process(make, tmp_path):
    studio = shallow(make(iterations=6))
    with_everything(studio)
    run_with_a_change(studio, 1, lambda: setattr(studio.weights.content, "value", 30))
    program = code(studio._settings) + '.save("again.png")'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True)
    assert Image.open(tmp_path / "again.png").tobytes() == png_of(studio).tobytes()


def run_and_interrupt(studio, monkeypatch, number, act):
    """Run; act once, just after an iteration was made."""
    take = studio.live._take

    def take_and_act(iteration):
        take(iteration)
        if len(studio.live.history) == number + 1:
            act()

    monkeypatch.setattr(studio.live, "_take", take_and_act)
    run(studio)


@pytest.mark.parametrize(
    ("number", "iterations"),
    [(1, [[1], [1, 2, 2]]), (2, [[2], [2, 2]]), (3, [[2, 1], [1, 2]]), (4, [[2, 2], 2])],
)
def test_a_change_of_weights_goes_on_at_the_size_that_was_reached(
    make, monkeypatch, number, iterations
):
    studio = make(iterations=6)
    shallow(studio)
    studio.advanced.sizes = lambda: [32, 48, 64]

    def change():
        studio.weights.content.value = 30

    run_and_interrupt(studio, monkeypatch, number, change)
    assert [part["iterations"] for part in studio._settings["parts"]] == iterations
    program = code(studio._settings)
    assert f"list(islice(run, {number + 1}))" in program
    assert torch.equal(executed(program), studio.live.image)
    assert max(studio.live.image.shape) == 64


@pytest.mark.parametrize(
    ("number", "iterations", "side"), [(1, [1], 32), (3, [2, 1], 48), (5, [2, 2, 1], 64)]
)
def test_the_code_repeats_a_run_that_was_stopped_at_any_size(
    make, monkeypatch, number, iterations, side
):
    studio = shallow(make(iterations=6))
    studio.advanced.sizes = lambda: [32, 48, 64]
    colored(studio, "photo")
    run_and_interrupt(studio, monkeypatch, number, studio.live.stop)
    assert studio.live.status.text.startswith(f"Stopped by you: iteration {number}")
    assert studio._settings["parts"][0]["iterations"] == iterations
    assert max(studio.live.image.shape) == side
    assert torch.equal(executed(code(studio._settings)), studio.live.image)
    film = Image.open(io.BytesIO(studio.keep.make("frames")[1]))
    assert max(film.size) == side
    assert film.n_frames == number + 1


def test_the_time_left_and_the_curves_know_of_the_sizes(make):
    studio = shallow(make(iterations=4))
    with_sizes(studio)
    run(studio)
    assert studio.live.costs == [32**2] * 2 + [64**2] * 2
    assert studio.live.curve.changes == [2]  # the loss jumps there


def test_advanced_options_are_kept_with_the_settings_and_chosen_again(make):
    first, second = shallow(make(iterations=4)), make(iterations=4)
    with_everything(first)
    run(first)
    second.keep.read(*first.keep.make("settings"))
    assert second.keep.status.text == "settings.json: loaded. Press Run for the same picture."
    assert second.settings() == first.settings()
    run(second)
    assert torch.equal(second.live.image, first.live.image)


def test_settings_without_advanced_options_are_loaded_as_before(make):
    studio, old = make(), moved(make()).settings()
    assert not {"colors", "style_size", "second", "share", "mask"} & {*old}
    assert all("scales" not in part for part in old["parts"])
    with_everything(studio)
    studio.keep.read("kept.json", json.dumps(old).encode())
    assert studio.keep.status.text == "kept.json: loaded. Press Run for the same picture."
    assert studio.settings() == old
    assert studio.advanced.value == {}


@pytest.mark.parametrize("choose", [with_second, with_mask, lambda one: colored(one, "photo")])
def test_weights_are_balanced_for_what_is_compared(make, choose):
    studio = shallow(make())
    choose(studio)
    first, second = (images.load_image(data.path(n), size=64) for n in BOTH)
    expected = recipes.balanced_weights(
        studio.photo.image(),
        [first, second] if studio.advanced.has_second.value else first,
        content_layer="block2_conv2",
        style_layers=FEW,
        network=studio.network,
        **studio.advanced.value,
    )
    weight = studio.weights.value["content_weight"]
    assert weight == pytest.approx(expected["content_weight"], rel=1e-3)


def test_a_mask_that_is_too_small_is_told_before_and_at_a_run(make):
    studio = make()
    with_second(studio)
    studio.advanced.place.where.value = DRAWN
    studio.advanced.place.canvas.stroke([(30, 20)], size=2)
    assert studio.advanced.status.text.startswith("This cannot be run: mask 2 covers")
    run(studio)
    assert studio.live.status.text.startswith("Stopped: mask 2 covers")
    studio.advanced.place.canvas.stroke([(30, 20)], size=40)
    assert studio.advanced.status.text.startswith("Advanced options in use: ")


def test_a_size_that_is_too_small_for_a_layer_is_told(make):
    studio = make(iterations=4)
    with_sizes(studio)
    run(studio)
    assert "is too small for block5_conv1" in studio.live.status.text
    assert not studio.keep.downloads.ready


def test_a_second_style_can_be_uploaded(make):
    studio, file = shallow(make(iterations=1)), io.BytesIO()
    with_second(studio)
    Image.new("RGB", (90, 60), "teal").save(file, "PNG")
    content = file.getvalue()
    upload = studio.advanced.second.upload
    upload._receive(upload, {"name": "my.png", "size": len(content)}, [memoryview(content)])
    run(studio)
    assert studio.live.status.text.startswith("Finished")
    assert "second = images.load_image('my.png', size=64)" in code(studio._settings)
    with pytest.raises(ValueError, match="not here: my.png"):
        studio.load(studio._settings)


def test_the_present_code_of_a_plain_run_has_nothing_of_it(make):
    program = code(make().settings())
    for word in ("scales", "masks", "second", "colors", "islice", "base64"):
        assert word not in program


def pulls(photo, painting, network, weights):
    """Norms of the weighted gradients at an image that is half photo, half painting."""
    blend = (photo + images.resize_image(painting, tuple(photo.shape[2:]))) / 2
    image = blend.requires_grad_()
    _, objective = recipes.transfer_objective(photo, painting, network=network, **weights)
    terms = objective(image)
    return {
        name: torch.autograd.grad(term, image, retain_graph=True)[0].norm().item()
        for name, term in terms.items()
    }


def test_balanced_weights_pull_in_the_documented_proportion(network, photo):
    painting = images.load_image(data.path("woodcut_wave"), size=80)
    weights = recipes.balanced_weights(photo, painting, network=network)
    pull = pulls(photo, painting, network, weights)
    assert pull["content"] / pull["style"] == pytest.approx(0.02, rel=1e-3)
    assert pull["total variation"] / pull["style"] == pytest.approx(0.002, rel=1e-3)
    assert weights["style_weight"] == recipes.STYLE_WEIGHT


def test_balanced_weights_are_near_the_defaults_for_built_in_pairs(network):
    pictures = {name: images.load_image(data.path(name), size=128) for name in data.names()}
    pairs = itertools.product(data.names("photo"), data.names("painting"))
    found = [
        recipes.balanced_weights(pictures[photo], pictures[painting], network=network)
        for photo, painting in pairs
    ]
    for name, default in (("content_weight", 0.3), ("tv_weight", 10)):
        logs = torch.tensor([weights[name] / default for weights in found]).log()
        assert 1 / 1.3 < logs.mean().exp() < 1.3, name
    assert len(found) == 20


@pytest.mark.parametrize("grey", [None, 0.7])
def test_balanced_weights_are_the_defaults_where_a_term_does_not_pull(network, photo, grey):
    same = (photo, photo) if grey is None else (torch.full((1, 3, 64, 64), x) for x in (0.4, grey))
    assert recipes.balanced_weights(*same, network=network) == {
        "content_weight": recipes.CONTENT_WEIGHT,
        "style_weight": recipes.STYLE_WEIGHT,
        "tv_weight": recipes.TV_WEIGHT,
    }
