"""Chapter 2: the Gram matrix, what it forgets, the style loss and its objective."""

from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib import losses
from nstlib.checks.chapter1 import NO_FUNCTION_HINT, returns_no_function
from nstlib.checks.examples import apply, features, tiny_network, values
from nstlib.checks.verdicts import Check, Mistake, gives


def _products(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows @ rows.mT  # (B, C, C)


def _all_in_one(features: Tensor) -> Tensor:
    rows = features.flatten(2).flatten(0, 1)  # (B·C, H·W)
    return rows @ rows.T / rows.numel()


def _mixed_up(features: Tensor) -> Tensor:
    batch, channels = features.shape[:2]
    rows = features.reshape(batch, -1, channels)  # not channels last: just cut differently
    return rows.mT @ rows / features[0].numel()


def _between_positions(features: Tensor) -> Tensor:
    rows = features.flatten(2)
    return rows.mT @ rows / features[0].numel()


def _centered(features: Tensor) -> Tensor:
    return losses.gram_matrix(features - features.mean((2, 3), keepdim=True))


def _of_means(features: Tensor) -> Tensor:
    means = features.mean((2, 3))
    return means[:, :, None] * means[:, None] / features.shape[1]


gram_matrix = Check(
    name="gram_matrix",
    parameters=("features",),
    chapter=2,
    exercise=(
        "Write `gram_matrix(features)`: reshape (B, C, H, W) so that each channel is one long row "
        "F, multiply by its own transpose, and divide by the number of elements of F (2.1)."
    ),
    reference=losses.gram_matrix,
    cases=[
        lambda: (features(1, 3, 4, 5, gradient=True),),
        lambda: (features(2, 4, 3, 2, seed=1),),
    ],
    mistakes=[
        Mistake(
            "your matrix is not divided: it is C·H·W times too large; divide by all elements of F",
            gives(_products),
        ),
        Mistake(
            "your Gram matrix is C times too large: divide by all elements, C·H·W, not only by the "
            "positions",
            gives(lambda features: _products(features) / features[0, 0].numel()),
        ),
        Mistake(
            "your Gram matrix is H·W times too large: divide by all elements, C·H·W, not only by "
            "the channels",
            gives(lambda features: _products(features) / features.shape[1]),
        ),
        Mistake(
            "you divide by the elements of the matrix, C·C; divide by those of F, C·H·W",
            gives(lambda features: _products(features) / features.shape[1] ** 2),
        ),
        Mistake(
            "with two images your matrices are half as large: divide by the elements of one image, "
            "without the batch",
            gives(lambda features: _products(features) / features.numel()),
        ),
        Mistake(
            "with two images you mix their channels into one matrix; keep the batch as the first "
            "dimension, `reshape(batch, channels, height * width)`",
            gives(_all_in_one),
        ),
        Mistake(
            "you compare positions, not channels: the transpose is on the wrong factor",
            gives(_between_positions),
        ),
        Mistake(
            "your `reshape` cuts rows across channels: a row must be one channel, so reshape to "
            "(B, C, H·W) and transpose afterwards",
            gives(_mixed_up),
        ),
        Mistake(
            "you take off each channel's mean first: that is a covariance, not a Gram matrix",
            gives(_centered),
        ),
        Mistake(
            "you multiply the channels' averages: multiply position by position, then add up",
            gives(_of_means),
        ),
    ],
)


def _order(number: int, seed: int) -> Tensor:
    return torch.randperm(number, generator=torch.Generator().manual_seed(seed))


def _shuffled_back(features: Tensor, order: Tensor) -> Tensor:
    return features.flatten(2)[:, :, order.argsort()].reshape(features.shape)


shuffle_positions = Check(
    name="shuffle_positions",
    parameters=("features", "order"),
    chapter=2,
    exercise=(
        "Write `shuffle_positions(features, order)`: position i of the result is position "
        "`order[i]` of the features, the same for every channel (2.2). The shape stays."
    ),
    reference=lambda features, order: features.flatten(2)[:, :, order].reshape(features.shape),
    cases=[
        lambda: (features(1, 3, 2, 4), _order(8, 1)),
        lambda: (features(1, 2, 3, 5, seed=1), _order(15, 2)),
    ],
    mistakes=[
        Mistake(
            "you put each position where `order` says, which is the way back; take it from there",
            gives(_shuffled_back),
        ),
        Mistake(
            "you index across the channels, as all values are in one row: flatten rows and columns "
            "only, `features.flatten(2)`",
            gives(lambda features, order: features.flatten(1)[:, order]),
        ),
        Mistake(
            "the positions are shuffled, but they are still in one row: reshape them to the "
            "features' shape",
            gives(lambda features, order: features.flatten(2)[:, :, order]),
        ),
        Mistake("nothing is shuffled: index with `order`", gives(lambda features, order: features)),
    ],
)


def _layers(seed: int, *, gradient: bool = False) -> dict[str, Tensor]:
    return {
        "first": features(1, 3, 4, 5, seed=seed, gradient=gradient),
        "second": features(1, 5, 2, 3, seed=seed + 1, gradient=gradient),
        "unused": features(1, 2, 2, 2, seed=seed + 2),
    }


def _grams(seed: int, layers: Iterable[str] = ("first", "second")) -> dict[str, Tensor]:
    made = _layers(seed)
    return {layer: losses.gram_matrix(made[layer]) for layer in layers}


def _terms(features: Mapping, targets: Mapping, measure: Callable) -> list[Tensor]:
    return [measure(losses.gram_matrix(features[n]) - target) for n, target in targets.items()]


def _mean_square(difference: Tensor) -> Tensor:
    return difference.square().mean()


style_loss = Check(
    name="style_loss",
    parameters=("features", "targets"),
    chapter=2,
    exercise=(
        "Write `style_loss(features, targets)`: for each layer that `targets` names, the mean "
        "squared difference of the features' Gram matrix and the target, all added up (2.3)."
    ),
    reference=losses.style_loss,
    cases=[
        lambda: (_layers(0, gradient=True), _grams(10)),
        lambda: (_layers(20), _grams(30, ["second"])),
    ],
    mistakes=[
        Mistake(
            "you add up the squares; take their mean, or layers with many channels rule",
            gives(lambda f, t: sum(_terms(f, t, lambda d: d.square().sum()))),
        ),
        Mistake(
            "you take the mean over the layers; add them up",
            gives(lambda f, t: sum(_terms(f, t, _mean_square)) / len(t)),
        ),
        Mistake(
            "you return the first layer's loss only: `return` comes after the loop, not in it",
            gives(lambda f, t: _terms(f, t, _mean_square)[0]),
        ),
        Mistake(
            "you keep the last layer's loss only: add up with `+=`, or with `sum`",
            gives(lambda f, t: _terms(f, t, _mean_square)[-1]),
        ),
        Mistake(
            "the square is missing: differences above and below zero cancel out",
            gives(
                lambda f, t: sum(_terms(f, t, torch.mean)),
                lambda f, t: -sum(_terms(f, t, torch.mean)),
            ),
        ),
        Mistake(
            "you take absolute differences; square them",
            gives(lambda f, t: sum(_terms(f, t, lambda d: d.abs().mean()))),
        ),
        Mistake(
            "your Gram matrices are not divided by the elements of F; use the `gram_matrix` of 2.1",
            gives(lambda f, t: sum(_mean_square(_products(f[n]) - t[n]) for n in t)),
        ),
        Mistake(
            "you divide the Gram matrices by H·W only, the targets by C·H·W; use the same "
            "`gram_matrix` for both",
            gives(
                lambda f, t: sum(
                    _mean_square(_products(f[n]) / f[n][0, 0].numel() - t[n]) for n in t
                )
            ),
        ),
    ],
)


def _texture_objective(network: Callable, painting: Tensor, layers: list[str]) -> Callable:
    seen = network(painting, layers)
    targets = {n: losses.gram_matrix(f).detach() for n, f in seen.items()}
    return lambda image: {"style": losses.style_loss(network(image, layers), targets)}


def _without_gram(network: Callable, painting: Tensor, layers: list[str]) -> Callable:
    targets = {n: f.detach() for n, f in network(painting, layers).items()}
    return lambda image: {
        "style": sum(F.mse_loss(network(image, layers)[n], targets[n]) for n in layers)
    }


def _of_pixels(network: Callable, painting: Tensor, layers: list[str]) -> Callable:
    target = losses.gram_matrix(painting).detach()
    return lambda image: {"style": F.mse_loss(losses.gram_matrix(image), target)}


def _texture_of_one(network: Callable, painting: Tensor, layers: list[str]) -> Callable:
    return _texture_objective(network, painting, layers[:1])


def _only_means(network: Callable, painting: Tensor, layers: list[str]) -> Callable:
    means = {n: f.mean((2, 3)).detach() for n, f in network(painting, layers).items()}
    return lambda image: {
        "style": sum(F.mse_loss(network(image, layers)[n].mean((2, 3)), means[n]) for n in layers)
    }


texture_objective = Check(
    name="texture_objective",
    parameters=("network", "painting", "layers"),
    chapter=2,
    exercise=(
        "Write `texture_objective(network, painting, layers)`, which returns the objective of 2.4: "
        'image -> {"style": scalar}. The targets are computed once and are constants.'
    ),
    reference=_texture_objective,
    cases=[
        lambda: (tiny_network(), values(1, 3, 4, 5, seed=6, gradient=True), ["second", "first"]),
        lambda: (tiny_network(), values(1, 3, 4, 5, seed=7), ["first"]),
    ],
    observe=lambda function, *given: apply(values(1, 3, 4, 5, seed=5, gradient=True))(
        function, *given
    ),
    mistakes=[
        Mistake(NO_FUNCTION_HINT, returns_no_function),
        Mistake(
            "you compare features position by position, as content does; compare Gram matrices",
            gives(_without_gram),
        ),
        Mistake(
            "you take the Gram matrix of the image; ask `network` for its features first",
            gives(_of_pixels),
        ),
        Mistake("you use only one of the layers; add up all of them", gives(_texture_of_one)),
        Mistake(
            "you compare averages of channels, the experiment of 2.7 that fails; compare Gram "
            "matrices",
            gives(_only_means),
        ),
    ],
)
