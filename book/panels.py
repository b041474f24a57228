"""Pictures of the live panels, which a book cannot run: `python -m book.panels [CHAPTER ...]`.

Runs the chapters in JupyterLab in headless Chromium, presses Run in each panel that has it and
photographs it.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
LIMIT = 80_000  # bytes of a picture
LONGEST = 600_000  # ms, of a chapter on a busy machine
PANELS = {  # of each notebook, in order: the file in figures/ and what a listener should know
    "01_content_reconstruction": [
        (
            "panel_01",
            "A radio button for each layer, a menu for the pooling, Run, Pause and Stop; "
            "below them the cat rebuilt from block4_conv2, and a falling curve of the loss",
        ),
    ],
    "02_style_reconstruction": [
        (
            "panel_02",
            "Five paintings to choose from, a box to tick for each layer, Run, Pause and "
            "Stop; below them a texture of blue strokes, and a falling curve of the loss",
        ),
    ],
    "03_style_transfer": [
        (
            "panel_03",
            "Photos and paintings to choose from, sliders for seven weights, Run, Pause "
            "and Stop; below them the cat in blue strokes, and a falling curve for each term",
        ),
    ],
    "04_better_transfers": [
        (
            "panel_04",
            "A canvas with tools to draw a mask on the photo of a cup, a menu for the colours, "
            "paintings for the second style; below them the painted cup, and a curve for each term",
        ),
    ],
    "05_sketch_to_painting": [
        (
            "panel_05",
            "A canvas with pen, eraser, fill and twelve colours, on it a sketch of a "
            "house; below it the house painted in thick strokes, and a curve for each term",
        ),
        (
            "panel_05_layout",
            "A canvas with six regions to choose from, on it a flat layout of a "
            "tree; below it the tree painted in thick strokes, and a curve for each term",
        ),
    ],
    "06_fast_style_transfer": [
        (
            "panel_06",
            "Paintings to choose from, Run, Pause and Stop; below them the cat as the network "
            "paints it at the end of its training, and a falling curve for each term",
        ),
    ],
    "07_super_resolution": [
        (
            "panel_07",
            "A menu to choose a network; below it the cat, its left half enlarged by the network, "
            "its right half by bicubic interpolation, and a slider to move the border",
        ),
    ],
    "08_the_pocket_network": [
        (
            "panel_08",
            "A menu to choose a network, Run, Pause and Stop; below them the cup that the student "
            "paints, and a falling curve for each term",
        ),
    ],
    "studio": [
        (
            "studio",
            "The studio's sliders for the weights, the picture as it forms, and a curve for "
            "each term of the loss",
        ),
    ],
}
BETWEEN = {"studio": ("3. Weights and run", "4. Compare and keep")}  # the rest is a page long


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help=", ".join(PANELS))
    chapters = parser.parse_args().chapters or PANELS
    for chapter in chapters:
        with tempfile.TemporaryDirectory() as folder:
            photograph(chapter, Path(folder))


def photograph(chapter, folder):
    """Run a chapter in a folder of its own and save a picture of each of its panels."""
    from tests.lab import notebook_page  # playwright is needed here only

    (folder / "root").mkdir()
    (folder / "home").mkdir()
    shutil.copy(NOTEBOOKS / f"{chapter}.ipynb", folder / "root")
    shutil.copytree(NOTEBOOKS / "figures", folder / "root" / "figures")
    opened = notebook_page(
        folder / "root", f"{chapter}.ipynb", folder / "home", viewport=(1100, 1600), timeout=LONGEST
    )
    with opened as (page, _):
        run = page.get_by_role("button", name="Run", exact=True)
        panels = page.locator(".jp-OutputArea-output").filter(
            has=run.or_(page.locator(".nst-compare-stage"))
        )
        for number, (name, _) in enumerate(PANELS[chapter]):
            panels.nth(number).wait_for()
            picture = finished(panels.nth(number), between=BETWEEN.get(name))
            save(picture, NOTEBOOKS / "figures" / f"{name}.jpg")


def finished(area, *, between=None):
    """Press Run, if there is one, wait for the last iteration, return a picture of the panel.

    `between` names two headings, where the picture begins and ends, if not with the panel.
    """
    run = area.get_by_role("button", name="Run", exact=True)
    if run.count():
        run.click()
        area.get_by_text("Finished: iteration").wait_for()
        run.click(trial=True)  # once it is enabled
    picture = Image.open(io.BytesIO(area.screenshot())).convert("RGB")
    if between:
        begin, end = (area.get_by_role("heading", name=n).bounding_box()["y"] for n in between)
        top = area.bounding_box()["y"]
        picture = picture.crop((0, int(begin - top), picture.width, int(end - top)))
    ground = Image.new("RGB", picture.size, picture.getpixel((0, picture.height - 1)))
    return picture.crop(ImageChops.difference(picture, ground).getbbox())


def save(picture, path):
    """Save as JPEG, as well as the limit of its size allows."""
    for quality in range(88, 30, -4):
        picture.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < LIMIT:
            break
    print(f"{path.name}: {picture.size}, quality {quality}, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
