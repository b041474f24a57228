import hashlib
import subprocess
import sys

import pytest
from PIL import Image

from nstlib import data

OURS = [name for name in data.names() if data.about(name)["source"] == "nstlib"]


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


@pytest.mark.parametrize("name", OURS)
def test_our_own_pictures_are_small_and_512_px(name):
    assert data.path(name).stat().st_size < 300_000
    with Image.open(data.path(name)) as picture:
        assert max(picture.size) == 512
        assert picture.mode == "RGB"


def test_there_are_five_paintings_of_our_own_four_photos_and_a_bird():
    assert len([name for name in OURS if data.about(name)["kind"] == "painting"]) >= 5
    assert {"chelsea", "astronaut", "coffee", "rocket"} <= set(data.names("photo"))
    assert data.names("sketch") == ("bird_on_branch",)


def test_kinds_divide_the_pictures():
    divided = [data.names(kind) for kind in ("photo", "painting", "sketch")]
    assert sorted(sum(divided, ())) == sorted(data.names())
    assert data.names(None) == data.names()


def test_an_unknown_kind_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'video'.*painting, photo, sketch"):
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
