"""What feature networks are made of: layers that know the size of their output and what it sees."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POOLINGS = {"average": F.avg_pool2d, "max": F.max_pool2d}


class Convolution(nn.Module):
    """A layer of one convolution: shrink where a block begins, pad, convolve, ReLU.

    Args:
        weight, bias: (O, I, K, K) and (O).
        pool: what shrinks by half before, or None.
        padding: "reflect", "zeros" or "none".
        stride: of the convolution.
    """

    def __init__(self, weight, bias, *, pool=None, padding="reflect", stride=1):
        super().__init__()
        self.pool, self.stride = pool, stride
        self.outputs = self.channels = len(bias)  # handed on, and kept for the way back
        self.margin = 0 if padding == "none" else weight.shape[-1] // 2
        self.reflect = padding == "reflect"
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        x, margin = self.pool(x) if self.pool else x, self.margin
        if self.reflect:
            x, margin = F.pad(x, (margin,) * 4, mode="reflect"), 0
        return F.conv2d(x, self.weight, self.bias, self.stride, margin).relu_()

    def rescale(self, before: float, after: float) -> None:
        """Let the layer expect `before` times and give `after` times smaller values."""
        self.weight = self.weight * (before / after)
        self.bias = self.bias / after

    def side(self, side: int) -> int:
        """Compute the output's side in px; 0 where the input is too small."""
        side = self.pool.side(side) if self.pool else side
        if self.reflect and side <= self.margin:
            return 0
        return max(0, (side + 2 * self.margin - self.weight.shape[-1]) // self.stride + 1)

    def reach(self, field: int, jump: int) -> tuple[int, int]:
        """Compute what a value sees, and how far apart values are, from the input's; in px."""
        if self.pool:
            field, jump = field + (self.pool.window - 1) * jump, 2 * jump
        return field + (self.weight.shape[-1] - 1) * jump, jump * self.stride


class Fire(nn.Module):
    """A layer of SqueezeNet: few channels by 1x1, then many by 1x1 and 3x3, each with ReLU.

    Args:
        parts: {"squeeze": (weight, bias), "expand1x1": ..., "expand3x3": ...}.
        pool: what shrinks by half before, or None.
    """

    def __init__(self, parts, *, pool=None):
        super().__init__()
        self.squeeze = Convolution(*parts["squeeze"], pool=pool, padding="none")
        self.expand1x1 = Convolution(*parts["expand1x1"], padding="none")
        self.expand3x3 = Convolution(*parts["expand3x3"], padding="zeros")
        expanded = self.expand1x1.channels + self.expand3x3.channels
        self.outputs, self.channels = expanded, self.squeeze.channels + 2 * expanded

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1)

    def rescale(self, before: float, after: float) -> None:
        """Let the layer expect `before` times and give `after` times smaller values."""
        self.squeeze.rescale(before, after)
        for part in (self.expand1x1, self.expand3x3):
            part.rescale(after, after)

    def side(self, side: int) -> int:
        """Compute the output's side in px; 0 where the input is too small."""
        return self.squeeze.side(side)

    def reach(self, field: int, jump: int) -> tuple[int, int]:
        """Compute what a value sees, and how far apart values are, from the input's; in px."""
        return self.expand3x3.reach(*self.squeeze.reach(field, jump))


class Pool:
    """Average or maximum over windows, every second px.

    Args:
        kind: a key of POOLINGS.
        window: its side in px.
        ceil: whether a last window may reach over the border.
    """

    def __init__(self, kind: str, window: int = 2, *, ceil: bool = False):
        self.window, self.ceil = window, ceil
        self.shrink = partial(POOLINGS[kind], kernel_size=window, stride=2, ceil_mode=ceil)

    def __call__(self, x: Tensor) -> Tensor:
        return self.shrink(x)

    def side(self, side: int) -> int:
        """Compute the output's side in px; 0 where the input is too small."""
        return max(0, (side - self.window + (1 if self.ceil else 0)) // 2 + 1)
