"""Which parts of `swirling_night` are sky, lights, hills, meadow, water and trees.

The shapes are those of the program that painted it; the village belongs to the meadow.
"""

import numpy as np
from scipy import ndimage

from . import regions
from .swirling_night import BUSHES, CYPRESSES, HEIGHT, HILLS, HOUSES, STARS, WIDTH, ridge

GLOW = 0.86  # share of a halo's radius that is still bright


def meadow(x, y):
    """The golden hill in front, and houses and bushes with the ground between them."""
    inside = y > ridge(HILLS[2], x)[0]
    for left, foot, size, _ in HOUSES:
        across, up = (x - left - 0.4 * size) / (1.25 * size), (y - foot + 0.4 * size) / size
        inside |= across**2 + up**2 < 1
    for cx, cy, radius in BUSHES:
        inside |= np.hypot(x - cx, y - cy) < radius
    return ndimage.binary_closing(np.pad(inside, 30), iterations=16)[30:-30, 30:-30]


def stream(x, y):
    """The river, as wide as its strokes."""
    down = (y - 292) / (HEIGHT - 292)
    middle = 322 - 60 * down + 26 * np.sin(6 * down)
    half = 6 + 70 * np.clip(down, 0, 2) ** 1.4
    return (down > 0) & (np.abs(x - middle) < half)


def cypresses(x, y):
    """The flames of the cypresses, as wide as their strokes."""
    inside = np.zeros(x.shape, bool)
    for cx, tip, half, sway in CYPRESSES:
        down = (y - tip + 6) / (HEIGHT + 10 - tip)
        spread = half * np.minimum(1.25 * down.clip(0) ** 0.75, 1)
        spread *= 1 + 0.16 * np.sin(down * 23 + cx)
        inside |= (down > 0) & (np.abs(x - cx - sway * np.sin(down * 9)) < spread + 3)
    return inside


def paint():
    """Lay the regions over each other as they were painted, and colour them."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    region = np.full(x.shape, regions.NAMES.index("sky"))
    parts = [("lights", np.hypot(x - cx, y - cy) < GLOW * radius) for cx, cy, radius in STARS]
    parts += [("hills", y > ridge(HILLS[0], x)[0]), ("meadow", meadow(x, y))]
    parts += [("water", stream(x, y)), ("trees", cypresses(x, y))]
    for name, inside in parts:
        region[inside] = regions.NAMES.index(name)
    return regions.flat(regions.smooth(region, 1.5))
