import hashlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageColor

from nstlib import data

KINDS = ("photo", "painting", "sketch", "regions", "layout")
OURS = [name for name in data.names() if data.about(name)["source"] == "nstlib"]


def colours(name):
    """Share of the picture that each colour covers, by its hexadecimal code."""
    with Image.open(data.path(name)) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    codes = ("#{:02x}{:02x}{:02x}".format(*colour) for colour in found.tolist())
    return dict(zip(codes, counts / len(pixels), strict=True))


@pytest.mark.parametrize("name", data.names())
def test_every_picture_says_where_it_comes_from(name):
    about = data.about(name)
    for key in ("title", "kind", "author", "licence", "made", "alt"):
        assert about[key].strip(), key
    assert len(about["alt"]) >= 20


@pytest.mark.parametrize("name", data.names())
def test_every_file_has_the_checksum_of_the_manifest(name):
    content = data.path(name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == data.about(name)["sha256"]


@pytest.mark.parametrize("name", [name for name in OURS if data.path(name).suffix == ".jpg"])
def test_our_own_pictures_are_small_and_512_px(name):
    assert data.path(name).stat().st_size < 300_000
    with Image.open(data.path(name)) as picture:
        assert max(picture.size) == 512
        assert picture.mode == "RGB"


def test_there_are_five_paintings_of_our_own_four_photos_and_three_sketches():
    assert len([name for name in OURS if data.about(name)["kind"] == "painting"]) >= 5
    assert {"chelsea", "astronaut", "coffee", "rocket"} <= set(data.names("photo"))
    assert data.names("sketch") == ("bird_on_branch", "lighthouse", "village_house")


def test_kinds_divide_the_pictures():
    divided = [data.names(kind) for kind in KINDS]
    assert sorted(sum(divided, ())) == sorted(data.names())
    assert data.names(None) == data.names()


@pytest.mark.parametrize("name", data.names("regions"))
def test_a_map_has_exactly_the_regions_that_it_names(name):
    about, shares = data.about(name), colours(name)
    assert set(shares) == set(about["regions"].values())
    assert len(set(about["regions"].values())) == len(about["regions"])
    assert 4 <= len(shares) <= 6
    assert min(shares.values()) >= 0.02
    assert all(ImageColor.getrgb(code) for code in about["regions"].values())


@pytest.mark.parametrize("name", data.names("regions"))
def test_a_map_lies_on_its_painting(name):
    painting = data.about(name)["of"]
    assert painting in data.names("painting")
    with Image.open(data.path(name)) as regions, Image.open(data.path(painting)) as picture:
        assert regions.size == picture.size


def test_one_thing_has_one_colour_in_every_map():
    pairs = {pair for name in data.names("regions") for pair in data.about(name)["regions"].items()}
    assert len(pairs) == len({thing for thing, _ in pairs}) == len({code for _, code in pairs})


@pytest.mark.parametrize("name", data.names("layout"))
def test_a_layout_has_only_colours_of_its_paintings_maps(name):
    maps = {data.about(one)["of"]: data.about(one)["regions"] for one in data.names("regions")}
    assert data.about(name)["of"]
    for painting in data.about(name)["of"]:
        assert set(colours(name)) <= set(maps[painting].values())
    assert min(colours(name).values()) >= 0.01


@pytest.mark.parametrize("name", [*data.names("regions"), *data.names("layout")])
def test_flat_pictures_are_tiny(name):
    assert data.path(name).suffix == ".png"
    assert data.path(name).stat().st_size < 10_000


def test_an_unknown_kind_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'video'.*layout, painting, photo, regions, sketch"):
        data.names("video")


@pytest.mark.parametrize("function", [data.path, data.about])
def test_an_unknown_picture_is_answered_with_the_choices(function):
    with pytest.raises(ValueError, match="'mona_lisa'.*chelsea.*bird_on_branch"):
        function("mona_lisa")


def test_a_missing_picture_file_is_named(tmp_path, monkeypatch):
    manifest = (data.CHECKOUT / "manifest.json").read_bytes()
    (tmp_path / "manifest.json").write_bytes(manifest)
    monkeypatch.setattr(data, "PICTURES", tmp_path)
    with pytest.raises(FileNotFoundError, match="'stained_glass'.*stained_glass.jpg"):
        data.path("stained_glass")


def test_pictures_of_an_installed_wheel_are_preferred(tmp_path, monkeypatch):
    for file in ("manifest.json", "stained_glass.jpg"):
        (tmp_path / file).write_bytes((data.CHECKOUT / file).read_bytes())
    monkeypatch.setattr(data, "PICTURES", tmp_path)
    assert data.path("stained_glass") == tmp_path / "stained_glass.jpg"


@pytest.mark.parametrize("module", ["nstlib", "nstlib.data", "nstlib.__main__"])
def test_importing_the_package_loads_neither_torch_nor_numpy(module):
    code = f"import sys, {module}; print(sorted({{'torch', 'numpy', 'PIL'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
