"""Files, bytes and PIL pictures to image tensors (1, 3, H, W), RGB, in [0, 1], and back."""

import io
import os
import struct
import warnings
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from nstlib.writing import write_whole

MEAN = (0.48235, 0.45882, 0.40784)  # ImageNet's mean colour, the grey that noise starts around


def load_image(source, *, size: int | None = None) -> Tensor:
    """Read a picture as an image tensor.

    Grey, palette, CMYK and 16-bit pictures become RGB; transparent ones are laid on white; the
    EXIF rotation of a photo is applied.

    Args:
        source: path, bytes, file object opened in binary mode, or PIL picture.
        size: length of the longer side in px; the other side keeps the aspect ratio. None keeps the
            picture's own size.

    Returns:
        Tensor (1, 3, H, W), float32, RGB, in [0, 1].

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a picture, damaged, empty, too many pixels, or a size below 1.
        TypeError: the source is none of the above.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, Integral) or size < 1):
        raise ValueError(f"size is {size!r}; give the longer side in whole pixels, 1 or more")
    name = _describe(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and damaged metadata
            picture = _open(source)
            if size is not None and picture is not source:  # draft changes the picture itself
                picture.draft("RGB", (2 * size, 2 * size))  # a JPEG can be decoded smaller
            picture = ImageOps.exif_transpose(picture)
            picture.load()
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name} has too many pixels to open safely: {error}") from error
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{name} is not a picture that Pillow can read (JPEG, PNG, ...)"
        ) from error
    except (OSError, SyntaxError, EOFError, ValueError, IndexError, struct.error) as error:
        if isinstance(error, (FileNotFoundError, IsADirectoryError, PermissionError)):
            raise
        raise ValueError(f"{name} is damaged and cannot be read whole: {error}") from error
    if 0 in picture.size:
        raise ValueError(f"{name} is empty: it has no pixels")
    picture = _to_rgb(picture)
    return from_picture(picture if size is None else _resize(picture, size))


def from_picture(picture: Image.Image) -> Tensor:
    """Turn an RGB PIL picture into an image tensor (1, 3, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture, dtype=np.float32))  # (H, W, 3)
    return pixels.permute(2, 0, 1)[None].contiguous() / 255


def to_picture(image: Tensor) -> Image.Image:
    """Turn an image tensor (1, 3, H, W) into an 8-bit PIL picture; values outside [0, 1] are cut.

    Raises:
        ValueError: not one RGB image, or values that are not finite.
    """
    check_image(image)
    pixels = image.detach().cpu()[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def check_image(image: Tensor) -> None:
    """Raise ValueError unless `image` is one RGB image (1, 3, H, W) of finite values."""
    if not isinstance(image, Tensor):
        raise TypeError(f"expected an image tensor, got {type(image).__name__}; use load_image")
    if image.ndim != 4 or image.shape[:2] != (1, 3):
        raise ValueError(f"expected one RGB image (1, 3, H, W), got shape {tuple(image.shape)}")
    if not torch.isfinite(image).all():
        raise ValueError("the image contains values that are not finite (NaN or infinity)")


def resize_image(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """Scale an image tensor to (height, width) in px, with antialiasing, staying in [0, 1]."""
    resized = torch.nn.functional.interpolate(image, shape, mode="bicubic", antialias=True)
    return resized.clamp(0, 1)


def noise_image(
    shape: tuple[int, int], *, seed: int = 0, amplitude: float = 2.5 / 255, blur: float = 0.0
) -> Tensor:
    """Make uniform noise around ImageNet's mean colour, the start of the chapters.

    Args:
        shape: (height, width) in px.
        seed: the same seed gives the same noise.
        amplitude: noise lies in (-amplitude, amplitude) around the mean; 1 is the whole range.
        blur: standard deviation in px of a Gaussian filter over the noise; 0 for none.

    Returns:
        Tensor (1, 3, H, W) in [0, 1].
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(1, 3, *shape, generator=generator) * 2 - 1
    if blur > 0:
        noise = blur_image(noise, blur)
    mean = torch.tensor(MEAN).reshape(1, 3, 1, 1)
    return (mean + amplitude * noise).clamp(0, 1)


def blur_image(image: Tensor, sigma: float) -> Tensor:
    """Apply a Gaussian filter of standard deviation `sigma` px to an image tensor or a mask."""
    from scipy import ndimage  # slow to import, and only some pictures need it

    blurred = ndimage.gaussian_filter(image.cpu().numpy(), (0, 0, sigma, sigma))
    return torch.from_numpy(blurred).to(image)


def save_image(image: Tensor, path: str | Path) -> Path:
    """Write an image tensor to a picture file; a crash never leaves half a file.

    Args:
        image: tensor (1, 3, H, W); values outside [0, 1] are cut.
        path: where to write; the suffix (.png, .jpg, .webp, ...) chooses the format.

    Returns:
        The path written.

    Raises:
        ValueError: not one image, or a suffix Pillow cannot write.
        OSError: the folder is missing or cannot be written to.
    """
    path = Path(path)
    picture, form = to_picture(image), picture_format(path)
    return write_whole(path, lambda draft: picture.save(draft, form, quality=95))


def picture_format(path: str | Path) -> str:
    """Name the format a picture at `path` would be written in, after checking that it could be.

    Raises:
        ValueError: a suffix Pillow cannot write.
        OSError: the folder is missing or cannot be written to.
    """
    path = Path(path)
    form = Image.registered_extensions().get(path.suffix.lower())
    if form not in Image.SAVE:
        raise ValueError(f"cannot write {path.name!r}: choose a name that ends in .png or .jpg")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write to the folder {str(path.parent)!r}")
    return form


def _describe(source) -> str:
    if isinstance(source, (str, os.PathLike)):
        return f"the file {os.fspath(source)!r}"
    return "the given data" if isinstance(source, bytes) else f"the {type(source).__name__}"


def _open(source) -> Image.Image:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, (bytes, bytearray)):
        return Image.open(io.BytesIO(source))
    if isinstance(source, (str, os.PathLike)):
        if not Path(source).exists():
            raise FileNotFoundError(f"no file {os.fspath(source)!r}; check the path")
        return Image.open(source)
    if hasattr(source, "read"):
        return Image.open(source)
    raise TypeError(f"cannot load an image from {type(source).__name__}; give a path or bytes")


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would cut at 255
        grey = np.asarray(picture, dtype=np.float64) / 65535
        return Image.fromarray((grey.clip(0, 1) * 255).round().astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise ValueError("pictures of floating-point values have no agreed range; save it as PNG")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _resize(picture: Image.Image, size: int) -> Image.Image:
    factor = size / max(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)
