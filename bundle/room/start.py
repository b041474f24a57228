"""Open the chapters, or with `python start.py studio` the studio as an app.

More words go to the command: `python start.py --no-browser`.
"""

import os
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
    what, words = (STUDIO, words[1:]) if words[:1] == ["studio"] else (LAB, words)
    command = [str(COMMANDS / "python"), "-m", *what, *words]
    sys.exit(subprocess.call(command, cwd=HERE))


if __name__ == "__main__":
    main(sys.argv[1:])
