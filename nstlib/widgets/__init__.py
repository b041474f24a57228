"""Panels for notebooks: choose pictures, layers and weights, run, watch, compare and keep."""

from nstlib.widgets.basics import choice, log_slider
from nstlib.widgets.canvas import DrawingCanvas
from nstlib.widgets.compare import Compare, CompareMenu
from nstlib.widgets.keep import Keep
from nstlib.widgets.live import LiveRun
from nstlib.widgets.pickers import LayerPicker, PicturePicker
from nstlib.widgets.studio import Studio
from nstlib.widgets.weights import WeightSliders

__all__ = [
    "Compare",
    "CompareMenu",
    "DrawingCanvas",
    "Keep",
    "LayerPicker",
    "LiveRun",
    "PicturePicker",
    "Studio",
    "WeightSliders",
    "choice",
    "log_slider",
]
