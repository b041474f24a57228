"""The classics in one call: rebuild a photo, rebuild a texture, paint a photo in a style."""

from nstlib.recipes.balance import balanced_weights
from nstlib.recipes.defaults import (
    CONTENT_WEIGHT,
    STARTS,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    TV_WEIGHT,
    default_layers,
)
from nstlib.recipes.doodles import iterate_regions, paint_regions
from nstlib.recipes.objective import transfer_objective
from nstlib.recipes.reconstruction import reconstruct_content, reconstruct_style
from nstlib.recipes.scales import iterate_transfer, transfer

__all__ = [
    "CONTENT_WEIGHT",
    "STARTS",
    "STYLE_LAYERS",
    "STYLE_WEIGHT",
    "TV_WEIGHT",
    "balanced_weights",
    "default_layers",
    "iterate_regions",
    "iterate_transfer",
    "paint_regions",
    "reconstruct_content",
    "reconstruct_style",
    "transfer",
    "transfer_objective",
]
