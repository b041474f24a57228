"""What the programs here share: smooth noise, a canvas larger than the picture, paper and a pen."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import make_interp_spline

PAPER, INK = np.array([0.982, 0.962, 0.922]), np.array([0.10, 0.085, 0.09])
FINE = 4  # a sheet of paper has so many pixels for each one of the picture


def smooth_noise(shape, scale, rng):
    """Gaussian-filtered white noise, zero mean, standard deviation 1; `scale` is the blur in px."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), scale, mode="reflect")
    return (noise - noise.mean()) / noise.std()


def fractal_noise(shape, scale, rng, *, octaves=4):
    """Sum of smooth noises, each half the size and half the strength of the one before."""
    layers = [smooth_noise(shape, scale / 2**k, rng) / 2**k for k in range(octaves)]
    noise = np.sum(layers, axis=0)
    return (noise - noise.mean()) / noise.std()


def shrink(canvas, size=512):
    """Scale an RGB canvas (H, W, 3), floats in [0, 1], so that its longer side is `size` px."""
    picture = Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
    factor = size / max(picture.size)
    width, height = (round(side * factor) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def spline(*points, count=150):
    """A smooth curve through points."""
    points = np.asarray(points, float)
    along = np.r_[0, np.cumsum(np.hypot(*np.diff(points, axis=0).T) ** 0.7)]
    curve = make_interp_spline(along, points, k=min(3, len(points) - 1))
    return curve(np.linspace(0, along[-1], count))


class Sheet:
    """A sheet of paper, a pen, and a knife that clears what a nearer shape hides."""

    def __init__(self, seed, width, height):
        self.rng = np.random.default_rng(seed)
        self.ink = Image.new("L", (width * FINE, height * FINE), 0)
        self.draw = ImageDraw.Draw(self.ink)

    def clear(self, outline, tone=0):
        """Cut a closed shape out of everything drawn so far, or fill it."""
        self.draw.polygon([tuple(point) for point in outline * FINE], fill=tone)

    def line(self, curve, width=2.0, tone=235, shake=0.35):
        """Trace a curve with a pen that presses hardest past its middle."""
        far = np.r_[0, np.cumsum(np.hypot(*np.diff(curve, axis=0).T))]
        count = max(int(2.5 * far[-1]), 6)
        part = np.linspace(0, 1, count)
        curve = np.stack([np.interp(part * far[-1], far, axis) for axis in curve.T], axis=1)
        noise = np.cumsum(self.rng.standard_normal((count + 40, 3)), axis=0)
        noise = ndimage.gaussian_filter1d(noise, 12, axis=0)[20:-20]
        noise = (noise - np.linspace(noise[0], noise[-1], count)) / max(count, 60) ** 0.5
        press = np.sin(np.pi * part**1.15) ** 0.55 * 0.75 + 0.25
        half = np.clip(width * press * (1 + 0.35 * noise[:, 2]), 0.5, None) / 2
        for (x, y), r in zip((curve + shake * noise[:, :2]) * FINE, half * FINE, strict=True):
            self.draw.ellipse((x - r, y - r, x + r, y + r), fill=tone)

    def straight(self, *corners, width=2.0, over=0.8):
        """Join corners with one stroke each, drawn a little past them as a swift hand does."""
        for start, end in zip(corners, corners[1:], strict=False):
            start, end = np.array((start, end), float)
            past = over * (end - start) / (np.hypot(*(end - start)) + 1e-9)
            self.line(np.stack([start - past, (start + end) / 2, end + past]), width)

    def block(self, *corners, width=2.0):
        """A shape with straight sides: whatever is behind it is cut away."""
        self.clear(np.array(corners, float))
        self.straight(*corners, corners[0], width=width)

    def hatch(self, outline, angle, gap, width=1.0, tone=205, ragged=0.0):
        """Fill a closed shape with strokes, side by side at an angle in degrees.

        `ragged` is the share of its length that a stroke may end too early.
        """
        turn, outline = np.radians(angle), np.asarray(outline, float)
        along, across = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        u, v = (np.append(outline @ axis, outline[0] @ axis) for axis in (along, across))
        for level in np.arange(v.min() + gap / 2, v.max(), gap):
            level += self.rng.normal(0, 0.1 * gap)
            cut = np.flatnonzero((v[:-1] < level) != (v[1:] < level))
            ends = u[cut] + (level - v[cut]) / (v[cut + 1] - v[cut]) * (u[cut + 1] - u[cut])
            for start, end in np.sort(ends).reshape(-1, 2):
                end -= ragged * self.rng.random() * (end - start)
                if end - start > 1.5:
                    stroke = np.multiply.outer((start, end), along) + level * across
                    self.line(stroke, width, tone)

    def puffs(self, lobes, width=2.2):
        """Round shapes (x, y, radius) that melt into one: a cloud, or the leaves of a tree."""
        turn = np.linspace(0, 2 * np.pi, 73) + self.rng.uniform(0, 6)
        circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        for x, y, radius in lobes:
            self.line(circle * radius + (x, y), width, shake=0.8)
        for x, y, radius in lobes:
            self.clear(circle * (radius - 0.5 * width) + (x, y))

    def dry(self):
        """Let the ink sink into the grain of the paper, and make a picture of it."""
        ink = ndimage.gaussian_filter(np.asarray(self.ink) / 255.0, 1.2)[..., None]
        grain = fractal_noise(ink.shape[:2], 6, self.rng)[..., None]
        paper = PAPER + 0.006 * grain
        cover = ink * np.clip(0.95 + 0.05 * grain, 0, 1)
        return shrink(paper + cover * (INK - paper), max(self.ink.size) // FINE)
