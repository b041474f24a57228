"""Open the chapters, or with `python start.py studio` the studio as an app.

`python start.py --work FOLDER` first copies the notebooks into a folder of your own, once, and
opens them there. More words go to the command: `python start.py --no-browser`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMANDS = HERE / ".venv" / ("Scripts" if os.name == "nt" else "bin")
STUDIO = ("voila", "notebooks/studio.ipynb")
LAB = ("jupyterlab", "--LabApp.default_url=/lab/tree/notebooks/01_content_reconstruction.ipynb")


def main(words):
    if not COMMANDS.is_dir():
        sys.exit("not installed yet; first: python install.py")
    if any((HERE / "weights").iterdir()):
        os.environ.setdefault("NSTLIB_WEIGHTS", str(HERE / "weights"))
    place, words = workplace(words)
    what, words = (STUDIO, words[1:]) if words[:1] == ["studio"] else (LAB, words)
    command = [str(COMMANDS / "python"), "-m", *what, *words]
    sys.exit(subprocess.call(command, cwd=place))


def workplace(words):
    """Take `--work FOLDER` from the words; return where to work and the other words."""
    if words[:1] != ["--work"]:
        return HERE, words
    if len(words) < 2:
        sys.exit("--work needs a folder: python start.py --work FOLDER")
    place = Path(words[1]).expanduser().resolve()
    if not (place / "notebooks").exists():
        copy = shutil.copyfile  # not the rights: what is shared may be read-only
        shutil.copytree(HERE / "notebooks", place / "notebooks", copy_function=copy)
    return place, words[2:]


if __name__ == "__main__":
    main(sys.argv[1:])
