"""Wheels made again from what is installed, and the installer of the bundle."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from bundle import ROOM, ROOT, lock, rehearse, wheels
from bundle import __main__ as bundle_main

# a data folder, a script that is no entry point, a compiled module, a package with entry points
KINDS = ("jupyterlab_widgets", "jsonpointer", "MarkupSafe", "tqdm")


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOM / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installed_files(distribution):
    """Checksums of what pip installed, without its own notes."""
    return {
        str(file): file.hash.value
        for file in distribution.files
        if file.hash and file.name not in wheels.LEFT_OUT and "bin/" not in str(file)
    }


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """Repack four distributions and let pip install them elsewhere."""
    folder = tmp_path_factory.mktemp("wheels")
    made = [wheels.repack(metadata.distribution(name), folder) for name in KINDS]
    place = tmp_path_factory.mktemp("place")
    pip = [sys.executable, "-m", "pip", "--isolated", "install", "--no-index", "--no-deps"]
    pip += ["--ignore-installed", "--prefix", place, *made]
    subprocess.run(pip, check=True, capture_output=True)
    return made, place


def test_pip_installs_the_same_files_from_a_wheel_made_again(again):
    (site,) = again[1].rglob("site-packages")
    for name in KINDS:
        (found,) = [one for one in metadata.distributions(path=[str(site)]) if same(one.name, name)]
        assert installed_files(found) == installed_files(metadata.distribution(name))


def same(one, other):
    return canonicalize_name(one) == canonicalize_name(other)


def test_what_lies_beside_the_packages_comes_back_to_its_place(again):
    place = again[1]
    extension = place / "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager"
    assert (extension / "package.json").is_file()
    assert (place / "bin" / "tqdm").is_file()
    script = (place / "bin" / "jsonpointer").read_text().splitlines()[0]
    assert script.startswith("#!")
    assert "python" in script


def test_no_wheel_knows_this_environment(again):
    for wheel in again[0]:
        with zipfile.ZipFile(wheel) as archive:
            assert not any(".." in name or name.startswith("/") for name in archive.namelist())
            assert not any(sys.prefix.encode() in archive.read(name) for name in archive.namelist())


def test_tags_in_the_name_fit_this_platform(again):
    here = set(sys_tags())
    for wheel, name in zip(again[0], KINDS, strict=True):
        found, version, _, tags = parse_wheel_filename(wheel.name)
        assert same(found, name)
        assert str(version) == metadata.version(name)
        assert tags & here


def test_the_same_wheel_each_time(again, tmp_path):
    made = wheels.repack(metadata.distribution("tqdm"), tmp_path)
    assert made.read_bytes() == again[0][-1].read_bytes()


def make_distribution(site, text="x = 1\n", checksum=None):
    """Install a package of one file by hand."""
    notes = site / "one-1.0.dist-info"
    notes.mkdir()
    (site / "one.py").write_text(text)
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: one\nVersion: 1.0\n")
    (notes / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n")
    checksum = checksum or wheels.digest(text.encode())
    lines = [f"one.py,sha256={checksum},", "one-1.0.dist-info/METADATA,,"]
    lines += ["one-1.0.dist-info/WHEEL,,", "one-1.0.dist-info/INSTALLER,,"]
    (notes / "RECORD").write_text("\n".join(lines))
    return metadata.Distribution.at(notes)


def test_tags_are_joined(tmp_path):
    assert wheels.wheel_name(make_distribution(tmp_path)) == "one-1.0-py2.py3-none-any.whl"


def test_a_file_changed_since_installation_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one\.py was changed"):
        wheels.repack(make_distribution(tmp_path, checksum="abc"), tmp_path)


def test_a_distribution_without_its_list_is_refused(tmp_path):
    distribution = make_distribution(tmp_path)
    (tmp_path / "one-1.0.dist-info" / "RECORD").unlink()
    with pytest.raises(ValueError, match="one was not installed by pip"):
        wheels.repack(distribution, tmp_path)


def test_a_file_outside_of_the_environment_is_refused():
    outside = metadata.PackagePath("../../../../../etc/passwd")
    with pytest.raises(ValueError, match="outside of the environment"):
        wheels.place(outside, Path("/etc/passwd"), "one-1.0.data")


def test_the_closure_is_complete_and_without_tests():
    found = wheels.closure("nstlib")
    assert {"torch", "numpy", "jupyterlab", "ipycanvas", "anywidget", "voila"} <= set(found)
    assert "pytest" not in found
    assert "nstlib" not in found
    assert "pytest" in wheels.closure("nstlib", ("test",))
    for name in found:
        needed = {canonicalize_name(one.name) for one in wheels.needs(name, ())}
        assert needed <= set(found)


def test_extras_of_a_requirement_are_followed():
    assert "webcolors" in wheels.closure("jupyter-events")  # by jsonschema[format-nongpl]
    assert "webcolors" not in wheels.closure("jsonschema")


def test_the_lock_has_no_local_versions_and_nothing_of_torchs_own():
    pins = list(lock.pins())
    assert any(pin.startswith("torch==") for pin in pins)
    assert not any("+" in pin or pin.startswith(lock.TORCHS_OWN) for pin in pins)


def here():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": version, "platform": sysconfig.get_platform(), "wheels": {}}


@pytest.mark.parametrize(
    "other", [{"python": "3.9"}, {"platform": "win-amd64"}, {"platform": "linux-riscv64"}]
)
def test_a_bundle_for_others_says_so(other):
    install = load("install")
    assert install.wrong_computer(here()) is None
    said = install.wrong_computer({**here(), **other})
    assert f"for Python {({**here(), **other})['python']}" in said
    assert "make bundle" in said


def test_systems_of_one_kind_fit():
    kind = load("install").kind
    assert kind({"platform": "macosx-11.0-arm64"}) == kind({"platform": "macosx-14.2-arm64"})
    assert kind({"platform": "macosx-11.0-arm64"}) != kind({"platform": "macosx-11.0-x86_64"})


def test_a_damaged_or_missing_wheel_is_named(tmp_path, monkeypatch):
    install = load("install")
    monkeypatch.setattr(install, "HERE", tmp_path)
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a.whl").write_bytes(b"a")
    good = hashlib.sha256(b"a").hexdigest()
    assert install.damage({"a.whl": good}) is None
    assert "a.whl" in install.damage({"a.whl": good[::-1]})
    assert "b.whl" in install.damage({"a.whl": good, "b.whl": good})


def test_the_installer_stops_before_it_writes(tmp_path):
    for path in ROOM.glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "contents.json").write_text(json.dumps({**here(), "python": "3.9"}))
    words = [sys.executable, "install.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("this bundle is for Python 3.9")
    assert not (tmp_path / ".venv").exists()


def test_starting_before_installing_says_what_to_do(tmp_path):
    (tmp_path / "start.py").write_bytes((ROOM / "start.py").read_bytes())
    words = [sys.executable, "start.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "python install.py" in done.stderr


def test_an_extension_counts_only_if_enabled_and_well():
    listed = "  ipycanvas v0.14.3 enabled OK (python, ipycanvas)\n  anywidget v0.11 disabled OK\n"
    assert rehearse.is_enabled("ipycanvas", listed)
    assert not rehearse.is_enabled("anywidget", listed)
    assert not rehearse.is_enabled("canvas", listed)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A room as it is after `install.py`, with commands that only say where they work."""
    start = load("start")
    room = tmp_path / "room"
    for folder in ("weights", "notebooks/exercises", "commands"):
        (room / folder).mkdir(parents=True)
    (room / "notebooks" / "01.ipynb").write_text("new")
    said = []
    monkeypatch.setattr(start, "HERE", room)
    monkeypatch.setattr(start, "COMMANDS", room / "commands")
    monkeypatch.setattr(
        start.subprocess, "call", lambda words, cwd: said.append((words[2:], cwd)) or 0
    )

    def run(*words):
        with pytest.raises(SystemExit) as stopped:
            start.main(list(words))
        return stopped.value.code or said.pop()

    return room, run


def test_a_learner_on_a_share_works_in_a_copy_of_their_own(installed, tmp_path):
    room, run = installed
    mine = tmp_path / "anna"
    assert run("--no-browser")[1] == room
    words, place = run("--work", str(mine), "studio")
    assert words[0] == "voila"
    assert place == mine
    assert (mine / "notebooks" / "exercises").is_dir()
    (mine / "notebooks" / "01.ipynb").write_text("my answers")
    assert run("--work", str(mine))[0][0] == "jupyterlab"
    assert (mine / "notebooks" / "01.ipynb").read_text() == "my answers"
    assert (room / "notebooks" / "01.ipynb").read_text() == "new"
    assert "needs a folder" in run("--work")


def test_learners_get_chapters_without_results_and_no_solutions(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle_main, "FOLDER", tmp_path)
    bundle_main.copy_course()
    chapters = sorted((tmp_path / "notebooks").glob("*.ipynb"))
    assert len(chapters) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    for path in chapters:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert (tmp_path / "notebooks" / "exercises" / "01_exercises.ipynb").is_file()
    names = {path.name for path in tmp_path.rglob("*")}
    assert not names & {"source", "solutions", "conftest.py"}
    for path in tmp_path.rglob("*.ipynb"):
        assert "BEGIN SOLUTION" not in path.read_text(encoding="utf-8")
