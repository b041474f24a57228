"""Paint by regions: a flat layout becomes a painting, each colour by its region of another one."""

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib import images
from nstlib.masks import region_masks, soften
from nstlib.recipes.defaults import START_BLUR, START_NOISE, open_image
from nstlib.recipes.scales import iterate_transfer, transfer
from nstlib.synthesis import Iteration, Result

EDGE = 1.5  # px, over which regions blend


def paint_regions(
    layout,
    painting,
    painting_map,
    regions: Mapping[str, str],
    *,
    size: int = 256,
    seed: int = 0,
    **options,
) -> Result:
    """Paint a layout of flat colours, each by the part of a painting that has the same colour.

    The objective is `transfer`'s, with one mask and one style mask per colour and no content. The
    start is each region's mean colour, with Gaussian-filtered noise.

    Args:
        layout: picture of flat colours: an image tensor or whatever `images.load_image` takes.
        painting: the painting, in the same ways.
        painting_map: the painting's regions in flat colours, of the painting's aspect ratio.
        regions: {name: colour such as "#3a6ea5"} of both.
        size: longer side of the result in px.
        seed: of the noise.
        **options: as in `transfer`, but for content_weight, masks, style_masks and start.

    Returns:
        Result, as `transfer`.

    Raises:
        ValueError: the layout has a region that the painting's map lacks, or as `transfer`.

    Source: Champandard 2016, "Semantic Style Transfer and Turning Two-Bit Doodles into Fine
    Artworks", with guided Gram matrices (Gatys et al. 2017) in place of patches.
    Taught in: chapter 5.
    """
    return transfer(**_planned(layout, painting, painting_map, regions, size, seed), **options)


def iterate_regions(
    layout,
    painting,
    painting_map,
    regions: Mapping[str, str],
    *,
    size: int = 256,
    seed: int = 0,
    **options,
) -> Iterator[Iteration]:
    """Run `paint_regions` one iteration at a time, as `synthesis.iterate` does.

    Args, Raises: as `paint_regions`.

    Yields:
        The start as number 0, then one Iteration at a time.
    """
    planned = _planned(layout, painting, painting_map, regions, size, seed)
    return iterate_transfer(**planned, **options)


def _planned(layout, painting, painting_map, regions, size: int, seed: int) -> dict:
    """Say what a transfer is to do with a layout; its content does not count."""
    places = region_masks(open_image(layout, None), regions)
    sources = region_masks(open_image(painting_map, None), regions)
    if missing := [name for name in places if name not in sources]:
        raise ValueError(f"the painting's map has no {', '.join(missing)}; use other colours")
    painting = open_image(painting, size)
    shape = _shape(next(iter(places.values())), size)
    places = {name: soften(_fit(mask, shape), EDGE) for name, mask in places.items()}
    sources = {name: _fit(sources[name], painting.shape[2:]) for name in places}
    return {
        "content": images.noise_image(shape, seed=seed),
        "style": [painting] * len(places),
        "masks": list(places.values()),
        "style_masks": list(sources.values()),
        "start": mean_colors(painting, places, sources, seed),
        "content_weight": 0.0,
    }


def mean_colors(
    painting: Tensor, places: Mapping[str, Tensor], sources: Mapping[str, Tensor], seed: int = 0
) -> Tensor:
    """Lay each region's mean colour where it goes, with Gaussian-filtered noise over it.

    Args:
        painting: (1, 3, H, W).
        places: masks of the result, (1, 1, h, w) each.
        sources: masks of the painting, (1, 1, H, W) each, by the same names.
        seed: of the noise.

    Returns:
        (1, 3, h, w) in [0, 1].
    """
    means = {
        name: (painting * mask).sum((2, 3), keepdim=True) / mask.sum()
        for name, mask in sources.items()
    }
    covered = sum(places.values()).clamp(min=1e-6)
    flat = sum(means[name] * mask for name, mask in places.items()) / covered
    shape = tuple(flat.shape[2:])
    noise = images.noise_image(shape, seed=seed, amplitude=START_NOISE, blur=START_BLUR)
    return (flat + noise - torch.tensor(images.MEAN).reshape(1, 3, 1, 1)).clamp(0, 1)


def _shape(mask: Tensor, size: int) -> tuple[int, int]:
    factor = size / max(mask.shape[2:])
    return tuple(max(1, round(side * factor)) for side in mask.shape[2:])


def _fit(mask: Tensor, shape) -> Tensor:
    return F.interpolate(mask, tuple(shape), mode="bilinear", antialias=True).clamp(0, 1)
