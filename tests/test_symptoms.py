"""Every cause on the page *When it goes wrong*, reproduced on purpose, and its remedy.

`test_docs.py` holds that each heading there has a test here of the same name, and vice versa.
"""

import functools
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest
import torch

from nstlib import (
    colors,
    data,
    devices,
    downloads,
    feedforward,
    images,
    losses,
    pretrained,
    recipes,
    synthesis,
    widgets,
)
from nstlib.__main__ import main
from nstlib.checkpoints import shapes
from nstlib.features import POCKET_MEAN, FeatureNetwork, load_network
from nstlib.stages import Convolution

WAIT = 30  # seconds
LAYER = "block2_conv1"


@pytest.fixture(scope="module")
def painting():
    return images.load_image(data.path("swirling_night"), size=64)


@pytest.fixture
def noise(photo):
    return images.noise_image(photo.shape[2:])


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """A machine without the internet that has never had any weights."""

    def unreachable(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(downloads, "WAIT", 0)
    monkeypatch.setenv("NSTLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("NSTLIB_WEIGHTS", raising=False)


def content_of(network, seen, layer=LAYER):
    """Make the objective that rebuilds what the network sees in an image."""
    target = network(seen, [layer])[layer]
    return lambda image: {"content": losses.content_loss(network(image, [layer])[layer], target)}


def optimize(start, objective, iterations=3):
    return synthesis.optimize_image(start, objective, iterations=iterations, progress=False)


def by_hand(start, objective, iterations=3):
    """The loop of chapter 1, without its clamp."""
    image = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = sum(objective(image).values())
        loss.backward()
        return loss

    for _ in range(iterations):
        optimizer.step(closure)
    return image.detach()


def distance(one, other):
    return float((one - other).square().mean().sqrt())


def shown(image):
    """What a viewer of the picture gets."""
    return images.from_picture(images.to_picture(image))


def transfer(photo, painting, network, **options):
    options = {"iterations": 3, "progress": False, **options}
    return recipes.transfer(photo, painting, network=network, **options)


def weights_file(file):
    tensors = {name: torch.zeros(shape) for name, shape in shapes("squeezenet1_1").items()}
    weights = pretrained.Weights("squeezenet1_1", tensors, "imagenet", "made for a test")
    pretrained.save(weights, file)
    return file


# The picture is black or white


def test_a_clamp_inside_the_objective(network, photo):
    objective, black = content_of(network, photo), torch.full_like(photo, -0.1)
    stuck = by_hand(black, lambda image: objective(image.clamp(0, 1)))
    assert torch.equal(stuck, black)
    assert shown(stuck).max() == 0
    free = optimize(torch.zeros_like(photo), objective).image
    assert abs(free.mean() - photo.mean()) < 0.1


def test_values_in_another_range(photo, tmp_path):
    assert shown(photo * 255).mean() > 0.99  # white
    assert shown(photo / 255).mean() < 0.01  # black
    path = images.save_image(photo, tmp_path / "photo.png")
    assert distance(shown(images.load_image(path)), photo) < 0.01


# The picture is noise


def test_too_few_iterations(network, photo, noise):
    objective = content_of(network, photo)
    short = synthesis.optimize_image(
        noise, objective, iterations=1, evaluations=1, progress=False
    ).image
    assert distance(short, noise) < 0.2 * distance(photo, noise)
    assert distance(optimize(noise, objective).image, photo) < 0.4 * distance(noise, photo)


def test_a_loss_too_small_for_the_optimiser(network, photo, noise):
    objective = content_of(network, photo)

    def tiny(image):
        return {name: 1e-9 * term for name, term in objective(image).items()}

    assert torch.equal(by_hand(noise, tiny), noise)
    assert distance(by_hand(noise, objective), photo) < 0.4 * distance(noise, photo)
    assert distance(optimize(noise, tiny).image, photo) < 0.4 * distance(noise, photo)


def test_nothing_against_grain(network, photo, painting):
    grainy, smooth = (transfer(photo, painting, network, tv_weight=w).image for w in (0, 10))
    grain = losses.total_variation(photo)
    assert losses.total_variation(grainy) > 2.5 * grain
    assert losses.total_variation(smooth) < 0.6 * losses.total_variation(grainy)


# The colours are wrong


def test_red_and_blue_are_swapped(network, photo, noise):
    swapped = photo.flip(1)  # as OpenCV reads a file
    features, wrong = (network(image, [LAYER])[LAYER] for image in (photo, swapped))
    assert (wrong - features).norm() > 0.2 * features.norm()
    rebuilt = optimize(noise, content_of(network, swapped)).image.mean((2, 3))[0]
    red, _, blue = photo.mean((2, 3))[0]
    assert red > blue
    assert rebuilt[0] < rebuilt[2]
    assert torch.equal(swapped.flip(1), photo)
    rebuilt = optimize(noise, content_of(network, swapped.flip(1))).image.mean((2, 3))[0]
    assert rebuilt[0] > rebuilt[2]


def test_the_mean_is_subtracted_twice(network, photo, noise):
    mean, std = pretrained.NORMALIZATIONS["imagenet"]
    normalized = (photo - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    assert normalized.min() < 0
    wrong = optimize(noise, content_of(network, normalized)).image
    right = optimize(noise, content_of(network, photo)).image
    assert distance(wrong, photo) > 5 * distance(right, photo)


def test_the_palette_of_the_painting(network, photo, painting):
    def strangeness(**options):
        result = transfer(photo, painting, network, **options).image
        return float((result - colors.luminance(result) - hue).abs().mean())

    hue = photo - colors.luminance(photo)
    assert strangeness() > 0.1
    assert strangeness(colors="photo") < 1e-6
    assert strangeness(colors="match") < 0.5 * strangeness()


# There is a frame


def test_padding_with_zeros(network):
    flat = torch.full((1, 3, 64, 64), 0.3)
    zeros, mirrored = (
        feedforward.paint(feedforward.new_network(padding=padding), flat)
        for padding in ("zeros", "reflect")
    )
    assert (zeros[..., :4, :] - zeros[..., 32:33, 32:33]).abs().max() > 0.05
    assert (mirrored - mirrored[..., 32:33, 32:33]).abs().max() < 1e-5
    stages = {
        name: Convolution(stage.weight, stage.bias, pool=stage.pool, padding="zeros")
        for name, stage in network.stages.items()
    }
    mean = [value / 255 for value in POCKET_MEAN]
    framed = FeatureNetwork("framed", stages, mean=mean, std=[1 / 255] * 3)
    for padded, spread in ((framed, 1.0), (network, 0.0)):
        features = padded(flat, ["block4_conv2"])["block4_conv2"]
        assert (features.amax((2, 3)) - features.amin((2, 3))).max() >= spread
    assert (features.amax((2, 3)) - features.amin((2, 3))).max() < 1e-3


# The style or the photo is missing


def test_too_much_content(network, photo, painting):
    heavy, usual, balanced = (
        transfer(photo, painting, network, **options).history[-1]
        for options in ({"content_weight": 100}, {}, {"balance": True})
    )
    assert heavy["style"] > 10 * usual["style"]
    shares = recipes.transfer_objective(photo, painting, network=network, balance=True)
    begun = {name: float(term) for name, term in shares[1](shares[0]).items()}
    assert balanced["style"] < begun["style"] / 20


def test_too_little_content(network, photo, painting):
    none, usual = (
        transfer(photo, painting, network, **options).image
        for options in ({"content_weight": 0}, {})
    )
    lost = content_of(network, photo, "block4_conv2")
    assert lost(none)["content"] > 1.5 * lost(usual)["content"]


# It is too slow


def test_too_large_a_picture(capsys, monkeypatch):
    clock = [0.0]  # seconds; no machine is too slow for this test
    monkeypatch.setattr(synthesis, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def run(side):
        calls = []

        def slow(image):
            calls.append(1)
            if len(calls) > 3:
                raise KeyboardInterrupt  # by now the time has been announced
            clock[0] += 0.02 * side**2 / 64**2
            return {"content": image.square().mean()}

        result = synthesis.optimize_image(torch.full((1, 3, side, side), 0.5), slow)
        assert result.stop_reason == "interrupted"
        return capsys.readouterr().err

    assert "expected time: about 4 s" in run(64)  # 10 iterations of 20 evaluations
    assert "expected time" not in run(32)


@pytest.mark.skipif(os.cpu_count() == 1, reason="one run has one thread anyway")
def test_too_many_threads():
    def ask(**environment):
        kept = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        code = "import torch; print(torch.get_num_threads())"
        environment = {**kept, **environment}
        return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1)

    asked = ask(), ask(OMP_NUM_THREADS="1")  # at once: importing torch is slow
    alone, told = (int(process.communicate()[0]) for process in asked)
    assert alone > 1  # a run takes all processors; so does a second one, the same ones
    assert told == 1


# Out of memory


def test_a_picture_too_large_for_the_memory(network, monkeypatch):
    monkeypatch.setattr(devices, "free_memory", lambda device: 300_000_000)
    fresh = FeatureNetwork("pocket", dict(network.stages), mean=[0] * 3, std=[1] * 3)
    with pytest.raises(MemoryError, match="needs about .* GB .* are free on cpu") as caught:
        fresh.check_memory((1, 3, 1500, 2000), ["block5_conv1"])
    side = int(re.search(r"a longer side of (\d+) px would fit", str(caught.value))[1])
    fresh.check_memory((1, 3, side * 3 // 4, side), ["block5_conv1"])


# NaN or infinity


def test_a_weight_too_large(network, photo, painting):
    with pytest.raises(FloatingPointError, match="'style' became inf.*lower its weight"):
        transfer(photo, painting, network, style_weight=1e40)
    with pytest.raises(ValueError, match="the weight of style is inf; give a finite number"):
        transfer(photo, painting, network, style_weight=float("inf"))
    result = transfer(photo, painting, network, style_weight=1e6, iterations=1)
    assert result.stop_reason == "finished"


def test_a_root_at_zero():
    grey = torch.full((1, 3, 16, 16), 0.5)

    def rough(image, floor):
        bright = (image - 0.8).square().mean()
        return {"rough": (losses.total_variation(image) + floor).sqrt(), "bright": bright}

    ended = optimize(grey, functools.partial(rough, floor=0.0))
    assert "'rough' became nan" in ended.stop_reason
    assert distance(ended.image, grey) < 1e-4  # the last good image
    result = optimize(grey, functools.partial(rough, floor=1e-12))
    assert result.stop_reason in ("finished", "converged")
    assert abs(result.image.mean() - 0.8) < 0.01


def test_a_rate_too_high(network, photo, painting):
    def train(**options):
        run = {"steps": 2, "batch": 1, "size": 32, "report": 1, "network": network}
        return list(feedforward.train(painting, [photo], **run, **options))[-1]

    with pytest.raises(FloatingPointError, match="lower the rate or a weight"):
        train(rate=1e10)
    assert torch.isfinite(torch.tensor(train().total))


# No panel


def test_only_a_line_of_text(photo, noise):
    def brighten():
        return synthesis.iterate(noise, lambda image: {"content": -image.mean()}, iterations=2)

    live = widgets.LiveRun(brighten, {}, preview=noise)
    bundle, _ = live._repr_mimebundle_()
    assert bundle["text/plain"] == "A live panel: run this cell to use it."
    assert "application/vnd.jupyter.widget-view+json" in bundle
    live.run_button.click()  # what Run does needs no panel
    assert live.wait(WAIT)
    assert live.image.mean() > noise.mean() + 0.1
    live.close()


def test_a_refused_upload(photo, tmp_path):
    picker = widgets.PicturePicker("photo", "chelsea", kind="photo", size=64)
    picker.upload._receive(picker.upload, {"name": "large.png", "size": 12_000_000}, [])
    assert "large.png has 12.0 MB; at most 9.5 MB" in picker.status.text
    assert picker.value == "chelsea"
    path = images.save_image(photo.flip(3), tmp_path / "large.png")
    picker.path.value = str(path)
    assert distance(picker.image(), photo.flip(3)) < 0.01


# Weights are not found


def test_no_internet(offline, monkeypatch, tmp_path):
    with pytest.raises(ConnectionError) as caught:
        load_network("squeezenet1_1")
    for remedy in ("weights import", "NSTLIB_WEIGHTS", '"pocket", which needs no download'):
        assert remedy in str(caught.value)
    assert load_network("pocket").layers
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path / "class"))
    weights_file(tmp_path / "class" / "squeezenet1_1.safetensors")
    assert load_network("squeezenet1_1", rescaled=False).layers[0] == "conv1"


def test_a_folder_that_is_not_there(offline, monkeypatch, tmp_path):
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path / "class"))
    with pytest.raises(FileNotFoundError, match="NSTLIB_WEIGHTS names .* does not exist"):
        load_network("squeezenet1_1")
    weights_file(tmp_path / "class" / "squeezenet1_1.safetensors")
    assert load_network("squeezenet1_1", rescaled=False).layers


def test_a_damaged_file(offline, capsys, tmp_path):
    file = weights_file(pretrained.cache_path("squeezenet1_1"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert main(["weights", "verify"]) == 1
    assert "is damaged" in capsys.readouterr().out
    (tmp_path / "stick.safetensors").write_bytes(whole)
    assert main(["weights", "import", str(tmp_path / "stick.safetensors")]) == 0
    assert main(["weights", "verify"]) == 0
