"""Pictures that an optimisation visits: transfers in progress, made with the student itself.

A picture that was optimised to please one network lies where that network is wrong. So the student
is shown such pictures too, and the teacher says what it should have answered. Over 240 steps this
did not make transfers better; in the one comparison over thousands it did, although errors on
photos were larger (MODEL_CARD.md).
"""

import torch
from torch import Tensor

from nstlib.losses import gram_matrix

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT_LAYER = "block4_conv2"
MOVES = 2  # optimiser steps per visit
VISITS = 80  # until an entry starts again with other pictures
LEARNING_RATE = 0.05
DECAYS = 0.9, 0.99


class Visited:
    """Transfers in progress, a few of which move on each time.

    Args:
        crops: (paintings, generator) -> (1, 3, H, W), from a painting with that probability.
        count: of transfers in progress.
    """

    def __init__(self, crops, count: int):
        self.crops, self.count = crops, count
        self.entries: list[dict] = []

    def advance(self, features, count: int, step: int, generator: torch.Generator) -> Tensor:
        """Move `count` of the transfers on, in turn.

        Args:
            features: images (B, 3, H, W) -> {layer: after the ReLU}.
            count: how many, each by two steps of Adam.
            step: of the training; says whose turn it is.
            generator: of what is started anew.

        Returns:
            Their images, (count, 3, H, W).
        """
        first = step * count
        places = [(first + n) % self.count for n in range(count)]
        while len(self.entries) <= max(places):
            self.entries.append(self._started(features, generator))
            age = int(torch.randint(VISITS, (), generator=generator))
            self.entries[-1]["visits"] = age  # so that they do not all end at once
        for place in places:
            if self.entries[place]["visits"] >= VISITS:
                self.entries[place] = self._started(features, generator)
        entries = [self.entries[place] for place in places]
        for _ in range(MOVES):
            _move(features, entries)
        for entry in entries:
            entry["visits"] += 1
        return _images(torch.stack([entry["angle"] for entry in entries]))

    @torch.no_grad()
    def _started(self, features, generator):
        content, style = self.crops(0.25, generator), self.crops(0.75, generator)
        seen, wanted = features(content), features(style)
        chances = torch.rand(3, generator=generator)
        start = content if chances[0] < 0.5 else torch.rand(content.shape, generator=generator)
        start = start.to(content)
        if chances[0] > 0.75:  # plain noise is grey; this one has any amplitude
            start = 0.5 + (start - 0.5) * torch.rand(1, generator=generator).item()
        angle = torch.asin((start[0] * 2 - 1).clamp(-0.999, 0.999))
        weight = 10 ** (2.5 * chances[1] - 0.5)  # of style, 0.3 to 100
        entry = {
            "angle": angle,
            "mean": torch.zeros_like(angle),
            "square": torch.zeros_like(angle),
            "visits": 0,
            "moves": 0,
            "weights": torch.tensor([1.0, float(weight)], device=angle.device),
            "content": seen[CONTENT_LAYER][0].clone(),
        }
        if chances[2] < 0.2:
            entry["weights"][int(chances[2] < 0.1)] = 0  # style only, content only
        return entry | {layer: gram_matrix(wanted[layer].float())[0] for layer in STYLE_LAYERS}


def _move(features, entries):
    angle = torch.stack([entry["angle"] for entry in entries]).requires_grad_()
    with torch.enable_grad():
        seen = features(_images(angle))
        content, style = _shares(seen, entries)
        weights = torch.stack([entry["weights"] for entry in entries]).to(angle)
        loss = (weights[:, 0] * content + weights[:, 1] * style).sum()
    (slope,) = torch.autograd.grad(loss, angle)
    for entry, change in zip(entries, slope, strict=True):
        entry["moves"] += 1
        for key, decay, value in (
            ("mean", DECAYS[0], change),
            ("square", DECAYS[1], change.square()),
        ):
            entry[key] = torch.lerp(value, entry[key], decay)
        mean = entry["mean"] / (1 - DECAYS[0] ** entry["moves"])
        square = entry["square"] / (1 - DECAYS[1] ** entry["moves"])
        entry["angle"] = entry["angle"] - LEARNING_RATE * mean / (square.sqrt() + 1e-12)


def _images(angle):
    return (1 + torch.sin(angle)) / 2


def _shares(seen, entries):
    """Content and style losses per image, (B,) each, relative to the targets' energy."""
    target = torch.stack([entry["content"] for entry in entries]).float()
    content = _share(seen[CONTENT_LAYER].float(), target)
    style = 0
    for layer in STYLE_LAYERS:
        grams = torch.stack([entry[layer] for entry in entries])
        style = style + _share(gram_matrix(seen[layer].float()), grams) / len(STYLE_LAYERS)
    return content, style


def _share(found, wanted):
    energy = wanted.square().flatten(1).sum(1).clamp_min(1e-12)
    return (found - wanted).square().flatten(1).sum(1) / energy
