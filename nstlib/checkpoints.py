"""Files of weights as others write them, read into tensors with our names."""

import warnings
import zipfile
from pathlib import Path

import torch
from torch import Tensor

VGG_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
VGG_WIDTHS = (64, 128, 256, 512, 512)
FIRES = {  # of SqueezeNet 1.1: its number in torchvision, channels: squeeze, each expand
    "fire2": (3, 16, 64),
    "fire3": (4, 16, 64),
    "fire4": (6, 32, 128),
    "fire5": (7, 32, 128),
    "fire6": (9, 48, 192),
    "fire7": (10, 48, 192),
    "fire8": (11, 64, 256),
    "fire9": (12, 64, 256),
}
NAMES = (*VGG_BLOCKS, "squeezenet1_1")


def layers(network: str) -> tuple[str, ...]:
    """List a network's layers, shallow to deep.

    Raises:
        ValueError: no such network.
    """
    if network == "squeezenet1_1":
        return ("conv1", *FIRES)
    if network not in VGG_BLOCKS:
        raise ValueError(f"no network {network!r}; choose one of {', '.join(NAMES)}")
    blocks = enumerate(VGG_BLOCKS[network], 1)
    return tuple(f"block{block}_conv{n}" for block, count in blocks for n in range(1, count + 1))


def shapes(network: str) -> dict[str, tuple[int, ...]]:
    """List a network's tensors and their shapes, shallow to deep.

    Raises:
        ValueError: no such network.
    """
    if network == "squeezenet1_1":
        return _squeezenet_shapes()
    found, inputs = {}, 3
    for layer in layers(network):
        outputs = VGG_WIDTHS[int(layer[5]) - 1]
        found[f"{layer}.weight"], found[f"{layer}.bias"] = (outputs, inputs, 3, 3), (outputs,)
        inputs = outputs
    return found


def _squeezenet_shapes() -> dict[str, tuple[int, ...]]:
    shapes, inputs = {"conv1.weight": (64, 3, 3, 3), "conv1.bias": (64,)}, 64
    for fire, (_, squeezed, expanded) in FIRES.items():
        parts = {"squeeze": (squeezed, inputs, 1), "expand1x1": (expanded, squeezed, 1)}
        parts["expand3x3"] = (expanded, squeezed, 3)
        for part, (outputs, width, side) in parts.items():
            shapes[f"{fire}.{part}.weight"] = (outputs, width, side, side)
            shapes[f"{fire}.{part}.bias"] = (outputs,)
        inputs = 2 * expanded
    return shapes


def checked(tensors: dict[str, Tensor], network: str, file: Path) -> dict[str, Tensor]:
    """Take a network's tensors in order.

    Raises:
        ValueError: one is missing, has another shape or is not finite; `file` is named.
    """
    for name, shape in shapes(network).items():
        found = tuple(tensors[name].shape) if name in tensors else None
        if found != shape:
            raise ValueError(
                f"{str(file)!r} does not hold {network}: {name} is {found or 'missing'}, "
                f"it should be {shape}"
            )
        if not torch.isfinite(tensors[name]).all():
            raise ValueError(f"{str(file)!r} is damaged: {name} is not finite")
    return {name: tensors[name].float() for name in shapes(network)}


def recognized(tensors: dict[str, Tensor], file: Path) -> str:
    """Tell of which network these tensors are.

    Raises:
        ValueError: of none; `file` is named.
    """
    for network in NAMES:
        if tensors.keys() == shapes(network).keys():
            return network
    raise ValueError(f"{str(file)!r} holds none of {', '.join(NAMES)}")


def read_torchvision(file: Path) -> dict[str, Tensor]:
    """Read torchvision's state dict and give its convolutions our layers' names.

    Only tensors are unpickled; a file with anything else in it is refused, and none of it runs.

    Raises:
        ValueError: it holds something else than a state dict of tensors.
    """
    mapped = zipfile.is_zipfile(file)  # only the newer form can be read without copying all of it
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's, about what is an error here
            state = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # a damaged file can raise anything; torch advises to run it
        raise ValueError(
            f"{str(file)!r} is damaged or holds more than plain tensors; nothing in it was run"
        ) from error
    if not isinstance(state, dict) or not all(_is_plain(*item) for item in state.items()):
        raise ValueError(f"{str(file)!r} holds no state dict of a network")
    names = {_our_name(name, state): value for name, value in state.items()}
    return {name: _own(value) for name, value in names.items() if name}


def _is_plain(name, value) -> bool:
    if not isinstance(name, str) or not isinstance(value, Tensor):
        return False
    return value.layout == torch.strided and value.device.type == "cpu"


def _own(value: Tensor) -> Tensor:
    """Copy a tensor out of its file: no parameter with a gradient, in the usual order."""
    return value.detach().float().clone(memory_format=torch.contiguous_format)


def _our_name(name: str, state: dict[str, Tensor]) -> str | None:
    """Translate "features.0.weight" to "block1_conv1.weight"; None for the classifier's."""
    number = _number(name)
    if number is None:
        return None
    if "features.3.squeeze.weight" in state:
        numbers = {0: "conv1"} | {place: fire for fire, (place, *_) in FIRES.items()}
    else:
        depth = max(_number(key) or 0 for key in state)
        numbers = _vgg_numbers("vgg16" if depth == 28 else "vgg19")
    return ".".join((numbers.get(number, str(number)), *name.split(".")[2:]))


def _number(name: str) -> int | None:
    """Read the number in "features.0.weight"; None for other names."""
    first, number = (name.split(".") + [""])[:2]
    return int(number) if first == "features" and number.isdecimal() else None


def _vgg_numbers(network: str) -> dict[int, str]:
    """Number a VGG's convolutions as torchvision does: each has a ReLU, each block a pooling."""
    names = layers(network)
    return {2 * place + int(name[5]) - 1: name for place, name in enumerate(names)}


def read_keras(file: Path) -> dict[str, Tensor]:
    """Read Keras' VGG: kernels (H, W, in, out) for BGR become (out, in, H, W) for RGB.

    Raises:
        ValueError: it is no HDF5 file of weights.
        ModuleNotFoundError: the package h5py is missing.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("to read .h5 files, run `pip install h5py`") from error
    tensors = {}
    try:
        with h5py.File(file, "r") as content:
            content.visititems(lambda path, entry: _take_keras(tensors, path, entry))
    except Exception as error:  # a damaged file can raise anything
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{str(file)!r} is damaged or no HDF5 file: {reason}") from error
    if "block1_conv1.weight" in tensors:
        tensors["block1_conv1.weight"] = tensors["block1_conv1.weight"].flip(1).contiguous()
    return tensors


def _take_keras(tensors: dict[str, Tensor], path: str, entry) -> None:
    layer = next((part for part in path.split("/") if part.startswith("block")), None)
    if layer is None or not hasattr(entry, "shape") or path.startswith("optimizer"):
        return
    value = torch.from_numpy(entry[()]).float()
    if value.ndim == 4:
        tensors[f"{layer}.weight"] = value.permute(3, 2, 0, 1).contiguous()
    else:
        tensors[f"{layer}.bias"] = value
