"""The list of versions, the image: what they promise without being built."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line[0] != "#"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def instructions():
    """List (word, rest) of the Dockerfile's instructions."""
    joined = re.sub(r"\\\n", "", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_the_lock_is_a_sorted_list_of_versions_and_nothing_else():
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in LINES)
    assert sorted(LINES) == LINES or sorted(LINES, key=name_of) == LINES
    assert len({name_of(line) for line in LINES}) == len(LINES)


def name_of(line):
    return line.split("==")[0]


@pytest.mark.parametrize("text", WANTED)
def test_the_lock_satisfies_pyproject(text):
    pins = dict(line.split("==") for line in LINES)
    requirement = Requirement(text)
    assert Version(pins[canonicalize_name(requirement.name)]) in requirement.specifier


def test_the_image_copies_what_the_wheel_is_made_of_and_no_more():
    copied = {word for name, rest in instructions() if name == "COPY" for word in rest.split()[:-1]}
    assert {"pyproject.toml", "README.md", "LICENSE", "nstlib", "data", "notebooks"} <= copied
    assert all((ROOT / word).exists() for word in copied)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    assert let_in == copied


def test_the_image_installs_the_locked_versions_and_runs_as_a_user():
    assert "PIP_CONSTRAINT=/opt/nstlib/requirements.lock" in DOCKERFILE
    words = [name for name, _ in instructions()]
    user = words.index("USER")
    assert "pip install" not in " ".join(rest for _, rest in instructions()[user:])
    assert instructions()[user][1] == "${NB_UID}"


def test_the_image_starts_lab_at_chapter_1_and_lets_a_hub_start_its_own():
    last = dict(instructions())
    command, entry = json.loads(last["CMD"]), json.loads(last["ENTRYPOINT"])
    assert command[:2] == ["jupyter", "lab"]
    assert (ROOT / "notebooks" / command[-1].rsplit("/", 1)[1]).exists()
    assert entry[-2].endswith('exec "$@"')
    assert "jupyterhub==" in DOCKERFILE
