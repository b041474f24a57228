"""Paint this project's pictures again: `python -m data.paint` writes them all into `data/`."""

import importlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1]
OPTIONS = {".jpg": {"quality": 92, "subsampling": 0}, ".png": {"optimize": True}}


def main(names: list[str]) -> None:
    """Paint the pictures named, or all of them, as the manifest lists them."""
    manifest = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    ours = [name for name, about in manifest.items() if about["source"] == "nstlib"]
    for name in names or ours:
        picture = importlib.import_module(f"data.paint.{name}").paint()
        file = FOLDER / manifest[name]["file"]
        picture.save(file, **OPTIONS[file.suffix])
        print(f"{manifest[name]['file']}: {picture.width}x{picture.height} px")


if __name__ == "__main__":
    main(sys.argv[1:])
