"""One folder with everything a room without a network needs: `python -m bundle`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "bundle"
ROOM = Path(__file__).parent / "room"  # what is copied as it is
