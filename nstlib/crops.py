"""Training pictures: a folder's, or those given, cut into crops at random."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib import images

MOST = 2000  # pictures kept in memory
KEPT = 1.6  # shorter side that is kept, over that of a crop
ZOOM = 0.7  # least side of what is cut out, over that of a crop
JITTER = 0.15  # how far brightness and each colour are moved
FLAT = 0.01  # spread; normalising a flatter crop blows its gradient up
TRIES = 20
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")


class Crops:
    """Square pieces of pictures: cut, scaled, mirrored and tinted at random.

    Attributes:
        pictures: uint8, (3, H, W) each.
        skipped: names of the files that could not be read.
        size: side of a crop in px.
    """

    def __init__(self, source, *, size: int = 128):
        """Read the pictures.

        Args:
            source: a folder, or a list of image tensors or whatever `images.load_image` takes.
            size: side of a crop in px. Smaller pictures are enlarged.

        Raises:
            ValueError: no picture that can be read; a file of a list that cannot be.
            NotADirectoryError: no such folder.
        """
        self.size, self.skipped = size, []
        if isinstance(source, str | Path):
            self.pictures = self._read_folder(Path(source))
        else:
            self.pictures = [self._kept(picture) for picture in source]
        if not self.pictures:
            raise ValueError(f"no pictures to train with in {source!r}; give at least one")

    def batch(self, count: int, generator: torch.Generator) -> Tensor:
        """Cut `count` crops, (count, 3, size, size) in [0, 1]."""
        return torch.cat([self._cut_lively(generator) for _ in range(count)])

    def _read_folder(self, folder: Path) -> list[Tensor]:
        if not folder.is_dir():
            raise NotADirectoryError(f"no folder {str(folder)!r}; check the path")
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
        kept = []
        for file in files[:MOST]:
            try:
                kept.append(self._kept(file))
            except (ValueError, OSError):
                self.skipped.append(file.name)
        if not kept:
            raise ValueError(
                f"no picture in {str(folder)!r} can be read; {len(self.skipped)} of {len(files)} "
                "files were skipped"
            )
        return kept

    def _kept(self, picture) -> Tensor:
        image = picture if isinstance(picture, Tensor) else images.load_image(picture)
        images.check_image(image)
        factor = KEPT * self.size / min(image.shape[2:])
        shape = tuple(max(self.size, round(side * factor)) for side in image.shape[2:])
        return (images.resize_image(image, shape)[0] * 255).round().to(torch.uint8)

    def _cut_lively(self, generator: torch.Generator) -> Tensor:
        """Cut again where there is nothing but a flat surface, as long as there is hope."""
        for _ in range(TRIES):
            crop = self._cut(generator)
            if crop.std((2, 3), correction=0).amax() > FLAT:
                break
        return crop

    def _cut(self, generator: torch.Generator) -> Tensor:
        def between(low: float, high: float, count: int = 1) -> Tensor:
            return low + (high - low) * torch.rand(count, generator=generator)

        picture = self.pictures[int(between(0, len(self.pictures)))]
        height, width = picture.shape[1:]
        side = max(1, int(between(ZOOM * self.size, min(height, width) + 1)))
        top, left = int(between(0, height - side + 1)), int(between(0, width - side + 1))
        crop = picture[None, :, top : top + side, left : left + side].float() / 255
        crop = F.interpolate(crop, (self.size, self.size), mode="bilinear", antialias=True)
        if between(0, 1) < 0.5:
            crop = crop.flip(3)
        colors = between(1 - JITTER, 1 + JITTER, 3).reshape(1, 3, 1, 1)
        return (crop * colors + between(-JITTER, JITTER)).clamp(0, 1)
