"""Masks: which part of a picture a style goes to, or comes from. (1, 1, H, W) in [0, 1]."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ImageColor
from torch import Tensor

from nstlib import images

SEGMENTS = 40
COMPACTNESS = 10.0  # of SLIC: larger makes squarer segments, smaller follows colours
SMALLEST = 1.0  # positions of a layer that a mask must cover
SAME_SHAPE = 0.02  # relative difference of aspect ratios that is rounding
FAR = 0.1  # from a region's colour, root mean square of red, green and blue
STRANGERS = 0.05  # share of a layout that may be far from all colours: soft edges


def load_mask(source, *, size: int | None = None) -> Tensor:
    """Read a mask from a picture: white inside, black outside, grey at a soft edge.

    Args:
        source: as for `images.load_image`.
        size: longer side in px; None keeps the picture's own.

    Returns:
        (1, 1, H, W) in [0, 1], the mean of red, green and blue.

    Raises:
        As `images.load_image`.
    """
    return images.load_image(source, size=size).mean(1, keepdim=True)


def soften(mask: Tensor, blur: float) -> Tensor:
    """Give a mask a soft edge, so that two styles meet without a seam.

    Args:
        mask: (1, 1, H, W) in [0, 1].
        blur: standard deviation in px of the Gaussian filter.
    """
    return images.blur_image(mask, blur).clamp(0, 1)


def fit_mask(mask: Tensor, shape: Sequence[int], name: str = "the mask") -> Tensor:
    """Check a mask and scale it to a picture's (height, width).

    Args:
        mask: (1, 1, h, w) in [0, 1], of the picture's aspect ratio.
        shape: (height, width) of the picture in px.
        name: what an error calls it.

    Returns:
        (1, 1, height, width).

    Raises:
        ValueError: not a mask, of another aspect ratio, empty, or values outside [0, 1].
    """
    if not isinstance(mask, Tensor) or mask.ndim != 4 or mask.shape[:2] != (1, 1):
        found = tuple(getattr(mask, "shape", ())) or type(mask).__name__
        raise ValueError(f"{name} must be (1, 1, H, W), got {found}; use masks.load_mask")
    if not (torch.isfinite(mask).all() and mask.min() >= 0 and mask.max() <= 1):
        raise ValueError(f"{name} has values outside [0, 1]")
    mask = mask.float()  # of bool too
    (rows, columns), (height, width) = mask.shape[2:], shape
    longer = max(height, width)
    if abs(rows * width - columns * height) > SAME_SHAPE * rows * width + longer:
        raise ValueError(
            f"{name} is {columns}x{rows} px and its picture {width}x{height} px; "
            "make it from that picture, so that one covers the other"
        )
    if mask.max() == 0:
        raise ValueError(f"{name} is empty: it is 0 everywhere")
    if (rows, columns) == (height, width):
        return mask
    return F.interpolate(mask, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def share_places(
    masks: Sequence[Tensor | None], shape: Sequence[int], shares: Sequence[float]
) -> list[Tensor]:
    """Divide a picture's places among several masks.

    Args:
        masks: one per style; None means the rest that the others leave.
        shape: (height, width) of the picture in px.
        shares: how masks that overlap divide a place between them.

    Returns:
        Masks (1, 1, height, width) whose sum is at most 1 everywhere.

    Raises:
        ValueError: as `fit_mask`; more than one None; or nothing left for it.
    """
    given = [
        fit_mask(mask, shape, f"mask {number}")
        for number, mask in enumerate(masks, 1)
        if mask is not None
    ]
    if len(given) < len(masks) - 1:
        raise ValueError("only one mask can be None, which means the rest")
    if len(given) < len(masks):
        rest = (1 - sum(given)).clamp(0, 1) if given else torch.ones(1, 1, *shape)
        if rest.max() == 0:
            raise ValueError("the masks leave nothing for the rest")
        given.insert([mask is None for mask in masks].index(True), rest)
    covered = sum(given).clamp(max=1)
    shared = [share * mask for share, mask in zip(shares, given, strict=True)]
    total = sum(shared)
    return [torch.where(total > 0, mask * covered / total.clamp(min=1e-9), 0) for mask in shared]


def layer_guides(
    mask: Tensor, sides: Mapping[str, Sequence[int]], name: str = "the mask"
) -> dict[str, Tensor]:
    """Scale a mask to the layers of a network, for `losses.gram_matrix`.

    Args:
        mask: (1, 1, H, W) in [0, 1].
        sides: {layer: (H', W')}.
        name: what an error calls it.

    Returns:
        {layer: (1, 1, H', W')}; each value is the mean of the mask over its part of the picture.

    Raises:
        ValueError: the mask covers less than one position of a layer.

    Source: Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", section 4:
    "simple" downsampling of the guidance channels.
    """
    guides = {layer: F.adaptive_avg_pool2d(mask, tuple(shape)) for layer, shape in sides.items()}
    for layer, guide in guides.items():
        if guide.sum() < SMALLEST:
            height, width = guide.shape[2:]
            raise ValueError(
                f"{name} covers {float(guide.sum()):.2g} of the {height}x{width} positions of "
                f"{layer}; make it larger, or leave that layer out"
            )
    return guides


def segment(image: Tensor, *, count: int = SEGMENTS, compactness: float = COMPACTNESS) -> Tensor:
    """Cut a picture into about `count` connected segments of similar colour.

    Args:
        image: (1, 3, H, W), RGB, in [0, 1].
        count: how many segments, roughly.
        compactness: larger makes squarer segments, smaller follows colours more closely.

    Returns:
        Labels (H, W), whole numbers from 0.

    Raises:
        ValueError: not an image, or a number that is not above 0.

    Source: Achanta et al. 2012, SLIC, as in `skimage.segmentation.slic`.
    """
    from skimage.segmentation import slic  # slow to import

    images.check_image(image)
    if not (count > 0 and compactness > 0):
        raise ValueError(f"count is {count} and compactness {compactness}; both must be above 0")
    pixels = image[0].permute(1, 2, 0).cpu().numpy()
    labels = slic(pixels, n_segments=count, compactness=compactness, start_label=0)
    return torch.from_numpy(labels)


def pick_segments(labels: Tensor, points: Iterable[tuple[int, int]]) -> Tensor:
    """Join the segments under some points, as clicks would.

    Args:
        labels: (H, W), from `segment`.
        points: (x, y) in px from the upper left corner.

    Returns:
        A mask (1, 1, H, W) of 0 and 1.

    Raises:
        ValueError: a point outside the picture, or none.
    """
    height, width = labels.shape
    points = list(points)
    for x, y in points:
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"the point ({x}, {y}) is outside the picture of {width}x{height} px")
    if not points:
        raise ValueError("no points given; name at least one")
    chosen = torch.stack([labels[int(y), int(x)] for x, y in points])
    return torch.isin(labels, chosen).float()[None, None]


def outline_segments(image: Tensor, labels: Tensor) -> Tensor:
    """Draw the borders between segments over a picture, in yellow.

    Args:
        image: (1, 3, H, W), RGB, in [0, 1].
        labels: (H, W), from `segment`.

    Returns:
        (1, 3, H, W).
    """
    from skimage.segmentation import find_boundaries  # slow to import

    borders = torch.from_numpy(find_boundaries(labels.numpy(), mode="inner"))
    yellow = image.new_tensor((1.0, 0.9, 0.0)).reshape(1, 3, 1, 1)
    return torch.where(borders, yellow, image)


def region_masks(image: Tensor, regions: Mapping[str, str]) -> dict[str, Tensor]:
    """Turn a picture of flat colours into one mask per colour.

    Args:
        image: (1, 3, H, W), such as a layout drawn on the canvas. Each pixel belongs to the
            nearest colour.
        regions: {name: colour such as "#3a6ea5"}.

    Returns:
        {name: mask (1, 1, H, W) of 0 and 1}, without the colours that do not occur.

    Raises:
        ValueError: not an image, no colours, one that is none, or a large area of another colour.

    Source: Champandard 2016, "Semantic Style Transfer and Turning Two-Bit Doodles into Fine
    Artworks", whose maps these are.
    Taught in: chapter 5.
    """
    images.check_image(image)
    if not regions:
        raise ValueError("no regions given; name at least one colour")
    colors = torch.tensor([ImageColor.getrgb(color)[:3] for color in regions.values()]) / 255
    pixels = image[0].permute(1, 2, 0).cpu()[..., None, :]  # (H, W, 1, 3)
    distances, nearest = (pixels - colors).square().mean(-1).sqrt().min(-1)
    _refuse_strangers(image, distances > FAR, regions)
    nearest = nearest.numpy()
    found = {
        name: torch.from_numpy((nearest == number).astype(np.float32))[None, None]
        for number, name in enumerate(regions)
    }
    return {name: mask for name, mask in found.items() if mask.max() > 0}


def _refuse_strangers(image: Tensor, far: Tensor, regions: Mapping[str, str]) -> None:
    if far.float().mean() > STRANGERS:
        strangers = (image[0].cpu()[:, far] * 255).round().int()
        found, counts = strangers.unique(dim=1, return_counts=True)
        red, green, blue = found[:, counts.argmax()].tolist()
        raise ValueError(
            f"{float(far.float().mean()):.0%} of the layout has no region's colour, such as "
            f"#{red:02x}{green:02x}{blue:02x}; use {_listed(regions)}"
        )


def _listed(regions: Mapping[str, str]) -> str:
    return ", ".join(f"{color} ({name})" for name, color in regions.items())
