"""What the recipes use unless told otherwise: layers, weights, starts."""

from typing import NamedTuple

from torch import Tensor

from nstlib import colors, images
from nstlib.features import FeatureNetwork, load_network

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT_LAYER = "block4_conv2"
DEEP_LAYER = "block5_conv1"  # whose features a photo is rebuilt from
STYLE_WEIGHT = 1e4  # Gram errors are about this much smaller than feature errors
CONTENT_WEIGHT = 0.3
TV_WEIGHT = 10.0
CONTENT_PULL, TV_PULL = 0.02, 0.002  # gradients of the defaults over style's, 20 built-in pairs
STARTS = ("content", "noise", "filtered noise", "style", "tint")
START_NOISE, START_BLUR = 0.5, 2.0  # amplitude, and px, of Gaussian-filtered noise
SQUEEZENET = {  # what stands for these layers there: Stanford's CS231n, "Style Transfer"
    STYLE_LAYERS: ("conv1", "fire3", "fire4", "fire5"),
    CONTENT_LAYER: "fire2",
    DEEP_LAYER: "fire5",
}


class DefaultLayers(NamedTuple):
    """A layer for content and layers for style."""

    content: str
    style: list[str]


def default_layers(network: FeatureNetwork) -> DefaultLayers:
    """Tell which layers the recipes use with a network unless others are given."""
    content, style = pick_default(network, CONTENT_LAYER), pick_default(network, STYLE_LAYERS)
    return DefaultLayers(content, list(style))


def pick_default(network: FeatureNetwork, vgg_layers):
    """Name the layers of a network that stand for VGG's."""
    return SQUEEZENET[vgg_layers] if "fire2" in network.layers else vgg_layers


def open_network(network: str | FeatureNetwork) -> FeatureNetwork:
    """Load a network by name, or take the one given."""
    return load_network(network) if isinstance(network, str) else network


def open_image(picture, size: int | None) -> Tensor:
    """Load a picture, or take the image tensor given at its own size."""
    if not isinstance(picture, Tensor):
        return images.load_image(picture, size=size)
    images.check_image(picture)
    return picture


def open_start(start: str | Tensor, photo: Tensor, painting: Tensor, seed: int) -> Tensor:
    """Make the image that a transfer starts from, of the photo's size.

    Raises:
        ValueError: no such start, or not an image.
    """
    shape = tuple(photo.shape[2:])
    if isinstance(start, Tensor):
        images.check_image(start)
        return start if tuple(start.shape[2:]) == shape else images.resize_image(start, shape)
    if start == "noise":
        return images.noise_image(shape, seed=seed)
    if start == "filtered noise":
        return images.noise_image(shape, seed=seed, amplitude=START_NOISE, blur=START_BLUR)
    if start == "tint":
        return colors.tint(photo, painting, seed=seed)
    return photo if start == "content" else images.resize_image(painting, shape)


def check_choice(what: str, value: str, choices) -> None:
    """Raise ValueError unless a word is one of those that can be chosen."""
    if value not in choices:
        raise ValueError(f"no {what} {value!r}; choose one of {', '.join(choices)}")
