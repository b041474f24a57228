"""Where a second style goes: everywhere, or where it is drawn on the photo."""

import base64
import io
from collections.abc import Callable

import ipywidgets
import numpy as np
import torch
from PIL import Image, ImageColor
from torch import Tensor

from nstlib import masks
from nstlib.widgets.basics import choice
from nstlib.widgets.canvas import DrawingCanvas

EVERYWHERE, DRAWN = "everywhere, blended with the first", "where I draw it on the photo"
SHAPES = {  # of x and y from 0 to 1: places to begin with, also without a mouse
    "the left half": lambda x, y: (x < 0.5) & (y >= 0),
    "the right half": lambda x, y: (x >= 0.5) & (y >= 0),
    "the upper half": lambda x, y: (y < 0.5) & (x >= 0),
    "the lower half": lambda x, y: (y >= 0.5) & (x >= 0),
    "an oval in the middle": lambda x, y: (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.33**2,
}
NO_SHAPE = "choose one"
INK = "#1f5fbf"
SHOWN = 480  # px on the screen, longer side of the photo to draw on
SOFT = 64  # a drawn edge is softened by the picture's size over this
MENU = {"width": "440px", "max_width": "100%"}
HOW = "Paint with a thick brush, or draw an outline and fill it. Its edge will be softened."


class Place:
    """Where a second style goes: everywhere, or where it is drawn on the photo.

    Attributes:
        where: the menu, EVERYWHERE or DRAWN.
        shapes: the menu of shapes to begin with.
        canvas: DrawingCanvas over the photo; None until it is needed.
        panel: the widget to display.
    """

    def __init__(self, photo: Tensor, on_change: Callable[[], None]):
        """Build the menus.

        Args:
            photo: image (1, 3, H, W) to draw on.
            on_change: called whenever the place has become another one.
        """
        self._photo, self._on_change = photo, on_change
        self.canvas: DrawingCanvas | None = None
        self.where = choice("where it goes", [EVERYWHERE, DRAWN], EVERYWHERE)
        self.shapes = choice("load a shape", [NO_SHAPE, *SHAPES], NO_SHAPE)
        self.where.layout = MENU
        self.where.observe(lambda _: self._arrange(), "value")
        self.shapes.observe(self._load_shape, "value")
        self.panel = ipywidgets.VBox([self.where])

    @property
    def is_drawn(self) -> bool:
        return self.where.value == DRAWN

    def look_at(self, photo: Tensor) -> None:
        """Lay new paper over another photo; Undo brings back the drawing if it has its shape."""
        same = photo.shape == self._photo.shape
        self._photo = photo
        if self.canvas is not None and same:
            self.canvas.trace(photo)
            self.canvas.clear()
        elif self.canvas is not None:
            self.canvas, self.shapes.value = None, NO_SHAPE
            self._arrange()

    def text(self) -> str:
        """Write what is drawn as text: a PNG of black and white, in base64; "" for nothing."""
        if not self.is_drawn or self.canvas is None or not self.canvas.drawn.any():
            return ""
        return mask_text(self.canvas.drawn)

    def restore(self, text: str) -> None:
        """Choose a place as `text` gave it."""
        self.where.value = DRAWN if text else EVERYWHERE
        if text:
            self._load(read_mask(text))

    def _load_shape(self, change: dict) -> None:
        if change["new"] in SHAPES:
            height, width = self._photo.shape[2:]
            y, x = np.ogrid[0.5:height, 0.5:width]
            inside = SHAPES[change["new"]](x / width, y / height)
            self._load(torch.from_numpy(inside)[None, None])

    def _load(self, mask: Tensor) -> None:
        ink = torch.tensor(ImageColor.getrgb(INK)).reshape(1, 3, 1, 1) / 255
        self.canvas.load(torch.where(mask > 0.5, ink, torch.ones(1, 3, 1, 1)))

    def _arrange(self) -> None:
        if self.is_drawn and self.canvas is None:
            self.canvas = self._new_canvas()
        self.panel.children = [self.where, *([self._easel()] if self.is_drawn else [])]
        self._on_change()

    def _easel(self) -> ipywidgets.VBox:
        """Show of the canvas's panel what a mask needs."""
        canvas, wrapped = self.canvas, {"flex_flow": "row wrap", "align_items": "center"}
        (sheet,) = (one for one in canvas.panel.children if "nst-easel" in one._dom_classes)
        rows = [
            ipywidgets.HBox([canvas.tool, canvas.size], layout=wrapped),
            ipywidgets.HTML(HOW),
            sheet,
            ipywidgets.HBox([canvas.undo_button, canvas.clear_button], layout=wrapped),
            self.shapes,
            canvas.status,
        ]
        return ipywidgets.VBox(rows).add_class("nst-drawing")

    def _new_canvas(self) -> DrawingCanvas:
        shape = tuple(self._photo.shape[2:])
        canvas = DrawingCanvas(
            shape, colors={"second style": INK}, trace=self._photo, zoom=SHOWN / max(shape)
        )
        canvas.size.value = max(shape) // 8
        canvas.on_change(self._changed)
        return canvas

    def _changed(self) -> None:
        if not self.canvas.drawn.any():
            self.shapes.value = NO_SHAPE  # so that the same one can be loaded again
        self._on_change()


def mask_text(mask: Tensor) -> str:
    """Write a mask (1, 1, H, W) of 0 and 1 as text: a PNG of black and white, in base64."""
    file = io.BytesIO()
    Image.fromarray(mask[0, 0].bool().numpy()).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def read_mask(text: str) -> Tensor:
    """Read a mask as `mask_text` wrote it.

    Raises:
        ValueError: it is none.
    """
    try:
        return masks.load_mask(base64.b64decode(text, validate=True))
    except (ValueError, TypeError) as error:
        raise ValueError("its mask is no PNG picture written as base64") from error


def soften_drawn(mask: Tensor, size: int) -> Tensor:
    """Give what was drawn on a picture of `size` px the soft edge that its style goes by."""
    return masks.soften(mask, size / SOFT)
