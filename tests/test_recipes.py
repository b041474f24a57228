import importlib
import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2yiq

from nstlib import colors, data, images, masks, recipes
from nstlib.features import load_network
from nstlib.losses import gram_matrix, style_loss, total_variation
from nstlib.recipes import scales
from nstlib.recipes.balance import balance_terms, dry_run_image, pull
from nstlib.recipes.comparison import Weights, choose_weights, compare
from nstlib.recipes.defaults import CONTENT_PULL, TV_PULL

# `recipes.transfer` is the function
COMPARISON = importlib.import_module("nstlib.recipes.comparison")
SCALES = importlib.import_module("nstlib.recipes.scales")

RUN = {"iterations": 2, "evaluations": 4, "progress": False}
ONE = {"style_layers": ["block1_conv1"]}
FEW = {"style_layers": ["block1_conv1", "block2_conv1"], "content_layer": "block2_conv2"}


@pytest.fixture(scope="module")
def painting():
    return images.load_image(data.path("woodcut_wave"), size=56)


@pytest.fixture(scope="module")
def night():
    return images.load_image(data.path("swirling_night"), size=64)


def totals(result) -> list[float]:
    return [sum(terms.values()) for terms in result.history]


def evaluate(objective, image) -> tuple[dict[str, float], torch.Tensor]:
    """An objective's terms, and the gradient of their sum."""
    image = image.clone().requires_grad_()
    terms = objective(image)
    (gradient,) = torch.autograd.grad(sum(terms.values()), image)
    return {name: term.item() for name, term in terms.items()}, gradient


def same(first, second, image, close: float = 1e-6) -> bool:
    """Whether two objectives have the same terms and gradient, up to a relative error."""
    (terms, gradient), (others, other) = (evaluate(x, image) for x in (first, second))
    return terms == pytest.approx(others, rel=close, abs=0) and bool(
        (gradient - other).norm() <= close * gradient.norm()
    )


def left_half(image: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros(1, 1, *image.shape[2:])
    mask[..., : image.shape[3] // 2] = 1
    return mask


def chroma(picture) -> np.ndarray:
    """I and Q of an image tensor or a frame, from an independent reference."""
    if isinstance(picture, torch.Tensor):
        return rgb2yiq(picture[0].permute(1, 2, 0).double().numpy())[..., 1:]
    return rgb2yiq(picture / 255.0)[..., 1:]


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
        "filtered noise": images.noise_image(shape, seed=3, amplitude=0.5, blur=2.0),
        "tint": colors.tint(photo, painting, seed=3),
    }
    assert set(starts) == set(recipes.STARTS)
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
        ({"start": "middle"}, "'middle'.*content, noise, filtered noise, style, tint"),
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


def test_a_transfer_can_start_from_any_image(network, photo, painting):
    run = {"iterations": 1, "evaluations": 1, "progress": False, "network": network}
    for start in (1 - photo, torch.rand(1, 3, 30, 30)):
        frame = recipes.transfer(photo, painting, start=start, **FEW, **run).frames[0]
        assert difference(frame, images.resize_image(start, photo.shape[2:])) < 1 / 255


def test_white_paper_becomes_a_painting_from_a_tinted_start(network, painting):
    result = recipes.transfer(
        torch.ones(1, 3, 48, 48), painting, start="tint", network=network, **RUN
    )
    assert totals(result)[-1] < totals(result)[0]
    assert (result.image.mean((2, 3)) - painting.mean((2, 3))).abs().max() < 0.2
    assert result.image.std() > 0.05


@pytest.mark.parametrize("start", recipes.STARTS)
def test_a_tiny_sketch_is_refused_with_the_size_it_needs(network, painting, start):
    with pytest.raises(ValueError, match="8x8 px is too small.*needs at least 16 px"):
        recipes.transfer(
            torch.ones(1, 3, 8, 8), painting, start=start, network=network, progress=False
        )


def test_a_tiny_sketch_is_painted_with_shallow_layers_or_enlarged(network, painting):
    sketch = torch.ones(1, 3, 8, 8)
    layers = {"style_layers": ["block1_conv1"], "content_layer": "block1_conv2"}
    result = recipes.transfer(sketch, painting, start="tint", network=network, **layers, **RUN)
    assert result.image.shape == (1, 3, 8, 8)
    result = recipes.transfer(sketch, painting, start="tint", network=network, scales=[48], **RUN)
    assert result.image.shape == (1, 3, 48, 48)
    assert torch.isfinite(result.image).all()


def test_a_file_object_is_enough(network, painting):
    file = io.BytesIO(data.path("chelsea").read_bytes())
    result = recipes.transfer(
        file, painting, colors="photo", size=48, network=network, **FEW, **RUN
    )
    assert max(result.image.shape[2:]) == 48


@pytest.mark.parametrize("scales", [None, (32, 64)])
def test_luminance_only_keeps_the_photos_chroma_in_the_result_and_every_frame(
    network, photo, painting, scales
):
    options = {"colors": "photo", "start": "style", "scales": scales, "network": network, **FEW}
    result = recipes.transfer(photo, painting, **options, **RUN)
    assert np.abs(chroma(result.image) - chroma(photo)).max() < 1e-6
    assert 0 <= result.image.min() <= result.image.max() <= 1
    assert (result.image - photo).abs().mean() > 0.05
    assert len(result.frames) == len(result.history)
    for frame in result.frames:
        assert np.abs(chroma(frame) - chroma(photo)).max() < 1.2 * 0.5 / 255 + 1e-6


@pytest.mark.parametrize("scales", [None, (32, 64)])
def test_luminance_only_keeps_the_photos_chroma_one_iteration_at_a_time(
    network, photo, painting, scales
):
    options = {"colors": "photo", "scales": scales, "network": network, **FEW}
    run = {"iterations": 2, "evaluations": 4}
    for iteration in recipes.iterate_transfer(photo, painting, **options, **run):
        image = iteration.image
        wanted = images.resize_image(photo, tuple(image.shape[2:]))
        wanted = photo if image.shape == photo.shape else wanted
        assert np.abs(chroma(image) - chroma(wanted)).max() < 1e-6
        assert 0 <= image.min() <= image.max() <= 1
    assert torch.equal(image, recipes.transfer(photo, painting, **options, **RUN).image)


def test_luminance_only_paints_with_the_luminance_of_a_photo_from_a_file(network, painting):
    path = data.path("coffee")
    result = recipes.transfer(
        path, painting, colors="photo", size=40, network=network, **FEW, **RUN
    )
    wanted = chroma(images.load_image(path, size=40))
    assert np.abs(chroma(result.image) - wanted).max() < 1e-6


def test_luminance_only_compares_grey_pictures(network, photo, painting):
    _, objective = recipes.transfer_objective(photo, painting, colors="photo", network=network)
    grey_photo, grey_painting = (
        colors.luminance(photo),
        colors.match_luminance(painting, photo),
    )
    _, expected = recipes.transfer_objective(grey_photo, grey_painting, network=network)
    image = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    found, wanted = objective(image), expected(colors.luminance(image))
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name])


def test_luminance_only_pulls_along_the_luminance(network, photo, painting):
    _, objective = recipes.transfer_objective(photo, painting, colors="photo", network=network)
    _, gradient = evaluate(objective, (photo + 0.1).clamp(0, 1))
    along = gradient / torch.tensor(colors.LUMINANCE).reshape(1, 3, 1, 1)
    assert along.abs().max() > 0
    torch.testing.assert_close(along, along[:, :1].expand_as(along))


def test_matched_colours_are_the_photos_before_the_painting_is_compared(network, photo, painting):
    start, objective = recipes.transfer_objective(
        photo, painting, colors="match", start="style", network=network
    )
    matched = colors.match_colors(painting, photo)
    begin, expected = recipes.transfer_objective(photo, matched, start="style", network=network)
    assert same(objective, expected, dry_run_image(compare(photo, painting, network=network)))
    assert torch.equal(start, begin)


def test_matched_colours_bring_the_result_nearer_to_the_photos(network, photo, night):
    means = [
        recipes.transfer(
            photo, night, colors=choice, start="style", network=network, **RUN
        ).image.mean((0, 2, 3))
        for choice in ("match", "painting")
    ]
    near, far = ((mean - photo.mean((0, 2, 3))).abs().max() for mean in means)
    assert near < far / 3


def test_a_blend_of_a_style_with_itself_is_that_style(network, photo, painting):
    options = {"network": network, "start": "noise"}
    _, alone = recipes.transfer_objective(photo, painting, **options)
    _, blend = recipes.transfer_objective(photo, [painting, painting], **options)
    assert same(alone, blend, photo)
    first, second = (
        recipes.transfer(photo, style, **options, **RUN).image
        for style in (painting, [painting, painting])
    )
    assert torch.equal(first, second)


def test_a_blend_pulls_as_its_styles_do_by_their_shares(network, photo, painting, night):
    weights = {"content_weight": 0, "tv_weight": 0, "network": network}

    def slope(style, shares=None):
        _, objective = recipes.transfer_objective(photo, style, style_shares=shares, **weights)
        return evaluate(objective, photo)[1]

    expected = 0.75 * slope(painting) + 0.25 * slope(night)
    found = slope([painting, night], [3, 1])
    assert (found - expected).norm() < 1e-4 * expected.norm()
    assert torch.equal(slope([painting, night]), slope([painting, night], [0.5, 0.5]))
    assert torch.equal(slope([painting, night], [1, 0]), slope(painting))


WHOLE = [
    lambda photo, painting: {"masks": [torch.ones(1, 1, *photo.shape[2:])]},
    lambda photo, painting: {"masks": torch.ones(1, 1, *photo.shape[2:])},
    lambda photo, painting: {"masks": [None]},
    lambda photo, painting: {"style_masks": [torch.ones(1, 1, *painting.shape[2:])]},
    lambda photo, painting: {"style_masks": [None]},
    lambda photo, painting: {"style_masks": [torch.full((1, 1, *painting.shape[2:]), 0.3)]},
]


@pytest.mark.parametrize("whole", WHOLE)
def test_a_mask_of_the_whole_picture_is_no_mask(network, photo, painting, whole):
    options = whole(photo, painting)
    _, masked = recipes.transfer_objective(photo, painting, network=network, **options)
    _, plain = recipes.transfer_objective(photo, painting, network=network)
    image = dry_run_image(compare(photo, painting, network=network))
    assert same(masked, plain, image)
    first, second = (
        recipes.transfer(photo, painting, network=network, **choice, **RUN).image
        for choice in (options, {})
    )
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)


def test_regions_count_by_the_area_that_they_cover(network, photo, painting, night):
    mask = left_half(photo)
    mask[..., :8] = 0.5
    _, objective = recipes.transfer_objective(
        photo, [painting, night], masks=[mask, None], network=network, **FEW, style_weight=2.0
    )
    features, expected = network(1 - photo, FEW["style_layers"]), 0.0
    for part, style in ((mask, painting), (1 - mask, night)):
        for layer, target in network(style, FEW["style_layers"]).items():
            value = features[layer][0]
            guide = torch.nn.functional.adaptive_avg_pool2d(part, value.shape[1:])[0, 0]
            gram = torch.einsum("chw,dhw,hw->cd", value, value, guide) / guide.sum() / len(value)
            wanted = torch.einsum("chw,dhw->cd", target[0], target[0]) / target.numel()
            expected += part.mean() * (gram - wanted).square().mean()
    torch.testing.assert_close(objective(1 - photo)["style"], expected)


def test_styles_that_overlap_everywhere_pull_like_a_blend(network, photo, painting, night):
    weights = {"content_weight": 0, "tv_weight": 0, "network": network}
    ones = torch.ones(1, 1, *photo.shape[2:])
    options = {"style_shares": [3, 1], **weights}
    _, blend = recipes.transfer_objective(photo, [painting, night], **options)
    _, masked = recipes.transfer_objective(photo, [painting, night], masks=[ones, ones], **options)
    expected, found = (evaluate(objective, photo)[1] for objective in (blend, masked))
    assert (found - expected).norm() < 1e-4 * expected.norm()


def test_masks_can_be_files_and_of_any_resolution(network, photo, painting, night, tmp_path):
    mask = left_half(photo)
    file = images.save_image(mask.expand(1, 3, -1, -1), tmp_path / "mask.png")
    large = torch.nn.functional.interpolate(mask, scale_factor=4.0)
    options = {"network": network, **FEW}

    def objective(*given):
        return recipes.transfer_objective(photo, [painting, night], masks=list(given), **options)[1]

    expected = objective(mask, None)
    for given in (file, str(file), mask.bool(), mask.double()):
        assert same(objective(given, None), expected, photo, 1e-5)
    for given in (large, large.bool()):
        assert same(objective(given, None), expected, photo, 0.02)
    assert same(objective(None, 1 - mask), expected, photo, 1e-5)
    assert same(objective(mask, 1 - mask), expected, photo, 1e-5)
    assert not same(objective(1 - mask, None), expected, photo, 0.1)


def test_only_what_the_style_mask_lets_in_counts(network, photo, painting):
    mask = left_half(painting)
    other = painting.clone()
    other[..., painting.shape[3] // 2 + 2 :] = 0.9  # out of sight of the layer's 3 px
    options = {**ONE, "network": network}
    objectives = [
        recipes.transfer_objective(photo, style, style_masks=chosen, **options)[1]
        for style, chosen in ((painting, [mask]), (other, [mask]), (painting, None), (other, None))
    ]
    assert same(objectives[0], objectives[1], photo)
    assert not same(objectives[0], objectives[2], photo, 1e-3)
    assert not same(objectives[2], objectives[3], photo, 1e-3)


def test_each_painting_has_its_own_style_mask(network, photo, painting, night):
    sheet = torch.cat([night, torch.full_like(night, 0.9)], 3)
    left = left_half(sheet)
    left[..., 62:] = 0  # out of sight of the border
    options = {**ONE, "network": network, "content_weight": 0, "tv_weight": 0}

    def slope(style, mask):
        _, objective = recipes.transfer_objective(
            photo, [painting, style], style_masks=[None, mask], **options
        )
        return evaluate(objective, photo)[1]

    wanted = slope(night, left[..., :64])
    assert (slope(sheet, left) - wanted).norm() < 1e-4 * wanted.norm()
    assert (slope(sheet, 1 - left) - wanted).norm() > 0.2 * wanted.norm()


def style_distances(network, image, mask, styles) -> list[float]:
    features = network(image, recipes.STYLE_LAYERS)
    guides = masks.layer_guides(mask, {name: x.shape[2:] for name, x in features.items()})
    targets = (network(style, recipes.STYLE_LAYERS) for style in styles)
    grams = ({name: gram_matrix(x) for name, x in target.items()} for target in targets)
    return [style_loss(features, gram, None, guides).item() for gram in grams]


def seam(image: torch.Tensor) -> float:
    """The step across the middle column, over the mean step between columns."""
    steps = image.diff(dim=3).abs().mean((0, 1, 2))
    return float(steps[image.shape[3] // 2 - 1] / steps.mean())


def test_each_half_takes_its_own_style_and_no_seam_parts_them(network):
    photo, wave, night = (
        images.load_image(data.path(name), size=96)
        for name in ("coffee", "woodcut_wave", "swirling_night")
    )
    left = left_half(photo)
    run = {"network": network, "iterations": 3, "evaluations": 6, "progress": False}
    options = {"masks": [masks.soften(left, 4.0), None], **run}
    result = recipes.transfer(photo, [wave, night], **options)
    own, other = style_distances(network, result.image, left, [wave, night])
    assert own < other / 20
    other, own = style_distances(network, result.image, 1 - left, [wave, night])
    assert own < other / 20
    assert seam(result.image) < 1.2
    alone = [recipes.transfer(photo, style, **run).image for style in (wave, night)]
    assert seam(torch.where(left > 0, *alone)) > 1.5 * seam(result.image)


def test_content_remains_where_no_mask_is(network, photo, painting):
    mask = left_half(photo)
    result = recipes.transfer(
        photo, painting, masks=[mask], tv_weight=0, network=network, **FEW, **RUN
    )
    change = (result.image - photo).abs().mean((0, 1, 2))
    assert change[40:].mean() < change[:24].mean() / 5


MASK_MISTAKES = [
    (lambda half: {"masks": [0 * half, None]}, "mask 1 is empty"),
    (lambda half: {"masks": [None, None]}, "only one mask can be None"),
    (lambda half: {"masks": [0 * half + 1, None]}, "nothing for the rest"),
    (lambda half: {"masks": [half.mT, None]}, "mask 1 is 43x64 px and its picture 64x43 px"),
    (lambda half: {"masks": [None, 2 * half]}, r"mask 2 has values outside \[0, 1\]"),
    (lambda half: {"masks": [half - 0.5, None]}, r"mask 1 has values outside \[0, 1\]"),
    (lambda half: {"masks": [half[0], None]}, r"mask 1 must be \(1, 1, H, W\)"),
    (lambda half: {"masks": [half]}, "1 masks for 2 styles"),
    (lambda half: {"masks": half}, "1 masks for 2 styles"),
    (lambda half: {"masks": []}, "0 masks for 2 styles"),
    (lambda half: {"style_masks": [None]}, "1 style masks for 2 styles"),
    (lambda half: {"style_masks": [None, half]}, "style mask 2 is 64x43 px and its picture"),
    (lambda half: {"style_masks": [0 * half, None]}, "style mask 1 is empty|style mask 1 is 64x43"),
    (lambda half: {"style_shares": [1]}, "1 style shares for 2 styles"),
    (lambda half: {"style_shares": [2, -1]}, "style shares are.*0 or more"),
    (lambda half: {"style_shares": [0, 0]}, "style shares are.*not all 0"),
    (lambda half: {"style_shares": [float("nan"), 1]}, "style shares are"),
]


@pytest.mark.parametrize(("mistake", "message"), MASK_MISTAKES)
def test_masks_and_shares_that_make_no_sense_are_refused(
    network, photo, painting, night, mistake, message
):
    options = mistake(left_half(photo))
    with pytest.raises(ValueError, match=message):
        recipes.transfer(photo, [painting, night], network=network, progress=False, **options)


def test_a_region_too_small_for_a_layer_is_refused_by_both_names(network, photo, painting, night):
    spot = torch.zeros(1, 1, *photo.shape[2:])
    spot[..., 20:26, 20:26] = 1
    options = {"masks": [spot, None], "network": network}
    with pytest.raises(ValueError, match="mask 1 covers .* positions of block4_conv1.*larger"):
        recipes.transfer(photo, [painting, night], **options, progress=False)
    sources = {"style_masks": [None, torch.zeros(1, 1, *night.shape[2:])], "network": network}
    sources["style_masks"][1][..., :6, :6] = 1
    with pytest.raises(ValueError, match="style mask 2 covers .* positions of block4_conv1"):
        recipes.transfer(photo, [painting, night], **sources, progress=False)
    result = recipes.transfer(photo, [painting, night], **options, **FEW, **RUN)
    assert totals(result)[-1] < totals(result)[0]


def test_no_style_is_refused(network, photo):
    with pytest.raises(ValueError, match="no style given"):
        recipes.transfer(photo, [], network=network, progress=False)


def pulls(objective, image) -> dict[str, float]:
    image = image.clone().requires_grad_()
    return {
        name: torch.autograd.grad(term, image, retain_graph=True)[0].norm().item()
        for name, term in objective(image).items()
    }


@pytest.mark.parametrize("choice", colors.CHOICES)
def test_equal_shares_pull_equally_hard(network, photo, painting, night, choice):
    styles = [painting, night]
    compared = {"colors": choice, "masks": [left_half(photo), None], "network": network}
    image = dry_run_image(compare(photo, styles, **compared))
    ones = {"content_weight": 1, "style_weight": 1, "tv_weight": 1}
    _, objective = recipes.transfer_objective(photo, styles, balance=True, **ones, **compared)
    content, style, variation = pulls(objective, image).values()
    assert content == pytest.approx(style, rel=0.05)
    assert variation == pytest.approx(style, rel=0.05)


def test_shares_of_the_pull_are_what_they_say(network, photo, painting):
    image = dry_run_image(compare(photo, painting, network=network))
    shares = {"content_weight": 3, "style_weight": 2, "tv_weight": 0.5}
    _, objective = recipes.transfer_objective(
        photo, painting, balance=True, network=network, **shares
    )
    content, style, variation = pulls(objective, image).values()
    assert content / style == pytest.approx(1.5, rel=0.05)
    assert variation / style == pytest.approx(0.25, rel=0.05)
    _, objective = recipes.transfer_objective(photo, painting, balance=True, network=network)
    content, style, variation = pulls(objective, image).values()
    assert content / style == pytest.approx(CONTENT_PULL, rel=0.05)
    assert variation / style == pytest.approx(TV_PULL, rel=0.05)


@pytest.mark.parametrize("weights", [None, [0.4, 0.3, 0.2, 0.1, 0.0]])
def test_style_layers_pull_as_their_shares_say(network, photo, painting, weights):
    comparison = compare(photo, painting, network=network)
    shares = choose_weights(comparison, 1.0, 1.0, 1.0, weights, pulls=True)
    balanced = balance_terms(comparison, shares)
    none = dict.fromkeys(balanced.layers, 0.0)
    found = [
        pull(comparison, Weights(0.0, {**none, layer: weight}, 0.0))["style"]
        for layer, weight in balanced.layers.items()
    ]
    wanted = [1.0] * 5 if weights is None else weights
    np.testing.assert_allclose(np.divide(found, found[0]), np.divide(wanted, wanted[0]), rtol=0.01)


def test_the_pull_is_measured_half_way_between_photo_and_paintings(network, photo, painting, night):
    image = dry_run_image(compare(photo, [painting, night], network=network))
    shape = tuple(photo.shape[2:])
    mean = (images.resize_image(painting, shape) + images.resize_image(night, shape)) / 2
    torch.testing.assert_close(image, (photo + mean) / 2)


def loud_network():
    """pocket, but each layer answers by another factor."""
    network, before = load_network(device="cpu"), 1.0
    for number, layer in enumerate(network.layers):
        after = (0.25, 3.0, 8.0, 0.5)[number % 4]
        network.stages[layer].rescale(before, after)
        before = after
    return network


def test_a_balanced_picture_does_not_depend_on_the_scale_of_features(network, photo, painting):
    loud, options = loud_network(), {"start": "content", **RUN}
    features = [one(photo, ["block3_conv1"])["block3_conv1"].mean() for one in (network, loud)]
    assert features[1] > 1.5 * features[0] or features[1] < features[0] / 1.5
    first, second = (
        recipes.transfer(photo, painting, balance=True, network=one, **options).image
        for one in (network, loud)
    )
    assert (first - second).abs().max() < 1e-3
    plain, other = (
        recipes.transfer(photo, painting, network=one, **options).image for one in (network, loud)
    )
    assert (plain - other).abs().max() > 1e-2


@pytest.mark.parametrize("choice", colors.CHOICES)
@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_same_picture_twice_can_be_balanced(network, photo, choice, start):
    options = {"colors": choice, "start": start, "network": network}
    result = recipes.transfer(photo, photo, balance=True, **options, **RUN)
    assert torch.isfinite(result.image).all()
    assert totals(result)[-1] <= totals(result)[0]


def test_a_term_without_a_share_does_not_count(network, photo, painting):
    _, objective = recipes.transfer_objective(
        photo, painting, balance=True, content_weight=0, tv_weight=0, network=network
    )
    terms, _ = evaluate(objective, photo)
    assert terms["style"] > 0
    assert sum(terms.values()) == terms["style"]


def test_balanced_weights_pull_as_the_defaults_do_on_the_built_in_pictures(
    network, photo, painting
):
    weights = recipes.balanced_weights(photo, painting, network=network)
    image = dry_run_image(compare(photo, painting, network=network))
    _, objective = recipes.transfer_objective(photo, painting, network=network, **weights)
    content, style, variation = pulls(objective, image).values()
    assert content / style == pytest.approx(CONTENT_PULL, rel=1e-3)
    assert variation / style == pytest.approx(TV_PULL, rel=1e-3)
    assert weights["style_weight"] == recipes.STYLE_WEIGHT


def test_balanced_weights_of_the_same_picture_twice_are_the_defaults(network, photo):
    assert recipes.balanced_weights(photo, photo, network=network) == {
        "content_weight": recipes.CONTENT_WEIGHT,
        "style_weight": recipes.STYLE_WEIGHT,
        "tv_weight": recipes.TV_WEIGHT,
    }


def test_coarse_to_fine_keeps_the_history_of_all_scales(network, photo, painting):
    options = {"network": network, "scales": (32, 64), "iterations": (3, 2), **FEW}
    result = recipes.transfer(photo, painting, evaluations=4, progress=False, **options)
    assert result.image.shape == photo.shape
    assert len(result.history) == len(result.frames) == 4 + 3
    assert {frame.shape for frame in result.frames} == {(43, 64, 3)}
    assert result.stop_reason == "finished"
    assert 2 + 3 * 4 + 2 * 4 <= result.evaluations <= 2 + 5 * 8
    assert totals(result)[3] < totals(result)[0]
    assert totals(result)[-1] < totals(result)[4]


def test_each_scale_starts_from_the_result_of_the_one_before(network, photo, painting):
    options = {"network": network, "scales": (32, 64), "start": "style", **FEW}
    frames = recipes.transfer(photo, painting, **options, **RUN).frames
    before, first, last = (frames[number].astype(float) for number in (2, 3, 5))
    small = np.asarray(Image.fromarray(frames[3]).resize((32, 22)).resize((64, 43)), float)
    assert np.abs(before - small).mean() < 4
    assert np.abs(before - small).mean() < np.abs(last - first).mean()


def test_coarse_to_fine_equals_its_scales_one_after_the_other(network, photo, painting):
    options = {"network": network, **FEW, **RUN}
    result = recipes.transfer(photo, painting, scales=(32, 64), start="noise", **options)
    small = [images.resize_image(photo, (22, 32)), images.resize_image(painting, (21, 28))]
    assert painting.shape[2:] == (42, 56)
    first = recipes.transfer(*small, start="noise", **options)
    second = recipes.transfer(photo, painting, start=first.image, **options)
    assert torch.equal(result.image, second.image)
    assert result.history == first.history + second.history
    assert result.evaluations == first.evaluations + second.evaluations


@pytest.mark.parametrize("choice", ["painting", "photo"])
def test_iterating_a_coarse_to_fine_transfer_goes_on_from_scale_to_scale(
    network, photo, painting, choice
):
    options = {"scales": (32, 48, 64), "colors": choice, "network": network, **FEW}
    run = {"iterations": (3, 2, 2), "evaluations": 3}
    result = recipes.transfer(photo, painting, **options, **run, progress=False)
    steps = list(recipes.iterate_transfer(photo, painting, **options, **run))
    assert [step.number for step in steps] == list(range(8))
    assert [max(step.image.shape) for step in steps] == [32] * 4 + [48] * 2 + [64] * 2
    for before, after in zip(steps, steps[1:], strict=False):
        assert before.evaluations < after.evaluations
        assert before.seconds < after.seconds
    assert torch.equal(steps[-1].image, result.image)
    assert steps[-1].losses == result.history[-1]
    assert steps[-1].evaluations == result.evaluations


def test_coarse_to_fine_ends_lower_than_one_scale_at_equal_cost(network):
    photo = images.load_image(data.path("astronaut"), size=128)
    painting = images.load_image(data.path("swirling_night"), size=128)
    options = {"network": network, "start": "noise", "evaluations": 5, "progress": False}
    steps = SCALES.iterate_transfer(
        photo,
        painting,
        scales=(48, 128),
        iterations=(6, 3),
        network=network,
        start="noise",
        evaluations=5,
    )
    cost, before = 0.0, 0
    for step in steps:
        area = (max(step.image.shape) / 128) ** 2
        cost, before = cost + (step.evaluations - before) * area, step.evaluations
    single = recipes.transfer(photo, painting, iterations=4, **options)
    assert cost < single.evaluations * 1.05
    assert step.total < 0.8 * totals(single)[-1]


def shapes_of_stages(monkeypatch, *pictures, **options) -> list[tuple]:
    """The longer sides of photo, start and paintings that each scale's objective gets."""
    found = []

    def record(content, style, *, start, **rest):
        found.append((content, start, *style))
        return recipes.transfer_objective(content, style, start=start, **rest)

    monkeypatch.setattr(SCALES, "transfer_objective", record)
    recipes.transfer(*pictures, **{"iterations": 1, "evaluations": 1, "progress": False}, **options)
    return [
        tuple(max(x.shape) if isinstance(x, torch.Tensor) else x for x in stage) for stage in found
    ]


@pytest.mark.parametrize(
    ("style_size", "sizes"), [(None, [(32, 32), (64, 64)]), (40, [(20, 20), (40, 40)])]
)
def test_scales_replace_the_size_and_shrink_the_paintings_in_proportion(
    monkeypatch, network, style_size, sizes
):
    stages = shapes_of_stages(
        monkeypatch,
        data.path("chelsea"),
        [data.path("woodcut_wave"), data.path("ink_mountains")],
        scales=(32, 64),
        style_size=style_size,
        size=200,
        network=network,
        **FEW,
    )
    assert stages == [(32, "content", *sizes[0]), (64, 32, *sizes[1])]


def test_scales_replace_the_size_of_image_tensors_too(monkeypatch, network, painting):
    photo = images.load_image(data.path("chelsea"), size=50)
    stages = shapes_of_stages(
        monkeypatch, photo, painting, scales=[40, 80], start="noise", network=network, **FEW
    )
    assert stages == [(40, "noise", 28), (80, 40, 56)]


def test_style_size_is_the_size_that_paintings_are_loaded_at(network, photo):
    file, options = data.path("woodcut_wave"), {"network": network, **FEW}
    _, found = recipes.transfer_objective(photo, file, style_size=40, size=64, **options)
    _, wanted = recipes.transfer_objective(photo, images.load_image(file, size=40), **options)
    _, other = recipes.transfer_objective(photo, file, size=64, **options)
    assert same(found, wanted, photo)
    assert not same(found, other, photo, 1e-3)


def test_smaller_paintings_make_smaller_strokes(network):
    pictures = data.path("coffee"), data.path("swirling_night")
    options = {"size": 64, "content_weight": 0, "tv_weight": 0, "start": "noise"}
    roughness = []
    for style_size in (48, 256):
        run = {"iterations": 6, "evaluations": 6, "progress": False, "network": network}
        image = recipes.transfer(*pictures, style_size=style_size, **options, **run).image
        roughness.append(float(total_variation(image) / image.var((2, 3)).mean()))
    assert roughness[0] > 1.15 * roughness[1]


def test_masks_and_several_styles_go_through_the_scales(network, photo, painting, night):
    mask = left_half(photo)
    options = {"masks": [mask, None], "style_masks": [None, left_half(night)], "network": network}
    result = recipes.transfer(photo, [painting, night], scales=(32, 64), **options, **FEW, **RUN)
    assert result.image.shape == photo.shape
    assert totals(result)[-1] < totals(result)[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": ()}, "scales are.*growing whole numbers"),
        ({"scales": (64, 32)}, "scales are.*growing"),
        ({"scales": (32, 32, 64)}, "scales are.*growing"),
        ({"scales": (0, 64)}, "scales are.*growing"),
        ({"scales": (32.5, 64)}, "scales are.*whole numbers"),
        ({"scales": (True, 64)}, "scales are.*whole numbers"),
        ({"scales": "large"}, "scales are.*whole numbers"),
        ({"scales": 48.5}, "scales are.*whole numbers"),
        ({"scales": (16, 64)}, "too small.*at least"),
        ({"scales": (48, 64), "iterations": (1, 2, 3)}, "3 iterations for 2 scales"),
        ({"iterations": (1, 2)}, "2 iterations for 1 scales"),
        ({"iterations": 2.5}, "iterations is 2.5"),
        ({"iterations": None}, "iterations is None"),
        ({"scales": (48, 64), "iterations": (1, 0)}, "iterations is 0"),
        ({"colors": "sepia"}, "'sepia'.*painting, photo, match"),
    ],
)
def test_sizes_and_colours_that_make_no_sense_are_refused(
    network, photo, painting, options, message
):
    options = {"network": network, "evaluations": 1, **options}
    with pytest.raises(ValueError, match=message):
        recipes.transfer(photo, painting, progress=False, **options)
    with pytest.raises(ValueError, match=message):
        list(recipes.iterate_transfer(photo, painting, **options))


@pytest.mark.parametrize("scales", [None, (32, 64)])
def test_a_style_size_of_nothing_is_refused(network, photo, scales):
    file = data.path("woodcut_wave")
    with pytest.raises(ValueError, match="size is 0"):
        recipes.transfer(photo, file, style_size=0, scales=scales, network=network, progress=False)


def stop_at(monkeypatch, evaluation: int) -> None:
    """Raise an interrupt in the middle of an evaluation of the objective."""
    calls = []

    def variation(image):
        calls.append(image)
        if len(calls) == evaluation:
            raise KeyboardInterrupt
        return total_variation(image)

    monkeypatch.setattr(COMPARISON, "total_variation", variation)


@pytest.mark.parametrize("choice", ["painting", "photo"])
@pytest.mark.parametrize("evaluation", [1, 2, 7, 10, 12, 15])
def test_an_interrupted_transfer_returns_a_picture_of_the_last_size(
    monkeypatch, network, photo, painting, choice, evaluation
):
    stop_at(monkeypatch, evaluation)
    options = {"scales": (32, 64), "colors": choice, "network": network, **FEW}
    result = recipes.transfer(photo, painting, **options, **RUN)
    assert result.stop_reason == "interrupted"
    assert result.image.shape == photo.shape
    assert 0 <= result.image.min() <= result.image.max() <= 1
    assert len(result.history) == len(result.frames)
    assert bool(result.frames) == (evaluation > 1)
    assert len({frame.shape for frame in result.frames}) <= 1
    if choice == "photo":
        assert np.abs(chroma(result.image) - chroma(photo)).max() < 1e-6


def test_everything_at_once_makes_one_picture(network, photo, painting, night):
    sources = [None, masks.soften(left_half(night), 2.0)]
    result = recipes.transfer(
        photo,
        [painting, night],
        colors="match",
        masks=[masks.soften(left_half(photo), 3.0), None],
        style_masks=sources,
        style_shares=[2, 1],
        balance=True,
        scales=(48, 64),
        start="filtered noise",
        tv_weight=0.01,
        network=network,
        **RUN,
    )
    assert result.image.shape == photo.shape
    assert 0 <= result.image.min() <= result.image.max() <= 1
    assert totals(result)[2] < totals(result)[0]
    assert totals(result)[5] < totals(result)[3]
    assert list(result.history[-1]) == ["content", "style", "total variation"]


def test_an_interrupt_between_two_scales_keeps_the_picture(monkeypatch):
    prepare, calls = scales.transfer_objective, []

    def interrupt(*args, **options):
        calls.append(options)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return prepare(*args, **options)

    monkeypatch.setattr(scales, "transfer_objective", interrupt)
    photo, painting = (images.noise_image((64, 64), seed=n, amplitude=0.5) for n in (1, 2))
    result = recipes.transfer(photo, painting, scales=(48, 64), iterations=1, progress=False)
    assert result.stop_reason == "interrupted"
    assert result.image.shape == (1, 3, 64, 64)
    assert len(result.history) == 2


def test_a_style_without_a_share_goes_nowhere():
    photo, painting = (images.noise_image((64, 64), seed=n, amplitude=0.5) for n in (1, 2))
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    options = {"masks": [left, None], "style_shares": [1, 0]}
    _, objective = recipes.transfer_objective(photo, [painting, photo], **options)
    _, alone = recipes.transfer_objective(photo, painting, masks=[left])
    assert torch.allclose(objective(photo)["style"], alone(photo)["style"], rtol=1e-5)
