"""Chapter 6: what a network that paints in one pass is made of."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib.checks.examples import features, values
from nstlib.checks.verdicts import Check, Mistake, gives

EPSILON = 1e-5  # added to a variance, for channels that are constant


def _normalized(dims: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    def normalize(features: Tensor) -> Tensor:
        mean = features.mean(dims, keepdim=True)
        variance = features.var(dims, keepdim=True, correction=0)
        return (features - mean) / (variance + EPSILON).sqrt()

    return normalize


def _with_flat_channel(seed: int) -> Tensor:
    made = features(1, 3, 4, 5, seed=seed)
    made[:, 1] = 0.5
    return made


def _unbiased(features: Tensor) -> Tensor:
    spread = features.std((2, 3), keepdim=True)
    return (features - features.mean((2, 3), keepdim=True)) / spread.clamp(min=EPSILON**0.5)


def _no_epsilon(features: Tensor) -> Tensor:
    spread = features.std((2, 3), keepdim=True, correction=0)
    return (features - features.mean((2, 3), keepdim=True)) / spread


def _by_variance(features: Tensor) -> Tensor:
    variance = features.var((2, 3), keepdim=True, correction=0)
    return (features - features.mean((2, 3), keepdim=True)) / (variance + EPSILON)


def _not_centered(features: Tensor) -> Tensor:
    return features / (features.var((2, 3), keepdim=True, correction=0) + EPSILON).sqrt()


instance_norm = Check(
    name="instance_norm",
    parameters=("features",),
    chapter=6,
    exercise=(
        "Write `instance_norm(features)`: take off each channel's mean and divide by the root of "
        "its variance plus 1e-5, for each image and channel alone, over its positions. The "
        "variance divides by N, not by N - 1."
    ),
    reference=_normalized((2, 3)),
    cases=[
        lambda: (4 * features(2, 3, 4, 5),),
        lambda: (_with_flat_channel(1),),
    ],
    mistakes=[
        Mistake(
            "that is batch normalisation: each image must be normalised by itself, so leave the "
            "batch, dimension 0, out of mean and variance",
            gives(_normalized((0, 2, 3))),
        ),
        Mistake(
            "you normalise all channels together; each channel has its own mean and variance",
            gives(_normalized((1, 2, 3))),
        ),
        Mistake(
            "you normalise each position over its channels; go over rows and columns, (2, 3)",
            gives(_normalized((1,))),
        ),
        Mistake(
            "you normalise each row by itself; go over rows and columns, (2, 3)",
            gives(_normalized((3,))),
        ),
        Mistake(
            "you divide by the variance; take its root",
            gives(_by_variance),
        ),
        Mistake(
            "the mean is still in: take it off first",
            gives(_not_centered),
        ),
        Mistake(
            "you take off the mean, but do not divide",
            gives(lambda features: features - features.mean((2, 3), keepdim=True)),
        ),
        Mistake(
            "`std` and `var` divide by N - 1 unless you say `correction=0`; here it is N",
            gives(_unbiased),
        ),
        Mistake(
            "a channel that is constant has a variance of 0: add 1e-5 before you divide",
            gives(_no_epsilon),
        ),
    ],
)


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    variance = features.var((2, 3), keepdim=True, correction=0)
    return features.mean((2, 3), keepdim=True), (variance + EPSILON).sqrt()


def _adain(features: Tensor, style: Tensor) -> Tensor:
    (mean, spread), (style_mean, style_spread) = _moments(features), _moments(style)
    return (features - mean) / spread * style_spread + style_mean


def _spread_only(features: Tensor, style: Tensor) -> Tensor:
    return (features - _moments(features)[0]) / _moments(features)[1] * _moments(style)[1]


def _scaled_around_zero(features: Tensor, style: Tensor) -> Tensor:
    return features / _moments(features)[1] * _moments(style)[1] + _moments(style)[0]


def _unbiased_moments(features: Tensor, style: Tensor) -> Tensor:
    normal = (features - _moments(features)[0]) / features.std((2, 3), keepdim=True)
    return normal * style.std((2, 3), keepdim=True) + _moments(style)[0]


def _one_mean_for_all(features: Tensor, style: Tensor) -> Tensor:
    normal = (features - features.mean()) / features.std(correction=0)
    return normal * style.std(correction=0) + style.mean()


adain = Check(
    name="adain",
    parameters=("features", "style"),
    chapter=6,
    exercise=(
        "Write `adain(features, style)`: give each channel of the features the mean and the "
        "standard deviation (dividing by N) of the same channel of the style's features. The two "
        "may differ in height and width."
    ),
    reference=_adain,
    cases=[
        lambda: (features(1, 3, 4, 5), 2 * features(1, 3, 3, 3, seed=1) + 0.5),
        lambda: (features(2, 2, 5, 3, seed=2), features(2, 2, 4, 6, seed=3)),
    ],
    mistakes=[
        Mistake(
            "the arguments are swapped: the features keep their shapes and get the style's mean "
            "and deviation",
            gives(lambda features, style: _adain(style, features)),
        ),
        Mistake(
            "the style's mean is missing: add it at the end",
            gives(_spread_only),
        ),
        Mistake(
            "you change the mean only; the deviation has to match too",
            gives(lambda features, style: features - _moments(features)[0] + _moments(style)[0]),
        ),
        Mistake(
            "you normalise the features, but do not give them the style's mean and deviation",
            gives(lambda features, style: _normalized((2, 3))(features)),
        ),
        Mistake(
            "take off the features' own mean before you divide",
            gives(_scaled_around_zero),
        ),
        Mistake(
            "you use one mean for all channels; each channel has its own: average over (2, 3)",
            gives(_one_mean_for_all),
        ),
        Mistake(
            "`std` and `var` divide by N - 1 unless you say `correction=0`; here it is N",
            gives(_unbiased_moments),
        ),
    ],
)


def _weights(seed: int) -> dict[str, Tensor]:
    return {"start.weight": values(4, 3, seed=seed), "start.bias": values(4, seed=seed + 1) - 0.5}


def _blended(mix: Callable[[Tensor, Tensor, float], Tensor]) -> Callable:
    return lambda one, other, share: {n: mix(one[n], other[n], share) for n in one}


blend = Check(
    name="blend",
    parameters=("one", "other", "share"),
    chapter=6,
    exercise=(
        "Write `blend(one, other, share)`: mix the weights of two trained networks, given as state "
        "dicts, name by name. `share` is the other's, 0 to 1. Return a new dict."
    ),
    reference=_blended(lambda a, b, share: (1 - share) * a + share * b),
    cases=[
        lambda: (_weights(0), _weights(10), 0.25),
        lambda: (_weights(20), _weights(30), 0.9),
        lambda: (_weights(40), _weights(50), 0.0),
    ],
    mistakes=[
        Mistake(
            "the shares are swapped: a share of 0 gives the first network, 1 the other",
            gives(_blended(lambda a, b, share: share * a + (1 - share) * b)),
        ),
        Mistake(
            "you mix half and half whatever the share",
            gives(_blended(lambda a, b, share: (a + b) / 2)),
        ),
        Mistake(
            "the first network always counts in full: weigh it with 1 - share",
            gives(_blended(lambda a, b, share: a + share * b)),
        ),
        Mistake(
            "you add both in full: weigh the first with 1 - share, the other with share",
            gives(_blended(lambda a, b, share: a + b)),
        ),
        Mistake(
            "you switch from one network to the other; mix their weights",
            gives(lambda one, other, share: dict(other if share > 0.5 else one)),
        ),
    ],
)


def _between_zeros(features: Tensor) -> Tensor:
    large = torch.zeros(*features.shape[:2], *(2 * side for side in features.shape[2:]))
    large[:, :, ::2, ::2] = features
    return large


enlarge = Check(
    name="enlarge",
    parameters=("features",),
    chapter=6,
    exercise=(
        "Write `enlarge(features)`: twice the height and width, each value copied into 2×2 "
        "positions. With a convolution behind it, it leaves no chequerboard."
    ),
    reference=lambda features: F.interpolate(features, scale_factor=2),
    cases=[
        lambda: (features(1, 2, 3, 4, gradient=True),),
        lambda: (features(2, 3, 2, 5, seed=1),),
    ],
    mistakes=[
        Mistake(
            "you repeat the whole map side by side; copy each value, as `repeat_interleave` does",
            gives(lambda features: features.repeat(1, 1, 2, 2)),
        ),
        Mistake(
            "three values of four are 0, as in a transposed convolution: that is where the "
            "chequerboard comes from; copy the value into all four",
            gives(_between_zeros),
        ),
        Mistake(
            "you enlarge the height only; do the width, dimension 3, as well",
            gives(lambda features: features.repeat_interleave(2, 2)),
        ),
        Mistake(
            "you enlarge the width only; do the height, dimension 2, as well",
            gives(lambda features: features.repeat_interleave(2, 3)),
        ),
        Mistake(
            "you mix neighbouring values (bilinear); copy each value as it is",
            gives(lambda features: F.interpolate(features, scale_factor=2, mode="bilinear")),
        ),
    ],
)
