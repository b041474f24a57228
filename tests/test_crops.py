import pytest
import torch
from PIL import Image

from nstlib import images
from nstlib.crops import Crops


def cut(crops: Crops, count: int, seed: int = 0) -> torch.Tensor:
    return crops.batch(count, torch.Generator().manual_seed(seed))


def ramp(side: int = 60) -> torch.Tensor:
    """Red grows to the right, green downwards; no tint can drive it out of [0, 1]."""
    line = torch.linspace(0.3, 0.7, side)
    across = line.expand(side, side)
    return torch.stack([across, across.T, torch.full((side, side), 0.5)])[None]


def slopes(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Per crop, how much red grows to the right and green downwards."""
    right = crops[:, 0].diff(dim=2).mean((1, 2))
    return right, crops[:, 1].diff(dim=1).mean((1, 2))


def save_noise(path, size=(40, 30)):
    Image.effect_noise(size, 60).convert("RGB").save(path)


def test_crops_are_square_pictures_in_range():
    crops = cut(Crops([torch.rand(1, 3, 50, 90), torch.ones(1, 3, 64, 40)], size=32), 20)
    assert crops.shape == (20, 3, 32, 32)
    assert 0 <= crops.min() < 0.05
    assert 0.95 < crops.max() <= 1


def test_a_seed_gives_the_same_crops_and_another_gives_others():
    crops = Crops([torch.rand(1, 3, 50, 50)], size=16)
    assert torch.equal(cut(crops, 4, seed=3), cut(crops, 4, seed=3))
    assert not torch.equal(cut(crops, 4, seed=3), cut(crops, 4, seed=4))


def test_a_generator_goes_on_to_new_crops():
    crops, generator = Crops([ramp()], size=16), torch.Generator().manual_seed(0)
    first, second = crops.batch(3, generator), crops.batch(3, generator)
    assert not torch.equal(first, second)


def test_crops_do_not_touch_the_global_seed():
    crops, before = Crops([ramp()], size=16), torch.get_rng_state()
    cut(crops, 3)
    assert torch.equal(torch.get_rng_state(), before)


def test_about_half_the_crops_are_mirrored_and_none_stands_on_its_head():
    right, down = slopes(cut(Crops([ramp()], size=32), 60))
    assert 15 < (right < 0).sum() < 45
    assert (down > 0).all()


def test_crops_are_taken_at_several_scales():
    _, down = slopes(cut(Crops([ramp()], size=32), 60))
    assert down.max() / down.min() > 1.6  # a tint of green alone can make it 1.35


def test_crops_are_taken_from_all_sides():
    left, above = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    left[..., :32], above[:, :, :32] = 1, 1
    for half in (left, above, 1 - left, 1 - above):
        levels = cut(Crops([half], size=32), 80).mean((1, 2, 3))
        assert levels.min() < 0.25  # next to nothing of the white half
        assert levels.max() > 0.75


def test_crops_are_tinted_but_not_much():
    grey = cut(Crops([torch.full((1, 3, 40, 40), 0.5)], size=16), 60)
    means = grey.mean((2, 3))  # (60, 3)
    assert (grey.std((2, 3)) < 0.004).all()  # 8 bits
    assert 0.27 < means.min() < 0.4
    assert 0.6 < means.max() < 0.73
    assert (means.amax(1) - means.amin(1)).max() > 0.05  # each colour by itself


def test_every_picture_is_used():
    pictures = [torch.full((1, 3, 40, 40), value) for value in (0.0, 0.5, 1.0)]
    levels = cut(Crops(pictures, size=16), 40).mean((1, 2, 3))
    for low, high in [(-0.01, 0.16), (0.27, 0.73), (0.69, 1.01)]:
        assert ((levels > low) & (levels < high)).any()


@pytest.mark.parametrize("shape", [(5, 9), (1, 1), (1, 40), (31, 33)])
def test_pictures_smaller_than_a_crop_are_enlarged(shape):
    crops = Crops([torch.rand(1, 3, *shape)], size=32)
    assert min(crops.pictures[0].shape[1:]) >= 32
    assert cut(crops, 3).shape == (3, 3, 32, 32)


def test_large_pictures_are_kept_small():
    kept = Crops([torch.rand(1, 3, 400, 300)], size=32).pictures[0]
    assert kept.dtype == torch.uint8
    assert kept.shape == (3, 68, 51)  # shorter side 1.6 times the crop's


def test_a_crop_of_one_pixel_can_be_cut():
    assert cut(Crops([torch.rand(1, 3, 4, 4)], size=1), 30).shape == (30, 3, 1, 1)


def test_a_list_may_mix_tensors_files_and_pictures(tmp_path):
    save_noise(tmp_path / "noise.png")
    crops = Crops([ramp(), tmp_path / "noise.png", Image.new("L", (30, 30))], size=16)
    assert len(crops.pictures) == 3
    assert crops.skipped == []


def test_one_picture_in_a_folder_is_enough(tmp_path):
    save_noise(tmp_path / "only.jpg")
    crops = Crops(tmp_path, size=16)
    assert len(crops.pictures) == 1
    assert cut(crops, 3).shape == (3, 3, 16, 16)


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name, grey in [("b.png", 200), ("a.PNG", 100), ("c.jpeg", 250)]:
        Image.new("RGB", (20, 20), (grey, grey, grey)).save(tmp_path / name)
    pictures = Crops(str(tmp_path), size=16).pictures
    assert [round(picture.float().mean().item()) for picture in pictures] == [100, 200, 250]


def test_files_that_cannot_be_read_are_skipped_and_named(tmp_path):
    save_noise(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "notes.txt").write_text("not even asked")
    crops = Crops(tmp_path, size=16)
    assert len(crops.pictures) == 1
    assert crops.skipped == ["cut.png", "folder.png", "text.jpg"]


def test_a_folder_of_unreadable_files_says_how_many(tmp_path):
    for name in ("one.jpg", "two.png"):
        (tmp_path / name).write_text("no picture")
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.* 2 of 2 files were skipped"):
        Crops(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match=rf"no picture in .*{tmp_path.name}"):
        Crops(tmp_path)


@pytest.mark.parametrize("name", ["gone", "file.png"])
def test_what_is_no_folder_is_named(tmp_path, name):
    save_noise(tmp_path / "file.png")
    with pytest.raises(NotADirectoryError, match=f"no folder .*{name}"):
        Crops(tmp_path / name)


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="give at least one"):
        Crops([])


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (torch.rand(3, 20, 20), r"shape \(3, 20, 20\)"),
        (torch.full((1, 3, 20, 20), torch.nan), "not finite"),
        (b"no picture", "not a picture"),
    ],
)
def test_a_bad_picture_in_a_list_is_an_error(picture, words):
    with pytest.raises(ValueError, match=words):
        Crops([ramp(), picture], size=16)


def test_a_picture_keeps_its_look():
    kept = Crops([ramp(64)], size=32).pictures[0][None] / 255
    small = images.resize_image(ramp(64), tuple(kept.shape[2:]))
    assert (kept - small).abs().max() < 1 / 255


def test_flat_places_are_avoided_where_there_are_others():
    half = torch.ones(1, 3, 32, 512)
    half[..., 256:] = torch.rand(1, 3, 32, 256, generator=torch.Generator().manual_seed(0))
    batch = Crops([half], size=16).batch(40, torch.Generator().manual_seed(0))
    assert (batch.std((2, 3)).amax(1) > 0.01).all()
    blank = Crops([torch.ones(1, 3, 32, 64)], size=16).batch(2, torch.Generator().manual_seed(0))
    assert (blank.std((2, 3)) < 1e-6).all()  # a blank wall is all there is
