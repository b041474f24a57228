"""Teachers: larger networks that say what each of the student's layers should answer.

Every teacher is called with images (B, 3, H, W), RGB, in [0, 1], and returns, for each of the
student's thirteen layers, the values before the ReLU (B, C, H', W'), pooled as it was trained.
An answer averaged over a window, for a layer the teacher lacks, is an average after the ReLU.
"""

from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from nstlib.features import LAYERS, POCKET_MEAN, load_network

# VGG-19 has four convolutions in blocks 3 to 5; the last one of a block stands for VGG-16's third.
VGG19_LAYERS = {
    layer: f"conv{layer[5]}_{4 if layer[5] in '345' and layer[-1] == '3' else layer[-1]}"
    for layer in LAYERS
}
FILLERS = {
    "block2_conv1": "head2_1",
    "block3_conv1": "head3_1",
    "block3_conv2": "head3_1",
    "block3_conv3": "conv3_3",
    "block4_conv1": "head4_1",
    "block4_conv2": "head4_1",
    "block4_conv3": "conv4_3",
    "block5_conv1": "head5_1",
}
VGG16_LAYERS = {layer: f"conv{layer[5]}_{layer[-1]}" for layer in LAYERS}


class Teacher(nn.Module):
    """A frozen VGG whose convolutions are named conv1_1, conv1_2, ...

    A source is such a name, a head's name, or either with "/3": averaged over a window of 3x3.

    Args:
        convolutions: {name: (weight, bias)}, shallow to deep; the first takes normalised RGB.
        sources: {the student's layer: sources}. The first holds the layer's own channels; the
            others offer channels for places in the student that these leave free.
        mean, std: of the input, RGB, in [0, 1].
        pool: what shrinks by 2 before each block but the first, as the teacher was trained.
        heads: {head5_1: (weight, bias)} of 1x1 convolutions on conv5_1 after its ReLU.
    """

    def __init__(self, convolutions, sources, *, mean, std, pool=F.max_pool2d, heads=None):
        super().__init__()
        self.sources, self.heads, self.pool = sources, heads or {}, pool
        self.convolutions = convolutions
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))
        self._apply(lambda part: part)

    def _apply(self, move, recurse=True):
        def moved(part):
            layout = torch.channels_last if part.ndim == 4 else torch.contiguous_format
            return move(part).contiguous(memory_format=layout)

        self.convolutions = {n: tuple(map(moved, p)) for n, p in self.convolutions.items()}
        self.heads = {n: tuple(map(moved, p)) for n, p in self.heads.items()}
        return super()._apply(move, recurse)

    def forward(
        self, image: Tensor, channels: dict[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Compute {layer of the student: values before the ReLU}, of the chosen channels only."""
        values, x = {}, (image - self.mean) / self.std
        x = x.contiguous(memory_format=torch.channels_last)
        for name, (weight, bias) in self.convolutions.items():
            if name.endswith("_1") and name != "conv1_1":
                x = self.pool(x, 2)
            values[name] = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)
            x = F.relu(values[name])
        channels = channels or {}
        return {layer: self._answer(values, layer, channels.get(layer)) for layer in LAYERS}

    def features(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Compute {layer: its own channels after the ReLU}, as an nstlib network does."""
        own = {layer: torch.arange(self.own(layer)) for layer in LAYERS}
        answers = self(image, own)
        return {layer: F.relu(answers[layer]) for layer in layers}

    def own(self, layer: str) -> int:
        """Count a layer's own channels."""
        return len(self.convolutions[self.sources[layer][0].partition("/")[0]][1])

    def measured(self, layer: str, answer: Tensor) -> Tensor:
        """Take a layer's answer (all channels) to the space where its error is measured.

        It is the head's, before its ReLU, where the layer has one; else the layer's own channels
        after the ReLU.
        """
        name, _, _ = self.sources[layer][0].partition("/")
        values = F.relu(answer[:, : self.own(layer)])
        head = self.heads.get(name.replace("conv", "head"))
        return F.conv2d(values, *head) if head else values

    def _answer(self, values, layer, channels):
        parts, last = [], 0
        for source in self.sources[layer]:
            name, _, window = source.partition("/")
            weight, bias = self.convolutions.get(name) or self.heads[name]
            first, last = last, last + len(bias)
            rows = slice(None)
            if channels is not None:
                rows = channels[(first <= channels) & (channels < last)] - first
                if len(rows) == 0:
                    continue
            if name in self.heads:
                below = F.relu(values[name.replace("head", "conv")])
                part = F.conv2d(below, weight[rows], bias[rows])
            else:
                part = values[name][:, rows]
            parts.append(_average(part, int(window)) if window else part)
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]


def _average(answer, size):
    """Average after the ReLU: a wider view than the teacher's own layer has."""
    padded = F.pad(F.relu(answer), [size // 2] * 4, mode="reflect")
    return F.avg_pool2d(padded, size, stride=1)


def compressed_vgg19(file: str | Path) -> Teacher:
    """Load the VGG-19 with a sixteenth of the weights of Wang et al. 2020.

    Args:
        file: a safetensors file with `input`, `conv1_1` ... `conv5_1` and `head1_1` ... `head5_1`.

    Raises:
        ValueError: the file lacks a tensor.

    Source: "Collaborative Distillation for Ultra-Resolution Universal Style Transfer", CVPR 2020,
    MIT licence.
    """
    weights = {name: value.float() for name, value in load_file(file).items()}
    names = sorted({*VGG19_LAYERS.values(), "conv3_3", "conv4_3"} - {"conv5_2", "conv5_4"})
    for name in ("input", *names, *(f"head{n}_1" for n in range(1, 6))):
        if f"{name}.weight" not in weights or f"{name}.bias" not in weights:
            raise ValueError(f"{str(file)!r} is no compressed VGG-19: it lacks {name}")

    def parts(name):
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    convolutions = {name: parts(name) for name in names}
    # `input` is a 1x1 convolution to mean-subtracted BGR; reflecting padding commutes with it.
    into, offset = weights["input.weight"][:, :, 0, 0], weights["input.bias"]
    kernel, bias = convolutions["conv1_1"]
    convolutions["conv1_1"] = (
        torch.einsum("ocyx,ci->oiyx", kernel, into),
        bias + torch.einsum("ocyx,c->o", kernel, offset),
    )
    sources = {layer: (name,) for layer, name in VGG19_LAYERS.items()}
    # A fifth of this teacher's channels are dead. Their places go to channels of the real VGG-19
    # (the heads' outputs), and to the convolutions that the student does not have.
    for layer, more in FILLERS.items():
        sources[layer] = (*sources[layer], more)
    for layer, window in (("block5_conv2", 3), ("block5_conv3", 5)):
        sources[layer] = (f"conv5_1/{window}", f"head5_1/{window}")
    heads = {f"head{n}_1": parts(f"head{n}_1") for n in range(1, 6)}
    return Teacher(convolutions, sources, mean=[0.0] * 3, std=[1.0] * 3, heads=heads)


def torchvision_vgg(name: str, weights: str | Path | None = None) -> Teacher:
    """Take torchvision's VGG as the teacher.

    Args:
        name: "vgg16" or "vgg19".
        weights: torchvision's .pth file; None lets torchvision find or download it.
    """
    from torchvision import models

    if weights is None:
        features = models.get_model(name, weights="IMAGENET1K_V1").features
    else:
        network = models.get_model(name, weights=None)
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        features = network.features
    convolutions, block, number = {}, 1, 0
    for module in features:
        if isinstance(module, nn.MaxPool2d):
            block, number = block + 1, 0
        elif isinstance(module, nn.Conv2d):
            number += 1
            convolutions[f"conv{block}_{number}"] = module.weight.detach(), module.bias.detach()
    layers = VGG16_LAYERS if name == "vgg16" else VGG19_LAYERS
    sources = {layer: (name,) for layer, name in layers.items()}
    return Teacher(
        convolutions, sources, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
    )  # ImageNet's, which these weights expect


def pocket() -> Teacher:
    """Take nstlib's own pocket network as the teacher of a still smaller one."""
    network = load_network("pocket", device="cpu")
    convolutions = {
        VGG16_LAYERS[layer]: (network.stages[layer].weight, network.stages[layer].bias)
        for layer in LAYERS
    }
    sources = {layer: (name,) for layer, name in VGG16_LAYERS.items()}
    mean = [value / 255 for value in POCKET_MEAN]
    return Teacher(convolutions, sources, mean=mean, std=[1 / 255] * 3, pool=F.avg_pool2d)


def load_teacher(teacher: str | Path) -> Teacher:
    """Load a teacher by name.

    Args:
        teacher: "vgg16", "vgg19", one of these with "=FILE.pth", "pocket", or a .safetensors file
            of the compressed VGG-19.

    Raises:
        FileNotFoundError: neither a known name nor a file.
    """
    name, _, file = str(teacher).partition("=")
    if name in ("vgg16", "vgg19"):
        return torchvision_vgg(name, file or None).eval()
    if name == "pocket":
        return pocket().eval()
    if not Path(teacher).is_file():
        raise FileNotFoundError(
            f"no teacher {str(teacher)!r}: give vgg16, vgg19, pocket or a .safetensors file"
        )
    return compressed_vgg19(teacher).eval()
