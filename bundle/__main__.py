"""Put wheels, chapters, pictures, weights and the book into one folder: `python -m bundle`.

Nothing is downloaded: the wheels are made from this environment. The room needs Python of the same
version on the same kind of computer, and `python install.py`.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib import metadata

import nbformat

from bundle import FOLDER, ROOM, ROOT, wheels
from grading.formats import clear
from nstlib import checkpoints, pretrained

NOT_FOR_LEARNERS = ("*.py", "*.cfg", "__pycache__", ".*", "source", "solutions", "out")


def main():
    started = time.perf_counter()
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(ROOM, FOLDER, ignore=shutil.ignore_patterns("__pycache__"))
    copy_course()
    said = [copy_book(), copy_weights()]
    make_wheels()
    write_contents()
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(*said, sep="\n")
    print(f"{FOLDER.relative_to(ROOT)}: {size / 1e6:.0f} MB, {time.perf_counter() - started:.0f} s")


def copy_course():
    """Copy the chapters with their figures, and our pictures as files to choose in a dialog.

    The chapters lose their outputs, or a learner would see an experiment's end before predicting
    it; the book has them.
    """
    ignore = shutil.ignore_patterns(*NOT_FOR_LEARNERS)
    shutil.copytree(ROOT / "notebooks", FOLDER / "notebooks", ignore=ignore)
    for path in (FOLDER / "notebooks").glob("*.ipynb"):
        nbformat.write(clear(nbformat.read(path, 4)), path)
    (FOLDER / "pictures").mkdir()
    for path in (ROOT / "data").iterdir():
        if path.suffix in (".jpg", ".png", ".json"):
            shutil.copy(path, FOLDER / "pictures")
    for name in ("LICENSE", "MODEL_CARD.md"):
        shutil.copy(ROOT / name, FOLDER)


def copy_book():
    """Build the book where there is one; say what came of it."""
    if not (ROOT / "book" / "__main__.py").exists():
        return "no book: this version has none"
    subprocess.run([sys.executable, "-m", "book"], cwd=ROOT, check=True)
    shutil.copytree(ROOT / "build" / "book", FOLDER / "book")
    return "with the book"


def copy_weights():
    """Copy the published networks that are here already; say which."""
    files = [path for name in checkpoints.NAMES if (path := pretrained.find(name))]
    (FOLDER / "weights").mkdir()
    for path in files:
        shutil.copy(path, FOLDER / "weights")
    names = ", ".join(path.stem for path in files)
    return f"with the weights of pocket and {names}" if files else "with the weights of pocket only"


def make_wheels():
    """Build our own wheel, and make those of all it needs from this environment."""
    folder = FOLDER / "wheels"
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    for name in wheels.closure("nstlib"):
        wheels.repack(metadata.distribution(name), folder)


def write_contents():
    """Write what install.py compares: Python, platform, and the checksum of every wheel."""
    contents = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": sysconfig.get_platform(),
        "wheels": {path.name: checksum(path) for path in sorted(FOLDER.glob("wheels/*.whl"))},
    }
    (FOLDER / "contents.json").write_text(json.dumps(contents, indent=1) + "\n")


def checksum(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
