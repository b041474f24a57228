"""Teach a network to paint in one style."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nstlib import data, images
from nstlib.crops import Crops
from nstlib.features import FeatureNetwork, load_network
from nstlib.feedforward.files import read_checkpoint, write_checkpoint
from nstlib.feedforward.network import StyleNet, new_network, paint
from nstlib.feedforward.steps import TrainingStep, check_finite, check_numbers
from nstlib.losses import content_loss, gram_matrix, style_loss, total_variation

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT_LAYER = "block4_conv2"
STYLE_WEIGHT, CONTENT_WEIGHT, TV_WEIGHT = 100.0, 0.6, 20.0  # see Perception
FLOOR = 1e-12  # under the root, whose slope at 0 is infinite
RATE = 1.5e-3  # of Adam, falling to 0 over a training


@dataclass(frozen=True)
class Perception:
    """What painted pictures are judged by: the objective of a transfer, for a batch.

    L = content_weight · content + style_weight · mean of √styleₗ + tv_weight · total variation

    The root is what differs. A new painter's Gram matrices are wrong by so much that their squares
    drove it into pure black and white in our trials (up to 400 steps), where gradients fade. Near
    the end both forms pull about equally hard: STYLE_WEIGHT is the root of `recipes.STYLE_WEIGHT`.

    Attributes:
        network: whose features are compared.
        targets: the painting's Gram matrices, (1, C, C) each.
        content_weight, tv_weight: of the terms.
        style_weight: None for STYLE_WEIGHT times the network's width.

    Source: Johnson et al. 2016, equation 5, without the root.
    """

    network: FeatureNetwork
    targets: dict[str, Tensor]
    content_weight: float = CONTENT_WEIGHT
    style_weight: float | None = None
    tv_weight: float = TV_WEIGHT

    def terms(self, painted: Tensor, photos: Tensor) -> dict[str, Tensor]:
        """Compute the terms of painted pictures (B, 3, H, W) of these photos, weights included."""
        with torch.no_grad():
            target = self.network(photos, [CONTENT_LAYER])[CONTENT_LAYER]
        features = self.network(painted, [*self.targets, CONTENT_LAYER])
        errors = [
            (style_loss(features, {layer: gram.expand(len(painted), -1, -1)}) + FLOOR).sqrt()
            for layer, gram in self.targets.items()
        ]
        usual = STYLE_WEIGHT * self.network.width
        weight = usual if self.style_weight is None else self.style_weight
        return {
            "content": self.content_weight * content_loss(features[CONTENT_LAYER], target),
            "style": weight * sum(errors) / len(errors),
            "total variation": self.tv_weight * total_variation(painted),
        }


class Training:
    """A painter in training, with all that a checkpoint has to hold.

    Attributes:
        painter: the StyleNet that learns.
        number: steps made so far.
        seconds: time spent on them.
    """

    def __init__(
        self,
        style,
        pictures=None,
        *,
        steps: int,
        batch: int,
        size: int,
        style_size: int,
        network: str | FeatureNetwork,
        rate: float,
        seed: int,
        start: StyleNet | None,
        **weights,
    ):
        """Prepare a training. Args, Raises: as `train`."""
        check_numbers(steps=steps, batch=batch, size=size)
        self.steps, self.batch, self.number, self.seconds = steps, batch, 0, 0.0
        painting = style if isinstance(style, Tensor) else images.load_image(style, size=style_size)
        if pictures is None:
            pictures = [data.path(name) for name in data.names("photo")]
        self.crops = pictures if isinstance(pictures, Crops) else Crops(pictures, size=size)
        judge = load_network(network) if isinstance(network, str) else network
        grams = {n: gram_matrix(value) for n, value in judge(painting, STYLE_LAYERS).items()}
        self.perception = Perception(judge, grams, **weights)
        self.generator = torch.Generator().manual_seed(seed)
        self.painter = new_network(seed) if start is None else copy.deepcopy(start)
        self.optimizer = torch.optim.Adam(self.painter.parameters(), lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)

    def measure(self) -> dict[str, float]:
        """Measure the terms on crops of their own, without learning from them."""
        with torch.no_grad():
            photos = self.crops.batch(self.batch, torch.Generator().manual_seed(0))
            terms = self.perception.terms(self.painter.eval()(photos), photos)
        return {name: term.item() for name, term in terms.items()}

    def advance(self, count: int) -> dict[str, float]:
        """Make `count` steps; return each term's mean.

        Raises:
            FloatingPointError: a term or its gradient is not finite; that step is not made, and the
                painter keeps the weights it had before it.
        """
        begun, sums = time.perf_counter(), {}
        self.painter.train()
        for _ in range(count):
            for name, value in self._step().items():
                sums[name] = sums.get(name, 0.0) + value / count
            self.number += 1
        self.seconds += time.perf_counter() - begun
        return sums

    def report(self, losses: dict[str, float], preview: Tensor | None) -> TrainingStep:
        """Tell what the training has come to; paint the preview where there is one."""
        image = None if preview is None else paint(self.painter, preview)
        return TrainingStep(self.number, losses, self.seconds, self.painter, image)

    def _step(self) -> dict[str, float]:
        buffers = {name: value.clone() for name, value in self.painter.named_buffers()}
        photos = self.crops.batch(self.batch, self.generator)
        terms = self.perception.terms(self.painter(photos), photos)
        self.optimizer.zero_grad()
        sum(terms.values()).backward()
        values = {name: term.item() for name, term in terms.items()}
        gradients = [parameter.grad.norm() for parameter in self.painter.parameters()]
        found = {**values, "gradient": float(sum(gradients))}
        try:
            check_finite(found, self.number + 1)
        except FloatingPointError:
            self.painter.load_state_dict(buffers, strict=False)
            raise
        self.optimizer.step()
        self.schedule.step()
        return values

    def save(self, path: str | Path) -> Path:
        """Write a checkpoint, from which the training goes on as if it had never stopped."""
        content = {
            "settings": self.painter.settings,
            "steps": self.steps,
            "painter": self.painter.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "number": self.number,
            "seconds": self.seconds,
        }
        return write_checkpoint(path, content)

    def load(self, path: str | Path) -> None:
        """Go on from a checkpoint.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is damaged, of another version, of a training of another length, or of a
                network of another shape.
        """
        content = read_checkpoint(path)
        if content["steps"] != self.steps:
            raise ValueError(
                f"the checkpoint {str(path)!r} is of a training of {content['steps']} steps, this "
                f"one has {self.steps}"
            )
        if content["settings"] != self.painter.settings:
            raise ValueError(
                f"the checkpoint {str(path)!r} is of a network {content['settings']}, "
                f"this training's is {self.painter.settings}"
            )
        self.painter.load_state_dict(content["painter"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.load_state_dict(content["schedule"])
        self.generator.set_state(content["generator"])
        self.number, self.seconds = content["number"], content["seconds"]


def train(
    style,
    pictures=None,
    *,
    steps: int = 1500,
    batch: int = 4,
    size: int = 96,
    report: int = 20,
    style_size: int = 256,
    network: str | FeatureNetwork = "pocket",
    rate: float = RATE,
    seed: int = 0,
    start: StyleNet | None = None,
    resume: str | Path | None = None,
    checkpoint: str | Path | None = None,
    preview: Tensor | None = None,
    **weights,
) -> Iterator[TrainingStep]:
    """Teach a network to paint in one style; hand it over at every report.

    Pausing is not asking for the next report; stopping is closing the generator. The network that
    was handed over last stays, with its last good weights.

    Args:
        style: the painting: an image tensor or whatever `images.load_image` takes.
        pictures: a folder, a list of pictures, or Crops; None for the built-in photos.
        steps: how many batches in all; the rate falls to 0 over them.
        batch, size: crops per step, and their side in px.
        report: steps from one report to the next.
        style_size: longer side in px that a painting is loaded at.
        network: whose features judge, a name for `load_network` or a network.
        rate: of Adam, at first.
        seed: of the first weights and of the crops.
        start: a network to go on from; None for a new one.
        resume: a checkpoint of the same training to go on from.
        checkpoint: file to write at every report.
        preview: a photo (1, 3, H, W) to paint at every report, to look at.
        **weights: content_weight, style_weight and tv_weight, as in Perception.

    Yields:
        A TrainingStep: number 0 at once, then at every report.

    Raises:
        ValueError: bad numbers, no pictures, or a checkpoint that is damaged or does not fit.
        FloatingPointError: a loss or a gradient is not finite; the network keeps its last good
            weights.

    Source: Johnson et al. 2016, equation 5.
    Taught in: chapter 6.
    """
    check_numbers(report=report)
    training = Training(
        style,
        pictures,
        steps=steps,
        batch=batch,
        size=size,
        style_size=style_size,
        network=network,
        rate=rate,
        seed=seed,
        start=start,
        **weights,
    )
    if resume is not None:
        training.load(resume)
    yield training.report(training.measure(), preview)
    while training.number < steps:
        losses = training.advance(min(report, steps - training.number))
        if checkpoint is not None:
            training.save(checkpoint)
        yield training.report(losses, preview)
