import numpy as np
import pytest
import torch
from PIL import Image

from nstlib import data, images, recipes

RUN = {"iterations": 2, "evaluations": 4, "progress": False}
ONE = {"style_layers": ["block1_conv1"]}
FEW = {"style_layers": ["block1_conv1", "block2_conv1"], "content_layer": "block2_conv2"}


@pytest.fixture(scope="module")
def painting():
    return images.load_image(data.path("woodcut_wave"), size=56)


def totals(result) -> list[float]:
    return [sum(terms.values()) for terms in result.history]


def difference(frame: np.ndarray, image: torch.Tensor) -> float:
    return (torch.from_numpy(frame.copy()).permute(2, 0, 1) / 255 - image[0]).abs().max().item()


def test_reconstructing_content_lowers_its_loss(network, photo):
    result = recipes.reconstruct_content(photo, network=network, **RUN)
    assert [list(terms) for terms in result.history] == [["content"]] * 3
    assert totals(result)[-1] < 0.8 * totals(result)[0]
    assert result.image.shape == photo.shape


def test_reconstructing_a_shallow_layer_brings_the_photo_back(network, photo):
    run = {**RUN, "iterations": 4, "evaluations": 10}
    result = recipes.reconstruct_content(photo, layer="block1_conv1", network=network, **run)
    noise = images.noise_image(photo.shape[2:])
    assert (result.image - photo).abs().mean() < (noise - photo).abs().mean() / 3


def test_reconstructing_style_lowers_its_loss(network, painting):
    result = recipes.reconstruct_style(painting, network=network, **RUN)
    assert [list(terms) for terms in result.history] == [["style"]] * 3
    assert totals(result)[-1] < 0.8 * totals(result)[0]
    assert result.image.shape == painting.shape


def test_reconstructing_style_starts_from_blurred_noise(network, painting):
    run = {**RUN, "iterations": 1, "evaluations": 1}
    blurred, plain = (
        recipes.reconstruct_style(painting, network=network, blur=blur, **run).frames[0]
        for blur in (2.0, 0.0)
    )
    roughness = [np.abs(np.diff(frame.astype(float), axis=1)).mean() for frame in (blurred, plain)]
    assert roughness[0] < roughness[1] / 3


def test_transfer_lowers_its_loss_and_keeps_the_photos_size(network, photo, painting):
    assert photo.shape != painting.shape
    result = recipes.transfer(photo, painting, network=network, **RUN)
    assert list(result.history[0]) == ["content", "style", "total variation"]
    assert totals(result)[-1] < 0.8 * totals(result)[0]
    assert result.image.shape == photo.shape


def test_recipes_load_pictures_by_path_to_the_size_asked_for():
    result = recipes.transfer(
        data.path("coffee"), str(data.path("stained_glass")), size=48, **FEW, **RUN
    )
    assert max(result.image.shape[2:]) == 48


def test_a_grey_photo_takes_the_colours_of_the_painting(network, photo, painting):
    grey = images.to_picture(photo).convert("L")
    result = recipes.transfer(grey, painting, network=network, size=48, **FEW, **RUN)
    assert totals(result)[-1] < totals(result)[0]
    assert (result.image.amax(1) - result.image.amin(1)).max() > 0.02


def test_a_panorama_is_painted(network, painting):
    panorama = Image.effect_noise((256, 32), 80)
    result = recipes.transfer(panorama, painting, network=network, **RUN)
    assert result.image.shape == (1, 3, 32, 256)


def test_each_start_is_what_its_name_says(network, photo, painting):
    shape = tuple(photo.shape[2:])
    starts = {
        "content": photo,
        "noise": images.noise_image(shape, seed=3),
        "style": images.resize_image(painting, shape),
    }
    run = {"iterations": 1, "evaluations": 1, "progress": False}
    for start, expected in starts.items():
        result = recipes.transfer(
            photo, painting, start=start, seed=3, network=network, **FEW, **run
        )
        assert difference(result.frames[0], expected) < 1 / 255, start


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(network, photo):
    first, again, other = (
        recipes.reconstruct_content(
            photo, layer="block2_conv1", network=network, seed=seed, **RUN
        ).image
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("option", "term"),
    [
        ("content_weight", "content"),
        ("style_weight", "style"),
        ("tv_weight", "total variation"),
    ],
)
def test_each_weight_scales_its_own_term(network, photo, painting, option, term):
    usual, tripled = (
        recipes.transfer(
            photo, painting, start="noise", network=network, **{option: weight}, **FEW, **RUN
        ).history[0]
        for weight in (2.0, 6.0)
    )
    for name, value in usual.items():
        assert tripled[name] == pytest.approx((3 if name == term else 1) * value), name


def test_style_weights_choose_among_the_layers(network, photo, painting):
    options = {"content_layer": "block2_conv2", "network": network, **RUN}
    two = ["block1_conv1", "block2_conv1"]
    runs = {
        weights: recipes.transfer(
            photo, painting, style_layers=two, style_weights=weights, **options
        ).history[0]["style"]
        for weights in ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5))
    }
    alone = recipes.transfer(photo, painting, style_layers=two[1:], **options).history[0]["style"]
    assert runs[0.0, 1.0] == pytest.approx(alone)
    assert runs[0.5, 0.5] == pytest.approx((runs[1.0, 0.0] + runs[0.0, 1.0]) / 2)
    default = recipes.transfer(photo, painting, style_layers=two, **options).history[0]["style"]
    assert default == pytest.approx(runs[0.5, 0.5])


def test_a_network_can_be_named(photo):
    result = recipes.reconstruct_content(photo, layer="block1_conv1", network="random", **RUN)
    assert totals(result)[-1] < totals(result)[0]


def test_the_pictures_are_not_changed(network, photo, painting):
    before = photo.clone(), painting.clone()
    recipes.transfer(photo, painting, network=network, **FEW, **RUN)
    assert torch.equal(photo, before[0])
    assert torch.equal(painting, before[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "middle"}, "'middle'.*content, noise, style"),
        ({"network": "alexnet"}, "'alexnet'.*pocket, random"),
        ({"content_layer": "conv9"}, "'conv9'.*block1_conv1"),
        ({"style_layers": ["conv9"]}, "'conv9'.*block1_conv1"),
        ({"style_layers": []}, "no layers"),
        ({"content_weight": -1}, "weight of content is -1"),
        ({"style_weight": float("nan")}, "weight of style is nan"),
        ({"tv_weight": float("inf")}, "weight of total_variation is inf"),
        ({**ONE, "style_weights": [-0.5]}, "block1_conv1 is -0.5"),
        ({**ONE, "style_weights": [float("nan")]}, "block1_conv1 is nan"),
        ({**ONE, "style_weights": [1, 1]}, "2 style weights for 1"),
        ({"style_weights": []}, "0 style weights for 5"),
        ({"optimizer": "sgd"}, "'sgd'.*lbfgs, adam"),
        ({"iterations": 0}, "iterations is 0"),
    ],
)
def test_transfer_refuses_bad_options(photo, painting, options, message):
    with pytest.raises(ValueError, match=message):
        recipes.transfer(photo, painting, **{"progress": False, **options})


@pytest.mark.parametrize(
    ("recipe", "options", "message"),
    [
        (recipes.reconstruct_content, {"layer": "conv9"}, "'conv9'.*block1_conv1"),
        (recipes.reconstruct_content, {"network": "alexnet"}, "'alexnet'.*pocket, random"),
        (recipes.reconstruct_style, {"layers": ["conv9"]}, "'conv9'.*block1_conv1"),
        (recipes.reconstruct_style, {"layers": []}, "no layers"),
        (recipes.reconstruct_style, {"network": "alexnet"}, "'alexnet'.*pocket, random"),
    ],
)
def test_reconstructions_refuse_bad_options(photo, recipe, options, message):
    with pytest.raises(ValueError, match=message):
        recipe(photo, **options, progress=False)


BAD_PICTURES = [
    (torch.rand(2, 3, 48, 48), r"one RGB image.*\(2, 3, 48, 48\)"),
    (torch.rand(3, 48, 48), r"one RGB image.*\(3, 48, 48\)"),
    (torch.full((1, 3, 48, 48), float("nan")), "not finite"),
    (torch.rand(1, 3, 48, 15), "48x15 px.*at least"),
    (b"no picture", "not a picture"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_PICTURES)
def test_every_recipe_refuses_a_bad_picture(network, photo, bad, message):
    options = {"network": network, "progress": False}
    for recipe, pictures in [
        (recipes.reconstruct_content, [bad]),
        (recipes.reconstruct_style, [bad]),
        (recipes.transfer, [bad, photo]),
        (recipes.transfer, [photo, bad]),
    ]:
        with pytest.raises(ValueError, match=message):
            recipe(*pictures, **options)


def test_a_photo_too_small_for_the_style_layers_is_refused(network, painting):
    with pytest.raises(ValueError, match="24x24 px.*block5_conv1.*at least 32 px"):
        recipes.transfer(torch.rand(1, 3, 24, 24), painting, network=network, progress=False)
