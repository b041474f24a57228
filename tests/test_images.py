import io
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nstlib import images

CHANNELS = {"L": 1, "LA": 2, "P": 1, "RGB": 3, "RGBA": 4, "CMYK": 4, "I;16": 2}
READ_ONLY_IS_IGNORED = hasattr(os, "geteuid") and os.geteuid() == 0


def noise_picture(mode: str, width: int, height: int, seed: int = 0) -> Image.Image:
    row = (width + 7) // 8 if mode == "1" else width * CHANNELS[mode]
    pixels = random.Random(seed).randbytes(row * height)
    picture = Image.frombytes(mode, (width, height), pixels)
    if mode == "P":
        picture.putpalette(random.Random(seed + 1).randbytes(768))
    return picture


def encode(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png_bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


@pytest.fixture
def picture():
    return noise_picture("RGB", 13, 9)


def test_a_picture_survives_the_way_to_a_tensor_and_back(picture):
    back = images.to_picture(images.from_picture(picture))
    assert back.mode == "RGB"
    assert back.size == (13, 9)
    assert back.tobytes() == picture.tobytes()


def test_all_256_levels_survive_a_png_file(tmp_path):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = images.from_picture(Image.fromarray(np.stack([levels, levels.T, levels[::-1]], 2)))
    path = images.save_image(image, tmp_path / "levels.png")
    assert torch.equal(images.load_image(path), image)


def test_rows_and_channels_keep_their_order(picture):
    image = images.load_image(picture)
    assert image.shape == (1, 3, 9, 13)
    for x, y in [(0, 0), (12, 0), (0, 8), (5, 3)]:
        expected = torch.tensor(picture.getpixel((x, y))) / 255
        torch.testing.assert_close(image[0, :, y, x], expected)


def test_every_kind_of_source_gives_the_same_image(tmp_path, picture):
    path = tmp_path / "picture.png"
    picture.save(path)
    content = path.read_bytes()
    expected = images.from_picture(picture)
    sources = [path, str(path), content, bytearray(content), io.BytesIO(content), picture]
    for source in sources:
        assert torch.equal(images.load_image(source), expected), type(source)
    with open(path, "rb") as file:
        assert torch.equal(images.load_image(file), expected)


@pytest.mark.parametrize(
    ("sides", "size", "shape"),
    [
        ((80, 40), 20, (10, 20)),
        ((40, 80), 20, (20, 10)),
        ((10, 20), 50, (50, 25)),
        ((800, 100), 64, (8, 64)),
        ((100, 800), 64, (64, 8)),
        ((200, 1), 10, (1, 10)),
    ],
)
def test_size_is_the_longer_side_and_the_aspect_is_kept(sides, size, shape):
    for form in ("PNG", "JPEG"):
        content = encode(Image.new("RGB", sides, "orange"), form)
        assert images.load_image(content, size=size).shape == (1, 3, *shape)


def test_scaling_down_averages_instead_of_skipping():
    checkers = np.indices((64, 64)).sum(0) % 2 * 255
    image = images.load_image(Image.fromarray(checkers.astype(np.uint8)), size=8)
    torch.testing.assert_close(image, torch.full_like(image, 0.5), rtol=0, atol=0.03)


def test_a_large_jpeg_is_scaled_as_sharply_as_any_other_picture():
    stripes = noise_picture("L", 64, 48).resize((512, 384), Image.Resampling.NEAREST)
    jpeg = encode(stripes.convert("RGB"), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(jpeg)).convert("RGB")
    difference = images.load_image(jpeg, size=64) - images.load_image(whole, size=64)
    assert difference.abs().mean() < 0.02


@settings(max_examples=150, deadline=None)
@given(
    mode=st.sampled_from(["1", *CHANNELS]),
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    size=st.none() | st.integers(1, 40),
    encoded=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_mode_and_size_becomes_one_rgb_image(mode, width, height, size, encoded, seed):
    picture = noise_picture(mode, width, height, seed)
    image = images.load_image(encode(picture, "TIFF") if encoded else picture, size=size)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert image.shape[:2] == (1, 3)
    assert 0 <= image.min() <= image.max() <= 1
    rows, columns = image.shape[2:]
    if size is None:
        assert (rows, columns) == (height, width)
    else:
        factor = size / max(width, height)
        assert max(rows, columns) == size
        assert abs(rows - max(1, height * factor)) <= 0.5
        assert abs(columns - max(1, width * factor)) <= 0.5


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_grey_pictures_get_three_equal_channels(mode):
    image = images.load_image(noise_picture(mode, 12, 8))
    assert torch.equal(image[:, :1].expand_as(image), image)
    assert image.std() > 0.1


def test_transparent_pixels_lie_on_white():
    picture = Image.new("RGBA", (3, 1))
    picture.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    image = images.load_image(encode(picture, "PNG"))
    half = 1 - 128 / 255
    expected = torch.tensor([[1.0, 0, 0], [1, 1, 1], [half, half, half]]).T
    torch.testing.assert_close(image[0, :, 0], expected, rtol=0, atol=1 / 255)


def test_the_transparent_colour_of_a_palette_lies_on_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 0, 200])
    picture.putdata([0, 1])
    image = images.load_image(encode(picture, "PNG", transparency=1))
    expected = torch.tensor([[200 / 255, 0, 0], [1, 1, 1]]).T
    torch.testing.assert_close(image[0, :, 0], expected)


def test_palette_colours_are_looked_up():
    picture = noise_picture("P", 7, 5)
    assert torch.equal(images.load_image(picture), images.from_picture(picture.convert("RGB")))


def test_cmyk_ink_becomes_light():
    picture = Image.new("CMYK", (2, 1))
    picture.putdata([(0, 0, 0, 0), (0, 255, 255, 0)])
    image = images.load_image(encode(picture, "TIFF"))
    assert image[0, :, 0].T.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_16_bit_grey_is_scaled_and_not_cut():
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    content = encode(Image.fromarray(values), "PNG")
    assert Image.open(io.BytesIO(content)).mode.startswith("I")
    expected = torch.from_numpy(values.astype(np.float32) / 65535)
    image = images.load_image(content)
    torch.testing.assert_close(image[0, 1], expected, rtol=0, atol=0.51 / 255)


@pytest.mark.parametrize("size", [None, 16])
@pytest.mark.parametrize(
    ("orientation", "red_side"), [(1, "left"), (3, "right"), (6, "top"), (8, "bottom")]
)
def test_a_photo_is_turned_as_its_exif_says(orientation, red_side, size):
    picture = Image.new("RGB", (64, 32), "blue")
    picture.paste("red", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = images.load_image(encode(picture, "JPEG", exif=exif), size=size)[0]
    upright = red_side in ("top", "bottom")
    assert (image.shape[1] > image.shape[2]) == upright
    rows, columns = image.shape[1] // 4, image.shape[2] // 4
    sides = {
        "left": image[:, :, :columns],
        "right": image[:, :, -columns:],
        "top": image[:, :rows],
        "bottom": image[:, -rows:],
    }
    red, _, blue = sides[red_side].mean((1, 2))
    assert red > 0.9
    assert blue < 0.1


def test_the_callers_picture_is_not_changed():
    photo = Image.open(io.BytesIO(encode(noise_picture("RGB", 400, 300), "JPEG")))
    images.load_image(photo, size=20)
    assert photo.size == (400, 300)
    assert images.load_image(photo).shape == (1, 3, 300, 400)


@pytest.mark.parametrize("name", ["missing.jpg", "missing/folder/photo.png"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match="no file .*missing"):
        images.load_image(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"Dear diary, this is no picture.\n" * 20])
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "diary.jpg"
    path.write_bytes(content)
    for source in (path, str(path)):
        with pytest.raises(ValueError, match="diary.jpg.*not a picture"):
            images.load_image(source)
    with pytest.raises(ValueError, match="the given data is not a picture"):
        images.load_image(content)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("part", [0.5, 0.9])
@pytest.mark.parametrize("size", [None, 16])
def test_a_truncated_picture_is_damaged(tmp_path, form, part, size):
    content = encode(noise_picture("RGB", 64, 64), form)
    path = tmp_path / f"photo.{form.lower()}"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ValueError, match=rf"{path.name}.*(damaged|not a picture)"):
        images.load_image(path, size=size)


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG", "GIF", "BMP"]), draw=st.data())
def test_damaged_bytes_give_a_picture_or_a_clear_error(form, draw):
    content = bytearray(encode(noise_picture("RGB", 16, 16), form))
    position = draw.draw(st.integers(0, min(len(content), 200) - 1))
    content[position] = draw.draw(st.integers(0, 255))
    end = draw.draw(st.integers(0, len(content)))
    try:
        image = images.load_image(bytes(content[:end]), size=8)
    except ValueError as error:
        assert "the given data" in str(error)  # noqa: PT017
    else:
        assert image.shape[:2] == (1, 3)


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = png_bomb(50_000)
    assert len(bomb) < 200
    with pytest.raises(ValueError, match="too many pixels"):
        images.load_image(bomb, size=64)


def test_the_folder_of_a_picture_is_no_picture(tmp_path):
    with pytest.raises(OSError, match=tmp_path.name):
        images.load_image(tmp_path)


@pytest.mark.parametrize("size", [0, -1, -0.5, 10.5, True, False, float("inf"), float("nan")])
def test_a_size_that_is_no_positive_whole_number_is_refused(picture, size):
    with pytest.raises(ValueError, match="size is .*whole pixels"):
        images.load_image(picture, size=size)


@pytest.mark.parametrize("sides", [(0, 0), (0, 5), (5, 0)])
@pytest.mark.parametrize("size", [None, 8])
def test_an_empty_picture_is_refused(sides, size):
    with pytest.raises(ValueError, match="empty|no pixels"):
        images.load_image(Image.new("RGB", sides), size=size)


@pytest.mark.parametrize("source", [None, 7, ["photo.jpg"], torch.zeros(1, 3, 4, 4)])
def test_other_kinds_of_source_are_refused(source):
    with pytest.raises(TypeError, match=f"cannot load an image from {type(source).__name__}"):
        images.load_image(source)


def test_floating_point_pictures_are_refused():
    with pytest.raises(ValueError, match="no agreed range"):
        images.load_image(Image.new("F", (4, 4)))


def test_values_outside_the_range_are_cut_and_others_rounded():
    image = torch.tensor([-0.5, 0.4999 / 255, 0.5001 / 255, 1.5]).expand(1, 3, 1, 4)
    assert np.asarray(images.to_picture(image))[0, :, 0].tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp", ".bmp", ".tif"])
def test_the_suffix_chooses_the_format(tmp_path, suffix):
    image = images.resize_image(torch.rand(1, 3, 4, 5), (32, 40))
    path = images.save_image(image, str(tmp_path / f"picture{suffix}"))
    assert path == tmp_path / f"picture{suffix}"
    with Image.open(path) as picture:
        assert picture.format in {"PNG", "JPEG", "WEBP", "BMP", "TIFF"}
        assert picture.format[:2].lower() == suffix[1:3].lower()
    assert (images.load_image(path) - image).abs().mean() < 0.03
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("crash", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("older", [None, b"older picture"])
def test_a_crash_while_saving_leaves_everything_as_it_was(tmp_path, monkeypatch, crash, older):
    path = tmp_path / "result.png"
    if older:
        path.write_bytes(older)

    def save(self, file, *args, **kwargs):
        Path(file).write_bytes(b"half a file")
        raise crash

    monkeypatch.setattr(Image.Image, "save", save)
    with pytest.raises(type(crash)):
        images.save_image(torch.zeros(1, 3, 4, 4), path)
    assert os.listdir(tmp_path) == (["result.png"] if older else [])
    assert not older or path.read_bytes() == older


def test_saving_replaces_an_older_file(tmp_path):
    path = tmp_path / "result.png"
    for value in (0.0, 1.0):
        images.save_image(torch.full((1, 3, 4, 4), value), path)
        assert images.load_image(path).mean() == value


@pytest.mark.parametrize("name", ["picture.xyz", "picture", "picture.psd"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=rf"'{name}'.*\.png or \.jpg"):
        images.save_image(torch.zeros(1, 3, 4, 4), tmp_path / name)
    assert not os.listdir(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*gone"):
        images.save_image(torch.zeros(1, 3, 4, 4), tmp_path / "gone" / "result.png")


@pytest.mark.skipif(READ_ONLY_IS_IGNORED, reason="root may write to any folder")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match=f"cannot write to the folder .*{tmp_path.name}"):
            images.save_image(torch.zeros(1, 3, 4, 4), tmp_path / "result.png")
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_refuses_new_files_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(images.os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=f"cannot write to the folder .*{tmp_path.name}"):
        images.save_image(torch.zeros(1, 3, 4, 4), tmp_path / "result.png")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_image_that_is_not_finite_is_not_saved(tmp_path, value):
    image = torch.zeros(1, 3, 4, 4)
    image[0, 1, 2, 3] = value
    with pytest.raises(ValueError, match="not finite"):
        images.save_image(image, tmp_path / "result.png")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 1, 4, 4), (3, 4, 4)])
def test_what_is_not_one_rgb_image_is_not_saved(tmp_path, shape):
    with pytest.raises(ValueError, match="one RGB image"):
        images.save_image(torch.zeros(shape), tmp_path / "result.png")


def test_a_path_is_no_image_tensor(tmp_path):
    with pytest.raises(TypeError, match="load_image"):
        images.save_image("photo.jpg", tmp_path / "result.png")


@pytest.mark.parametrize("shape", [(5, 9), (40, 30)])
def test_a_resized_image_stays_in_range_and_keeps_its_mean(shape):
    image = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0)).round()
    resized = images.resize_image(image, shape)
    assert resized.shape == (1, 3, *shape)
    assert 0 <= resized.min() <= resized.max() <= 1
    assert abs(resized.mean() - image.mean()) < 0.05


def test_noise_follows_its_seed():
    first, again, other = (images.noise_image((8, 9), seed=seed) for seed in (5, 5, 6))
    assert first.shape == (1, 3, 8, 9)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("amplitude", [0.0, 2.5 / 255, 0.3])
def test_noise_lies_around_the_mean_colour(amplitude):
    image = images.noise_image((40, 40), amplitude=amplitude)
    distance = (image - torch.tensor(images.MEAN).reshape(1, 3, 1, 1)).abs()
    assert distance.max() <= amplitude + 1e-6
    assert distance.mean() >= 0.4 * amplitude


def test_strong_noise_stays_in_range():
    image = images.noise_image((40, 40), amplitude=1.0)
    assert image.min() == 0
    assert image.max() == 1


def test_blur_smooths_each_channel_by_itself():
    plain, blurred = (images.noise_image((40, 40), amplitude=0.4, blur=blur) for blur in (0, 2))

    def roughness(image):
        return (image[..., 1:] - image[..., :-1]).square().mean() / image.var((2, 3)).mean()

    assert blurred.dtype == torch.float32
    assert roughness(blurred) < roughness(plain) / 5
    channels = blurred[0].flatten(1)
    assert torch.corrcoef(channels)[0, 1].abs() < 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_a_blurred_point_is_a_bell_of_the_width_asked_for(channels):
    image = torch.zeros(1, channels, 41, 41)
    image[..., 20, 20] = 1
    blurred = images.blur_image(image, 3.0)
    assert blurred.shape == image.shape
    assert blurred.dtype == torch.float32
    places = torch.arange(41) - 20.0
    for side in (2, 3):
        profile = blurred[0, 0].sum(side - 2)
        assert profile.sum().item() == pytest.approx(1, abs=1e-4)
        assert (profile * places**2).sum().sqrt().item() == pytest.approx(3.0, rel=0.02)


def test_blur_keeps_a_constant_image_and_the_callers_one():
    flat = torch.full((1, 3, 12, 9), 0.3)
    torch.testing.assert_close(images.blur_image(flat, 4.0), flat)
    image = torch.rand(1, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    before = image.clone()
    assert not torch.equal(images.blur_image(image, 2.0), image)
    assert torch.equal(image, before)


def test_blur_of_nothing_changes_nothing():
    image = torch.rand(1, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(images.blur_image(image, 0.0), image)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF", "BMP"])
def test_a_file_cut_anywhere_is_a_picture_or_is_named(form):
    file = io.BytesIO()
    Image.new("RGB", (9, 7), "orange").save(file, form)
    whole = file.getvalue()
    for length in range(len(whole)):
        assert outcome(whole[:length]) in ("a picture", "a clear error"), f"cut at {length}"


def outcome(data):
    try:
        return "a picture" if images.load_image(data, size=8).shape[:2] == (1, 3) else "odd"
    except ValueError as error:
        return "a clear error" if "the given data" in str(error) else str(error)
