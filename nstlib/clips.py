"""Moving pictures: frames from a folder or an animated GIF, and back."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence
from torch import Tensor

from nstlib import images
from nstlib.writing import write_whole

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MILLISECONDS = 80  # of a frame, where a clip does not say


@dataclass(frozen=True)
class Clip:
    """Frames to come, one at a time.

    Attributes:
        count: how many.
        names: of each, for files.
        milliseconds: that each is shown.
        frames: image tensors (1, 3, H, W), read when they are asked for.
        folder: that they come from; None for a file's.
    """

    count: int
    names: list[str]
    milliseconds: list[int]
    frames: Iterable[Tensor]
    folder: Path | None = None


def open_clip(path: str | Path, *, size: int | None = None) -> Clip:
    """Open a folder of pictures, in the order of their names, or an animated GIF.

    Args:
        path: of the folder or file.
        size: longer side in px; None keeps the frames' own.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: a folder without pictures, or a file that is no picture.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise ValueError(f"no pictures in the folder {str(path)!r}")
        frames = _Frames(lambda: (images.load_image(file, size=size) for file in files))
        names = [file.stem for file in files]
        if len(set(names)) < len(names):  # a.png and a.jpg
            names = [file.name for file in files]
        return Clip(len(files), names, [MILLISECONDS] * len(files), frames, path)
    images.load_image(path, size=8)  # says what is wrong with it
    with Image.open(path) as film:
        times = [
            int(frame.info.get("duration", 0)) or MILLISECONDS
            for frame in ImageSequence.Iterator(film)
        ]
    names = [f"{path.stem}_{number:04d}" for number in range(len(times))]
    return Clip(len(times), names, times, _Frames(lambda: _gif_frames(path, size)))


def save_clip(frames: Iterable[Tensor], clip: Clip, path: str | Path) -> Path:
    """Write frames as an animated GIF, or into a folder as PNG files with the clip's names.

    Args:
        frames: image tensors (1, 3, H, W), as many as the clip has.
        clip: whose names and times are used.
        path: a name that ends in .gif, or a folder, which is made. What it has is overwritten.

    Raises:
        ValueError: a name that ends in anything else, or the folder that the frames come from.
        FileNotFoundError: no folder to write a GIF to.
    """
    path = check_output(path, clip)
    if path.suffix.lower() != ".gif":
        path.mkdir(parents=True, exist_ok=True)
        for name, frame in zip(clip.names, frames, strict=True):
            images.save_image(frame, path / f"{name}.png")
        return path
    pictures = [images.to_picture(frame) for frame in frames]
    options = {"duration": clip.milliseconds, "loop": 0}
    options |= {"save_all": True, "append_images": pictures[1:]}
    return write_whole(path, lambda draft: pictures[0].save(draft, "GIF", **options))


def check_output(path: str | Path, clip: Clip) -> Path:
    """Refuse a place that a clip cannot be written to. Args, Raises: as `save_clip`."""
    path = Path(path)
    if path.suffix.lower() not in ("", ".gif"):
        raise ValueError(f"cannot write frames to {path.name!r}; name a .gif file or a folder")
    if path.suffix and not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {str(path.parent)!r} to write {path.name!r} to")
    if clip.folder is not None and path.resolve() == clip.folder.resolve():
        raise ValueError(f"{str(path)!r} is where the frames come from; name another folder")
    return path


class _Frames:
    """Frames that can be gone through more than once, read each time."""

    def __init__(self, read):
        self._read = read

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._read())


def _gif_frames(path: Path, size: int | None) -> Iterator[Tensor]:
    with Image.open(path) as film:
        for frame in ImageSequence.Iterator(film):
            yield images.load_image(frame.convert("RGBA"), size=size)
