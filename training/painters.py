"""Train the networks that chapter 6 starts with: `python -m training.painters --help`.

    python -m training.painters swirling_night PICTURES --output runs/base.safetensors --steps 500
    python -m training.painters swirling_night PICTURES --output runs/swirling_night.safetensors \\
        --start runs/base.safetensors --publish
    python -m training.painters stained_glass PICTURES --output runs/stained_glass.safetensors \\
        --start runs/base.safetensors --publish

PICTURES is a folder of photos. A network that starts from another's weights can be blended with
it, or with what else started there. Started again with the same arguments, a run goes on from its
last checkpoint. With --publish the network is put into nstlib.
"""

import argparse
import shutil
from pathlib import Path

from tqdm import tqdm

from nstlib import data
from nstlib.crops import Crops
from nstlib.feedforward import load_painter, save_network, train
from training.publish import record

VERSION = "1"  # of the published networks
DESCRIPTION = {
    "data": "photos of BSDS500 and of ImageNet (one per class)",
    "licence": "MIT",
    "card": "PAINTERS_CARD.md",
}
STEPS, BATCH, SIZE = 1300, 4, 128


def train_painter(style, pictures, output, *, start=None, steps=STEPS, batch=BATCH, size=SIZE):
    """Train a network and write it; print each report's losses.

    Args:
        style: name of a built-in painting.
        pictures: a folder of photos, or Crops.
        output: the .safetensors file; its checkpoint lies beside it.
        start: the file of a network to go on from; None for a new one.
        steps, batch, size: as in `nstlib.feedforward.train`.
    """
    checkpoint = Path(output).with_suffix(".checkpoint")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    training = train(
        data.path(style),
        pictures,
        steps=steps,
        batch=batch,
        size=size,
        report=min(100, steps),
        start=None if start is None else load_painter(start),
        checkpoint=checkpoint,
        resume=checkpoint if checkpoint.is_file() else None,
    )
    bar = tqdm(total=steps, unit="step", desc=style)
    for step in training:
        bar.update(step.number - bar.n)
        terms = ", ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
        bar.write(f"{step.number} steps, {step.seconds:.0f} s: {terms}")
    return save_network(step.network, output, style=style, steps=str(steps))


def publish_painter(style: str, file: str | Path, folder: Path = data.WEIGHTS) -> Path:
    """Put a trained network into nstlib under its painting's name."""
    published = Path(shutil.copyfile(file, folder / f"paint_{style}.safetensors"))
    record(style, published, version=VERSION, style=style, **DESCRIPTION)
    return published


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("style", choices=data.names("painting"))
    parser.add_argument("pictures", help="a folder of photos")
    parser.add_argument("--output", required=True, help="the .safetensors file to write")
    parser.add_argument("--start", help="a network to go on from")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--size", type=int, default=SIZE, help="side of the crops in px")
    parser.add_argument("--publish", action="store_true", help="put the network into nstlib")
    chosen = parser.parse_args()
    crops = Crops(chosen.pictures, size=chosen.size)
    print(f"{len(crops.pictures)} pictures, {len(crops.skipped)} skipped")
    numbers = {"steps": chosen.steps, "batch": chosen.batch, "size": chosen.size}
    print(train_painter(chosen.style, crops, chosen.output, start=chosen.start, **numbers))
    if chosen.publish:
        print(publish_painter(chosen.style, chosen.output))


if __name__ == "__main__":
    main()
