"""Put trained weights into nstlib, in half precision, described, with their checksum.

python -m training.publish runs/pocket/pocket.safetensors --version 2
"""

import argparse
import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from nstlib.data import WEIGHTS

DESCRIPTION = {
    "teacher": "VGG-19 compressed 16 times, Wang et al., CVPR 2020 (Collaborative Distillation)",
    "data": "photos of BSDS500 and of ImageNet (one per class), paintings of public repositories",
    "licence": "MIT",
    "credits": "teacher: Huan Wang et al., MIT licence; its VGG-19: Karen Simonyan and Andrew "
    "Zisserman, CC BY 4.0",
    "card": "MODEL_CARD.md",
}


def publish(file: Path, folder: Path = WEIGHTS, *, version: str) -> Path:
    """Write pocket.safetensors and its entry in manifest.json.

    Args:
        file: weights as `training.distill` leaves them.
        folder: where nstlib keeps its weights.
        version: of the weights.

    Raises:
        ValueError: a tensor that half precision cannot hold, or another teacher than described.
    """
    weights = {name: value.half() for name, value in load_file(file).items()}
    for name, value in weights.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has values that are not finite in half precision")
    with safe_open(file, "pt") as opened:
        made = opened.metadata() or {}
    if not made.get("teacher", ".safetensors").endswith(".safetensors"):
        raise ValueError(f"DESCRIPTION and its credits are not those of {made['teacher']}")
    published = folder / "pocket.safetensors"
    described = {"format": "pt", "version": version, **DESCRIPTION}
    described["settings"] = made.get("settings", "{}")
    save_file(weights, published, metadata=described)
    published.chmod(0o644)  # safetensors makes it readable for its owner only
    record("pocket", published, version=version, **DESCRIPTION)
    return published


def record(name: str, file: Path, *, version: str, **about: str) -> None:
    """Enter a weights file, with its checksum, in the manifest that lies beside it."""
    manifest = file.parent / "manifest.json"
    entries = json.loads(manifest.read_text()) if manifest.exists() else {}
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    entries[name] = {"file": file.name, "version": version, "sha256": checksum, **about}
    manifest.write_text(json.dumps(entries, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(
        prog="python -m training.publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--version", required=True)
    options = parser.parse_args()
    print(publish(options.file, version=options.version))


if __name__ == "__main__":
    main()
