"""The student: the pocket network while it is being trained."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nstlib.features import LAYERS, POCKET_MEAN, POCKET_WIDTHS
from training.measure import mean_activations

Plain = dict[str, tuple[Tensor, Tensor]]


class Convolution(nn.Module):
    """A 3x3 convolution whose weights can be learned in coordinates that suit gradient descent.

    weight and bias = scale * (value @ basis). With the identity as the basis these are the plain
    ones. After `whiten`, every coordinate of `value` changes the output equally much, and
    independently of the others, over the patches the layer sees.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, 3)
        rows = torch.cat([plain.weight.flatten(1), plain.bias[:, None]], 1)
        self.value = nn.Parameter(rows.detach())  # (outputs, inputs * 9 + 1)
        self.register_buffer("basis", torch.eye(rows.shape[1]))
        self.register_buffer("scale", torch.ones(outputs, 1))

    def plain(self) -> Tensor:
        """Weights and, in the last column, the bias: (outputs, inputs * 9 + 1)."""
        return self.scale * (self.value @ self.basis)

    @torch.no_grad()
    def set(self, rows: Tensor) -> None:
        """Take plain weights and bias, and the plain coordinates."""
        self.value.copy_(rows)
        self.basis.copy_(torch.eye(len(self.basis)))
        self.scale.fill_(1)

    @torch.no_grad()
    def whiten(self, factor: Tensor, scale: Tensor) -> None:
        """Change coordinates, not the function.

        Args:
            factor: lower Cholesky factor of the mean product of the layer's patches, each with
                a 1 appended, (inputs * 9 + 1, inputs * 9 + 1).
            scale: (outputs,), a typical size of each output.

        Source: Desjardins et al. 2015, "Natural Neural Networks".
        """
        rows = self.plain().double()
        unit = torch.eye(len(factor), dtype=factor.dtype, device=factor.device)
        self.value.copy_((rows @ factor) / scale[:, None])
        self.basis.copy_(torch.linalg.solve_triangular(factor, unit, upper=False))
        self.scale.copy_(scale[:, None])


class Student(nn.Module):
    """VGG-16's thirteen convolutions at other widths, average pooling, reflecting padding.

    Args:
        widths: channels per block.
    """

    def __init__(self, widths: tuple[int, ...] = POCKET_WIDTHS):
        super().__init__()
        self.widths, inputs = widths, 3
        for layer in LAYERS:
            outputs = widths[int(layer[5]) - 1]
            self.add_module(layer, Convolution(inputs, outputs))
            inputs = outputs
        mean = torch.tensor(POCKET_MEAN).reshape(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, image: Tensor, plain: Plain | None = None) -> dict[str, Tensor]:
        """Compute {layer: values before the ReLU}.

        Args:
            image: (B, 3, H, W) in [0, 1].
            plain: what `plain()` gave, to compute it once for several calls.
        """
        plain, answers, x = plain or self.plain(), {}, image
        for layer in LAYERS:
            answers[layer] = F.conv2d(self.prepare(x, layer), *plain[layer])
            x = F.relu(answers[layer])
        return answers

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Compute {layer: values after the ReLU}, as an nstlib network does."""
        return {layer: F.relu(answer) for layer, answer in self(image).items()}

    def plain(self) -> Plain:
        """Compute {layer: (weight (C_out, C_in, 3, 3), bias (C_out,))}."""
        plain = {}
        with torch.autocast(self.mean.device.type, enabled=False):  # needs full precision
            for layer in LAYERS:
                rows = self.get_submodule(layer).plain()
                weight = rows[:, :-1].unflatten(1, (-1, 3, 3))
                plain[layer] = weight.contiguous(memory_format=torch.channels_last), rows[:, -1]
        return plain

    def prepare(self, x: Tensor, layer: str) -> Tensor:
        """Normalise, pool and pad what comes into a layer, so that its convolution can follow."""
        if layer == LAYERS[0]:
            x = (x - self.mean / 255).contiguous(memory_format=torch.channels_last)
        elif layer.endswith("conv1"):
            x = F.avg_pool2d(x, 2)
        return F.pad(x, (1, 1, 1, 1), mode="reflect")

    def exported(self) -> dict[str, Tensor]:
        """Give the weights as nstlib takes them, for an input of 255 RGB - mean."""
        weights = {}
        for layer, (weight, bias) in self.plain().items():
            unit = 1 / 255 if layer == LAYERS[0] else 1
            weights[f"{layer}.weight"] = (weight.detach() * unit).cpu().contiguous()
            weights[f"{layer}.bias"] = bias.detach().cpu().contiguous()
        return weights


@torch.no_grad()
def rescale(student: Student, batches: list[Tensor]) -> None:
    """Scale every layer, in place, to a mean activation of 1 over some images.

    ReLU and average pooling commute with it. One factor per layer keeps the balance between the
    channels as the teacher has it.

    Raises:
        ValueError: a layer that never answers.

    Source: Gatys et al. 2016, section 2, "we normalized the network by scaling the weights"; they
    scale each channel.
    """
    means, into = mean_activations(student.features, batches), 1
    for layer in LAYERS:
        convolution, mean = student.get_submodule(layer), means[layer]
        if not mean.any():
            raise ValueError(f"{layer} is dead: no channel answers to any of the images")
        rows = convolution.plain() / mean.mean()
        rows[:, :-1] *= into
        convolution.set(rows)
        into = mean.mean()
