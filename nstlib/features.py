"""Networks that turn an image into features by layer name."""

from collections.abc import Iterable
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from nstlib import checkpoints, data, devices, pretrained
from nstlib.stages import POOLINGS, Convolution, Fire, Pool

BLOCKS = checkpoints.VGG_BLOCKS["vgg16"]  # convolutions per block
POCKET_WIDTHS = (16, 32, 64, 128, 128)  # channels per block, a quarter of VGG-16's
POCKET_MEAN = (123.0, 117.0, 104.0)  # RGB, 0-255, as the weights were trained
LAYERS = checkpoints.layers("vgg16")
NETWORKS = ("pocket", "random", *checkpoints.NAMES)
OPTIMIZER_IMAGES = 52  # that L-BFGS keeps: 20 pairs, and a dozen copies
RESCALING_SIZE = 160  # px of the pictures that activations are averaged over


class FeatureNetwork(nn.Module):
    """A frozen convolutional network that hands out what its layers see.

    Call it with an image and layer names: `network(image, ["block1_conv1"])`. It normalises the
    image itself, stops at the deepest layer asked for, and returns values after the ReLU, on its
    own device.

    Args:
        name: as given to `load_network`.
        stages: {layer: Convolution or Fire}, shallow to deep.
        mean, std: RGB in [0, 1]; the first stage gets (image - mean) / std.

    Attributes:
        layers: the layer names, shallow to deep.
        width: how many times as many channels as pocket's its first layer has. The mean of a style
            loss falls with the square of a layer's channels, for Gram matrices are divided by
            their elements.
    """

    def __init__(self, name: str, stages: dict[str, nn.Module], *, mean, std):
        super().__init__()
        self.name, self.layers = name, tuple(stages)
        self.stages = nn.ModuleDict(stages)
        self.width = stages[self.layers[0]].channels / POCKET_WIDTHS[0]
        scale = [1 / part for part in std]
        shift = [m / s for m, s in zip(mean, std, strict=True)]
        self.register_buffer("scale", torch.tensor(scale).reshape(1, 3, 1, 1))
        self.register_buffer("shift", torch.tensor(shift).reshape(1, 3, 1, 1))
        self.to(memory_format=torch.channels_last)  # a quarter faster on a CPU
        self._fitting: dict[torch.device, int] = {}  # bytes that are known to fit

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
            MemoryError: the image is too large for the device's memory.
        """
        layers = self._known(layers)
        self._check_image(image, layers)
        used = self.layers[: 1 + max(map(self.layers.index, layers))]
        self.check_memory(tuple(image.shape), used, gradient=image.requires_grad)
        x, features = image.to(self.scale) * self.scale - self.shift, {}
        if x.device.type != "mps":  # whose poolings go wrong with it (pytorch issue 175190)
            x = x.contiguous(memory_format=torch.channels_last)
        for layer in used:
            x = self.stages[layer](x)
            if layer in layers:
                features[layer] = x
        return {layer: features[layer] for layer in layers}

    def facts(self, layer: str, sides: tuple[int, int]) -> dict:
        """Tell a layer's channels, its height and width in px, and what a value sees.

        Args:
            layer: a name from `self.layers`.
            sides: height and width of the image in px.

        Returns:
            {"channels": int, "sides": (H', W'), "field": px of the image that one value depends on,
            along each side, far from the borders}.
        """
        field, jump = 1, 1  # jump: px of the image from one value to the next
        for name in self.layers[: 1 + self.layers.index(self._known(layer)[0])]:
            stage = self.stages[name]
            sides = tuple(stage.side(side) for side in sides)
            field, jump = stage.reach(field, jump)
        return {"channels": stage.outputs, "sides": sides, "field": field}

    def memory(self, shape: tuple[int, ...], layers: Iterable[str], *, gradient: bool) -> int:
        """Estimate the bytes that features of an image take, or a run that follows them back to it.

        Args:
            shape: (B, 3, H, W) of the image.
            layers: what is computed.
            gradient: whether an optimiser is to follow an objective back to the image.
        """
        sides, values = shape[2:], [3 * shape[2] * shape[3]]
        used = self.layers[: 1 + max(map(self.layers.index, self._known(layers)))]
        for layer in used:
            sides = [self.stages[layer].side(side) for side in sides]
            values.append(self.stages[layer].channels * sides[0] * sides[1])
        pairs = [first + second for first, second in pairwise(values)]
        copies = 2 if self.stages[self.layers[0]].reflect else 1.25  # padded ones; pooled ones
        kept = copies * sum(values) if gradient else 0
        # 1.25: what a process was seen to take beyond that (benchmarks/networks.py)
        optimizer = OPTIMIZER_IMAGES * values[0] if gradient else 0
        return int(4 * shape[0] * (1.25 * (kept + max(pairs)) + optimizer))

    def check_memory(self, shape: tuple[int, ...], layers: Iterable[str], *, gradient: bool = True):
        """Refuse an image that is too large for the device's memory. Args as in `memory`.

        Raises:
            MemoryError: with the size that would fit.
        """
        needed, device = self.memory(shape, layers, gradient=gradient), self.scale.device
        if needed > self._fitting.get(device, 0):
            devices.check_memory(needed, tuple(shape[2:]), device, self.name)
            self._fitting[device] = needed

    def rescale(self, images: Iterable[Tensor]) -> None:
        """Bring every layer to a mean activation of 1 over images, channels and positions.

        ReLU and pooling commute with a positive factor, so only numbers change, not what the
        network sees: weights of losses then mean about the same in every network.

        Args:
            images: (1, 3, H, W) each.

        Source: Gatys et al. 2015, section 2, who normalise each channel; layers as a whole made
        better transfers with the pocket network (MODEL_CARD.md).
        """
        with torch.no_grad():
            sums = dict.fromkeys(self.layers, 0.0)
            images = list(images)
            for image in images:
                for layer, value in self(image, self.layers).items():
                    sums[layer] += float(value.mean()) / len(images)
            before = 1.0
            for layer in self.layers:
                after = sums[layer] or 1.0  # a layer that never answers stays as it is
                self.stages[layer].rescale(before, after)
                before = after

    def _known(self, layers: Iterable[str]) -> tuple[str, ...]:
        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        if not layers:
            raise ValueError("no layers asked for; name at least one")
        for layer in layers:
            if layer not in self.layers:
                raise ValueError(
                    f"no layer {layer!r}; choose one of {self.layers[0]} ... {self.layers[-1]}"
                )
        return layers

    def _check_image(self, image: Tensor, layers: tuple[str, ...]) -> None:
        if not isinstance(image, Tensor) or image.ndim != 4 or image.shape[1] != 3:
            shape = tuple(getattr(image, "shape", ())) or type(image).__name__
            raise ValueError(f"expected images (B, 3, H, W), got {shape}")
        deepest = max(layers, key=self.layers.index)
        if not self._fits(min(image.shape[2:]), deepest):
            smallest = next(side for side in count(1) if self._fits(side, deepest))
            height, width = image.shape[2:]
            raise ValueError(
                f"an image of {height}x{width} px is too small for {deepest}; "
                f"each side needs at least {smallest} px"
            )

    def _fits(self, side: int, deepest: str) -> bool:
        for layer in self.layers[: 1 + self.layers.index(deepest)]:
            side = self.stages[layer].side(side)
            if side == 0:
                return False
        return True


def load_network(
    name: str = "pocket",
    *,
    pooling: str = "average",
    weights: str | Path | None = None,
    rescaled: bool | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> FeatureNetwork:
    """Load a frozen feature network by name.

    Args:
        name: "pocket" (trained, ships with nstlib), "random" (same shape, untrained), or a
            published network: "vgg16", "vgg19" or "squeezenet1_1", whose weights come from the
            first place that has them: `weights`, NSTLIB_WEIGHTS, nstlib's cache, torch's, the web.
        pooling: "average" or "max", between the blocks. The published networks were trained with
            "max".
        weights: file of a published network's weights.
        rescaled: bring every layer to a mean activation of 1 over the built-in pictures, so that
            weights of losses mean the same in every network. None: published networks only;
            pocket was rescaled by its training.
        device: "cpu", "cuda" or "mps"; None for what NSTLIB_DEVICE names, else CUDA where it works,
            else the CPU.
        seed: of the weights of "random".

    Returns:
        A FeatureNetwork; images in [0, 1] go in, features come out.

    Raises:
        ValueError: no such network, pooling or device, or a damaged weights file.
        FileNotFoundError: no file `weights`.
        ConnectionError: the weights are nowhere here and cannot be downloaded.

    Source: VGG: Simonyan and Zisserman 2015; pocket has its shape at a quarter of its width.
    SqueezeNet 1.1: Iandola et al. 2016. Average pooling as in Gatys et al. 2016, section 2.
    Taught in: chapter 1.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network {name!r}; choose one of {', '.join(NETWORKS)}")
    if pooling not in POOLINGS:
        raise ValueError(f"no pooling {pooling!r}; choose one of {', '.join(POOLINGS)}")
    device = devices.device(device)
    if name not in checkpoints.NAMES:
        if weights is not None:
            raise ValueError(f"{name!r} takes no weights; {', '.join(checkpoints.NAMES)} do")
        tensors = load_file(data.weights(name)) if name == "pocket" else _random_weights(seed)
        network = pocket_network(tensors, name=name, pooling=pooling)
    else:
        network = _published_network(pretrained.load(name, weights), pooling)
    network = network.eval().to(device)
    if device.type == "mps":
        network.to(memory_format=torch.contiguous_format)
    if rescaled or (rescaled is None and name in checkpoints.NAMES):
        network.rescale(_rescaling_images())
    return network


def pocket_network(
    tensors: dict[str, Tensor], *, name: str = "pocket", pooling: str = "average"
) -> FeatureNetwork:
    """Build a network of pocket's shape, of any width.

    Args:
        tensors: {"block1_conv1.weight": (O, I, 3, 3), "block1_conv1.bias": (O), ...}.
        name: of the network.
        pooling: a key of POOLINGS.
    """
    mean, std = [value / 255 for value in POCKET_MEAN], [1 / 255] * 3
    # Zeros would leave a visible frame; it was trained with reflecting padding.
    return FeatureNetwork(name, _vgg_stages(tensors, pooling, "reflect"), mean=mean, std=std)


def _published_network(weights: pretrained.Weights, pooling: str) -> FeatureNetwork:
    """Build a network as it was trained: padded with zeros, normalised as its weights need."""
    mean, std = pretrained.NORMALIZATIONS[weights.normalization]
    if weights.network == "squeezenet1_1":
        stages = _squeezenet_stages(weights.tensors, pooling)
    else:
        stages = _vgg_stages(weights.tensors, pooling, "zeros")
    return FeatureNetwork(weights.network, stages, mean=mean, std=std)


def _vgg_stages(tensors: dict[str, Tensor], pooling: str, padding: str) -> dict[str, nn.Module]:
    stages = {}
    for layer in sorted({name.partition(".")[0] for name in tensors}):
        pool = Pool(pooling) if layer.endswith("conv1") and stages else None
        stages[layer] = Convolution(*_parts(tensors, layer), pool=pool, padding=padding)
    return stages


def _squeezenet_stages(tensors: dict[str, Tensor], pooling: str) -> dict[str, nn.Module]:
    stages = {"conv1": Convolution(*_parts(tensors, "conv1"), padding="none", stride=2)}
    for fire in checkpoints.FIRES:
        pool = Pool(pooling, 3, ceil=True) if fire in ("fire2", "fire4", "fire6") else None
        names = ("squeeze", "expand1x1", "expand3x3")
        parts = {part: _parts(tensors, f"{fire}.{part}") for part in names}
        stages[fire] = Fire(parts, pool=pool)
    return stages


def _parts(tensors: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{name}.weight"].float(), tensors[f"{name}.bias"].float()


def _rescaling_images() -> Iterable[Tensor]:
    """Load the built-in photos and paintings, all of one size."""
    for name in (*data.names("photo"), *data.names("painting")):
        picture = Image.open(data.path(name)).convert("RGB").resize((RESCALING_SIZE,) * 2)
        yield torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255


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
