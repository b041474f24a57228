"""What every painting here shares: smooth noise and a canvas larger than the picture."""

import numpy as np
from PIL import Image
from scipy import ndimage


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
