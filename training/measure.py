"""What can be said of a network: how much of a teacher it explains, which channels are dead."""

from collections.abc import Callable

import torch
from torch import Tensor

from nstlib.features import LAYERS
from training.teachers import Teacher

Features = Callable[[Tensor], dict[str, Tensor]]


@torch.no_grad()
def unexplained(features: Features, teacher: Teacher, known, held_out) -> dict[str, float]:
    """Measure the share of the teacher's variance that no linear head explains, per layer.

    A head, one matrix and an offset per layer, is fitted on `known` by least squares and judged
    on `held_out`.

    Args:
        features: image (1, 3, H, W) -> {layer: (1, C, H', W') after the ReLU}.
        known, held_out: lists of images; `known` from the training pictures.

    Returns:
        {layer: share}, 0 is perfect, 1 as bad as the mean.
    """
    heads = {}
    for layer, (rows, _, products, _) in _moments(features, teacher, known).items():
        ridge = 1e-7 * rows.diagonal().mean() * torch.eye(len(rows), device=rows.device)
        heads[layer] = torch.linalg.solve(rows + ridge, products)
    shares = {}
    for layer, (rows, sums, products, squares) in _moments(features, teacher, held_out).items():
        head = heads[layer]
        left = squares - 2 * (head * products).sum() + (head * (rows @ head)).sum()
        count = rows[-1, -1]
        shares[layer] = float(left / (squares - (sums.square() / count).sum()))
    return shares


def _moments(features, teacher, images):
    """Sum, per layer: rows' products, targets, rows times targets, targets' squares."""
    moments = {}
    for image in images:
        answers, targets = features(image), teacher(image)
        for layer in LAYERS:
            rows = answers[layer].movedim(1, 0).flatten(1).double()
            rows = torch.cat([rows, torch.ones_like(rows[:1])])
            target = teacher.measured(layer, targets[layer]).movedim(1, 0).flatten(1).double()
            parts = (rows @ rows.T, target.sum(1), rows @ target.T, target.square().sum())
            moments[layer] = [
                old + new for old, new in zip(moments.get(layer, [0] * 4), parts, strict=True)
            ]
    return moments


@torch.no_grad()
def mean_activations(features: Features, batches: list[Tensor]) -> dict[str, Tensor]:
    """Average each channel over some images: {layer: (C,)}. A dead channel has 0."""
    sums = dict.fromkeys(LAYERS, 0)
    for images in batches:
        for layer, values in features(images).items():
            sums[layer] = sums[layer] + values.mean((0, 2, 3)) / len(batches)
    return sums
