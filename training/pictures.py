"""Training pictures: a folder of photos and paintings, cropped and varied at random."""

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from nstlib.images import load_image

HELD_OUT = r"^photo_.*(07|57)$|^style_.*5$"  # names, without the suffix, kept out of training
PAINTINGS = r"^style_"
LONGEST = 640  # px; larger pictures are scaled down when they are read
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Pictures:
    """Pictures in memory, split into those to train on and those held out.

    A picture that looks like one held out, mirrored or not, is left out of both.

    Args:
        source: a folder of .jpg, .png or .webp files, or {name: (3, H, W), uint8}.
        held_out: a regular expression; names in which it is found are held out.

    Attributes:
        names: of the pictures to train on.
        held_out: {name: (3, H, W), uint8}.
    """

    def __init__(self, source: str | Path | dict[str, Tensor], held_out: str = HELD_OUT):
        pictures = source if isinstance(source, dict) else _read_folder(source)
        self.held_out = {n: p for n, p in pictures.items() if re.search(held_out, n)}
        known = torch.stack([_thumbnail(p) for p in self.held_out.values()] or [torch.ones(0)])
        self.names, self._pictures = [], []
        for name, picture in pictures.items():
            if name not in self.held_out and not _has_twin(picture, known):
                self.names.append(name)
                self._pictures.append(picture)
        if not self.names:
            raise ValueError("no pictures are left to train on")
        self._paintings = [i for i, n in enumerate(self.names) if re.search(PAINTINGS, n)]

    def crops(
        self, count: int, size: int, generator: torch.Generator, paintings: float = 0.25
    ) -> Tensor:
        """Cut crops at random places and scales.

        Args:
            count: how many.
            size: their side in px.
            generator: of the random choices.
            paintings: how likely a crop is from a painting; the others are from any picture.

        Returns:
            (count, 3, size, size), in [0, 1].
        """
        crops = []
        for _ in range(count):
            painted = torch.rand((), generator=generator) < paintings
            pool = (self._paintings if painted else []) or range(len(self.names))
            picture = self._pictures[pool[_integer(len(pool), generator)]]
            height, width = picture.shape[1:]
            side = min(height, width)
            least = min(side, max(32, size // 2))
            side = least + _integer(side - least + 1, generator)
            top = _integer(height - side + 1, generator)
            left = _integer(width - side + 1, generator)
            crop = picture[None, :, top : top + side, left : left + side].float() / 255
            crop = F.interpolate(crop, (size, size), mode="bilinear", antialias=side > size)
            crops.append(crop.flip(3) if _integer(2, generator) else crop)
        return torch.cat(crops)


def vary(images: Tensor, generator: torch.Generator) -> Tensor:
    """Change colours of 30 %, blend 20 % with noise, blur 5 %: optimisation visits such pictures.

    Args:
        images: (B, 3, H, W), in [0, 1].
    """
    varied = []
    for image in images.split(1):
        chances = torch.rand(3, generator=generator)
        if chances[0] < 0.3:
            gain, offset = torch.rand(2, 1, 3, 1, 1, generator=generator)
            image = (image - 0.5) * (0.5 + gain) + 0.5 + 0.3 * (offset - 0.5)
        if chances[1] < 0.2:
            noise = torch.rand(image.shape, generator=generator)
            if chances[1] < 0.1:  # coarse noise, as a blurred start has
                small = 2 + _integer(image.shape[2] // 4, generator)
                noise = torch.rand(1, 3, small, small, generator=generator)
                noise = F.interpolate(noise, image.shape[2:], mode="bilinear")
            image = torch.lerp(image, noise, torch.rand(1, generator=generator).item())
        if chances[2] < 0.05:
            image = gaussian_blur(image, 7, 0.5 + 2 * torch.rand(1, generator=generator).item())
        varied.append(image.clamp(0, 1))
    return torch.cat(varied)


def _integer(below, generator):
    return int(torch.randint(below, (), generator=generator))


def _read_folder(folder):
    files = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"no pictures ({', '.join(SUFFIXES)}) in {str(folder)!r}")
    return {file.name.rpartition(".")[0]: _read(file) for file in files}


def _read(file):
    image = load_image(file)
    if max(image.shape[2:]) > LONGEST:
        image = load_image(file, size=LONGEST)
    return (image[0] * 255).round().to(torch.uint8)


def _thumbnail(picture):
    small = F.interpolate(picture[None].float(), (12, 12), mode="bilinear", antialias=True)
    small = small.flatten() - small.mean()
    return small / small.norm().clamp_min(1e-6)


def _has_twin(picture, thumbnails, alike=0.97):
    if thumbnails.numel() == 0:
        return False
    thumbnail = _thumbnail(picture)
    mirrored = thumbnail.reshape(3, 12, 12).flip(2).flatten()
    return bool((thumbnails @ torch.stack([thumbnail, mirrored], 1)).max() > alike)
