"""Chapter 3: weights, total variation, and one more term."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib import losses
from nstlib.checks.chapter1 import NO_FUNCTION_HINT, returns_no_function
from nstlib.checks.examples import apply, features, values
from nstlib.checks.verdicts import Check, Mistake, gives

WEIGHTS = {"first": 0.2, "second": 3.0}


def _seen(seed: int, *, gradient: bool = False) -> dict[str, Tensor]:
    return {
        "first": features(1, 3, 4, 5, seed=seed, gradient=gradient),
        "second": features(1, 4, 2, 3, seed=seed + 1, gradient=gradient),
    }


def _targets(seed: int) -> dict[str, Tensor]:
    return {layer: losses.gram_matrix(value) for layer, value in _seen(seed).items()}


def _differences(seen: Mapping, targets: Mapping) -> dict[str, Tensor]:
    return {n: losses.gram_matrix(seen[n]) - target for n, target in targets.items()}


def _weighted(weigh: Callable[[Tensor, float], Tensor]) -> Callable:
    def wrong(features: Mapping, targets: Mapping, weights: Mapping) -> Tensor:
        found = _differences(features, targets)
        return sum(weigh(difference, weights[n]) for n, difference in found.items())

    return wrong


def _in_order(features: Mapping, targets: Mapping, weights: Mapping) -> Tensor:
    found = _differences(features, targets).values()
    return sum(w * d.square().mean() for d, w in zip(found, weights.values(), strict=True))


weighted_style_loss = Check(
    name="weighted_style_loss",
    parameters=("features", "targets", "weights"),
    chapter=3,
    exercise=(
        "Write `weighted_style_loss(features, targets, weights)`: the style loss of chapter 2, "
        "each layer's term times its weight (3.1). All three are dicts by layer."
    ),
    reference=losses.style_loss,
    cases=[
        lambda: (_seen(0, gradient=True), _targets(10), WEIGHTS),
        lambda: (_seen(20), _targets(30), {"second": 0.5, "first": 2.0}),
    ],
    mistakes=[
        Mistake(
            "you do not use the weights: multiply each layer's term by its own",
            gives(_weighted(lambda d, w: d.square().mean())),
        ),
        Mistake(
            "you square the weight too: multiply it after the squaring",
            gives(_weighted(lambda d, w: (w * d).square().mean())),
        ),
        Mistake(
            "you take weights in their order; take each by its layer's name, `weights[name]`",
            gives(_in_order),
        ),
        Mistake(
            "you divide by the sum of the weights; the terms are only added up",
            gives(lambda f, t, w: losses.style_loss(f, t, w) / sum(w.values())),
        ),
        Mistake(
            "you add up the squares of each layer; take their mean",
            gives(_weighted(lambda d, w: w * d.square().sum())),
        ),
    ],
)


def _variation(image: Tensor, measure: Callable[[Tensor], Tensor]) -> Tensor:
    return measure(image[..., 1:, :] - image[..., :-1, :]) + measure(
        image[..., 1:] - image[..., :-1]
    )


def _round_the_border(image: Tensor) -> Tensor:
    return sum((image - image.roll(1, dim)).square().mean() for dim in (2, 3))


def _with_black_border(image: Tensor) -> Tensor:
    rows, columns = F.pad(image, (0, 0, 0, 1)), F.pad(image, (0, 1))
    return (rows[..., 1:, :] - image).square().mean() + (columns[..., 1:] - image).square().mean()


def _diagonal(image: Tensor) -> Tensor:
    return (image[..., 1:, 1:] - image[..., :-1, :-1]).square().mean()


total_variation = Check(
    name="total_variation",
    parameters=("image",),
    chapter=3,
    exercise=(
        "Write `total_variation(image)`: the mean squared difference of vertical neighbours plus "
        "that of horizontal ones (3.4)."
    ),
    reference=losses.total_variation,
    cases=[
        lambda: (values(1, 3, 4, 6, gradient=True),),
        lambda: (values(2, 3, 5, 3, seed=1),),
    ],
    mistakes=[
        Mistake(
            "you add up the squares: the weight then depends on the picture's size; take the mean",
            gives(lambda image: _variation(image, lambda d: d.square().sum())),
        ),
        Mistake(
            "you divide by the number of pixels; there are fewer differences than pixels, so take "
            "the mean of each direction",
            gives(lambda image: _variation(image, lambda d: d.square().sum()) / image.numel()),
        ),
        Mistake(
            "only vertical neighbours count, row by row; add the horizontal ones",
            gives(lambda image: (image[..., 1:, :] - image[..., :-1, :]).square().mean()),
        ),
        Mistake(
            "only horizontal neighbours count, column by column; add the vertical ones",
            gives(lambda image: (image[..., 1:] - image[..., :-1]).square().mean()),
        ),
        Mistake(
            "you take absolute differences; square them",
            gives(lambda image: _variation(image, lambda d: d.abs().mean())),
        ),
        Mistake(
            "the square is missing: ups and downs cancel out",
            gives(
                lambda image: _variation(image, torch.mean),
                lambda image: -_variation(image, torch.mean),
            ),
        ),
        Mistake(
            "`roll` makes the last row a neighbour of the first: compare slices, "
            "`image[..., 1:, :]` with `image[..., :-1, :]`",
            gives(_round_the_border),
        ),
        Mistake(
            "beyond the border you see black, which pulls at the border; compare slices only",
            gives(_with_black_border),
        ),
        Mistake(
            "you compare diagonal neighbours; compare those below and those to the right",
            gives(_diagonal),
        ),
        Mistake(
            "you compare colour channels and positions that are not neighbours: rows are dimension "
            "2, columns dimension 3",
            gives(
                lambda image: (
                    (image[:, 1:] - image[:, :-1]).square().mean()
                    + (image[:, :, 1:] - image[:, :, :-1]).square().mean()
                )
            ),
        ),
    ],
)


def _losses(seed: int) -> dict[str, Tensor]:
    names = ("content", "style", "total variation")
    return dict(zip(names, values(3, seed=seed), strict=True))


def _with_gradient(seed: int) -> dict[str, Tensor]:
    return {name: value.clone().requires_grad_() for name, value in _losses(seed).items()}


weigh = Check(
    name="weigh",
    parameters=("terms", "weights"),
    chapter=3,
    exercise=(
        "Write `weigh(terms, weights)`: a new dict with each term times its weight, under the same "
        "names. The optimiser adds them up; the plot shows each one."
    ),
    reference=lambda terms, weights: {name: weights[name] * term for name, term in terms.items()},
    cases=[
        lambda: (_with_gradient(0), {"style": 1e4, "content": 0.5, "total variation": 8.0}),
        lambda: (_losses(1), {"content": 5.0, "style": 0.1, "total variation": 0.0}),
    ],
    mistakes=[
        Mistake(
            "you add the terms up; keep them apart by name, so that each can be plotted",
            gives(lambda terms, weights: sum(weights[n] * term for n, term in terms.items())),
        ),
        Mistake(
            "you return the terms as they were; multiply each by its weight",
            gives(lambda terms, weights: dict(terms)),
        ),
        Mistake(
            "you take weights in their order; take each by its name, `weights[name]`",
            gives(
                lambda terms, weights: {
                    n: w * terms[n] for n, w in zip(terms, weights.values(), strict=True)
                }
            ),
        ),
        Mistake(
            "you divide by the sum of the weights; only their ratio counts anyway",
            gives(
                lambda terms, weights: {
                    n: weights[n] * term / sum(weights.values()) for n, term in terms.items()
                }
            ),
        ),
        Mistake(
            "a term with weight 0 is missing: keep it, as a term that is 0",
            gives(
                lambda terms, weights: {n: weights[n] * terms[n] for n in terms if weights[n] > 0}
            ),
        ),
    ],
)


def _old_objective(scale: float) -> Callable[[Tensor], dict[str, Tensor]]:
    return lambda image: {"content": scale * image.square().mean(), "style": image.mean()}


def _smoother(term: Callable[[Callable, float, Tensor], dict]) -> Callable:
    return lambda objective, weight: lambda image: term(objective, weight, image)


add_smoothing = Check(
    name="add_smoothing",
    parameters=("objective", "weight"),
    chapter=3,
    exercise=(
        "Write `add_smoothing(objective, weight)`, which returns a new objective: the old terms, "
        'and "total variation", weighed (3.4).'
    ),
    reference=_smoother(
        lambda objective, weight, image: {
            **objective(image),
            "total variation": weight * losses.total_variation(image),
        }
    ),
    cases=[lambda: (_old_objective(1.0), 8.0), lambda: (_old_objective(0.3), 0.5)],
    observe=lambda function, *given: apply(values(1, 3, 4, 5, seed=5, gradient=True))(
        function, *given
    ),
    mistakes=[
        Mistake(NO_FUNCTION_HINT, returns_no_function),
        Mistake(
            "the old terms are gone: begin the dict with `**objective(image)`",
            gives(
                _smoother(
                    lambda objective, weight, image: {
                        "total variation": weight * losses.total_variation(image)
                    }
                )
            ),
        ),
        Mistake(
            "the new term is not there: add it under the name 'total variation'",
            gives(_smoother(lambda objective, weight, image: objective(image))),
        ),
        Mistake(
            "the new term is not weighed: multiply it by `weight`",
            gives(
                _smoother(
                    lambda objective, weight, image: {
                        **objective(image),
                        "total variation": losses.total_variation(image),
                    }
                )
            ),
        ),
        Mistake(
            "you add the new term to the others; give it a name of its own in the dict",
            gives(
                _smoother(
                    lambda objective, weight, image: (
                        sum(objective(image).values()) + weight * losses.total_variation(image)
                    )
                )
            ),
        ),
        Mistake(
            "the old terms are weighed as well: `weight` is for the new term alone",
            gives(
                _smoother(
                    lambda objective, weight, image: {
                        **{n: weight * term for n, term in objective(image).items()},
                        "total variation": weight * losses.total_variation(image),
                    }
                )
            ),
        ),
    ],
)
