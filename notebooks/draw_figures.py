"""Draw the pictures that head the chapters and the README: `python notebooks/draw_figures.py`.

Chapter 8's shows the pocket network's teacher too: `--teacher FILE` draws it.
"""

import argparse
from pathlib import Path

from PIL import Image

from benchmarks.pocket import SHEET_STYLE_WEIGHT, optimum
from nstlib import data, feedforward, images, masks, recipes, superresolution
from nstlib.features import load_network
from training.teachers import load_teacher

FOLDER = Path(__file__).parent / "figures"
GALLERY = ("swirling_night", "stained_glass", "woodcut_wave")
SIZE = 300  # px, longer side of every picture before it is put in its row
CUP = [(84, 12), (84, 40), (60, 30), (60, 80), (140, 80)]  # px at a width of 192, as in chapter 4
UPSCALING_STEPS = {"pixels": 660, "features": 400}  # as in chapter 7
GAP = 8  # px of white between two pictures


def row(*tensors, height=240):
    """Put images side by side at one height."""
    pictures = [images.to_picture(tensor) for tensor in tensors]
    pictures = [p.resize((round(p.width * height / p.height), height)) for p in pictures]
    width = sum(picture.width + GAP for picture in pictures) - GAP
    sheet, left = Image.new("RGB", (width, height), "white"), 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, metavar="FILE")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    if options.teacher:
        draw_teacher_beside_pocket(load_teacher(options.teacher))
        return
    photo = images.load_image(data.path("chelsea"), size=SIZE)
    painting = images.load_image(data.path("swirling_night"), size=SIZE)
    noise = images.noise_image(photo.shape[2:])  # what reconstruct_content starts from
    rebuilt = recipes.reconstruct_content(photo, layer="block4_conv2").image
    texture = recipes.reconstruct_style(painting).image
    painted = {name: recipes.transfer(photo, data.path(name), size=SIZE).image for name in GALLERY}
    sheets = {
        "01_content": row(noise, rebuilt),
        "02_style": row(painting, texture),
        "03_transfer": row(photo, painting, painted["swirling_night"]),
    }
    for name, sheet in sheets.items():
        sheet.save(FOLDER / f"{name}.jpg", quality=88)
    draw_wishes()
    draw_painters()
    draw_upscaled()
    paintings = [crop_like(images.load_image(data.path(name)), photo) for name in GALLERY]
    rows = [row(*paintings, height=180), row(*painted.values(), height=180)]
    stack(rows).save(FOLDER / "gallery.jpg", quality=88)


def draw_painters():
    """Head chapter 6: a photo, and what the built-in painters make of it."""
    photo = images.load_image(data.path("chelsea"), size=SIZE)
    painted = [feedforward.paint(feedforward.load_painter(name), photo) for name in data.painters()]
    row(photo, *painted, height=200).save(FOLDER / "06_fast.jpg", quality=88)


def draw_upscaled():
    """Head chapter 7: a cat's eye by bicubic, by both networks at x2, and as it was."""
    truth = images.load_image(data.path("chelsea"))[..., :300, :448]
    small = superresolution.shrink(truth, 2)
    others = [data.path(name) for name in data.names("photo") if name != "chelsea"]
    made = [images.resize_image(small, (300, 448))]
    for loss, steps in UPSCALING_STEPS.items():
        *_, last = superresolution.train(loss, others, factor=2, steps=steps)
        made.append(superresolution.upscale(last.network, small))
    parts = [image[..., 70:190, 130:270].repeat_interleave(2, 2) for image in (*made, truth)]
    sheet = row(*(part.repeat_interleave(2, 3) for part in parts))
    sheet.save(FOLDER / "07_super.jpg", quality=85)


def draw_wishes():
    """Head chapters 4 and 5: colours, places, a sketch, a layout."""

    def load(name):
        return images.load_image(data.path(name), size=SIZE)

    cup, night, wave = load("coffee"), load("swirling_night"), load("woodcut_wave")
    segments = masks.segment(cup, count=20)
    points = [(x * SIZE // 192, y * SIZE // 192) for x, y in CUP]
    place = masks.soften(masks.pick_segments(segments, points), 2)
    cups = [
        recipes.transfer(cup, night, size=SIZE, balance=True),
        recipes.transfer(cup, night, size=SIZE, balance=True, colors="photo"),
        recipes.transfer(cup, [wave, night], size=SIZE, masks=[place, None]),
    ]
    row(cup, *(painted.image for painted in cups), height=170).save(
        FOLDER / "04_better.jpg", quality=88
    )
    bird, layout = load("bird_on_branch"), images.load_image(data.path("lake_layout"))
    bird_painted = recipes.transfer(bird, load("stained_glass"), start="tint")
    night_map = images.load_image(data.path("swirling_night_regions"))
    regions = data.about("swirling_night_regions")["regions"]
    lake = recipes.paint_regions(layout, night, night_map, regions, size=SIZE)
    row(bird, bird_painted.image, layout, lake.image, height=190).save(
        FOLDER / "05_sketch.jpg", quality=88
    )


def draw_teacher_beside_pocket(teacher):
    """Head chapter 8: the same transfer with both networks."""
    photo = images.load_image(data.path("chelsea"), size=SIZE)
    painting = images.load_image(data.path("stained_glass"), size=SIZE)
    painted = [
        optimum(network, photo, painting, "photo", SHEET_STYLE_WEIGHT)
        for network in (teacher.features, load_network())
    ]
    sheet = row(photo, painting, *painted, height=180)
    sheet.save(FOLDER / "08_pocket.jpg", quality=88)


def crop_like(image, other):
    """Cut an image's middle to another's aspect ratio."""
    height = round(image.shape[3] * other.shape[2] / other.shape[3])
    top = (image.shape[2] - height) // 2
    return image[:, :, top : top + height]


def stack(rows):
    """Put rows under each other."""
    width, height = max(r.width for r in rows), sum(r.height + GAP for r in rows) - GAP
    sheet, top = Image.new("RGB", (width, height), "white"), 0
    for line in rows:
        sheet.paste(line, (0, top))
        top += line.height + GAP
    return sheet


if __name__ == "__main__":
    main()
