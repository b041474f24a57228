"""Weights of published networks: find, download, import and verify their files.

Nothing here runs code from a file: tensors are read, or an error says why not. In nstlib's own
form, a .safetensors file holds a network's convolutions only, its input's normalisation, where it
came from, and a checksum over its tensors.
"""

import hashlib
import json
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nstlib import checkpoints, downloads

# What an input image (RGB, in [0, 1]) is turned into: (image - mean) / std.
NORMALIZATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    "keras": ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)),
}


@dataclass(frozen=True)
class Published:
    """A file of weights that someone published.

    Attributes:
        network: the name of the network.
        file: the file's name.
        url: its address.
        checksum: "sha256:" or "md5:" and its hexadecimal digits, or the first of them.
        normalization: a key of NORMALIZATIONS.
        megabytes: its size.
    """

    network: str
    file: str
    url: str
    checksum: str
    normalization: str
    megabytes: int


TORCHVISION = "https://download.pytorch.org/models/"
KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
PUBLISHED = (  # the first of each network is the one that is downloaded
    Published(
        "vgg16",
        "vgg16_features-amdegroot-88682ab5.pth",
        TORCHVISION + "vgg16_features-amdegroot-88682ab5.pth",
        "sha256:88682ab5",  # torchvision publishes no more digits than those in the name
        "caffe",
        553,
    ),
    Published(
        "vgg16",
        "vgg16-397923af.pth",
        TORCHVISION + "vgg16-397923af.pth",
        "sha256:397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        "imagenet",
        553,
    ),
    Published(
        "vgg19",
        "vgg19-dcbb9e9d.pth",
        TORCHVISION + "vgg19-dcbb9e9d.pth",
        "sha256:dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        "imagenet",
        575,
    ),
    Published(
        "squeezenet1_1",
        "squeezenet1_1-b8a52dc0.pth",
        TORCHVISION + "squeezenet1_1-b8a52dc0.pth",
        "sha256:b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        "imagenet",
        5,
    ),
    Published(
        "vgg16",
        "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        KERAS + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:6d6bbae143d832006294945121d1f1fc",
        "keras",
        59,
    ),
    Published(
        "vgg19",
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        KERAS + "vgg19/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:253f8cb515780f3b799900260a226db6",
        "keras",
        80,
    ),
)


@dataclass(frozen=True)
class Weights:
    """A network's weights and what its input needs.

    Attributes:
        network: the name of the network.
        tensors: {"block1_conv1.weight": ...}, shallow to deep.
        normalization: a key of NORMALIZATIONS.
        source: the name and checksum of the file they came from.
    """

    network: str
    tensors: dict[str, Tensor]
    normalization: str
    source: str


def load(network: str, file: str | Path | None = None, *, progress: bool = True) -> Weights:
    """Load a published network's weights from the first place that has them.

    The places: `file`; the file or folder that the environment variable NSTLIB_WEIGHTS names;
    nstlib's cache; torch's cache; the web. What comes from the last two is kept in nstlib's cache.

    Args:
        network: "vgg16", "vgg19" or "squeezenet1_1".
        file: a file to use and no other.
        progress: show a bar while downloading.

    Raises:
        ValueError: no such network, or a damaged or unknown file.
        FileNotFoundError: `file` or NSTLIB_WEIGHTS names nothing that exists.
        ConnectionError: no place has them; the message says how to bring them.
    """
    checkpoints.layers(network)
    if file is not None:
        return read(file, network=network)
    if (given := _given(network)) is not None:
        return read(given, network=network)
    if (cached := _from_caches(network)) is not None:
        return cached
    return _download(network, progress)


def import_file(
    file: str | Path, *, network: str | None = None, normalization: str | None = None
) -> Weights:
    """Bring a file of weights into nstlib's cache, reduced to the network's convolutions.

    Args, Raises: as `read`.

    Returns:
        Weights, as they are in the cache now.
    """
    weights = read(file, network=network, normalization=normalization)
    save(weights, cache_path(weights.network))
    return weights


def read(
    file: str | Path, *, network: str | None = None, normalization: str | None = None
) -> Weights:
    """Read a file of weights: nstlib's own .safetensors, torchvision's .pth or Keras' .h5.

    Args:
        file: its path.
        network: what it should hold; None takes it from the file.
        normalization: of a file that is none of PUBLISHED, a key of NORMALIZATIONS. Weights and
            normalisation belong together: nothing can be guessed from the numbers.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, unknown, of another network, or no file of weights.
        ModuleNotFoundError: a .h5 file needs the package h5py.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"no file {str(file)!r}")
    if file.suffix == ".safetensors":
        weights = _read_own(file)
    else:
        weights = _read_foreign(file, network, normalization)
    if network not in (None, weights.network):
        raise ValueError(f"{str(file)!r} holds {weights.network}, not {network}")
    return weights


def save(weights: Weights, file: Path) -> None:
    """Write weights in nstlib's own form, all at once: nobody sees half a file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "format": "pt",
        "network": weights.network,
        "normalization": weights.normalization,
        "source": weights.source,
        "sha256": _tensors_checksum(weights.tensors),
    }
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        save_file(weights.tensors, partial, metadata=about)
        partial.replace(file)
    except SafetensorError as error:  # a full disk, a read-only folder
        raise OSError(f"cannot write {str(file)!r}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def find(network: str) -> Path | None:
    """Find the file that `load` would try first, unverified; None if it would download.

    Raises:
        ValueError: no such network.
        FileNotFoundError: NSTLIB_WEIGHTS names nothing that exists.
    """
    checkpoints.layers(network)
    return _given(network) or next(iter(_cached(network)), None)


def cache_path(network: str) -> Path:
    """Name the file of a network in nstlib's cache, there or not."""
    return downloads.cache_folder() / "weights" / f"{network}.safetensors"


def _given(network: str) -> Path | None:
    """Find a network in the file or folder that NSTLIB_WEIGHTS names."""
    named = os.environ.get("NSTLIB_WEIGHTS")
    if not named:
        return None
    place = Path(named).expanduser()
    if not place.exists():
        raise FileNotFoundError(f"NSTLIB_WEIGHTS names {named!r}, which does not exist")
    if place.is_file():
        return place if _network_of(place) == network else None
    names = [f"{network}.safetensors", *(p.file for p in PUBLISHED if p.network == network)]
    return next((place / name for name in names if (place / name).is_file()), None)


def _network_of(file: Path) -> str:
    """Tell from its name, or else from itself, what a file named by NSTLIB_WEIGHTS holds."""
    names = {p.file: p.network for p in PUBLISHED}
    if file.name in names or file.stem in checkpoints.NAMES:
        return names.get(file.name, file.stem)
    if file.suffix == ".safetensors":
        return _read_own(file).network
    raise ValueError(
        f"NSTLIB_WEIGHTS names {str(file)!r}, whose name tells no network; run "
        "`python -m nstlib weights import FILE`, or name a folder"
    )


def _cached(network: str) -> list[Path]:
    """List a network's files in nstlib's cache and torch's, of the training that is downloaded."""
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    usual = downloaded(network).normalization  # another one means another training of the network
    names = [p.file for p in PUBLISHED if (p.network, p.normalization) == (network, usual)]
    files = [cache_path(network), *(hub / name for name in names)]
    return [file for file in files if file.is_file()]


def _from_caches(network: str) -> Weights | None:
    """Take a network from nstlib's cache or torch's; what is damaged there is passed over."""
    for file in _cached(network):
        try:
            weights = read(file, network=network)
        except (ValueError, OSError) as error:
            warnings.warn(f"passed over: {error}", stacklevel=4)
            continue
        if file != cache_path(network):
            _keep(weights)
        return weights
    return None


def _keep(weights: Weights) -> None:
    """Save weights in nstlib's cache; where that cannot be written, go on without it."""
    try:
        save(weights, cache_path(weights.network))
    except OSError as error:
        warnings.warn(f"not kept in the cache: {error}", stacklevel=5)


def _download(network: str, progress: bool) -> Weights:
    """Download a network; of several processes one does, the others take what it brought."""
    published, cached = downloaded(network), cache_path(network)
    original = cached.with_name(published.file)
    cached.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(cached.with_suffix(".lock")):
        with suppress(FileNotFoundError, ValueError):
            return read(cached, network=network)
        try:
            downloads.fetch(published.url, original, sha256=_sha256(published), progress=progress)
        except ConnectionError as error:
            raise ConnectionError(f"{error}\n{_advice(published)}") from error
        weights = read(original, network=network)
        _keep(weights)
        original.unlink()
        original.with_name(original.name + ".lock").unlink(missing_ok=True)
    return weights


def downloaded(network: str) -> Published:
    """Tell which file is downloaded for a network.

    Raises:
        ValueError: no such network.
    """
    checkpoints.layers(network)
    return next(p for p in PUBLISHED if p.network == network)


def _sha256(published: Published) -> str:
    return published.checksum.removeprefix("sha256:")


def _advice(published: Published) -> str:
    return (
        f"To use {published.network} without the internet, bring {published.file} "
        f"({published.megabytes} MB, from {published.url}) on a stick and run "
        f"`python -m nstlib weights import {published.file}`, or set NSTLIB_WEIGHTS to its folder. "
        'Or use the network "pocket", which needs no download.'
    )


def _read_own(file: Path) -> Weights:
    """Read a .safetensors file that `save` wrote, and verify it."""
    try:
        with safe_open(file, "pt") as content:
            about = content.metadata() or {}
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{str(file)!r} is damaged: {error}") from error
    if not {"network", "normalization", "source", "sha256"} <= about.keys():
        raise ValueError(f"{str(file)!r} was not written by `python -m nstlib weights`")
    found = _tensors_checksum(tensors)
    if found != about["sha256"]:
        raise ValueError(
            f"{str(file)!r} is damaged: its tensors' SHA-256 is {found}, "
            f"it should be {about['sha256']}"
        )
    _check_normalization(about["normalization"])
    tensors = checkpoints.checked(tensors, about["network"], file)
    return Weights(about["network"], tensors, about["normalization"], about["source"])


def _read_foreign(file: Path, network: str | None, normalization: str | None) -> Weights:
    """Read torchvision's or Keras' file, whose normalisation its checksum tells."""
    kinds = ("sha256", "md5") if file.suffix == ".h5" else ("sha256",)
    digests = {kind: downloads.checksum(file, kind) for kind in kinds}
    known = next((p for p in PUBLISHED if _has(digests, p.checksum)), None)
    if known is None and normalization is None:
        raise ValueError(
            f"{str(file)!r} is damaged or unknown: its SHA-256 is {digests['sha256']}, that of no "
            "published file. If you know where it comes from, say how its input is normalised: "
            f"`python -m nstlib weights import FILE --normalization {'|'.join(NORMALIZATIONS)}`"
        )
    normalization = known.normalization if known else normalization
    _check_normalization(normalization)
    keras = file.suffix == ".h5"
    tensors = checkpoints.read_keras(file) if keras else checkpoints.read_torchvision(file)
    network = known.network if known else network or checkpoints.recognized(tensors, file)
    tensors = checkpoints.checked(tensors, network, file)
    return Weights(network, tensors, normalization, f"{file.name} sha256:{digests['sha256']}")


def _has(digests: dict[str, str], checksum: str) -> bool:
    kind, _, digits = checksum.partition(":")
    return kind in digests and digests[kind].startswith(digits)


def _check_normalization(name: str) -> None:
    if name not in NORMALIZATIONS:
        raise ValueError(f"no normalization {name!r}; choose one of {', '.join(NORMALIZATIONS)}")


def _tensors_checksum(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(json.dumps([name, str(tensor.dtype), tuple(tensor.shape)]).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
