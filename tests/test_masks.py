import io

import numpy as np
import pytest
import torch
from PIL import Image

from nstlib import data, images, masks


def half(height: int = 8, width: int = 10) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def constant(value: float, height: int = 8, width: int = 10) -> torch.Tensor:
    return torch.full((1, 1, height, width), value)


def rand(seed: int, height: int = 8, width: int = 10) -> torch.Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed))


def pixel(x: int, y: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, 8, 10)
    mask[..., y, x] = 1
    return mask


def flat_picture() -> torch.Tensor:
    """Red on the left, green at the upper right, blue at the lower right."""
    image = torch.zeros(1, 3, 32, 40)
    image[:, 0, :, :20] = 1
    image[:, 1, :16, 20:] = 1
    image[:, 2, 16:, 20:] = 1
    return image


def test_a_mask_is_read_from_a_picture(tmp_path):
    levels = np.zeros((4, 6), np.uint8)
    levels[:, 3:], levels[0, 0] = 255, 51
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    path = tmp_path / "mask.png"
    path.write_bytes(file.getvalue())
    expected = torch.from_numpy(levels).float()[None, None] / 255
    for source in (path, str(path), file.getvalue(), Image.fromarray(levels)):
        torch.testing.assert_close(masks.load_mask(source), expected)
    assert masks.load_mask(path, size=3).shape == (1, 1, 2, 3)


def test_a_coloured_mask_counts_as_the_mean_of_its_channels():
    mask = masks.load_mask(Image.new("RGB", (2, 2), (255, 0, 51)))
    torch.testing.assert_close(mask, constant(0.4, 2, 2))


def test_a_mask_that_is_no_picture_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.png"):
        masks.load_mask(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="not a picture"):
        masks.load_mask(b"no mask")


def test_a_softened_mask_rises_over_its_edge_and_keeps_its_ends():
    soft = masks.soften(half(8, 40), 2.0)[0, 0]
    assert 0 <= soft.min() <= soft.max() <= 1
    torch.testing.assert_close(soft[:, 0], torch.ones(8))
    torch.testing.assert_close(soft[:, -1], torch.zeros(8))
    assert (soft.diff(dim=1) <= 0).all()
    assert 4 < ((soft > 0.05) & (soft < 0.95)).sum(1).float().mean() < 10
    torch.testing.assert_close(soft.mean(), torch.tensor(0.5))


def test_softened_masks_that_met_still_add_up_to_one():
    mask = masks.pick_segments(masks.segment(flat_picture()), [(5, 5), (35, 30)])
    together = masks.soften(mask, 3.0) + masks.soften(1 - mask, 3.0)
    torch.testing.assert_close(together, torch.ones_like(mask))


def test_a_mask_of_the_pictures_size_is_kept():
    assert torch.equal(masks.fit_mask(half(), (8, 10)), half())


@pytest.mark.parametrize("shape", [(16, 20), (4, 5), (24, 31)])
def test_a_mask_is_scaled_to_its_picture(shape):
    fitted = masks.fit_mask(half(), shape)
    assert fitted.shape == (1, 1, *shape)
    assert 0 <= fitted.min() <= fitted.max() <= 1
    assert fitted.mean() == pytest.approx(0.5, abs=0.02)
    assert (fitted[..., 0] == 1).all()
    assert (fitted[..., -1] == 0).all()


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.float64])
@pytest.mark.parametrize("shape", [(8, 10), (16, 20)])
def test_masks_of_other_number_types_become_floats(kind, shape):
    fitted = masks.fit_mask(half().to(kind), shape)
    assert fitted.dtype == torch.float32
    assert torch.equal(fitted, masks.fit_mask(half(), shape))


@pytest.mark.parametrize("sides", [(100, 67), (99, 66), (33, 22), (512, 341)])
def test_rounded_sides_are_the_same_shape(sides):
    assert masks.fit_mask(torch.ones(1, 1, *sides), (150, 100)).shape == (1, 1, 150, 100)


BAD_MASKS = [
    (torch.ones(8, 10), r"\(1, 1, H, W\), got \(8, 10\).*load_mask"),
    (torch.ones(1, 3, 8, 10), r"got \(1, 3, 8, 10\)"),
    (torch.ones(2, 1, 8, 10), r"got \(2, 1, 8, 10\)"),
    ([[1.0]], "got list.*load_mask"),
    (np.ones((1, 1, 8, 10)), "use masks.load_mask"),
    (constant(1.5), r"outside \[0, 1\]"),
    (constant(-0.5), r"outside \[0, 1\]"),
    (constant(float("nan")), r"outside \[0, 1\]"),
    (constant(0.0), "empty"),
    (constant(1.0, 10, 8), "8x10 px and its picture 10x8 px"),
    (constant(1.0, 8, 16), "16x8 px and its picture 10x8 px"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_MASKS)
def test_a_bad_mask_is_refused_by_its_name(bad, message):
    with pytest.raises(ValueError, match=f"the fog.*{message}"):
        masks.fit_mask(bad, (8, 10), "the fog")
    with pytest.raises(ValueError, match=f"mask 2.*{message}"):
        masks.share_places([half(), bad], (8, 10), [0.5, 0.5])


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1)])
def test_masks_that_do_not_overlap_stay_as_they_are(shares):
    left, right = masks.share_places([half(), 1 - half()], (8, 10), shares)
    torch.testing.assert_close(left, half())
    torch.testing.assert_close(right, 1 - half())


def test_overlapping_masks_divide_a_place_by_their_shares():
    first, second = masks.share_places([constant(1.0), half()], (8, 10), [0.75, 0.25])
    torch.testing.assert_close(first, 1 - 0.25 * half())
    torch.testing.assert_close(second, 0.25 * half())


def test_a_place_half_covered_stays_half_covered():
    first, second = masks.share_places([0.3 * half(), 0.3 * half()], (8, 10), [0.5, 0.5])
    torch.testing.assert_close(first, 0.3 * half())
    torch.testing.assert_close(second, 0.3 * half())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_none_takes_the_rest_wherever_it_stands(place):
    given = [0.5 * half(), pixel(9, 0)]
    given.insert(place, None)
    shared = masks.share_places(given, (8, 10), [1, 1, 1])
    torch.testing.assert_close(shared[place], 1 - 0.5 * half() - pixel(9, 0))
    torch.testing.assert_close(sum(shared), constant(1.0))


def test_none_alone_is_the_whole_picture():
    (whole,) = masks.share_places([None], (8, 10), [1.0])
    assert torch.equal(whole, constant(1.0))


@pytest.mark.parametrize("seed", range(4))
def test_shared_places_never_exceed_one_and_cover_what_the_masks_cover(seed):
    given = [rand(3 * seed + number) * half().roll(number, 3) for number in range(3)]
    shared = masks.share_places(given, (8, 10), [0.5, 0.3, 0.2])
    total = sum(shared)
    assert total.max() <= 1 + 1e-6
    torch.testing.assert_close(total, sum(given).clamp(max=1))
    assert all((mask >= 0).all() for mask in shared)


def test_shared_places_fit_masks_of_any_resolution():
    shared = masks.share_places([half(32, 40), None], (8, 10), [1, 1])
    assert [mask.shape for mask in shared] == [(1, 1, 8, 10)] * 2
    torch.testing.assert_close(sum(shared), constant(1.0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([None, None], "only one mask can be None"),
        ([half(), None, None], "only one mask can be None"),
        ([constant(1.0), None], "nothing for the rest"),
        ([half(), 1 - half(), None], "nothing for the rest"),
        ([half(), constant(0.0)], "mask 2 is empty"),
        ([None, constant(2.0)], "mask 2 has values outside"),
    ],
)
def test_masks_that_cannot_be_shared_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        masks.share_places(given, (8, 10), [1] * len(given))


def test_guides_are_the_masks_mean_over_each_position():
    guides = masks.layer_guides(rand(0), {"a": (8, 10), "b": (4, 5), "c": (2, 2)})
    assert torch.equal(guides["a"], rand(0))
    torch.testing.assert_close(guides["b"][0, 0, 1, 2], rand(0)[0, 0, 2:4, 4:6].mean())
    torch.testing.assert_close(guides["c"][0, 0, 1, 0], rand(0)[0, 0, 4:, :5].mean())


def test_a_mask_too_small_for_a_layer_is_refused_by_the_layers_name():
    sides = {"shallow": (8, 10), "deep": (4, 5)}
    with pytest.raises(ValueError, match="mask 3 covers 0.25 of the 4x5 positions of deep"):
        masks.layer_guides(pixel(3, 3), sides, "mask 3")
    assert masks.layer_guides(pixel(3, 3), {"shallow": (8, 10)})["shallow"].sum() == 1


def test_segments_follow_the_colours():
    labels = masks.segment(flat_picture(), count=12)
    assert labels.shape == (32, 40)
    assert labels.min() == 0
    assert 3 <= len(labels.unique()) <= 24
    for part in (labels[:, :20], labels[:16, 20:], labels[16:, 20:]):
        inside, everywhere = (
            sum((x == label).sum() for label in part.unique()) for x in (part, labels)
        )
        assert inside > 0.9 * everywhere


def test_more_segments_are_smaller():
    few, many = (
        len(masks.segment(images.load_image(data.path("coffee"), size=64), count=count).unique())
        for count in (5, 60)
    )
    assert few < 12 < many


@pytest.mark.parametrize("image", [torch.ones(1, 3, 24, 24), torch.rand(1, 3, 1, 1)])
def test_blank_and_tiny_pictures_are_cut_up_too(image):
    assert masks.segment(image).shape == image.shape[2:]


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (torch.rand(3, 8, 8), {}, "one RGB image"),
        (torch.rand(1, 3, 8, 8), {"count": 0}, "count is 0.*above 0"),
        (torch.rand(1, 3, 8, 8), {"count": -3}, "count is -3.*above 0"),
        (torch.rand(1, 3, 8, 8), {"compactness": 0}, "compactness 0.*above 0"),
    ],
)
def test_segmenting_refuses_what_it_cannot_cut(image, options, message):
    with pytest.raises(ValueError, match=message):
        masks.segment(image, **options)


def test_clicked_segments_become_one_mask():
    labels = torch.tensor([[0, 0, 1], [2, 2, 1]])
    picked = masks.pick_segments(labels, [(2, 0), (0, 1), (1, 1)])
    assert picked.dtype == torch.float32
    assert picked.tolist() == [[[[0, 0, 1], [1, 1, 1]]]]
    assert masks.pick_segments(labels, iter([(1, 0)])).tolist() == [[[[1, 1, 0], [0, 0, 0]]]]
    assert masks.pick_segments(labels, [(1.9, 0.2)]).tolist() == [[[[1, 1, 0], [0, 0, 0]]]]


@pytest.mark.parametrize("point", [(3, 0), (0, 2), (-1, 0), (0, -0.5)])
def test_a_click_outside_the_picture_is_refused(point):
    with pytest.raises(ValueError, match="outside the picture of 3x2 px"):
        masks.pick_segments(torch.zeros(2, 3, dtype=torch.long), [(0, 0), point])


def test_no_clicks_are_refused():
    with pytest.raises(ValueError, match="no points"):
        masks.pick_segments(torch.zeros(2, 3, dtype=torch.long), [])


def test_flat_colours_become_one_mask_each():
    regions = {"left": "#ff0000", "top": "#00ff00", "sea": "blue", "sky": "#ffffff"}
    found = masks.region_masks(flat_picture(), regions)
    assert list(found) == ["left", "top", "sea"]
    assert [float(mask.sum()) for mask in found.values()] == [640, 320, 320]
    assert torch.equal(found["left"][0, 0], flat_picture()[0, 0])
    assert torch.equal(found["sea"][0, 0], flat_picture()[0, 2])


RGB = {"red": "#f00", "green": "#0f0", "blue": "#00f"}


def test_a_colour_that_is_a_little_off_belongs_to_the_nearest_one():
    found = masks.region_masks(flat_picture() * 0.9 + 0.05, RGB)
    assert [float(mask.sum()) for mask in found.values()] == [640, 320, 320]


def test_the_mixed_colours_of_a_thin_edge_belong_to_a_side_of_it():
    image = flat_picture()
    image[..., 20] = 0.5
    assert torch.equal(sum(masks.region_masks(image, RGB).values()), torch.ones(1, 1, 32, 40))


def test_an_area_of_a_colour_without_a_region_is_refused_by_its_code():
    image = flat_picture()
    image[..., 30:] = 1.0
    with pytest.raises(ValueError, match=r"25%.*such as #ffffff; use #f00 \(red\), #0f0"):
        masks.region_masks(image, RGB)


@pytest.mark.parametrize("size", [None, 96])
def test_the_regions_of_a_drawn_layout_divide_it(size):
    layout = images.load_image(data.path("lake_layout"), size=size)
    regions = data.about("swirling_night_regions")["regions"]
    found = masks.region_masks(layout, regions)
    assert set(found) <= set(regions)
    assert len(found) >= 3
    assert torch.equal(sum(found.values()), torch.ones(1, 1, *layout.shape[2:]))
    for name, mask in found.items():
        color = (layout * mask).sum((0, 2, 3)) / mask.sum()
        wanted = [int(regions[name][place : place + 2], 16) / 255 for place in (1, 3, 5)]
        np.testing.assert_allclose(color, wanted, atol=1e-3 if size is None else 0.05)


@pytest.mark.parametrize(
    ("image", "regions", "message"),
    [
        (flat_picture(), {}, "no regions"),
        (flat_picture(), {"sky": "no such colour"}, "no such colour"),
        (flat_picture()[0], {"sky": "#fff"}, "one RGB image"),
    ],
)
def test_regions_that_cannot_be_found_are_refused(image, regions, message):
    with pytest.raises(ValueError, match=message):
        masks.region_masks(image, regions)
