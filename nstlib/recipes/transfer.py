"""The three classics in one call: rebuild a photo, rebuild a texture, paint a photo in a style."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from nstlib import images
from nstlib.features import FeatureNetwork, load_network
from nstlib.losses import content_loss, gram_matrix, style_loss, total_variation
from nstlib.synthesis import Objective, Result, optimize_image

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
STYLE_WEIGHT = 1e4  # Gram errors are about this much smaller than feature errors
CONTENT_WEIGHT = 0.3
TV_WEIGHT = 10.0
START_NOISE = 0.5
CONTENT_PULL, TV_PULL = 0.02, 0.002  # gradients of the defaults over style's, 20 built-in pairs
TINY = 1e-12  # a gradient that counts as none
STARTS = ("content", "noise", "style")
CONTENT_LAYER = "block4_conv2"
DEEP_LAYER = "block5_conv1"  # whose features a photo is rebuilt from
SQUEEZENET = {  # what stands for these layers there: Stanford's CS231n, "Style Transfer"
    STYLE_LAYERS: ("conv1", "fire3", "fire4", "fire5"),
    CONTENT_LAYER: "fire2",
    DEEP_LAYER: "fire5",
}


class DefaultLayers(NamedTuple):
    """A layer for content and layers for style."""

    content: str
    style: list[str]


def reconstruct_content(
    picture,
    *,
    layer: str | None = None,
    network: str | FeatureNetwork = "pocket",
    size: int | None = 256,
    seed: int = 0,
    **run,
) -> Result:
    """Rebuild a picture from noise so that one layer sees the same.

    Args:
        picture: an image tensor or whatever `images.load_image` takes.
        layer: whose features are rebuilt; None for block5_conv1 (SqueezeNet: fire5).
        network: a name for `load_network` or a network.
        size: longer side of a loaded picture in px; an image tensor keeps its own.
        seed: of the noise.
        **run: iterations, evaluations, optimizer and progress of `synthesis.optimize_image`.

    Returns:
        Result with the term "content".

    Raises:
        ValueError: an unknown layer or network, or a picture too small.

    Source: Gatys et al. 2016, section 2.1.
    Taught in: chapter 1.
    """
    image, network = _image(picture, size), _network(network)
    layer = layer or _default(network, DEEP_LAYER)
    network.check_memory(image.shape, [layer])
    target = network(image, [layer])[layer]

    def objective(generated: Tensor) -> dict[str, Tensor]:
        return {"content": content_loss(network(generated, [layer])[layer], target)}

    return optimize_image(images.noise_image(image.shape[2:], seed=seed), objective, **run)


def reconstruct_style(
    picture,
    *,
    layers: Sequence[str] | None = None,
    network: str | FeatureNetwork = "pocket",
    size: int | None = 256,
    blur: float = 2.0,
    seed: int = 0,
    **run,
) -> Result:
    """Make a new texture with a painting's Gram matrices, from Gaussian-filtered noise.

    Args:
        picture: an image tensor or whatever `images.load_image` takes.
        layers: whose Gram matrices are matched, each weighed 1; None for conv1 of the five blocks
            (SqueezeNet: conv1, fire3, fire4, fire5).
        network: a name for `load_network` or a network.
        size: longer side of a loaded picture in px; an image tensor keeps its own.
        blur: standard deviation in px of the filter over the noise; 0 for plain noise.
        seed: of the noise.
        **run: iterations, evaluations, optimizer and progress of `synthesis.optimize_image`.

    Returns:
        Result with the term "style".

    Raises:
        ValueError: no layers, an unknown layer or network, or a picture too small.

    Source: Gatys et al. 2015, "Texture Synthesis Using Convolutional Neural Networks".
    Taught in: chapter 2.
    """
    image, network = _image(picture, size), _network(network)
    layers = _default(network, STYLE_LAYERS) if layers is None else layers
    network.check_memory(image.shape, layers)
    targets = {name: gram_matrix(value) for name, value in network(image, layers).items()}

    def objective(generated: Tensor) -> dict[str, Tensor]:
        return {"style": style_loss(network(generated, targets), targets)}

    start = images.noise_image(image.shape[2:], seed=seed, amplitude=START_NOISE, blur=blur)
    return optimize_image(start, objective, **run)


def default_layers(network: FeatureNetwork) -> DefaultLayers:
    """Tell which layers the recipes use with a network unless others are given."""
    return DefaultLayers(_default(network, CONTENT_LAYER), list(_default(network, STYLE_LAYERS)))


def transfer(
    content,
    style,
    *,
    iterations: int = 10,
    evaluations: int = 20,
    optimizer: str = "lbfgs",
    progress: bool = True,
    **options,
) -> Result:
    """Paint the content picture in the style of another.

    L = content_weight · content + style_weight · Σₗ wₗ · styleₗ + tv_weight · total variation

    Args:
        content, style: image tensors or whatever `images.load_image` takes; sizes may differ.
        content_weight: larger keeps more of the photo; 0 leaves texture only.
        style_weight: larger takes over more of the painting; None for STYLE_WEIGHT times the square
            of the network's width, so that pictures look alike.
        tv_weight: larger is smoother; 0 leaves the grain.
        content_layer: whose features the result keeps; None for block4_conv2 (SqueezeNet: fire2).
        style_layers: whose Gram matrices the result takes over; None as in `reconstruct_style`.
        style_weights: wₗ, one per style layer; None gives all the same share of 1.
        start: "content", "noise", "style", or an image tensor of the content's size.
        network: a name for `load_network` or a network.
        size: longer side of loaded pictures in px; an image tensor keeps its own.
        seed: of the noise.
        iterations, evaluations, optimizer, progress: of `synthesis.optimize_image`.

    Returns:
        Result with the terms "content", "style" and "total variation", weights included.

    Raises:
        ValueError: an unknown start, layer or network, weights that are negative, not finite, or
            not one per layer, or a picture too small.

    Source: Gatys et al. 2016, equation 7, with their style layers; total variation as in Johnson et
    al. 2016.
    Taught in: chapter 3.
    """
    start, objective = transfer_objective(content, style, **options)
    return optimize_image(
        start,
        objective,
        iterations=iterations,
        evaluations=evaluations,
        optimizer=optimizer,
        progress=progress,
    )


def transfer_objective(
    content,
    style,
    *,
    content_weight: float = CONTENT_WEIGHT,
    style_weight: float | None = None,
    tv_weight: float = TV_WEIGHT,
    content_layer: str | None = None,
    style_layers: Sequence[str] | None = None,
    style_weights: Sequence[float] | None = None,
    start: str | Tensor = "content",
    network: str | FeatureNetwork = "pocket",
    size: int | None = 256,
    seed: int = 0,
) -> tuple[Tensor, Objective]:
    """Prepare what `transfer` runs: its start and its objective, for `synthesis.iterate`.

    Args, Raises: as `transfer`, which the options are for.

    Returns:
        (start (1, 3, H, W), objective).
    """
    if not isinstance(start, Tensor) and start not in STARTS:
        raise ValueError(f"no start {start!r}; choose one of {', '.join(STARTS)}")
    photo, painting = _image(content, size), _image(style, size)
    network = _network(network)  # after the pictures: it may be a long download
    content_layer = content_layer or _default(network, CONTENT_LAYER)
    style_layers = _default(network, STYLE_LAYERS) if style_layers is None else style_layers
    style_layers = [style_layers] if isinstance(style_layers, str) else list(style_layers)
    if style_weight is None:
        style_weight = STYLE_WEIGHT * network.width**2
    if style_weights is None:
        style_weights = [1 / max(1, len(style_layers))] * len(style_layers)
    weights = _layer_weights(style_layers, style_weights)
    _check_weights(content=content_weight, style=style_weight, total_variation=tv_weight, **weights)
    network.check_memory(photo.shape, [*style_layers, content_layer])
    target = network(photo, [content_layer])[content_layer]
    targets = {name: gram_matrix(value) for name, value in network(painting, style_layers).items()}

    def objective(generated: Tensor) -> dict[str, Tensor]:
        features = network(generated, [*targets, content_layer])
        terms = {
            "content": content_weight * content_loss(features[content_layer], target),
            "style": style_weight * style_loss(features, targets, weights),
        }
        if tv_weight > 0:
            terms["total variation"] = tv_weight * total_variation(generated)
        return terms

    return _start(start, photo, painting, seed), objective


def balanced_weights(
    content,
    style,
    *,
    content_layer: str | None = None,
    style_layers: Sequence[str] | None = None,
    network: str | FeatureNetwork = "pocket",
    size: int | None = 256,
) -> dict[str, float]:
    """Find weights with which content, style and total variation pull about equally hard.

    A dry run: the gradients of the three terms are compared at one image, half photo and half
    painting, and the weights chosen so that they stand in the same proportion as those of
    `transfer`'s defaults do on the built-in pictures.

    Args:
        content, style: image tensors or whatever `images.load_image` takes.
        content_layer, style_layers, network, size: as in `transfer`.

    Returns:
        {"content_weight": ..., "style_weight": ..., "tv_weight": ...} for `transfer`; its defaults
        where a term pulls not at all, as with the same picture twice.

    Raises:
        ValueError: an unknown layer or network, or a picture too small.
    """
    network, photo, painting = _network(network), _image(content, size), _image(style, size)
    blend = (photo + images.resize_image(painting, tuple(photo.shape[2:]))) / 2
    pulls = {}
    for name in ("content", "style", "total variation"):
        counted = name == "content", name == "style", name == "total variation"
        _, objective = transfer_objective(
            photo,
            painting,
            **dict(zip(("content_weight", "style_weight", "tv_weight"), counted, strict=True)),
            content_layer=content_layer,
            style_layers=style_layers,
            network=network,
        )
        image = blend.clone().requires_grad_()
        sum(objective(image).values()).backward()
        pulls[name] = float(image.grad.norm())
    content_weight, tv_weight = CONTENT_WEIGHT, TV_WEIGHT
    style_weight = STYLE_WEIGHT * network.width**2
    if min(pulls.values()) > TINY:
        pull = style_weight * pulls["style"]
        content_weight = CONTENT_PULL * pull / pulls["content"]
        tv_weight = TV_PULL * pull / pulls["total variation"]
    return {
        "content_weight": content_weight,
        "style_weight": style_weight,
        "tv_weight": tv_weight,
    }


def _network(network: str | FeatureNetwork) -> FeatureNetwork:
    return load_network(network) if isinstance(network, str) else network


def _default(network: FeatureNetwork, vgg_layers):
    return SQUEEZENET[vgg_layers] if "fire2" in network.layers else vgg_layers


def _image(picture, size: int | None) -> Tensor:
    if not isinstance(picture, Tensor):
        return images.load_image(picture, size=size)
    images.check_image(picture)
    return picture


def _start(start: str | Tensor, photo: Tensor, painting: Tensor, seed: int) -> Tensor:
    shape = tuple(photo.shape[2:])
    if isinstance(start, Tensor):
        images.check_image(start)
        return start if tuple(start.shape[2:]) == shape else images.resize_image(start, shape)
    if start == "noise":
        return images.noise_image(shape, seed=seed)
    return photo if start == "content" else images.resize_image(painting, shape)


def _layer_weights(layers: Sequence[str], weights: Sequence[float]) -> dict[str, float]:
    if len(weights) != len(layers):
        raise ValueError(
            f"{len(weights)} style weights for {len(layers)} style layers; give one per layer"
        )
    return dict(zip(layers, weights, strict=True))


def _check_weights(**weights: float) -> None:
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            raise ValueError(f"the weight of {name} is {weight}; give a finite number, 0 or more")
