"""Keep a photo's colours, or give one picture another's."""

import numpy as np
import torch
from torch import Tensor

from nstlib import images

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: Y of YIQ, ITU-R BT.601
CHOICES = ("painting", "photo", "match")
ROUNDS = 30  # of matching again what was cut at black and white
MATCHED = 1e-4  # a mean or covariance this near is met
SMALLEST = 1e-6  # variance that counts as none


def luminance(image: Tensor) -> Tensor:
    """Turn images grey.

    Y = 0.299 R + 0.587 G + 0.114 B

    Args:
        image: (B, 3, H, W), RGB, in [0, 1].

    Returns:
        (B, 3, H, W): Y three times, so that a network takes it.

    Source: Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", section 3.2.
    Taught in: chapter 4.
    """
    parts = image.new_tensor(LUMINANCE).reshape(1, 3, 1, 1)
    return (image * parts).sum(1, keepdim=True).expand_as(image)


def keep_colors(image: Tensor, photo: Tensor) -> Tensor:
    """Take the luminance from one image and the colour (I and Q of YIQ) from another.

    Adding the same to red, green and blue changes Y only. Where the colour leaves no room for the
    whole change, the pixel stops at the nearest luminance that can be displayed.

    Args:
        image: (1, 3, H, W), whose luminance is kept.
        photo: (1, 3, H, W), whose colours are kept.

    Returns:
        (1, 3, H, W) in [0, 1].

    Raises:
        ValueError: the sizes differ.

    Source: Gatys et al. 2016, "Preserving Color", section 3.2.
    Taught in: chapter 4.
    """
    if image.shape != photo.shape:
        raise ValueError(
            f"the image {tuple(image.shape)} and the photo {tuple(photo.shape)} differ in size"
        )
    change = (luminance(image) - luminance(photo))[:, :1]
    least, most = -photo.amin(1, keepdim=True), 1 - photo.amax(1, keepdim=True)
    return photo + change.clamp(least, most)


def match_luminance(painting: Tensor, photo: Tensor) -> Tensor:
    """Give a painting's luminance the mean and standard deviation of a photo's.

    Args:
        painting, photo: (1, 3, H, W), RGB, in [0, 1]; sizes may differ.

    Returns:
        A grey image (1, 3, H, W) in [0, 1].

    Source: Gatys et al. 2016, "Preserving Color", equation 5.
    Taught in: chapter 4.
    """
    source, target = luminance(painting), luminance(photo)
    factor = target.std() / source.std().clamp(min=SMALLEST)
    return ((source - source.mean()) * factor + target.mean()).clamp(0, 1)


def match_colors(picture: Tensor, photo: Tensor, *, method: str = "covariance") -> Tensor:
    """Give one picture the colours of another.

    "covariance": x -> A (x - mean) + mean of the photo, with the A that turns one covariance of
    red, green and blue into the other. "histogram": each channel's values are replaced rank by
    rank.

    Args:
        picture: (1, 3, H, W), RGB, in [0, 1], whose shapes are kept.
        photo: (1, 3, h, w), whose colours are taken.
        method: "covariance" or "histogram".

    Returns:
        (1, 3, H, W) in [0, 1]. What an affine map would push out of it is cut, and the rest matched
        again.

    Raises:
        ValueError: no such method, or not an image.

    Source: Gatys et al. 2016, "Preserving Color", section 3.1, with the symmetric root of "Image
    Analogies"; histograms: `skimage.exposure.match_histograms`.
    Taught in: chapter 4.
    """
    images.check_image(picture)
    images.check_image(photo)
    if method == "histogram":
        return _match_histograms(picture, photo)
    if method != "covariance":
        raise ValueError(f"no method {method!r}; choose covariance or histogram")
    target = _statistics(photo)
    matched = picture
    for _ in range(ROUNDS):
        mean, covariance = _statistics(matched)
        errors = (mean - target[0]).abs().max(), (covariance - target[1]).abs().max()
        if max(errors) < MATCHED:
            break
        matched = _recolored(matched, mean, covariance, target)
    return matched


def tint(
    image: Tensor, painting: Tensor, *, blur: float = 3.0, noise: float = 0.3, seed: int = 0
) -> Tensor:
    """Wash a picture in a painting's colours, so that white paper has paint to start from.

    The picture is blurred, Gaussian-filtered noise is added, and both together get the painting's
    mean and covariance of colours.

    Args:
        image: (1, 3, H, W), such as a sketch.
        painting: (1, 3, h, w).
        blur: standard deviation in px of the filter over picture and noise.
        noise: how much noise, 1 being the whole range.
        seed: of the noise.

    Returns:
        (1, 3, H, W) in [0, 1].

    Taught in: chapter 5.
    """
    speckle = images.noise_image(image.shape[2:], seed=seed, amplitude=noise, blur=0) - 0.5
    return match_colors(images.blur_image(image + speckle, blur).clamp(0, 1), painting)


def _statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    pixels = image.detach()[0].flatten(1).double()  # (3, H·W)
    mean = pixels.mean(1, keepdim=True)
    return mean, (pixels - mean) @ (pixels - mean).T / pixels.shape[1]


def _recolored(image: Tensor, mean: Tensor, covariance: Tensor, target: tuple) -> Tensor:
    change = _root(target[1]) @ _root(covariance, inverse=True)
    pixels = image[0].flatten(1).double()
    pixels = change @ (pixels - mean) + target[0]
    return pixels.to(image).reshape(image.shape).clamp(0, 1)


def _root(covariance: Tensor, *, inverse: bool = False) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    roots = values.clamp(min=SMALLEST).sqrt()
    return vectors @ torch.diag(1 / roots if inverse else roots) @ vectors.T


def _match_histograms(picture: Tensor, photo: Tensor) -> Tensor:
    from skimage.exposure import match_histograms  # slow to import

    matched = match_histograms(*(_array(image) for image in (picture, photo)), channel_axis=2)
    return torch.from_numpy(matched.astype(np.float32)).permute(2, 0, 1)[None].to(picture)


def _array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
