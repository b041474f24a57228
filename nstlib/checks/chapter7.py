"""Chapter 7: pixels out of channels, a measure in decibels, detail on top of bicubic."""

import math

import torch.nn.functional as F
from torch import Tensor

from nstlib.checks.examples import features, values
from nstlib.checks.verdicts import Check, Mistake, gives


def _cut(features: Tensor, factor: int) -> tuple[Tensor, tuple[int, ...]]:
    """Split channels into (B, C, factor, factor, H, W), and tell the shuffled shape."""
    batch, channels, height, width = features.shape
    channels //= factor**2
    parts = features.reshape(batch, channels, factor, factor, height, width)
    return parts, (batch, channels, factor * height, factor * width)


def _turned(features: Tensor, factor: int) -> Tensor:
    parts, shape = _cut(features, factor)
    return parts.permute(0, 1, 4, 3, 5, 2).reshape(shape)


def _side_by_side(features: Tensor, factor: int) -> Tensor:
    parts, shape = _cut(features, factor)
    return parts.permute(0, 1, 2, 4, 3, 5).reshape(shape)


def _channels_last(features: Tensor, factor: int) -> Tensor:
    batch, channels, height, width = features.shape
    parts = features.reshape(batch, factor, factor, channels // factor**2, height, width)
    shape = _cut(features, factor)[1]
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(shape)


def _reshaped(features: Tensor, factor: int) -> Tensor:
    return features.reshape(_cut(features, factor)[1])


def _nearest_to_all(plausible: Tensor) -> Tensor:
    errors = [(plausible - one).square().mean() for one in plausible]
    best = min(range(len(errors)), key=lambda number: float(errors[number]))
    return plausible[best : best + 1]


pixel_shuffle = Check(
    name="pixel_shuffle",
    parameters=("features", "factor"),
    chapter=7,
    exercise=(
        "Write `pixel_shuffle(features, factor)`: (B, C·r², H, W) becomes (B, C, r·H, r·W). Every "
        "r² consecutive channels become one: at each place their values fill a square of r×r "
        "pixels, row by row. Use `reshape` and `permute` only."
    ),
    reference=F.pixel_shuffle,
    cases=[
        lambda: (features(1, 8, 2, 4, gradient=True), 2),
        lambda: (features(2, 18, 3, 6, seed=1), 3),
    ],
    mistakes=[
        Mistake(
            "`reshape` alone keeps the order in memory, and the picture is cut into strips: "
            "`permute` first, so that the r's stand behind height and width",
            gives(_reshaped),
        ),
        Mistake(
            "rows and columns within a place are swapped: the first r goes with the height",
            gives(_turned),
        ),
        Mistake(
            "you put small pictures side by side: in the permuted shape height comes before its r, "
            "and width before its r",
            gives(_side_by_side),
        ),
        Mistake(
            "you take the channel first and its r² parts then: channel c is made of the channels "
            "c·r² to c·r² + r² - 1, so split into (B, C, r, r, H, W)",
            gives(_channels_last),
        ),
        Mistake(
            "you went the other way, from pixels to channels",
            gives(lambda features, factor: F.pixel_unshuffle(features, factor)),
        ),
        Mistake(
            "you enlarge some of the channels and drop the others; each channel is one pixel of "
            "every place",
            gives(
                lambda features, factor: F.interpolate(
                    features[:, :: factor**2], scale_factor=factor
                )
            ),
        ),
    ],
)


def _error(image: Tensor, reference: Tensor) -> float:
    return float((image - reference).square().mean())


best_guess = Check(
    name="best_guess",
    parameters=("plausible",),
    chapter=7,
    exercise=(
        "Write `best_guess(plausible)`: for B images (B, 3, H, W), each as likely as the others, "
        "the one image (1, 3, H, W) whose mean squared error, averaged over all of them, is "
        "smallest (7.3)."
    ),
    reference=lambda plausible: plausible.mean(0, keepdim=True),
    cases=[lambda: (values(3, 3, 4, 5),), lambda: (values(4, 3, 2, 3, seed=1),)],
    mistakes=[
        Mistake(
            "you give back the first one: it is right for itself, and far off for all others",
            gives(lambda plausible: plausible[:1]),
        ),
        Mistake(
            "you choose one of them; no rule says that the answer is among them, and something "
            "between them has a smaller error",
            gives(_nearest_to_all),
        ),
        Mistake(
            "that is the median of each pixel, which is best for *absolute* errors",
            gives(lambda plausible: plausible.median(0, keepdim=True).values),
        ),
        Mistake(
            "you add them up: divide by how many there are",
            gives(lambda plausible: plausible.sum(0, keepdim=True)),
        ),
        Mistake(
            "the first axis is gone: an image is (1, 3, H, W), so keep it with `keepdim=True`",
            gives(lambda plausible: plausible.mean(0)),
        ),
        Mistake(
            "you average over more than the images: colours and places stay apart",
            gives(
                lambda plausible: plausible.mean((0, 1), keepdim=True).expand(1, 3, -1, -1),
                lambda plausible: plausible.mean().expand(1, *plausible.shape[1:]),
            ),
        ),
    ],
)

psnr = Check(
    name="psnr",
    parameters=("image", "reference"),
    chapter=7,
    exercise=(
        "Write `psnr(image, reference)` in decibels: 10·log10(1 / mean squared error), for images "
        "in [0, 1], as a plain number."
    ),
    reference=lambda image, reference: -10 * math.log10(_error(image, reference)),
    cases=[
        lambda: (values(1, 3, 4, 5), values(1, 3, 4, 5, seed=1)),
        lambda: (0.9 * values(1, 3, 3, 2, seed=2), values(1, 3, 3, 2, seed=2)),
    ],
    mistakes=[
        Mistake(
            "the sign is turned round: a smaller error gives more decibels, so it is 1 / error",
            gives(lambda image, reference: 10 * math.log10(_error(image, reference))),
        ),
        Mistake(
            "you use the natural logarithm; decibels use `log10`",
            gives(lambda image, reference: -10 * math.log(_error(image, reference))),
        ),
        Mistake(
            "it is twice too large: 20·log10 goes with the root of the error, 10·log10 with the "
            "mean squared error",
            gives(lambda image, reference: -20 * math.log10(_error(image, reference))),
        ),
        Mistake(
            "it is half of what it should be: with the root of the error it is 20·log10",
            gives(lambda image, reference: -5 * math.log10(_error(image, reference))),
        ),
        Mistake(
            "the factor 10 is missing: without it these are bels",
            gives(lambda image, reference: -math.log10(_error(image, reference))),
        ),
        Mistake(
            "it is 48 decibels too large: 255 is the peak of bytes; our images go up to 1",
            gives(lambda image, reference: 10 * math.log10(255**2 / _error(image, reference))),
        ),
        Mistake(
            "the error is not squared: take the mean of squared differences",
            gives(
                lambda image, reference: -10 * math.log10(float((image - reference).abs().mean()))
            ),
        ),
        Mistake(
            "you add up the squares; take their mean",
            gives(
                lambda image, reference: -10 * math.log10(_error(image, reference) * image.numel())
            ),
        ),
        Mistake(
            "that is the mean squared error itself; now take 10·log10 of 1 through it",
            gives(_error),
        ),
    ],
)


def _enlarged(small: Tensor, factor: int, **how: object) -> Tensor:
    return F.interpolate(small, scale_factor=factor, **{"mode": "bicubic", **how})


def _detailed(small: Tensor, detail: Tensor, factor: int) -> Tensor:
    return (_enlarged(small, factor) + detail).clamp(0, 1)


def _detail(*shape: int, seed: int) -> Tensor:
    return 0.6 * (values(*shape, seed=seed) - 0.5)


add_detail = Check(
    name="add_detail",
    parameters=("small", "detail", "factor"),
    chapter=7,
    exercise=(
        "Write `add_detail(small, detail, factor)`: the small image enlarged by bicubic "
        "interpolation, plus the detail that a network found, cut to [0, 1]."
    ),
    reference=_detailed,
    cases=[
        lambda: (values(1, 3, 3, 4), _detail(1, 3, 6, 8, seed=1), 2),
        lambda: (values(1, 3, 2, 3, seed=2), _detail(1, 3, 6, 9, seed=3), 3),
    ],
    mistakes=[
        Mistake(
            "the detail is not there: add it to the enlarged image",
            gives(lambda small, detail, factor: _enlarged(small, factor).clamp(0, 1)),
        ),
        Mistake(
            "only the detail is there: add it to the enlarged image",
            gives(lambda small, detail, factor: detail),
        ),
        Mistake(
            "you take the detail off; add it",
            gives(lambda small, detail, factor: (_enlarged(small, factor) - detail).clamp(0, 1)),
        ),
        Mistake(
            "some values leave [0, 1]: cut the sum, as the last thing you do",
            gives(lambda small, detail, factor: _enlarged(small, factor) + detail),
        ),
        Mistake(
            "you cut before you add; bicubic and detail together may leave [0, 1], so cut the sum",
            gives(lambda small, detail, factor: _enlarged(small, factor).clamp(0, 1) + detail),
        ),
        Mistake(
            'you copy pixels (nearest, the default); say `mode="bicubic"`',
            gives(
                lambda small, detail, factor: (
                    _enlarged(small, factor, mode="nearest") + detail
                ).clamp(0, 1)
            ),
        ),
        Mistake(
            'that is bilinear interpolation; say `mode="bicubic"`',
            gives(
                lambda small, detail, factor: (
                    _enlarged(small, factor, mode="bilinear") + detail
                ).clamp(0, 1)
            ),
        ),
        Mistake(
            "`align_corners=True` stretches the image so that the corners meet, and everything "
            "moves by part of a pixel; leave it out",
            gives(
                lambda small, detail, factor: (
                    _enlarged(small, factor, align_corners=True) + detail
                ).clamp(0, 1)
            ),
        ),
    ],
)
