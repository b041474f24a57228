"""Draw in the notebook: a sketch to be painted, or a mask over a photo."""

import io
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

import ipycanvas
import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor

from nstlib import data, images
from nstlib.widgets.basics import (
    Downloads,
    Line,
    Slider,
    Upload,
    choice,
    display_bundle,
    picture_bytes,
)
from nstlib.widgets.easel import Manners, Radios

COLORS = {
    "black": "#000000",
    "grey": "#808080",
    "light grey": "#c8c8c8",
    "white": "#ffffff",
    "red": "#d62728",
    "orange": "#ff7f0e",
    "yellow": "#ffd700",
    "green": "#2ca02c",
    "light blue": "#9ad0f5",
    "blue": "#1f5fbf",
    "purple": "#7b3fa0",
    "brown": "#8c564b",
}
PEN, ERASER, FILL = "pen", "eraser", "fill"
SMALLEST = 8  # px, shorter side
LARGEST_BRUSH = 48  # px
UNDOS = 20
FADED = 0.4  # share of the traced picture in what is seen of it
NEAR = 24  # of 255; a scanned paper's colour varies by less
FLAT = 32  # colours; a picture of no more is a map, and stays one
ALIKE = 48  # of 255; papers that differ by less are both called paper
HOW = "Draw with the mouse or a finger. With the keyboard, choose a drawing from the menu."
NO_CHOICE = "choose one"


class DrawingCanvas:
    """Draw with mouse or finger; load a sketch; lay the paper over a picture and trace it.

    The drawing is an array here in Python, without antialiasing, and the browser is sent whatever
    rectangle of it changed. So both have the same pixels, and what is filled has one exact colour.

    Attributes:
        image, value: the drawing, (1, 3, H, W) in [0, 1].
        drawn: mask (1, 1, H, W), 1 where the drawing differs from the paper, 0 elsewhere.
        colors: {name: hex colour} of the pen.
        tool, color, size: the controls of what the mouse does.
        sketches, upload: the controls that load a sketch, and a picture to trace.
        undo_button, clear_button, stop_button: press them in code with `.click()`.
        downloads: the button for the drawing as PNG.
        status: one line on what happened.
        canvas: the ipycanvas that shows it.
        panel: the widget to display.
    """

    def __init__(
        self,
        shape: tuple[int, int] = (192, 256),
        *,
        colors: Mapping[str, str] | Sequence[str] | None = None,
        sketch: str | None = None,
        trace: Tensor | str | None = None,
        paper: str = "#ffffff",
        zoom: float = 2,
        kind: str = "sketch",
        segments: Tensor | None = None,
    ):
        """Build the panel.

        Args:
            shape: (height, width) of the drawing in px.
            colors: of the pen: {name: colour}, or colours that are their own names; None for
                COLORS.
            sketch: what to start from: a built-in picture's name or a path.
            trace: picture seen faded through the untouched paper, as `trace` takes it.
            paper: its colour.
            zoom: px on the screen for one of the drawing.
            kind: which built-in pictures the menu offers to load.
            segments: labels (H, W) of the drawing's shape, as `masks.segment` gives them: what one
                fill colours; None for areas of one colour.

        Raises:
            ValueError: a side below 8 px, an unknown colour or kind, no colours, a zoom that is not
                above 0, segments of another shape, or what is to be loaded or traced is no picture.
            FileNotFoundError: no such file or built-in picture.
        """
        if not (isinstance(zoom, Real) and 0 < zoom < math.inf):
            raise ValueError(f"zoom is {zoom!r}; give a number above 0, such as 2")
        self._shape, self._paper = _checked_shape(shape), _rgb(paper)
        self._segments = _checked_segments(segments, self._shape)
        self.colors = _named(COLORS if colors is None else colors)
        self._drawing = np.full((*self._shape, 3), self._paper, np.uint8)  # (H, W, 3)
        self._past: deque[np.ndarray] = deque(maxlen=UNDOS)
        self._faded: np.ndarray | None = None  # the traced picture, (H, W, 3)
        self._shown = self._drawing.copy()  # what the browser has, (H, W, 3)
        self._last: tuple[float, float] | None = None  # point of the stroke under way
        self._on_change: list[Callable[[], None]] = []
        self._build(zoom, data.names(kind))
        if trace is not None:
            self.trace(trace)
        if sketch is not None:
            self.load(sketch)
            self._past.clear()
        self._send_all()

    def _build(self, zoom: float, sketches: Sequence[str]) -> None:
        height, width = self._shape
        layout = {"width": f"{width * zoom}px", "max_width": "100%"}
        self.canvas = ipycanvas.Canvas(width=width, height=height, layout=layout)
        self._manners = Manners()
        tools = [[tool, ""] for tool in (PEN, ERASER, FILL)]
        self.tool = Radios(label="tool", options=tools, value=PEN)
        colors = [list(pair) for pair in self.colors.items()]
        self.color = Radios(label="colour", options=colors, value=colors[0][0])
        self.size = Slider(label="brush size (px)", min=1, max=LARGEST_BRUSH, step=1, value=4)
        titles = [(data.about(name)["title"], name) for name in sketches]
        self.sketches = choice("load a sketch", [(NO_CHOICE, ""), *titles], "")
        self.sketches.style.description_width = "auto"
        self.sketches.layout.margin = "2px 24px 2px 2px"
        self.status = Line()
        self.upload = Upload(
            lambda name, content: self._try(self.trace, content, name, "is there to be traced"),
            self.status.say,
            label="load a picture to trace",
        )
        self.downloads = Downloads({"drawing": "download the drawing (PNG)"}, self._file)
        self.downloads.ready = True
        self._listen()
        self._arrange()
        self._describe()

    def _listen(self) -> None:
        self.undo_button, self.clear_button, self.stop_button = (
            ipywidgets.Button(description=text) for text in ("Undo", "Clear", "Stop tracing")
        )
        self.undo_button.on_click(lambda _: self._undo_aloud())
        self.clear_button.on_click(lambda _: self._clear_aloud())
        self.stop_button.on_click(lambda _: self.trace(None))
        self.stop_button.disabled = True
        self.sketches.observe(self._choose, "value")
        canvas = self.canvas
        canvas.on_client_ready(self._send_all)  # a page that was loaded again has nothing to show
        canvas.on_mouse_down(self._press)
        canvas.on_mouse_move(self._drag)
        canvas.on_mouse_up(self._release)
        canvas.on_mouse_out(self._release)
        canvas.on_touch_start(self._touch)
        canvas.on_touch_move(lambda touches: self._drag(*touches[0]))
        canvas.on_touch_end(lambda touches: self._lift())
        canvas.on_touch_cancel(lambda touches: self._lift())

    def _arrange(self) -> None:
        wrapped = {"flex_flow": "row wrap", "align_items": "center"}
        easel = ipywidgets.VBox([self.canvas, self._manners])
        easel.add_class("nst-easel")
        buttons = [self.undo_button, self.clear_button, self.stop_button, self.downloads]
        panel = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.tool, self.size], layout=wrapped),
                self.color,
                easel,
                ipywidgets.HBox(buttons, layout=wrapped),
                ipywidgets.HTML(HOW),
                ipywidgets.HBox([self.sketches, self.upload], layout=wrapped),
                self.status,
            ]
        )
        self.panel = panel.add_class("nst-drawing")

    def _repr_mimebundle_(self, include=None, exclude=None):
        return display_bundle(self.panel, "A drawing canvas")

    @property
    def image(self) -> Tensor:
        return images.from_picture(Image.fromarray(self._drawing))

    @property
    def value(self) -> Tensor:
        return self.image

    @property
    def drawn(self) -> Tensor:
        return torch.from_numpy(self._is_drawn(self._drawing))[None, None].float()

    def on_change(self, call: Callable[[], None]) -> None:
        """Call `call()` whenever the drawing has become another; once for a whole stroke."""
        self._on_change.append(call)

    def stroke(
        self,
        points: Sequence[tuple[float, float]],
        *,
        color: str | None = None,
        size: int | None = None,
    ) -> None:
        """Draw lines from point to point with a round brush; one point makes a dot.

        Args:
            points: (x, y) in px from the upper left corner; what lies outside is cut off.
            color: a name of `colors` or a colour; None for the chosen one, the eraser's is the
                paper's.
            size: of the brush in px; None for the chosen one.

        Raises:
            ValueError: no points, not finite or not pairs; an unknown colour; a size below 1.
        """
        path = np.asarray(points, dtype=float)
        if path.ndim != 2 or path.shape[1] != 2 or not len(path) or not np.isfinite(path).all():
            raise ValueError(f"points are {points!r}; give (x, y) pairs of finite numbers")
        ink, size = self._ink(color), self._brush(size)
        self._begin()
        for start, end in zip(path[[0, *range(len(path) - 1)]], path, strict=True):
            self._sweep(start, end, ink, size)
        self._finish()

    def fill(self, x: float, y: float, *, color: str | None = None) -> None:
        """Fill a point's segment, or the area of one exact colour; none is outside the canvas.

        Args:
            x, y: in px from the upper left corner.
            color: a name of `colors` or a colour; None for the chosen one.

        Raises:
            ValueError: an unknown colour.
        """
        from scipy import ndimage  # slow to import, and only this needs it

        ink, row, column = self._ink(color), math.floor(y), math.floor(x)
        self._begin()
        if 0 <= row < self._shape[0] and 0 <= column < self._shape[1]:
            areas = self._segments
            if areas is None:
                alike = (self._drawing == self._drawing[row, column]).all(2)
                areas, _ = ndimage.label(alike)  # neighbours share a side, so thin slants hold
            self._drawing[areas == areas[row, column]] = ink
        self._finish()

    def undo(self) -> bool:
        """Take back the latest stroke, fill, clear or load; return whether there was one."""
        self._lift()
        if not self._past:
            return False
        self._drawing = self._past.pop()
        self.sketches.value = ""  # so that the same one can be loaded again
        self._tell()
        return True

    def clear(self) -> None:
        """Take a new sheet of paper; the traced picture stays beneath it."""
        self._begin()
        self._drawing[:] = self._paper
        self.sketches.value = ""  # as above
        self._finish()

    def load(self, source) -> None:
        """Draw a picture, as large as the canvas allows, in the middle of new paper.

        A sketch's own paper, if it is nearly of the canvas's colour, becomes the canvas's, so that
        its areas can be filled and it does not count as drawn. A picture of a few flat colours
        keeps exactly these at any size.

        Args:
            source: a built-in picture's name, a path, bytes or an image tensor (1, 3, H, W).

        Raises:
            FileNotFoundError: no such file or built-in picture.
            ValueError: it is not a picture, or no image tensor.
        """
        sheet = self._fitted(source)
        self._begin()
        self._drawing[:] = sheet
        self._finish()

    def trace(self, source) -> None:
        """Show a picture faded through the untouched paper; it is no part of the drawing.

        Args:
            source: as for `load`; None for no picture any more.

        Raises:
            FileNotFoundError, ValueError: as `load`.
        """
        sheet = None if source is None else self._fitted(source, own_paper=True)
        if sheet is not None:
            sheet = np.round(FADED * sheet + (1 - FADED) * np.array(self._paper)).astype(np.uint8)
        self._faded = sheet
        self.stop_button.disabled = sheet is None
        self._show()

    def save(self, path: str | Path) -> Path:
        """Write the drawing to a picture file and return its path; PNG keeps it exact.

        Raises:
            ValueError, OSError: as `images.save_image`.
        """
        return images.save_image(self.image, path)

    # What mouse and fingers do. Only the first finger draws, until any is lifted.

    def _press(self, x: float, y: float) -> None:
        if self.tool.value == FILL:
            self.fill(x, y)
            return
        self._begin()
        self._last = x, y
        self._drag(x, y)

    def _drag(self, x: float, y: float) -> None:
        if self._last is not None:
            region = self._sweep(self._last, (x, y), self._ink(None), self._brush(None))
            self._last = x, y
            self._show(region)

    def _release(self, x: float, y: float) -> None:
        self._drag(x, y)
        self._lift()

    def _touch(self, touches: Sequence[tuple[float, float]]) -> None:
        if len(touches) == 1:
            self._press(*touches[0])

    def _lift(self) -> None:
        if self._last is not None:
            self._finish()

    # What they do to the drawing, and how it is shown.

    def _begin(self) -> None:
        self._lift()
        self._past.append(self._drawing.copy())

    def _finish(self) -> None:
        self._last = None
        if np.array_equal(self._past[-1], self._drawing):
            self._past.pop()  # nothing to take back
        else:
            self._tell()

    def _tell(self) -> None:
        self._show()
        self._describe()
        for call in self._on_change:
            call()

    def _sweep(self, start, end, ink: tuple, size: int) -> tuple[slice, slice]:
        """Draw one line; return the rectangle in which it lies."""
        region, touched = _swept(self._shape, start, end, size)
        self._drawing[region][touched] = ink
        return region

    def _show(self, region: tuple[slice, slice] = (slice(None), slice(None))) -> None:
        """Send the browser what is to be seen now, as far as it changed within a rectangle."""
        seen = self._drawing[region]
        if self._faded is not None:
            seen = np.where(self._is_drawn(seen)[..., None], seen, self._faded[region])
        changed = (seen != self._shown[region]).any(2)
        self._shown[region] = seen
        if changed.any():
            top, left = (side.start or 0 for side in region)
            rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
            self._send(top + rows[0], top + rows[-1] + 1, left + columns[0], left + columns[-1] + 1)

    def _send_all(self) -> None:
        self._send(0, self._shape[0], 0, self._shape[1])

    def _send(self, top: int, bottom: int, left: int, right: int) -> None:
        patch = self._shown[top:bottom, left:right]
        opaque = np.full(patch.shape[:2], 255, np.uint8)  # without it ipycanvas would send a JPEG
        # ipycanvas names the canvas only when another one was drawn on before; a page that was
        # loaded in between does not know it and draws nothing from then on (its issue 322).
        self.canvas._canvas_manager._current_canvas = None
        with ipycanvas.hold_canvas():
            self.canvas.put_image_data(np.dstack([patch, opaque]), int(left), int(top))

    def _describe(self) -> None:
        height, width = self._shape
        share = self._is_drawn(self._drawing).mean()
        self._manners.label = f"drawing of {width}x{height} px, {share:.0%} of it drawn. {HOW}"

    def _is_drawn(self, pixels: np.ndarray) -> np.ndarray:
        return (pixels != self._paper).any(2)

    # What the controls say, and what they do.

    def _ink(self, color: str | None) -> tuple[int, int, int]:
        if color is None:
            erases = self.tool.value == ERASER
            return self._paper if erases else _rgb(self.colors[self.color.value])
        try:
            return _rgb(self.colors.get(color, color))
        except ValueError as error:
            names = ", ".join(self.colors)
            raise ValueError(f"{error}, or one of the names {names}") from error

    def _brush(self, size: int | None) -> int:
        size = round(self.size.value) if size is None else size
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(f"size is {size!r}; give the brush's in whole pixels, 1 or more")
        return int(size)

    def _choose(self, change: dict) -> None:
        if change["new"]:
            title = data.about(change["new"])["title"]
            self._try(self.load, change["new"], title, "is loaded; Undo takes it back")

    def _try(self, act: Callable, source: str | bytes, name: str, done: str) -> None:
        try:
            act(source)
        except (ValueError, OSError) as error:
            self.status.say(f"{name}: {error}. Nothing was changed.")
        else:
            self.status.say(f"{name} {done}.")

    def _undo_aloud(self) -> None:
        self.status.say("Undone." if self.undo() else "There is nothing to undo.")

    def _clear_aloud(self) -> None:
        self.clear()
        self.status.say("Cleared; Undo brings the drawing back.")

    def _file(self, key: str) -> tuple[str, bytes]:
        return f"{key}.png", picture_bytes(self.image, "PNG")

    def _fitted(self, source, *, own_paper: bool = False) -> np.ndarray:
        """Lay a picture in the middle of paper of the canvas's shape, (H, W, 3)."""
        picture = _picture(source, max(self._shape))
        sides = picture.height, picture.width
        factor = min(side / own for side, own in zip(self._shape, sides, strict=True))
        inner = tuple(max(1, round(own * factor)) for own in sides)
        smooth = Image.Resampling.NEAREST if _is_flat(picture) else Image.Resampling.LANCZOS
        pixels = np.array(picture.resize(inner[::-1], smooth))
        if not own_paper:
            _repaper(pixels, self._paper)
        top, left = ((side - own) // 2 for side, own in zip(self._shape, inner, strict=True))
        sheet = np.full((*self._shape, 3), self._paper, np.uint8)
        sheet[top : top + inner[0], left : left + inner[1]] = pixels
        return sheet


def _swept(shape, start, end, size: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """Find the pixels whose centres a round brush passes over on its way from start to end.

    Returns:
        The rectangle (rows, columns) in which they lie, cut at the canvas's sides, and its mask.
    """
    # A brush of an odd size sits in a pixel's middle, one of an even size on a corner; so each has
    # exactly its size, and the thinnest line has no holes.
    odd = size % 2
    (x0, y0), (x1, y1) = (
        [math.floor(value + (1 - odd) / 2) + odd / 2 for value in point] for point in (start, end)
    )
    rows, columns = (
        slice(*(min(max(edge, 0), side) for edge in _reach(one, other, size / 2)))
        for one, other, side in ((y0, y1, shape[0]), (x0, x1, shape[1]))
    )
    y, x = np.ogrid[rows, columns]
    y, x = y + 0.5 - y0, x + 0.5 - x0
    across, down = x1 - x0, y1 - y0
    length = across**2 + down**2
    share = np.clip((x * across + y * down) / length, 0, 1) if length else 0.0
    touched = (x - share * across) ** 2 + (y - share * down) ** 2 <= (size / 2) ** 2
    return (rows, columns), touched


def _reach(one: float, other: float, radius: float) -> tuple[int, int]:
    return math.floor(min(one, other) - radius), math.ceil(max(one, other) + radius)


def _repaper(pixels: np.ndarray, paper: tuple[int, int, int]) -> None:
    """Give a sketch's paper the canvas's colour, in place, if it is much like it."""
    own = np.median(pixels.reshape(-1, 3), axis=0)  # most of a sketch is paper
    if 0 < np.abs(own - paper).max() <= ALIKE:
        pixels[(np.abs(pixels - own) <= NEAR).all(2)] = paper


def _picture(source, size: int) -> Image.Image:
    """Read a tensor, built-in name, path or bytes; a built-in name is never taken for a path.

    A large picture comes with `size` px as its longer side, but one of few flat colours as it is:
    made smaller in the usual way it would get many more.
    """
    if isinstance(source, Tensor):
        return images.to_picture(source)
    builtin = isinstance(source, str) and source in data.names()
    file = data.path(source) if builtin else source
    try:
        picture = images.to_picture(images.load_image(file, size=size))
    except FileNotFoundError as error:
        names = ", ".join(data.names())
        raise FileNotFoundError(f"{error}, or choose a built-in picture: {names}") from error
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as own:
        flat = _is_flat(own.convert("RGB"))
    return images.to_picture(images.load_image(file)) if flat else picture


def _is_flat(picture: Image.Image) -> bool:
    return picture.getcolors(FLAT) is not None


def _checked_shape(shape) -> tuple[int, int]:
    sides = tuple(shape) if isinstance(shape, Sequence) else ()
    whole = all(isinstance(side, Integral) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or min(sides) < SMALLEST:
        raise ValueError(
            f"shape is {shape!r}; give (height, width) in whole pixels, each {SMALLEST} or more"
        )
    return int(sides[0]), int(sides[1])


def _checked_segments(segments: Tensor | None, shape: tuple[int, int]) -> np.ndarray | None:
    if segments is not None and tuple(segments.shape) != shape:
        raise ValueError(
            f"the segments are {tuple(segments.shape)} and the drawing {shape}; "
            "make them from a picture of its size"
        )
    return None if segments is None else segments.cpu().numpy()


def _named(colors: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    named = colors if isinstance(colors, Mapping) else {color: color for color in colors}
    if not named:
        raise ValueError("colors is empty; give at least one, such as {'ink': '#202060'}")
    return {name: "#{:02x}{:02x}{:02x}".format(*_rgb(color)) for name, color in named.items()}


def _rgb(color: str) -> tuple[int, int, int]:
    try:
        red, green, blue = ImageColor.getrgb(color)
    except (ValueError, AttributeError, TypeError) as error:  # also four values: with transparency
        raise ValueError(f"no colour {color!r}; give one such as '#1f5fbf' or 'navy'") from error
    return red, green, blue
