"""What is in the book, in what order, and under what names."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Source:
    """A file of the repository that becomes a page."""

    path: Path
    group: str  # its heading in the contents
    name: str  # the page's file


def find_sources(root=ROOT):
    """List what becomes a page, in the order of the book."""
    notebooks = root / "notebooks"
    groups = {
        "Start": [root / "README.md"],
        "Chapters": sorted(notebooks.glob("*.ipynb")),  # digits come before the studio's letter
        "Exercises": sorted((notebooks / "exercises").glob("*.ipynb")),
        "More": [*sorted((root / "docs").glob("*.md")), root / "MODEL_CARD.md"],
    }
    return [
        Source(path, group, page_name(path))
        for group, paths in groups.items()
        for path in paths
        if path.exists()
    ]


def page_name(path):
    """Name a page: the front page is README.md, an exercise must not replace its chapter."""
    if path.name == "README.md":
        return "index.html"
    folder = path.parent.name
    prefix = "exercises_" if folder == "exercises" and folder not in path.stem else ""
    return f"{prefix}{path.stem.lower()}.html"
