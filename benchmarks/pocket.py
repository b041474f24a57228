"""How good the pocket network is: `python -m benchmarks.pocket TEACHER PICTURES`.

Prints the model card's tables: the share of the teacher's features it leaves unexplained, what
transfers optimised with it are worth in the teacher's own layers, and its cost beside VGG-16's.
`--sheet FILE` draws a contact sheet instead. PICTURES is the folder of the training; transfers use
only the pictures that were held out of it.
"""

import argparse
import math
import statistics
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

from nstlib import data, images
from nstlib.features import LAYERS, load_network, pocket_network
from nstlib.losses import gram_matrix
from nstlib.synthesis import optimize_image
from training.measure import mean_activations, unexplained
from training.pictures import Pictures
from training.student import Student
from training.teachers import load_teacher

STYLE_LAYERS = [f"block{block}_conv1" for block in range(1, 6)]
CONTENT_LAYER = "block4_conv2"
STYLE_WEIGHT = 1.0  # both losses are shares of their target's energy
SIZE, ITERATIONS, EVALUATIONS = 256, 10, 20
PAIRS = 12
VGG16_WIDTHS = (64, 128, 256, 512, 512)
SHEET_STYLE_WEIGHT = 10.0  # strong enough for an eye to judge
SHEET_WIDTH = 960  # px
SHEET_PHOTOS = ("chelsea", "astronaut", "coffee", "rocket")
SHEET_PAINTINGS = ("swirling_night", "stained_glass", "woodcut_wave")


def share(found, wanted):
    """Squared error over the wanted tensor's own energy."""
    return (found - wanted).square().sum() / wanted.square().sum()


def transfer_losses(features, photo, painting, style_weight=STYLE_WEIGHT):
    """The objective image -> content and style losses, each relative to its target's energy.

    Args:
        features: (image, layers) -> {layer: (1, C, H, W)}.
    """
    with torch.no_grad():
        target = features(photo, [CONTENT_LAYER])[CONTENT_LAYER]
        grams = {k: gram_matrix(v) for k, v in features(painting, STYLE_LAYERS).items()}

    def objective(image):
        seen = features(image, [*STYLE_LAYERS, CONTENT_LAYER])
        style = sum(share(gram_matrix(seen[layer]), gram) for layer, gram in grams.items())
        return {
            "content": share(seen[CONTENT_LAYER], target),
            "style": style_weight * style / len(grams),
        }

    return objective


def optimum(features, photo, painting, start, style_weight=STYLE_WEIGHT):
    """Optimise a transfer with a network's features: the generated image."""
    objective = transfer_losses(features, photo, painting, style_weight)
    first = images.noise_image(photo.shape[2:]) if start == "noise" else photo
    result = optimize_image(
        first, objective, iterations=ITERATIONS, evaluations=EVALUATIONS, progress=False
    )
    return result.image


def judged(teacher, photo, painting, image):
    """A generated image's content and style losses in the teacher's own layers."""
    with torch.no_grad():
        losses = transfer_losses(teacher, photo, painting)(image)
    return {name: float(value) for name, value in losses.items()}


def curvature(image):
    """Second differences between neighbouring pixels, squared: (H - 2, W - 2)."""
    across = image.diff(n=2, dim=3)[:, :, 1:-1].square().mean((0, 1))
    return across + image.diff(n=2, dim=2)[..., 1:-1].square().mean((0, 1))


def grain(image):
    """How rough an image is: root mean square of its second differences."""
    return float(curvature(image).mean().sqrt())


def frame(image, width=4):
    """How much rougher an image is near its border than inside; 1 where no frame can be seen."""
    squares = curvature(image)
    inside = squares[width:-width, width:-width]
    outside = (squares.sum() - inside.sum()) / (squares.numel() - inside.numel())
    return float((outside / inside.mean()).sqrt())


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def held_out_pairs(pictures, count):
    """Pair held-out photos with held-out paintings: [(photo, painting)], long side 256 px."""
    photos = [n for n in pictures.held_out if n.startswith("photo")]
    paintings = [n for n in pictures.held_out if not n.startswith("photo")]
    photos = photos[:: max(1, len(photos) // count)][:count]
    return [
        [_sized(pictures.held_out[name]) for name in (photo, paintings[number % len(paintings)])]
        for number, photo in enumerate(photos)
    ]


def _sized(picture):
    height, width = picture.shape[1:]
    scale = SIZE / max(height, width)
    return images.resize_image(picture[None] / 255, (round(height * scale), round(width * scale)))


def print_errors(network, teacher, pictures):
    """Measure 1: the share of the teacher's variance left unexplained, per layer."""
    generator = torch.Generator().manual_seed(1)
    known = [pictures.crops(1, 192, generator) for _ in range(300)]
    held_out = [picture[None] / 255 for picture in pictures.held_out.values()]

    def features(image):
        return network(image, LAYERS)

    shares = unexplained(features, teacher, known, held_out)
    dead = sum(int((mean == 0).sum()) for mean in mean_activations(features, known).values())
    print(f"\nHeld-out error on {len(held_out)} pictures, dead channels: {dead}\n")
    _print_row([layer.replace("block", "").replace("_conv", "_") for layer in shares])
    _print_row(["---"] * len(shares))
    _print_row([f"{value:.3f}" for value in shares.values()])


def print_transfers(networks, teacher, pictures, count):
    """Measure 2: transfers optimised with each network, judged in the teacher's own layers."""
    print(f"\nTransfer of the optimum, relative to the teacher's own, {count} held-out pairs\n")
    _print_row(["network", "start", "style", "content", "grain", "frame", "style of all pairs"])
    _print_row(["---"] * 7)
    pairs = held_out_pairs(pictures, count)
    for start in ("photo", "noise"):
        ratios = {name: [] for name in networks}
        for photo, painting in pairs:
            best = optimum(teacher.features, photo, painting, start)
            base = judged(teacher.features, photo, painting, best)
            for name, network in networks.items():
                image = optimum(network, photo, painting, start)
                losses = judged(teacher.features, photo, painting, image)
                ratios[name].append(
                    (
                        losses["style"] / base["style"],
                        losses["content"] / base["content"],
                        grain(image) / grain(best),
                        frame(image) / frame(best),
                    )
                )
        for name, rows in ratios.items():
            columns = list(zip(*rows, strict=True))
            means = [f"{geometric_mean(column):.2f}" for column in columns]
            _print_row([name, start, *means, f"{min(columns[0]):.2f} to {max(columns[0]):.2f}"])


def print_cost(network):
    """Measure 3: parameters, multiply-adds and seconds beside VGG-16's shape, the same code."""
    vgg16 = pocket_network(Student(VGG16_WIDTHS).exported(), name="vgg16")
    seconds = _seconds_per_evaluation({"pocket": network, "vgg16": vgg16})
    print("\nCost at 256x256 px\n")
    _print_row(["network", "parameters", "multiply-adds", "seconds per evaluation"])
    _print_row(["---"] * 4)
    for name, measured in (("pocket", network), ("vgg16", vgg16)):
        parameters = sum(weight.numel() for weight in measured.stages.buffers())
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            measured(torch.rand(1, 3, SIZE, SIZE), LAYERS)
        adds = counter.get_total_flops() / 2
        _print_row([name, f"{parameters:,}", f"{adds / 1e9:.2f} G", f"{seconds[name]:.3f}"])
    print(f"\nratio of seconds: {seconds['vgg16'] / seconds['pocket']:.1f}")


def draw_sheet(file, networks):
    """Measure 4: pocket beside the teacher and `random` on pictures anyone has."""
    rows = {}
    for photo_name in SHEET_PHOTOS:
        for painting_name in SHEET_PAINTINGS:
            photo = images.load_image(data.path(photo_name), size=SIZE)
            painting = images.load_image(data.path(painting_name), size=SIZE)
            row = [photo, painting]
            row += [
                optimum(network, photo, painting, "photo", SHEET_STYLE_WEIGHT)
                for network in networks.values()
            ]
            rows[photo_name, painting_name] = row
    side = SIZE * 3 // 4
    sheet = torch.ones(1, 3, side * len(rows), SIZE * (2 + len(networks)))
    for top, row in enumerate(rows.values()):
        for left, image in enumerate(row):
            height, width = (round(n * min(1, side / image.shape[2])) for n in image.shape[2:])
            small = images.resize_image(image, (height, width))[:, :, :side, :SIZE]
            place = sheet[:, :, top * side :, left * SIZE :]
            place[:, :, : small.shape[2], : small.shape[3]] = small
    picture = images.to_picture(sheet)
    picture.thumbnail((SHEET_WIDTH, picture.height))
    picture.save(file, quality=80, optimize=True)


def _seconds_per_evaluation(networks):
    """Median seconds of one forward and backward pass of a transfer, taken in turn."""
    photo = images.load_image(data.path("astronaut"), size=SIZE)
    painting = images.load_image(data.path("swirling_night"), size=SIZE)
    objectives = {k: transfer_losses(v, photo, painting) for k, v in networks.items()}
    seconds = {name: [] for name in networks}
    for _ in range(12):
        for name, objective in objectives.items():
            image = photo.clone().requires_grad_()
            started = time.perf_counter()
            sum(objective(image).values()).backward()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values[2:]) for name, values in seconds.items()}


def _print_row(cells):
    print("|", " | ".join(cells), "|", flush=True)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pocket",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("teacher", metavar="TEACHER")
    parser.add_argument("pictures", metavar="PICTURES", type=Path)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="another file to measure")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--sheet", type=Path, metavar="FILE")
    options = parser.parse_args()
    teacher, network = load_teacher(options.teacher), load_network()
    if options.weights:
        network = pocket_network(load_file(options.weights))
    if options.sheet:
        networks = {"pocket": network, "teacher": teacher.features}
        draw_sheet(options.sheet, networks | {"random": load_network("random")})
        return
    pictures = Pictures(options.pictures)
    print_errors(network, teacher, pictures)
    print_cost(network)
    print_transfers({"pocket": network}, teacher, pictures, options.pairs)


if __name__ == "__main__":
    main()
