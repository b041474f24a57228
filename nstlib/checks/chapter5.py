"""Chapter 5: regions by colour, their mean colours, a collage, the loss of all regions."""

from collections.abc import Callable

import torch
from torch import Tensor

from nstlib import losses
from nstlib.checks.examples import features, values
from nstlib.checks.verdicts import Check, Mistake, gives


def _colors(seed: int, count: int) -> Tensor:
    return values(count, 3, seed=seed)


def _layout(colors: Tensor, seed: int) -> Tensor:
    """Paint with the colours, not quite exactly, as at soft edges."""
    picked = values(4, 5, seed=seed).mul(len(colors)).long()
    flat = colors[picked].permute(2, 0, 1)[None]
    return (flat + 0.2 * (values(1, 3, 4, 5, seed=seed + 1) - 0.5)).clamp(0, 1)


def _layout_case(seed: int, count: int) -> tuple[Tensor, Tensor]:
    colors = _colors(seed, count)
    return _layout(colors, seed + 1), colors


def _differences(layout: Tensor, colors: Tensor) -> Tensor:
    return layout - colors[:, :, None, None]  # (K, 3, H, W)


def _hard(numbers: Tensor, count: int) -> Tensor:
    return (numbers == torch.arange(count).reshape(-1, 1, 1))[:, None].float()  # (K, 1, H, W)


def _picked(measure: Callable[[Tensor], Tensor]) -> Callable:
    def regions(layout: Tensor, colors: Tensor) -> Tensor:
        return _hard(measure(_differences(layout, colors)).argmin(0), len(colors))

    return regions


region_masks = Check(
    name="region_masks",
    parameters=("layout", "colors"),
    chapter=5,
    exercise=(
        "Write `region_masks(layout, colors)`: `layout` is (1, 3, H, W), `colors` (K, 3). Return a "
        "mask of 0 and 1 for each colour, (K, 1, H, W). Each pixel belongs to its nearest colour "
        "(5.5)."
    ),
    reference=_picked(lambda difference: difference.square().sum(1)),
    cases=[lambda: _layout_case(0, 4), lambda: _layout_case(10, 3)],
    mistakes=[
        Mistake(
            "you look for exactly equal colours, which soft edges are not: take the nearest",
            gives(lambda layout, colors: (_differences(layout, colors) == 0).all(1, True).float()),
        ),
        Mistake(
            "you pick the colour that is farthest away: `argmin`, not `argmax`",
            gives(_picked(lambda difference: -difference.square().sum(1))),
        ),
        Mistake(
            "you add up differences without squaring, so red and blue cancel out",
            gives(_picked(lambda difference: difference.sum(1))),
        ),
        Mistake(
            "you compare red only; add up the squared differences of all three channels",
            gives(_picked(lambda difference: difference[:, 0].abs())),
        ),
        Mistake(
            "these are distances or numbers of colours, not masks: compare the nearest colour's "
            "number with each number, `nearest == number`",
            gives(
                lambda layout, colors: _differences(layout, colors).square().sum(1, True),
                lambda layout, colors: _differences(layout, colors).square().sum(1),
                lambda layout, colors: _differences(layout, colors).square().sum(1).argmin(0),
            ),
        ),
        Mistake(
            "your masks are upside down: 1 is inside, 0 outside",
            gives(
                lambda layout, colors: (
                    1 - _picked(lambda difference: difference.square().sum(1))(layout, colors)
                )
            ),
        ),
    ],
)


def _mask(seed: int) -> Tensor:
    return values(1, 1, 4, 5, seed=seed)


def _pasted(image: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    return mask * other + (1 - mask) * image


paste = Check(
    name="paste",
    parameters=("image", "other", "mask"),
    chapter=5,
    exercise=(
        "Write `paste(image, other, mask)`: the other picture where the mask (1, 1, H, W) is 1, "
        "the image where it is 0, and a mixture where it is soft."
    ),
    reference=_pasted,
    cases=[
        lambda: (values(1, 3, 4, 5), values(1, 3, 4, 5, seed=1), _mask(2)),
        lambda: (values(1, 3, 4, 5, seed=3), values(1, 3, 4, 5, seed=4), _mask(5).round()),
    ],
    mistakes=[
        Mistake(
            "it is the wrong way round: where the mask is 1, the other picture is seen",
            gives(lambda image, other, mask: _pasted(other, image, mask)),
        ),
        Mistake(
            "the image shines through under the other picture: multiply it by 1 - mask",
            gives(lambda image, other, mask: image + mask * other),
        ),
        Mistake(
            "outside the mask it is black: add the image there, times 1 - mask",
            gives(lambda image, other, mask: mask * other),
        ),
        Mistake(
            "the edge is hard: use the mask's soft values, not a comparison",
            gives(lambda image, other, mask: torch.where(mask > 0.5, other, image)),
        ),
        Mistake(
            "half of the other picture is seen everywhere: multiply each by its mask, do not "
            "average",
            gives(lambda image, other, mask: (image + other) / 2),
        ),
    ],
)


def _mean_color(painting: Tensor, mask: Tensor) -> Tensor:
    return (painting * mask).sum((2, 3), keepdim=True) / mask.sum()


mean_color = Check(
    name="mean_color",
    parameters=("painting", "mask"),
    chapter=5,
    exercise=(
        "Write `mean_color(painting, mask)`: the mean colour (1, 3, 1, 1) of the part of a "
        "painting that the mask (1, 1, H, W) lets in. A soft position counts by its value. A "
        "region's start is filled with this colour (5.5)."
    ),
    reference=_mean_color,
    cases=[
        lambda: (values(1, 3, 4, 5), _mask(1).round()),
        lambda: (values(1, 3, 4, 5, seed=2), _mask(3)),
    ],
    mistakes=[
        Mistake(
            "you do not use the mask: this is the whole painting's mean",
            gives(lambda painting, mask: painting.mean((2, 3), keepdim=True)),
        ),
        Mistake(
            "your colour is too dark: you divide by all pixels; divide by the sum of the mask",
            gives(lambda painting, mask: (painting * mask).mean((2, 3), keepdim=True)),
        ),
        Mistake(
            "you mix red, green and blue into one grey: sum over rows and columns only",
            gives(lambda painting, mask: (painting * mask).sum() / (3 * mask.sum())),
        ),
        Mistake(
            "you add up without dividing; divide by the sum of the mask",
            gives(lambda painting, mask: (painting * mask).sum((2, 3), keepdim=True)),
        ),
        Mistake(
            "this is the mean colour outside the mask",
            gives(lambda painting, mask: _mean_color(painting, 1 - mask)),
        ),
        Mistake(
            "you make the mask hard; its soft values count as they are",
            gives(lambda painting, mask: _mean_color(painting, (mask > 0.5).float())),
        ),
    ],
)


def _region_case(seed: int, gradient: bool) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    masks = [_mask(seed + 1) ** 2, _mask(seed + 2) ** 5, 1 - 0.5 * _mask(seed + 3)]
    grams = [losses.gram_matrix(features(1, 3, 3, 4, seed=seed + n)) for n in (5, 6, 7)]
    return features(1, 3, 4, 5, seed=seed, gradient=gradient), grams, masks


def _region_loss(weigh: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """Add up regions: (squared differences of the Gram matrices, mask) -> one region's part."""

    def loss(features: Tensor, targets: list[Tensor], masks: list[Tensor]) -> Tensor:
        pairs = zip(targets, masks, strict=True)
        return sum(
            weigh((losses.gram_matrix(features, mask) - target).square(), mask)
            for target, mask in pairs
        )

    return loss


def _without_masks(features: Tensor, targets: list[Tensor], masks: list[Tensor]) -> Tensor:
    gram = losses.gram_matrix(features)
    pairs = zip(targets, masks, strict=True)
    return sum(mask.mean() * (gram - target).square().mean() for target, mask in pairs)


region_loss = Check(
    name="region_loss",
    parameters=("features", "targets", "masks"),
    chapter=5,
    exercise=(
        "Write `region_loss(features, targets, masks)`: one layer's style loss of 5.5. For each "
        "region the mean squared difference of the guided Gram matrix and its target, times the "
        "region's area (the mean of its mask), all added up. `targets` and `masks` are lists, a "
        "Gram matrix and a mask (1, 1, H, W) for each region."
    ),
    reference=_region_loss(lambda squares, mask: mask.mean() * squares.mean()),
    cases=[lambda: _region_case(0, True), lambda: _region_case(20, False)],
    mistakes=[
        Mistake(
            "all regions count the same, and a tiny star's pixels would be pulled hardest: "
            "multiply by each region's area, `mask.mean()`",
            gives(_region_loss(lambda squares, mask: squares.mean())),
        ),
        Mistake(
            "you weigh with the sum of the mask, which grows with the picture; take its mean",
            gives(_region_loss(lambda squares, mask: mask.sum() * squares.mean())),
        ),
        Mistake(
            "you divide by the area; multiply by it",
            gives(_region_loss(lambda squares, mask: squares.mean() / mask.mean())),
        ),
        Mistake(
            "you compare the whole picture's Gram matrix with each region's: guide it by the mask",
            gives(_without_masks),
        ),
        Mistake(
            "you average over the regions; add them up, as their areas are weights already",
            gives(_region_loss(lambda squares, mask: mask.mean() * squares.mean() / 3)),
        ),
        Mistake(
            "you add up the squares; take the mean of each matrix",
            gives(_region_loss(lambda squares, mask: mask.mean() * squares.sum())),
        ),
    ],
)
