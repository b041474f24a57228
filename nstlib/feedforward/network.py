"""A small network that turns an image into a painting in one pass."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nstlib import images

WIDTHS = (16, 32, 48)  # channels at full, half and a quarter of the size
BLOCKS = 4  # residual ones
SMALLEST = 16  # px; smaller images are padded for the pass
NORMALIZATIONS = {"instance": nn.InstanceNorm2d, "batch": nn.BatchNorm2d, "none": nn.Identity}
PADDINGS = ("reflect", "zeros")
UPSAMPLINGS = ("bilinear", "nearest", "transposed")


class StyleNet(nn.Module):
    """A small residual network that turns images into paintings.

    Two convolutions halve the size, residual blocks work there, and two more go back up, each with
    the values of its size from the way down added.

    Args:
        widths: channels at full, half and a quarter of the size.
        blocks: how many residual ones.
        normalization: "instance" (Ulyanov et al. 2016), "batch" or "none".
        padding: "reflect", or "zeros", which shows at the borders.
        upsampling: "bilinear" or "nearest" before a convolution, or "transposed", whose
            convolution leaves a chequerboard.

    Source: Johnson et al. 2016, supplementary material; an eighth of the parameters, with instance
    normalisation, reflecting padding and upsample-then-convolve (Odena et al. 2016). The
    connections across (Ronneberger et al. 2015) are ours: without them short trainings left a
    lattice that repeats every 4 px.
    Taught in: chapter 6.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = WIDTHS,
        blocks: int = BLOCKS,
        normalization: str = "instance",
        padding: str = "reflect",
        upsampling: str = "bilinear",
    ):
        super().__init__()
        _check_choices(normalization, padding, upsampling)
        self.settings = {
            "widths": list(widths),
            "blocks": blocks,
            "normalization": normalization,
            "padding": padding,
            "upsampling": upsampling,
        }
        full, half, quarter = widths
        made = {"normalization": normalization, "padding": padding}
        self.start = _layer(3, full, 9, **made)
        self.down = nn.ModuleList(
            [_layer(full, half, 3, stride=2, **made), _layer(half, quarter, 3, stride=2, **made)]
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                _layer(quarter, quarter, 3, **made), *_layer(quarter, quarter, 3, **made)[:2]
            )
            for _ in range(blocks)
        )
        rising = _transposed if upsampling == "transposed" else _rising
        self.up = nn.ModuleList([rising(quarter, half, made), rising(half, full, made)])
        self.end = nn.Conv2d(full, 3, 9, padding=4, padding_mode=padding)

    def forward(self, image: Tensor) -> Tensor:
        """Paint images (B, 3, H, W) in [0, 1]; the result has the same shape and range."""
        height, width = image.shape[2:]
        if min(height, width) < SMALLEST:
            more = (0, max(0, SMALLEST - width), 0, max(0, SMALLEST - height))
            image = F.pad(image, more, mode="replicate")
        x, across = self.start(image - 0.5), []
        for layer in self.down:
            across.append(x)
            x = layer(x)
        for block in self.blocks:
            x = x + block(x)
        for layer, earlier in zip(self.up, reversed(across), strict=True):
            size = earlier.shape[2:]
            x = layer(self._enlarge(x, size))[..., : size[0], : size[1]] + earlier
        return torch.sigmoid(self.end(x))[..., :height, :width]

    def _enlarge(self, x: Tensor, size: Sequence[int]) -> Tensor:
        upsampling = self.settings["upsampling"]
        return x if upsampling == "transposed" else F.interpolate(x, size, mode=upsampling)


def _layer(inputs, outputs, side, *, stride=1, normalization, padding) -> nn.Sequential:
    norm = NORMALIZATIONS[normalization]
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, padding_mode=padding),
        norm(outputs, affine=True) if norm is not nn.Identity else norm(),
        nn.ReLU(),
    )


def _rising(inputs: int, outputs: int, made: dict) -> nn.Sequential:
    return _layer(inputs, outputs, 3, **made)


def _transposed(inputs: int, outputs: int, made: dict) -> nn.Sequential:
    layer = _layer(inputs, outputs, 3, **made)
    layer[0] = nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
    return layer


def paint(network: StyleNet, image: Tensor) -> Tensor:
    """Paint one image, without following gradients.

    Args:
        network: a trained StyleNet.
        image: (1, 3, H, W) in [0, 1], any size.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        ValueError: not an image.

    Taught in: chapter 6.
    """
    images.check_image(image)
    with torch.inference_mode():
        painted = network.eval()(image.to(next(network.parameters())))
    return painted.clone()  # out here, or no gradient could ever be asked of it


def blend_networks(one: StyleNet, other: StyleNet, share: float) -> StyleNet:
    """Mix the weights of two networks trained from the same beginning.

    Args:
        one, other: of the same shape.
        share: of the other, 0 to 1.

    Raises:
        ValueError: networks of different shapes.

    Source: the interpolation of weights of Wang et al. 2019, "Deep Network Interpolation".
    Taught in: chapter 6.
    """
    if one.settings != other.settings:
        raise ValueError(f"cannot mix networks of {one.settings} and {other.settings}")
    mixed = StyleNet(**one.settings)
    first, second = one.state_dict(), other.state_dict()
    blended = {  # float, for batch normalization counts its batches
        name: first[name].float().lerp(second[name].float(), share) for name in first
    }
    mixed.load_state_dict(blended)
    return mixed


def new_network(seed: int = 0, **settings) -> StyleNet:
    """Make an untrained StyleNet; the same seed gives the same weights. Settings as StyleNet's."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return StyleNet(**settings)


def _check_choices(normalization: str, padding: str, upsampling: str) -> None:
    offered = {"normalization": NORMALIZATIONS, "padding": PADDINGS, "upsampling": UPSAMPLINGS}
    chosen = {"normalization": normalization, "padding": padding, "upsampling": upsampling}
    for name, value in chosen.items():
        if value not in offered[name]:
            raise ValueError(f"no {name} {value!r}; choose one of {', '.join(offered[name])}")
