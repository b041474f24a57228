"""Rebuild a photo from features, or a texture from Gram matrices."""

from collections.abc import Sequence

from torch import Tensor

from nstlib import images
from nstlib.features import FeatureNetwork
from nstlib.losses import content_loss, gram_matrix, style_loss
from nstlib.recipes.defaults import (
    DEEP_LAYER,
    START_NOISE,
    STYLE_LAYERS,
    open_image,
    open_network,
    pick_default,
)
from nstlib.synthesis import Result, optimize_image


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
    image, network = open_image(picture, size), open_network(network)
    layer = layer or pick_default(network, DEEP_LAYER)
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
    image, network = open_image(picture, size), open_network(network)
    layers = pick_default(network, STYLE_LAYERS) if layers is None else layers
    network.check_memory(image.shape, layers)
    targets = {name: gram_matrix(value) for name, value in network(image, layers).items()}

    def objective(generated: Tensor) -> dict[str, Tensor]:
        return {"style": style_loss(network(generated, targets), targets)}

    start = images.noise_image(image.shape[2:], seed=seed, amplitude=START_NOISE, blur=blur)
    return optimize_image(start, objective, **run)
