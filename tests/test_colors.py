import numpy as np
import pytest
import torch
from skimage.color import rgb2gray, rgb2yiq

from nstlib import colors, data, images

PICTURES = (*data.names("photo"), *data.names("painting"))


def load(name: str, size: int = 48) -> torch.Tensor:
    return images.load_image(data.path(name), size=size)


def rand(*sides: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, *sides, generator=torch.Generator().manual_seed(seed))


def constant(*color: float) -> torch.Tensor:
    return torch.tensor(color).reshape(1, 3, 1, 1).expand(1, 3, 20, 24).clone()


def array(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()  # (H, W, 3)


def apart(image: torch.Tensor, photo: torch.Tensor) -> float:
    """The largest difference of mean and covariance of colours."""
    ours, theirs = array(image).reshape(-1, 3), array(photo).reshape(-1, 3)
    mean = ours.mean(0) - theirs.mean(0)
    covariance = np.cov(ours.T, bias=True) - np.cov(theirs.T, bias=True)
    return max(np.abs(mean).max(), np.abs(covariance).max())


def test_luminance_is_that_of_yiq_three_times():
    image = rand(6, 7)
    grey = array(colors.luminance(image))
    assert grey.shape == (6, 7, 3)
    np.testing.assert_allclose(grey[..., 0], rgb2yiq(array(image))[..., 0], atol=1e-6)
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_luminance_of_a_batch_keeps_its_images_apart():
    batch = torch.cat([rand(4, 5), rand(4, 5, seed=1)])
    alone = torch.cat([colors.luminance(image[None]) for image in batch])
    assert torch.equal(colors.luminance(batch), alone)


@pytest.mark.parametrize("name", ["chelsea", "astronaut", "stained_glass"])
def test_kept_colours_have_the_photos_chroma_and_can_be_displayed(name):
    photo = load(name)
    image = rand(*photo.shape[2:])
    kept = colors.keep_colors(image, photo)
    found, wanted = rgb2yiq(array(kept))[..., 1:], rgb2yiq(array(photo))[..., 1:]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert 0 <= kept.min() <= kept.max() <= 1


def test_kept_colours_have_the_images_luminance_where_there_is_room():
    photo, image = 0.4 + 0.2 * rand(20, 24), 0.35 + 0.3 * rand(20, 24, seed=1)
    kept = colors.keep_colors(image, photo)
    np.testing.assert_allclose(
        rgb2yiq(array(kept))[..., 0], rgb2yiq(array(image))[..., 0], atol=1e-6
    )


def test_a_luminance_that_cannot_be_displayed_stops_at_the_nearest_that_can():
    photo = constant(0.5, 0.2, 0.9)
    brightest = colors.keep_colors(torch.ones_like(photo), photo)
    darkest = colors.keep_colors(torch.zeros_like(photo), photo)
    torch.testing.assert_close(brightest, constant(0.6, 0.3, 1.0))
    torch.testing.assert_close(darkest, constant(0.3, 0.0, 0.7))


def test_a_photos_own_luminance_brings_the_photo_back():
    photo = load("coffee")
    torch.testing.assert_close(colors.keep_colors(photo, photo), photo)


def test_keeping_colours_refuses_another_size():
    with pytest.raises(ValueError, match=r"\(1, 3, 4, 5\).*\(1, 3, 5, 4\).*differ in size"):
        colors.keep_colors(rand(4, 5), rand(5, 4))


def test_matched_luminance_has_the_photos_mean_and_deviation():
    painting, photo = 0.2 + 0.6 * rand(20, 24), 0.4 + 0.2 * rand(30, 10, seed=1)
    grey = array(colors.match_luminance(painting, photo))
    wanted = rgb2yiq(array(photo))[..., 0]
    assert np.array_equal(grey[..., 0], grey[..., 1])
    assert grey.mean() == pytest.approx(wanted.mean(), abs=1e-5)
    assert grey[..., 0].std() == pytest.approx(wanted.std(), rel=2e-3)
    order = np.corrcoef(grey[..., 0].ravel(), rgb2yiq(array(painting))[..., 0].ravel())
    assert order[0, 1] > 0.9999


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_matching_the_luminance_of_constant_pictures_is_finite(value):
    flat, photo = constant(value, value, value), load("chelsea")
    matched = colors.match_luminance(flat, photo)
    torch.testing.assert_close(matched.mean(), colors.luminance(photo).mean())
    torch.testing.assert_close(colors.match_luminance(photo, flat).mean(), flat.mean())


@pytest.mark.parametrize("name", PICTURES)
def test_matched_colours_have_the_photos_mean_and_covariance(name):
    photo = load(name, 40)
    for other in set(PICTURES) - {name}:
        picture = load(other)
        matched = colors.match_colors(picture, photo)
        assert matched.shape == picture.shape
        assert matched.dtype == torch.float32
        assert 0 <= matched.min() <= matched.max() <= 1
        assert apart(matched, photo) < 1e-3, other


@pytest.mark.parametrize("seed", range(5))
def test_matching_meets_random_colours_too(seed):
    picture, photo = rand(40, 30, seed=seed), rand(20, 50, seed=9 + seed) ** (1 + seed / 2)
    assert apart(colors.match_colors(picture, photo), photo) < 1e-3


def test_an_affine_map_that_needs_no_cutting_is_met_at_once():
    picture, photo = rand(30, 30), 0.4 + 0.1 * rand(30, 30, seed=1)
    assert apart(colors.match_colors(picture, photo), photo) < 1e-5


def test_the_covariance_is_matched_by_the_symmetric_root():
    picture, photo = 0.3 + 0.4 * rand(30, 30), 0.4 + 0.2 * rand(30, 30, seed=1)
    before, after = (
        array(x).reshape(-1, 3) for x in (picture, colors.match_colors(picture, photo))
    )
    change = np.linalg.lstsq(before - before.mean(0), after - after.mean(0), rcond=None)[0].T

    def root(covariance, power):
        values, vectors = np.linalg.eigh(covariance)
        return vectors @ np.diag(values**power) @ vectors.T

    expected = root(np.cov(array(photo).reshape(-1, 3).T), 0.5) @ root(np.cov(before.T), -0.5)
    np.testing.assert_allclose(change, expected, atol=1e-4)


def test_matching_a_picture_to_itself_changes_nothing():
    photo = load("astronaut")
    assert torch.equal(colors.match_colors(photo, photo), photo)


@pytest.mark.parametrize("method", ["covariance", "histogram"])
@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_photo_gives_its_colour_to_a_painting(method, value):
    photo = constant(value, 0.5, 1 - value)
    matched = colors.match_colors(load("woodcut_wave"), photo, method=method)
    torch.testing.assert_close(matched, photo[..., :1, :1].expand_as(matched), rtol=0, atol=0.01)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_a_constant_painting_gets_the_photos_mean_colour(value):
    photo = load("chelsea")
    matched = colors.match_colors(constant(value, value, value), photo)
    mean = photo.mean((2, 3), keepdim=True).expand_as(matched)
    torch.testing.assert_close(matched, mean, rtol=0, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_the_histogram_of_a_constant_painting_is_one_of_the_photos_colours(value):
    photo = load("chelsea")
    matched = colors.match_colors(constant(value, value, value), photo, method="histogram")
    assert matched.std((2, 3)).max() == 0
    assert (matched[..., :1, :1] >= photo.amin((2, 3), keepdim=True)).all()
    assert (matched[..., :1, :1] <= photo.amax((2, 3), keepdim=True)).all()


def test_a_grey_painting_gets_the_photos_mean_colour_and_stays_finite():
    photo = load("coffee")
    matched = colors.match_colors(colors.luminance(load("woodcut_wave")), photo)
    assert 0 <= matched.min() <= matched.max() <= 1
    assert (matched.mean((2, 3)) - photo.mean((2, 3))).abs().max() < 0.02


def test_matched_histograms_are_the_photos_values_rank_by_rank():
    picture, photo = rand(12, 15), rand(15, 12, seed=1) ** 2
    matched = colors.match_colors(picture, photo, method="histogram")
    for before, after, wanted in zip(picture[0], matched[0], photo[0], strict=True):
        expected = np.empty(180, np.float32)
        expected[np.argsort(before.numpy().ravel())] = np.sort(wanted.numpy().ravel())
        np.testing.assert_allclose(after.numpy().ravel(), expected, atol=1e-6)


def test_matched_histograms_of_other_sizes_have_the_photos_range():
    picture, photo = load("swirling_night"), load("coffee", 40)
    matched = colors.match_colors(picture, photo, method="histogram")
    assert matched.shape == picture.shape
    assert matched.dtype == torch.float32
    for level in (0.1, 0.5, 0.9):
        found, wanted = (np.quantile(array(x), level, axis=(0, 1)) for x in (matched, photo))
        np.testing.assert_allclose(found, wanted, atol=0.02)


def test_matching_changes_neither_picture():
    picture, photo = load("swirling_night"), load("coffee")
    before = picture.clone(), photo.clone()
    for method in ("covariance", "histogram"):
        colors.match_colors(picture, photo, method=method)
    assert torch.equal(picture, before[0])
    assert torch.equal(photo, before[1])


@pytest.mark.parametrize(
    ("pictures", "options", "message"),
    [
        ((rand(4, 5), rand(4, 5)), {"method": "mean"}, "'mean'.*covariance or histogram"),
        ((rand(4, 5)[0], rand(4, 5)), {}, r"\(3, 4, 5\)"),
        ((rand(4, 5), rand(4, 5) / 0), {}, "not finite"),
    ],
)
def test_matching_refuses_what_it_cannot_use(pictures, options, message):
    with pytest.raises(ValueError, match=message):
        colors.match_colors(*pictures, **options)


@pytest.mark.parametrize("name", data.names("painting"))
def test_white_paper_is_tinted_in_the_paintings_colours(name):
    painting = load(name)
    tinted = colors.tint(torch.ones(1, 3, 40, 56), painting)
    assert tinted.shape == (1, 3, 40, 56)
    assert 0 <= tinted.min() <= tinted.max() <= 1
    assert apart(tinted, painting) < 1e-2
    assert tinted.std() > 0.05


def test_a_tint_follows_the_sketch_and_its_seed():
    paper = torch.ones(1, 3, 40, 40)
    paper[..., :20] = 0
    painting = load("stained_glass")
    first, again, other = (colors.tint(paper, painting, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    left, right = rgb2gray(array(first))[:, :20], rgb2gray(array(first))[:, 20:]
    assert right.mean() - left.mean() > left.std()


def test_a_tint_without_noise_leaves_blank_paper_one_colour():
    painting = load("stained_glass")
    tinted = colors.tint(torch.ones(1, 3, 24, 24), painting, noise=0)
    assert tinted.std((2, 3)).max() < 0.01
    assert (tinted.mean((2, 3)) - painting.mean((2, 3))).abs().max() < 1e-2


def test_a_tint_is_as_smooth_as_its_blur_says():
    paper, painting = torch.ones(1, 3, 48, 48), load("stained_glass")
    rough, smooth = (
        colors.tint(paper, painting, blur=blur).diff(dim=3).abs().mean() for blur in (1.0, 6.0)
    )
    assert smooth < rough / 2


def test_the_smallest_sketch_is_tinted():
    tinted = colors.tint(torch.ones(1, 3, 8, 8), load("stained_glass"))
    assert torch.isfinite(tinted).all()
    assert tinted.shape == (1, 3, 8, 8)
