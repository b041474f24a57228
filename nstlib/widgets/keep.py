"""Keep what a run made: the picture, its frames, its settings and the code that makes it again."""

import io
import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from PIL import Image, PngImagePlugin
from torch import Tensor

from nstlib import data, images
from nstlib.widgets.advanced import style_shares
from nstlib.widgets.basics import Downloads, Line, Upload
from nstlib.widgets.place import SOFT

FILES = {
    "picture": "download the picture (PNG)",
    "frames": "download the frames (GIF)",
    "settings": "download the settings (JSON)",
}
FRAME_MILLISECONDS = 120
LAST_MILLISECONDS = 2000
VERSION = 1
LINE = 76  # characters of a mask in a line of code
SAME = "Press Run for the same picture."
SIMILAR = "A run here differs in size, iterations or weights on the way; the code does not."


class Keep:
    """Buttons to download a run and to load its settings again, and the code that repeats it.

    Attributes:
        downloads: the buttons.
        code_button: shows the code when pressed, in `code`.
        status: one line on what happened.
        panel: the widget to display.
    """

    def __init__(
        self,
        latest: Callable[[], tuple[Tensor, Sequence[bytes], dict]],
        load: Callable[[dict], bool],
    ):
        """Build the panel.

        Args:
            latest: gives the latest run's image, its frames' bytes and its settings.
            load: called with settings that were loaded; tells whether a run now makes the same
                picture; raises ValueError, KeyError or TypeError if they are of no use.
        """
        self._latest, self._load = latest, load
        self.downloads = Downloads(FILES, self.make)
        self.code_button = ipywidgets.Button(description="Show the code", disabled=True)
        self.code_button.on_click(lambda _: self.show_code())
        self.code = ipywidgets.Textarea(
            description="code", layout={"width": "100%", "height": "260px", "display": "none"}
        )
        self.upload = Upload(
            self.read, self._say, label="load settings (JSON)", accept=".json", limit=100_000
        )
        self.status = Line()
        row = ipywidgets.HBox([self.downloads, self.code_button])
        self.panel = ipywidgets.VBox([row, self.upload, self.status, self.code])

    def make(self, key: str) -> tuple[str, bytes]:
        """Make one of FILES: its name and bytes."""
        image, frames, settings = self._latest()
        if key == "picture":
            return "painted.png", png_with_settings(image, settings)
        if key == "frames":
            return "painted.gif", animation(frames)
        return "settings.json", json.dumps(settings, indent=2).encode()

    def read(self, name: str, content: bytes) -> None:
        """Load settings from a file's bytes: JSON as downloaded."""
        try:
            settings = json.loads(content)
            if not isinstance(settings, dict) or settings.get("version") != VERSION:
                raise ValueError("these are no settings of the studio")
            same = self._load(settings)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            self._say(f"{name}: it is no JSON file. Nothing was changed.")
        except KeyError as error:
            self._say(f"{name}: it lacks {error}. Nothing was changed.")
        except (ValueError, TypeError) as error:
            self._say(f"{name}: {error}. Nothing was changed.")
        else:
            self._say(f"{name}: loaded. {SAME if same else SIMILAR}")

    def ready(self, is_ready: bool) -> None:
        """Allow downloads and code, or not; code that is shown becomes the latest run's."""
        self.downloads.ready, self.code_button.disabled = is_ready, not is_ready
        if is_ready and self.code.value:
            self.show_code()

    def show_code(self) -> None:
        """Show the code that makes the latest picture again."""
        self.code.value = code(self._latest()[2])
        self.code.layout.display = None

    def _say(self, text: str) -> None:
        self.status.say(text)


def png_with_settings(image: Tensor, settings: Mapping) -> bytes:
    """Encode a picture as PNG whose metadata says how it was made, under "nstlib"."""
    about = PngImagePlugin.PngInfo()
    about.add_itxt("nstlib", json.dumps(settings))
    file = io.BytesIO()
    images.to_picture(image).save(file, "PNG", pnginfo=about)
    return file.getvalue()


def animation(frames: Sequence[bytes]) -> bytes:
    """Join pictures' bytes to an animated GIF that stays on the last one for a while.

    All are as large as the largest: coarse to fine, the first ones are small.
    """
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    largest = max((picture.size for picture in pictures), key=math.prod)
    pictures = [picture.resize(largest) for picture in pictures]
    file = io.BytesIO()
    pictures[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=[FRAME_MILLISECONDS] * (len(pictures) - 1) + [LAST_MILLISECONDS],
        loop=0,
    )
    return file.getvalue()


def code(settings: Mapping) -> str:
    """Write the lines of nstlib that make a run's picture again, byte for byte.

    Args:
        settings: "photo", "painting", "size", "network", "content_layer", "style_layers", "start",
            "seed", "evaluations" and "parts", each with the weights and "iterations", and maybe
            "scales"; and what `Advanced.settings` tells.
    """
    names = ("network", "content_layer", "style_layers", "seed", "evaluations")
    shared = {name: repr(settings[name]) for name in names}
    if "colors" in settings:
        shared["colors"] = repr(settings["colors"])
    if "share" in settings:
        shared["style_shares"] = repr(style_shares(settings["share"]))
    if "mask" in settings:
        shared["masks"] = "[None, mask]"
    style = "[painting, second]" if "second" in settings else "painting"
    lines, start = [*_imports(settings), "", *_pictures(settings)], repr(settings["start"])
    for part in settings["parts"]:
        options = {**shared, **{name: repr(value) for name, value in part.items()}, "start": start}
        lines += _cut_short(style, options, part) if _is_cut(part) else _whole(style, options)
        start = "result.image"
    return "\n".join([*lines, "images.to_picture(result.image)"])


def _imports(settings: Mapping) -> list[str]:
    modules = ["import base64"] if "mask" in settings else []
    modules += ["from itertools import islice"] if any(map(_is_cut, settings["parts"])) else []
    names = "data, images, masks, recipes" if "mask" in settings else "data, images, recipes"
    return [*modules, *([""] if modules else []), f"from nstlib import {names}"]


def _pictures(settings: Mapping) -> list[str]:
    sizes = {"photo": settings["size"]}
    for name in ("painting", "second"):
        if name in settings:
            sizes[name] = settings.get("style_size", settings["size"])
    lines = [f"{name} = {_loaded(settings[name], size)}" for name, size in sizes.items()]
    if "mask" in settings:
        drawn = textwrap.wrap(settings["mask"], LINE)
        soft = f"masks.soften(masks.load_mask(base64.b64decode(drawn)), {settings['size'] / SOFT})"
        lines += ['drawn = """', *drawn, '"""', f"mask = {soft}"]
    return lines


def _whole(style: str, options: Mapping) -> list[str]:
    return ["result = recipes.transfer(", *_arguments(style, options), ")"]


def _cut_short(style: str, options: Mapping, part: Mapping) -> list[str]:
    """Write a run that ended before its last size: of its iterations, those that were made."""
    counts = part["iterations"]
    planned = [*counts, *[1] * (len(part["scales"]) - len(counts))]
    lines = _arguments(style, {**options, "iterations": planned})
    taken = f"result = list(islice(run, {1 + sum(counts)}))[-1]  # its start counts too"
    return ["run = recipes.iterate_transfer(", *lines, ")", taken]


def _arguments(style: str, options: Mapping) -> list[str]:
    named = [f"{name}={value}" for name, value in options.items()]
    return [f"    {argument}," for argument in ("photo", style, *named)]


def _is_cut(part: Mapping) -> bool:
    """Whether a part ended before it reached the last of its sizes."""
    return "scales" in part and len(part["iterations"]) < len(part["scales"])


def _loaded(source: str, size: int) -> str:
    place = f'data.path("{source}")' if source in data.names() else repr(source)
    return f"images.load_image({place}, size={size})"
