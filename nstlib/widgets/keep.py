"""Keep what a run made: the picture, its frames, its settings and the code that makes it again."""

import io
import json
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from PIL import Image, PngImagePlugin
from torch import Tensor

from nstlib import data, images
from nstlib.widgets.basics import Downloads, Line, Upload

FILES = {
    "picture": "download the picture (PNG)",
    "frames": "download the frames (GIF)",
    "settings": "download the settings (JSON)",
}
FRAME_MILLISECONDS = 120
LAST_MILLISECONDS = 2000
VERSION = 1
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
    """Join pictures' bytes to an animated GIF that stays on the last one for a while."""
    pictures = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
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
            "seed", "evaluations" and "parts", each with the weights and "iterations".
    """
    size, lines = settings["size"], ["from nstlib import data, images, recipes", ""]
    lines += [f"{name} = {_loaded(settings[name], size)}" for name in ("photo", "painting")]
    shared = {
        "network": settings["network"],
        "content_layer": settings["content_layer"],
        "style_layers": settings["style_layers"],
        "seed": settings["seed"],
        "evaluations": settings["evaluations"],
    }
    start = repr(settings["start"])
    for part in settings["parts"]:
        options = {**shared, **part}
        lines += ["result = recipes.transfer(", "    photo,", "    painting,"]
        lines += [f"    {name}={value!r}," for name, value in options.items()]
        lines += [f"    start={start},", ")"]
        start = "result.image"
    return "\n".join([*lines, "images.to_picture(result.image)"])


def _loaded(source: str, size: int) -> str:
    place = f'data.path("{source}")' if source in data.names() else repr(source)
    return f"images.load_image({place}, size={size})"
