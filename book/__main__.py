"""`python -m book [FOLDER]`: build the book from the saved outputs of the notebooks."""

import argparse
import sys
import time
from pathlib import Path

from book.build import build
from book.sources import ROOT


def main():
    parser = argparse.ArgumentParser(prog="python -m book", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "book")
    folder = parser.parse_args().folder
    started = time.perf_counter()
    try:
        pages = build(folder)
    except ValueError as problem:
        sys.exit(f"no book: {problem}")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB, {time.perf_counter() - started:.1f} s")
    print(f"open {folder / 'index.html'}")


if __name__ == "__main__":
    main()
