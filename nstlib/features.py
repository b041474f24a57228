"""Networks that turn an image into features by layer name."""

from collections.abc import Iterable
from functools import partial

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from nstlib import data

BLOCKS = (2, 2, 3, 3, 3)  # VGG-16's convolutions per block
POCKET_WIDTHS = (16, 32, 64, 128, 128)  # channels per block, a quarter of VGG-16's
POCKET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0-255, as the weights were trained
LAYERS = tuple(f"block{b}_conv{c}" for b, n in enumerate(BLOCKS, 1) for c in range(1, n + 1))
NETWORKS = ("pocket", "random")
POOLINGS = {"average": F.avg_pool2d, "max": F.max_pool2d}


class FeatureNetwork(nn.Module):
    """A frozen convolutional network that hands out what its layers see.

    Call it with an image and layer names: `network(image, ["block1_conv1"])`. It normalises the
    image itself, stops at the deepest layer asked for, and returns values after the ReLU.

    Attributes:
        name: as given to `load_network`.
        layers: the layer names, shallow to deep.
    """

    def __init__(self, name: str, weights: dict[str, Tensor], *, mean, pooling: str):
        super().__init__()
        self.name, self.layers = name, LAYERS
        self.pool = partial(POOLINGS[pooling], kernel_size=2)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        for layer in self.layers:
            for part in ("weight", "bias"):
                self.register_buffer(f"{layer}_{part}", weights[f"{layer}.{part}"].float())
        self.to(memory_format=torch.channels_last)  # a quarter faster on a CPU

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute features in one pass.

        Args:
            image: (B, 3, H, W), RGB, in [0, 1].
            layers: names from `self.layers`, in any order.

        Returns:
            {layer: (B, C, H', W')} after the ReLU, in the order asked for. H' and W' halve (rounded
            down) at each new block.

        Raises:
            ValueError: no layers, an unknown layer, or an image too small for the deepest one.
        """
        layers = self._checked(image, layers)
        features, x = {}, image * 255 - self.mean
        x = x.contiguous(memory_format=torch.channels_last)
        for layer in self.layers[: 1 + max(map(self.layers.index, layers))]:
            if layer.endswith("conv1") and layer != self.layers[0]:
                x = self.pool(x)
            x = F.pad(x, (1, 1, 1, 1), mode="reflect")  # zeros would leave a visible frame
            weight, bias = self.get_buffer(f"{layer}_weight"), self.get_buffer(f"{layer}_bias")
            x = features[layer] = F.conv2d(x, weight, bias).relu_()  # nobody else sees its input
        return {layer: features[layer] for layer in layers}

    def _checked(self, image: Tensor, layers: Iterable[str]) -> tuple[str, ...]:
        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        if not layers:
            raise ValueError("no layers asked for; name at least one")
        for layer in layers:
            if layer not in self.layers:
                raise ValueError(
                    f"no layer {layer!r}; choose one of {self.layers[0]} ... {self.layers[-1]}"
                )
        if not isinstance(image, Tensor) or image.ndim != 4 or image.shape[1] != 3:
            shape = tuple(getattr(image, "shape", ())) or type(image).__name__
            raise ValueError(f"expected images (B, 3, H, W), got {shape}")
        deepest = max(layers, key=self.layers.index)
        smallest = 2 ** int(deepest[5])  # reflecting padding needs 2 px in the deepest block
        if min(image.shape[2:]) < smallest:
            height, width = image.shape[2:]
            raise ValueError(
                f"an image of {height}x{width} px is too small for {deepest}; "
                f"each side needs at least {smallest} px"
            )
        return layers


def load_network(
    name: str = "pocket", *, pooling: str = "average", seed: int = 0
) -> FeatureNetwork:
    """Load a frozen feature network by name.

    Args:
        name: "pocket" (trained, ships with nstlib) or "random" (same shape, untrained).
        pooling: "average" or "max", between the blocks.
        seed: of the weights of "random".

    Returns:
        A FeatureNetwork; images in [0, 1] go in, features come out.

    Raises:
        ValueError: no such network or pooling, or a damaged weights file.

    Source: the shape is VGG-16's (Simonyan and Zisserman 2015) at a quarter of its width; average
    pooling as in Gatys et al. 2016, section 2.
    Taught in: chapter 1.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}; choose one of {', '.join(NETWORKS)}")
    if pooling not in POOLINGS:
        raise ValueError(f"no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}")
    weights = load_file(data.weights(name)) if name == "pocket" else _random_weights(seed)
    return FeatureNetwork(name, weights, mean=POCKET_MEAN, pooling=pooling).eval()


def _random_weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights, inputs = {}, 3
    for layer in LAYERS:
        outputs = POCKET_WIDTHS[int(layer[5]) - 1]
        kernel = torch.empty(outputs, inputs, 3, 3)
        weights[f"{layer}.weight"] = nn.init.kaiming_normal_(
            kernel, nonlinearity="relu", generator=generator
        )
        weights[f"{layer}.bias"] = torch.zeros(outputs)
        inputs = outputs
    return weights
