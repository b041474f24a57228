"""Chapter 4: the pull of a term, the balance, the photo's colours, guided Gram matrices."""

from collections.abc import Callable

import torch
from torch import Tensor

from nstlib import colors, losses
from nstlib.checks.examples import features, values
from nstlib.checks.verdicts import Check, Mistake, gives


def _objective(scale: float) -> Callable[[Tensor], dict[str, Tensor]]:
    return lambda image: {
        "content": scale * (image - 0.2).square().mean(),
        "style": 3 * image.mean(1).pow(3).sum(),
    }


def _pulls(objective: Callable, image: Tensor) -> dict[str, float]:
    return _measured(lambda slope: slope.norm())(objective, image)


def _measured(measure: Callable[[Tensor], Tensor]) -> Callable:
    def pulls(objective: Callable, image: Tensor) -> dict[str, float]:
        image = image.detach().clone().requires_grad_()
        return {
            name: float(measure(torch.autograd.grad(term, image, retain_graph=True)[0]))
            for name, term in objective(image).items()
        }

    return pulls


def _summed_up(objective: Callable, image: Tensor) -> dict[str, float]:
    """Forget to empty `image.grad` between two terms."""
    image, found = image.detach().clone().requires_grad_(), {}
    for name, term in objective(image).items():
        term.backward(retain_graph=True)
        found[name] = float(image.grad.norm())
    return found


def _of_the_sum(objective: Callable, image: Tensor) -> dict[str, float]:
    return dict.fromkeys(
        objective(image),
        _pulls(lambda image: {"sum": sum(objective(image).values())}, image)["sum"],
    )


pulls = Check(
    name="pulls",
    parameters=("objective", "image"),
    chapter=4,
    exercise=(
        "Write `pulls(objective, image)`: for each of the objective's terms, by name, the norm of "
        "its gradient at the image, a plain number (4.2)."
    ),
    reference=_pulls,
    cases=[
        lambda: (_objective(1.0), values(1, 3, 4, 5)),
        lambda: (_objective(40.0), values(1, 3, 3, 2, seed=1)),
    ],
    mistakes=[
        Mistake(
            "these are the losses themselves; what moves a pixel is the gradient",
            gives(lambda objective, image: {n: float(t) for n, t in objective(image).items()}),
        ),
        Mistake(
            "each term's pull includes those before it: `image.grad` adds up; use "
            "`torch.autograd.grad`, or set `image.grad = None` between two terms",
            gives(_summed_up),
        ),
        Mistake(
            "all terms have the same pull, that of their sum; take the gradient of each one alone",
            gives(_of_the_sum),
        ),
        Mistake(
            "you take the square of the norm: a root is missing",
            gives(_measured(lambda slope: slope.square().sum())),
        ),
        Mistake(
            "you add up absolute values; the norm is the root of the sum of squares",
            gives(_measured(lambda slope: slope.abs().sum())),
        ),
        Mistake(
            "you average absolute values; the norm is the root of the sum of squares",
            gives(_measured(lambda slope: slope.abs().mean())),
        ),
        Mistake(
            "you add up the gradient, so ups and downs cancel out; take its norm",
            gives(_measured(lambda slope: slope.sum())),
        ),
        Mistake(
            "you take the largest value of the gradient; take its norm",
            gives(_measured(lambda slope: slope.abs().max())),
        ),
    ],
)

PULLS = ("content", "style", "total variation")


def _numbers(*given: float) -> dict[str, float]:
    return dict(zip(PULLS, given, strict=True))


balance = Check(
    name="balance",
    parameters=("pulls", "shares"),
    chapter=4,
    exercise=(
        "Write `balance(pulls, shares)`: the weights, by name, with which each term pulls with "
        "exactly its share. `pulls` holds what each pulls with a weight of 1 (4.2). Shares need "
        "not add up to 1."
    ),
    reference=lambda pulls, shares: {name: shares[name] / pulls[name] for name in pulls},
    cases=[
        lambda: (_numbers(0.5, 20.0, 4.0), _numbers(1.0, 1.0, 1.0)),
        lambda: (_numbers(2.0, 0.1, 5.0), _numbers(0.02, 1.0, 0.3)),
    ],
    mistakes=[
        Mistake(
            "you multiply by the pull, so the strong become stronger; divide by it",
            gives(lambda pulls, shares: {n: shares[n] * pulls[n] for n in pulls}),
        ),
        Mistake(
            "you forget the shares: all terms would pull equally hard",
            gives(lambda pulls, shares: {n: 1 / pulls[n] for n in pulls}),
        ),
        Mistake(
            "it is upside down: that is pull through share; divide the share by the pull",
            gives(lambda pulls, shares: {n: pulls[n] / shares[n] for n in pulls}),
        ),
        Mistake(
            "you return the shares; a weight is a share divided by a pull",
            gives(lambda pulls, shares: dict(shares)),
        ),
        Mistake(
            "these are each term's part of the whole pull, not weights that change it",
            gives(lambda pulls, shares: {n: pulls[n] / sum(pulls.values()) for n in pulls}),
        ),
        Mistake(
            "you divide the shares by their sum; take them as they are",
            gives(
                lambda pulls, shares: {
                    n: shares[n] / sum(shares.values()) / pulls[n] for n in pulls
                }
            ),
        ),
    ],
)


def _moved(image: Tensor, photo: Tensor) -> Tensor:
    return photo + colors.luminance(image) - colors.luminance(photo)


def _with_mean(image: Tensor, photo: Tensor) -> Tensor:
    change = (image - photo).mean(1, keepdim=True)
    return photo + change.clamp(-photo.amin(1, keepdim=True), 1 - photo.amax(1, keepdim=True))


keep_colors = Check(
    name="keep_colors",
    parameters=("image", "photo"),
    chapter=4,
    exercise=(
        "Write `keep_colors(image, photo)`: the image's luminance with the photo's colours. Add "
        "the change of luminance to red, green and blue alike; cut the change, so that none of "
        "the three leaves [0, 1] (4.4)."
    ),
    reference=colors.keep_colors,
    cases=[
        lambda: (values(1, 3, 4, 5), values(1, 3, 4, 5, seed=1)),
        lambda: (values(1, 3, 3, 2, seed=2) ** 4, values(1, 3, 3, 2, seed=3)),
    ],
    mistakes=[
        Mistake(
            "the arguments are swapped: you keep the image's colours and the photo's luminance",
            gives(lambda image, photo: colors.keep_colors(photo, image)),
        ),
        Mistake(
            "some values leave [0, 1]: cut the change, so that no colour leaves it",
            gives(_moved),
        ),
        Mistake(
            "you cut red, green and blue each for itself, which changes the colour; cut the change "
            "of luminance, the same for all three",
            gives(lambda image, photo: _moved(image, photo).clamp(0, 1)),
        ),
        Mistake(
            "you average red, green and blue; luminance weighs them, 0.299, 0.587 and 0.114",
            gives(_with_mean),
        ),
        Mistake(
            "you add the image's luminance to the photo without taking off the photo's own",
            gives(lambda image, photo: photo + colors.luminance(image)),
        ),
        Mistake(
            "your result is grey: it has the luminance, now add the photo's colours",
            gives(lambda image, photo: colors.luminance(image)),
        ),
    ],
)


def _weighed(features: Tensor, weights: Tensor) -> Tensor:
    rows = features.flatten(2)
    return (rows * weights.flatten(2)) @ rows.mT  # (B, C, C)


def _mask(*shape: int, seed: int) -> Tensor:
    return values(1, 1, *shape, seed=seed)


guided_gram = Check(
    name="guided_gram",
    parameters=("features", "mask"),
    chapter=4,
    exercise=(
        "Write `guided_gram(features, mask)`: a Gram matrix in which each position counts by the "
        "mask (1, 1, H, W), divided by C times the sum of the mask (4.5)."
    ),
    reference=losses.gram_matrix,
    cases=[
        lambda: (features(1, 3, 4, 5, gradient=True), _mask(4, 5, seed=1)),
        lambda: (features(1, 4, 3, 2, seed=2), _mask(3, 2, seed=1)),
    ],
    mistakes=[
        Mistake(
            "you do not use the mask: multiply the rows by it",
            gives(lambda features, mask: losses.gram_matrix(features)),
        ),
        Mistake(
            "you divide by all positions; divide by the sum of the mask, or a small region counts "
            "for little",
            gives(lambda features, mask: _weighed(features, mask) / features[0].numel()),
        ),
        Mistake(
            "both factors carry the mask, so it counts squared: multiply one of them only",
            gives(
                lambda features, mask: (
                    _weighed(features, mask.square()) / (features.shape[1] * mask.sum())
                )
            ),
        ),
        Mistake(
            "the mask is squared, and you divide by all positions: mask one factor only, and "
            "divide by C times the sum of the mask",
            gives(lambda features, mask: losses.gram_matrix(features * mask)),
        ),
        Mistake(
            "your matrix is C times too large: divide by the channels as well",
            gives(lambda features, mask: _weighed(features, mask) / mask.sum()),
        ),
        Mistake(
            "your matrix is not divided: divide by C times the sum of the mask",
            gives(_weighed),
        ),
        Mistake(
            "you divide by the channels only; divide by the sum of the mask as well",
            gives(lambda features, mask: _weighed(features, mask) / features.shape[1]),
        ),
        Mistake(
            "your mask is upside down: 1 is inside, 0 outside",
            gives(lambda features, mask: losses.gram_matrix(features, 1 - mask)),
        ),
        Mistake(
            "you make the mask hard; its soft values count as they are",
            gives(lambda features, mask: losses.gram_matrix(features, (mask > 0.5).float())),
        ),
    ],
)


def _two_grams(seed: int) -> tuple[Tensor, Tensor]:
    return tuple(losses.gram_matrix(features(1, 3, 4, 5, seed=seed + n)) for n in (0, 1))


def _mixed(one: Tensor, other: Tensor, share: float) -> Tensor:
    return (1 - share) * one + share * other


mix_targets = Check(
    name="mix_targets",
    parameters=("one", "other", "share"),
    chapter=4,
    exercise=(
        "Write `mix_targets(one, other, share)`: the target of two styles at once, a weighted mean "
        "of their Gram matrices at one layer, both (B, C, C); `share` is the other's, 0 to 1 (4.5)."
    ),
    reference=_mixed,
    cases=[
        lambda: (*_two_grams(0), 0.25),
        lambda: (*_two_grams(2), 0.9),
        lambda: (*_two_grams(4), 0.0),
    ],
    mistakes=[
        Mistake(
            "the shares are swapped: `share` is the other's, so a share of 0 gives the first",
            gives(lambda one, other, share: _mixed(other, one, share)),
        ),
        Mistake(
            "you mix half and half whatever the share",
            gives(lambda one, other, share: (one + other) / 2),
        ),
        Mistake(
            "the first style always counts in full: weigh it with 1 - share",
            gives(lambda one, other, share: one + share * other),
        ),
        Mistake(
            "you add both in full: the result is stronger than either of them",
            gives(lambda one, other, share: one + other),
        ),
        Mistake(
            "the mixture is halved as well; the shares add up to 1 already",
            gives(lambda one, other, share: _mixed(one, other, share) / 2),
        ),
    ],
)
