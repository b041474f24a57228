"""What a generated image is compared with, and what each term of that counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nstlib import colors as coloring
from nstlib.features import FeatureNetwork
from nstlib.losses import content_loss, total_variation
from nstlib.masks import load_mask
from nstlib.recipes import defaults
from nstlib.recipes.styles import Region, compare_regions, plan_regions


@dataclass(frozen=True)
class Weights:
    """What each term counts.

    Attributes:
        content, variation: of the content loss and of total variation.
        layers: of each layer's style loss.
    """

    content: float
    layers: Mapping[str, float]
    variation: float


@dataclass(frozen=True)
class Comparison:
    """What a generated image is compared with.

    Attributes:
        photo, paintings: as they are compared: matched in colour, or grey.
        network: whose features are compared.
        layer, target: the content layer and the photo's features there.
        style_layers: whose Gram matrices are compared.
        regions: the style, place by place.
        grey: whether only the luminance counts.
    """

    photo: Tensor
    paintings: list[Tensor]
    network: FeatureNetwork
    layer: str
    target: Tensor
    style_layers: list[str]
    regions: list[Region]
    grey: bool

    def terms(self, image: Tensor, weights: Weights) -> dict[str, Tensor]:
        """Compute the objective's terms at an image, weights included."""
        seen = coloring.luminance(image) if self.grey else image
        features = self.network(seen, [*self.style_layers, self.layer])
        terms = {
            "content": weights.content * content_loss(features[self.layer], self.target),
            "style": compare_regions(features, self.regions, weights.layers),
        }
        if weights.variation > 0:
            terms["total variation"] = weights.variation * total_variation(seen)
        return terms


def compare(
    content,
    style,
    *,
    content_layer: str | None = None,
    style_layers: Sequence[str] | None = None,
    style_shares: Sequence[float] | None = None,
    masks: Sequence | None = None,
    style_masks: Sequence | None = None,
    colors: str = "painting",
    network: str | FeatureNetwork = "pocket",
    size: int | None = 256,
    style_size: int | None = None,
) -> Comparison:
    """Compute what a generated image is compared with. Args, Raises: as `transfer`."""
    defaults.check_choice("colors", colors, coloring.CHOICES)
    photo = defaults.open_image(content, size)
    sources = list(style) if isinstance(style, list | tuple) else [style]
    if not sources:
        raise ValueError("no style given; name at least one painting")
    style_size = size if style_size is None else style_size
    paintings = [defaults.open_image(source, style_size) for source in sources]
    paintings = [_colored(painting, photo, colors) for painting in paintings]
    network = defaults.open_network(network)  # after the pictures: it may be a long download
    layer = content_layer or defaults.pick_default(network, defaults.CONTENT_LAYER)
    layers = _layers(network, style_layers)
    seen = coloring.luminance(photo) if colors == "photo" else photo
    network.check_memory(photo.shape, [*layers, layer])
    regions = plan_regions(
        network,
        photo.shape[2:],
        paintings,
        layers,
        shares=style_shares,
        places=_masks(masks),
        sources=_masks(style_masks),
    )
    target = network(seen, [layer])[layer]
    grey = colors == "photo"
    return Comparison(photo, paintings, network, layer, target, layers, regions, grey)


def choose_weights(
    comparison: Comparison,
    content: float | None,
    style: float | None,
    variation: float | None,
    shares: Sequence[float] | None,
    *,
    pulls: bool = False,
) -> Weights:
    """Fill in the defaults and check the rest.

    Args:
        comparison: what the weights are for.
        content, style, variation: of the terms; None for the default.
        shares: of the style layers; None gives all the same share of 1.
        pulls: whether they are shares of the pull, which have other defaults.

    Raises:
        ValueError: weights that are negative, not finite, or not one per layer.
    """
    layers, width = comparison.style_layers, comparison.network.width
    usual = (defaults.CONTENT_WEIGHT, defaults.STYLE_WEIGHT * width**2, defaults.TV_WEIGHT)
    usual = (defaults.CONTENT_PULL, 1.0, defaults.TV_PULL) if pulls else usual
    content, style, variation = (
        default if weight is None else weight
        for weight, default in zip((content, style, variation), usual, strict=True)
    )
    shares = [1 / max(1, len(layers))] * len(layers) if shares is None else shares
    if len(shares) != len(layers):
        raise ValueError(
            f"{len(shares)} style weights for {len(layers)} style layers; give one per layer"
        )
    shares = dict(zip(layers, shares, strict=True))
    _check_weights(content=content, style=style, total_variation=variation, **shares)
    return Weights(content, {layer: style * share for layer, share in shares.items()}, variation)


def _colored(painting: Tensor, photo: Tensor, colors: str) -> Tensor:
    if colors == "match":
        return coloring.match_colors(painting, photo)
    return coloring.match_luminance(painting, photo) if colors == "photo" else painting


def _layers(network: FeatureNetwork, layers: Sequence[str] | None) -> list[str]:
    layers = defaults.pick_default(network, defaults.STYLE_LAYERS) if layers is None else layers
    return [layers] if isinstance(layers, str) else list(layers)


def _masks(masks: Sequence | None) -> list[Tensor | None] | None:
    if masks is None:
        return None
    masks = [masks] if isinstance(masks, str | Path | Tensor) else masks
    return [mask if mask is None or isinstance(mask, Tensor) else load_mask(mask) for mask in masks]


def _check_weights(**weights: float) -> None:
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the weight of {name} is {weight}; give a finite number, 0 or more")
