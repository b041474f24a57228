"""Trained networks and checkpoints as files."""

import io
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from nstlib import data
from nstlib.feedforward.network import StyleNet
from nstlib.writing import write_whole

VERSION = 1  # of checkpoints and of saved networks
KEYS = {"settings", "steps", "painter", "optimizer", "schedule", "generator", "number", "seconds"}


def write_checkpoint(path: str | Path, content: dict) -> Path:
    """Write a training's state; a crash never leaves half a file."""
    return write_whole(path, lambda draft: torch.save({"nstlib": VERSION, **content}, draft))


def read_checkpoint(path: str | Path) -> dict:
    """Read what `write_checkpoint` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged or of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {str(path)!r}; check the path")
    whole = io.BytesIO(path.read_bytes())  # a file that may not be read is not damaged
    try:
        content = torch.load(whole, weights_only=True)
    except Exception as error:  # there are a dozen kinds
        raise ValueError(f"the checkpoint {str(path)!r} is damaged and cannot be read") from error
    version = content.get("nstlib") if isinstance(content, dict) else None
    if version != VERSION:
        raise ValueError(
            f"the checkpoint {str(path)!r} is of version {version}, this nstlib reads {VERSION}; "
            "train again"
        )
    if missing := sorted(KEYS - set(content)):
        raise ValueError(f"the checkpoint {str(path)!r} lacks {', '.join(missing)}; train again")
    return content


def save_network(network: StyleNet, path: str | Path, **about: str) -> Path:
    """Write a trained network to a .safetensors file, in half precision.

    Args:
        network: the StyleNet.
        path: where to.
        **about: what else the file should say, such as its style.
    """
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    metadata = {**about, "version": str(VERSION), "settings": json.dumps(network.settings)}
    return write_whole(path, lambda draft: save_file(tensors, draft, metadata=metadata))


def load_painter(name: str | Path) -> StyleNet:
    """Load a trained network.

    Args:
        name: of a built-in network (`data.painters()`), or a file that `save_network` wrote.

    Raises:
        FileNotFoundError: no such network or file.
        ValueError: the file is damaged, of another version, or of another shape.
    """
    built_in = data.painters()
    path = data.weights(name) if name in built_in else Path(name)
    if not path.is_file():
        raise FileNotFoundError(
            f"no trained network {str(name)!r}; give a file, or one of {', '.join(built_in)}"
        )
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        if about.get("version") != str(VERSION):
            raise ValueError(f"it is of version {about.get('version')}, not {VERSION}")
        painter = StyleNet(**json.loads(about["settings"]))
        painter.load_state_dict(tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{str(path)!r} is no network that can be used: {error}") from error
    return painter.eval()


def export_onnx(network: StyleNet, path: str | Path) -> Path:
    """Write a network as an ONNX file that takes images (1, 3, H, W) of any size from 16 px.

    Args:
        network: the StyleNet.
        path: where to; a name that ends in .onnx.

    Raises:
        ModuleNotFoundError: onnx and onnxscript are not installed.
    """
    example = torch.rand(1, 3, 64, 96)
    sizes = {2: torch.export.Dim("height", min=16), 3: torch.export.Dim("width", min=16)}

    def write(draft: str) -> None:
        torch.onnx.export(
            network.eval(),
            (example,),
            draft,
            input_names=["image"],
            output_names=["painting"],
            dynamic_shapes={"image": sizes},
            external_data=False,
            verbose=False,
        )

    return write_whole(path, write)
