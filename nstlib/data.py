"""Find pictures and weights by name, with who made them, licence and checksum."""

import hashlib
import importlib.util
import json
from pathlib import Path

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent / "data"
PICTURES = PACKAGE / "pictures"  # in an installed wheel; a checkout keeps them in data/
WEIGHTS = PACKAGE / "weights"


def names(kind: str | None = None) -> tuple[str, ...]:
    """List the built-in pictures.

    Args:
        kind: "photo", "painting" or "sketch"; None for all.

    Raises:
        ValueError: no such kind.
    """
    pictures = _manifest()
    kinds = sorted({about["kind"] for about in pictures.values()})
    if kind is not None and kind not in kinds:
        raise ValueError(f"no pictures of kind {kind!r}; choose one of {', '.join(kinds)}")
    return tuple(name for name, about in pictures.items() if kind in (None, about["kind"]))


def path(name: str) -> Path:
    """Find a built-in picture's file.

    Raises:
        ValueError: no picture of that name.
        FileNotFoundError: the installation lacks the file.
    """
    entry = about(name)
    folder = _scikit_image() if entry["source"] == "scikit-image" else _folder()
    file = folder / entry["file"]
    if not file.is_file():
        raise FileNotFoundError(f"the picture {name!r} is missing: no file {str(file)!r}")
    return file


def about(name: str) -> dict[str, str]:
    """Tell a picture's title, kind, author, licence, how it was made, alt text and SHA-256.

    Raises:
        ValueError: no picture of that name.
    """
    pictures = _manifest()
    if name not in pictures:
        raise ValueError(f"no picture {name!r}; choose one of {', '.join(pictures)}")
    return pictures[name]


def weights(name: str) -> Path:
    """Find a network's weights file and verify its checksum.

    Raises:
        FileNotFoundError: the installation lacks the file.
        ValueError: the file is not the one that was published; both checksums are named.
    """
    entry = json.loads((WEIGHTS / "manifest.json").read_text())[name]
    file = WEIGHTS / entry["file"]
    if not file.is_file():
        raise FileNotFoundError(f"the weights of {name!r} are missing: no file {str(file)!r}")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != entry["sha256"]:
        raise ValueError(
            f"the weights file {str(file)!r} is damaged: its SHA-256 is {found}, "
            f"it should be {entry['sha256']}; install nstlib again"
        )
    return file


def _folder() -> Path:
    return PICTURES if PICTURES.is_dir() else CHECKOUT


def _manifest() -> dict[str, dict[str, str]]:
    return json.loads((_folder() / "manifest.json").read_text(encoding="utf-8"))


def _scikit_image() -> Path:
    return Path(importlib.util.find_spec("skimage").origin).parent / "data"
