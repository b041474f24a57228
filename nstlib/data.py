"""Find pictures and weights by name, with who made them, licence and checksum."""

import importlib.util
import json
from pathlib import Path

from nstlib import downloads

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent / "data"
PICTURES = PACKAGE / "pictures"  # in an installed wheel; a checkout keeps them in data/
WEIGHTS = PACKAGE / "weights"
GATYS = (  # the pictures of the first paper, where its author keeps them
    "https://raw.githubusercontent.com/leongatys/PytorchNeuralStyleTransfer/"
    "be6c8e2b35568669a5a0ac10b66c912207ad355d/Images/"
)
ON_THE_WEB = {
    "starry_night": {
        "title": "The Starry Night",
        "kind": "painting",
        "author": "Vincent van Gogh, 1889",
        "licence": "public domain",
        "url": GATYS + "vangogh_starry_night.jpg",
        "sha256": "228bebf0dd424ea4f740d8d88a67f2960424c166e638086c1ec529260d2e3832",
        "instead": "swirling_night",
    },
    "tuebingen": {
        "title": "Neckarfront in Tübingen",
        "kind": "photo",
        "author": "Andreas Praefcke",
        "licence": "Creative Commons Attribution 3.0",
        "url": GATYS + "Tuebingen_Neckarfront.jpg",
        "sha256": "e67d1869f01fd805385c681a80d9ebcf0f70ea4a5fe6127f0606bb1c7f4bf506",
        "instead": "rocket",
    },
}


def names(kind: str | None = None) -> tuple[str, ...]:
    """List the built-in pictures.

    Args:
        kind: "photo", "painting", "sketch", "regions" (maps of the paintings, one flat colour per
            region) or "layout" (compositions in the colours of such maps); None for all.

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


def about(name: str) -> dict:
    """Tell a picture's title, kind, author, licence, how it was made, alt text and SHA-256.

    Of a map of regions it also tells the painting ("of") and each region's colour ("regions", a
    dictionary of hexadecimal codes); of a layout, the paintings whose maps have its colours ("of").

    Raises:
        ValueError: no picture of that name.
    """
    pictures = _manifest()
    if name not in pictures:
        raise ValueError(f"no picture {name!r}; choose one of {', '.join(pictures)}")
    return pictures[name]


def fetch(name: str, *, progress: bool = True) -> Path:
    """Find a famous picture that is not ours to ship; download it the first time.

    Args:
        name: a key of ON_THE_WEB, which says title, author and licence.
        progress: show a bar while downloading.

    Raises:
        ValueError: no such picture, or another file came.
        ConnectionError: it cannot be downloaded; the message says where to put the file, and which
            built-in picture to use instead.
    """
    if name not in ON_THE_WEB:
        raise ValueError(f"no picture {name!r} on the web; choose one of {', '.join(ON_THE_WEB)}")
    entry = ON_THE_WEB[name]
    file = downloads.cache_folder() / "pictures" / entry["url"].rpartition("/")[2]
    try:
        return downloads.fetch(entry["url"], file, sha256=entry["sha256"], progress=progress)
    except ConnectionError as error:
        raise ConnectionError(
            f"{error}\nTo use {entry['title']!r} without the internet, bring the file and put it "
            f"at {str(file)!r}. Or use the built-in {entry['kind']} {entry['instead']!r}."
        ) from error


def weights(name: str) -> Path:
    """Find a network's weights file and verify its checksum.

    Raises:
        FileNotFoundError: the installation lacks the file.
        ValueError: the file is not the one that was published; both checksums are named.
    """
    entry = _weights_manifest()[name]
    file = WEIGHTS / entry["file"]
    if not file.is_file():
        raise FileNotFoundError(f"the weights of {name!r} are missing: no file {str(file)!r}")
    found = downloads.checksum(file)
    if found != entry["sha256"]:
        raise ValueError(
            f"the weights file {str(file)!r} is damaged: its SHA-256 is {found}, "
            f"it should be {entry['sha256']}; install nstlib again"
        )
    return file


def painters() -> tuple[str, ...]:
    """List the built-in networks that paint in one pass, each named after its painting."""
    return tuple(name for name, about in _weights_manifest().items() if "style" in about)


def _folder() -> Path:
    return PICTURES if PICTURES.is_dir() else CHECKOUT


def _manifest() -> dict[str, dict]:
    return json.loads((_folder() / "manifest.json").read_text(encoding="utf-8"))


def _weights_manifest() -> dict[str, dict]:
    return json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))


def _scikit_image() -> Path:
    return Path(importlib.util.find_spec("skimage").origin).parent / "data"
