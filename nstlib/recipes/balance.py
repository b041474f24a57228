"""Weights by a dry run: how hard each term pulls at an image decides what it counts."""

from collections.abc import Mapping

import torch
from torch import Tensor

from nstlib import images
from nstlib.recipes import defaults
from nstlib.recipes.comparison import Comparison, Weights, choose_weights, compare

TINY = 1e-12  # a gradient that counts as none


def balanced_weights(content, style, **compared) -> dict[str, float]:
    """Find weights with which content, style and total variation pull about equally hard.

    A dry run: the gradients of the three terms are compared at one image, half photo and half
    painting, and the weights chosen so that they stand in the same proportion as those of
    `transfer`'s defaults do on the built-in pictures.

    Args:
        content, style: as in `transfer`.
        **compared: content_layer, style_layers, style_shares, masks, style_masks, colors, network,
            size and style_size of `transfer`.

    Returns:
        {"content_weight": ..., "style_weight": ..., "tv_weight": ...} for `transfer`; its defaults
        where a term pulls not at all, as with the same picture twice.

    Raises:
        ValueError: as `transfer`.

    Taught in: chapter 4.
    """
    comparison = compare(content, style, **compared)
    usual = choose_weights(comparison, None, None, None, None)
    content_weight, variation = usual.content, usual.variation
    pulls = pull(comparison, Weights(1.0, usual.layers, 1.0))
    if min(pulls.values()) > TINY:
        content_weight = defaults.CONTENT_PULL * pulls["style"] / pulls["content"]
        variation = defaults.TV_PULL * pulls["style"] / pulls["total variation"]
    return {
        "content_weight": content_weight,
        "style_weight": defaults.STYLE_WEIGHT * comparison.network.width**2,
        "tv_weight": variation,
    }


def balance_terms(comparison: Comparison, shares: Weights) -> Weights:
    """Turn shares of the pull into weights.

    First the style layers are made to pull as their shares say, then the three terms: where two
    shares are equal, so are the norms of the gradients at the dry run's image. A term that pulls
    not at all counts its share.

    Args:
        comparison: whose terms are balanced.
        shares: of content, of each style layer (their sum is style's), and of total variation.
    """
    none = dict.fromkeys(shares.layers, 0.0)
    usual = choose_weights(comparison, 1.0, None, 1.0, None)
    unit = pull(comparison, usual)["style"] or 1.0  # style keeps the size that it usually has
    evened = {}
    for layer, share in shares.layers.items():
        alone = Weights(0.0, {**none, layer: 1.0}, 0.0)
        evened[layer] = _over(share, pull(comparison, alone)["style"])
    pulls = pull(comparison, Weights(1.0, evened, 1.0))
    style = _over(unit * sum(shares.layers.values()), pulls["style"])
    return Weights(
        _over(unit * shares.content, pulls["content"]),
        {layer: style * weight for layer, weight in evened.items()},
        _over(unit * shares.variation, pulls["total variation"]),
    )


def pull(comparison: Comparison, weights: Weights) -> Mapping[str, float]:
    """Measure the norm of each term's gradient at the dry run's image.

    It is half photo and half paintings: at the photo itself content would not pull at all.
    """
    image = dry_run_image(comparison).requires_grad_()
    terms = comparison.terms(image, weights)
    gradients = {
        name: torch.autograd.grad(term, image, retain_graph=True)[0] for name, term in terms.items()
    }
    return {name: float(gradient.norm()) for name, gradient in gradients.items()}


def dry_run_image(comparison: Comparison) -> Tensor:
    """Mix the photo with the mean of the paintings, half and half."""
    shape = tuple(comparison.photo.shape[2:])
    paintings = [images.resize_image(painting, shape) for painting in comparison.paintings]
    return (comparison.photo + sum(paintings) / len(paintings)) / 2


def _over(share: float, norm: float) -> float:
    return share / norm if norm > TINY else share
