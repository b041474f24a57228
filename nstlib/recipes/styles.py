"""What a result takes over, and where: paintings, their shares and masks as Gram matrices."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nstlib import masks
from nstlib.features import FeatureNetwork
from nstlib.losses import gram_matrix, style_loss


class Region(NamedTuple):
    """A part of the picture and the Gram matrices it is to have.

    Attributes:
        targets: {layer: (1, C, C)}.
        guides: {layer: (1, 1, H', W')}; empty for the whole picture.
        share: of the picture that it covers, up to 1.
    """

    targets: dict[str, Tensor]
    guides: dict[str, Tensor]
    share: float


def plan_regions(
    network: FeatureNetwork,
    shape: Sequence[int],
    paintings: Sequence[Tensor],
    layers: Sequence[str],
    *,
    shares: Sequence[float] | None = None,
    places: Sequence[Tensor | None] | None = None,
    sources: Sequence[Tensor | None] | None = None,
) -> list[Region]:
    """Compute what each part of the result is compared with.

    Args:
        network: whose Gram matrices are compared.
        shape: (height, width) of the result in px.
        paintings: (1, 3, h, w) each.
        layers: the style layers.
        shares: how the paintings are blended where they meet; None: evenly.
        places: masks of the result, one per painting (None: the rest); None: everywhere.
        sources: masks of the paintings, one per painting (None: all of it).

    Raises:
        ValueError: not one share or mask per painting, a share or mask that is none, or a region
            that is too small for a layer.

    Source: Gatys et al. 2017, section 4. Regions count by the area that they cover.
    """
    shares = _normalized(shares, len(paintings))
    sources = [None] * len(paintings) if sources is None else sources
    for what, given in (("masks", places), ("style masks", sources)):
        if given is not None and len(given) != len(paintings):
            raise ValueError(f"{len(given)} {what} for {len(paintings)} styles; give one per style")
    grams = [
        _grams(network, painting, layers, source, f"style mask {number}")
        for number, (painting, source) in enumerate(zip(paintings, sources, strict=True), 1)
    ]
    if places is None:
        return [Region(_blend(grams, shares), {}, 1.0)]
    divided = masks.share_places(places, shape, shares)
    sides = {layer: network.facts(layer, tuple(shape))["sides"] for layer in layers}
    return [
        Region(gram, _guides(mask, sides, f"mask {number}", network), float(mask.mean()))
        for number, (gram, mask) in enumerate(zip(grams, divided, strict=True), 1)
        if shares[number - 1] > 0
    ]


def compare_regions(features: dict, regions: Sequence[Region], weights: dict) -> Tensor:
    """Sum the style losses of all regions, each by its share of the picture."""
    return sum(
        region.share * style_loss(features, region.targets, weights, region.guides)
        for region in regions
    )


def _normalized(shares: Sequence[float] | None, count: int) -> list[float]:
    shares = [1.0] * count if shares is None else list(shares)
    if len(shares) != count:
        raise ValueError(f"{len(shares)} style shares for {count} styles; give one per style")
    total = sum(shares)
    if not (0 < total < float("inf") and min(shares) >= 0):
        raise ValueError(f"the style shares are {shares}; give numbers, 0 or more, not all 0")
    return [share / total for share in shares]


def _grams(network, painting, layers, source, name) -> dict[str, Tensor]:
    features, guides = network(painting, layers), {}
    if source is not None:
        mask = masks.fit_mask(source, painting.shape[2:], name)
        sides = {layer: value.shape[2:] for layer, value in features.items()}
        guides = _guides(mask, sides, name, network)
    return {layer: gram_matrix(value, guides.get(layer)) for layer, value in features.items()}


def _guides(mask: Tensor, sides: dict, name: str, network: FeatureNetwork) -> dict[str, Tensor]:
    guides = masks.layer_guides(mask, sides, name)
    return {layer: guide.to(network.scale) for layer, guide in guides.items()}


def _blend(grams: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Mix Gram matrices: nearness to all of them is nearness to their mean, but for a constant."""
    if len(grams) == 1:
        return grams[0]
    return {
        layer: torch.stack([s * gram[layer] for s, gram in zip(shares, grams, strict=True)]).sum(0)
        for layer in grams[0]
    }
