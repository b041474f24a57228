"""A network that paints in one pass: its shape, its training, its files."""

from nstlib.feedforward.files import export_onnx, load_painter, save_network
from nstlib.feedforward.network import StyleNet, blend_networks, new_network, paint
from nstlib.feedforward.steps import TrainingStep, check_finite, check_numbers
from nstlib.feedforward.training import STYLE_LAYERS, Perception, Training, train

__all__ = [
    "STYLE_LAYERS",
    "Perception",
    "StyleNet",
    "Training",
    "TrainingStep",
    "blend_networks",
    "check_finite",
    "check_numbers",
    "export_onnx",
    "load_painter",
    "new_network",
    "paint",
    "save_network",
    "train",
]
