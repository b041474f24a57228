"""Which parts of `woodcut_wave` are sky, lights, water, wave and foam.

The wave is carved again on a block that keeps the shapes only: bars of mist, spray, birds, the
seal and the fine lines are left out, and the far island is as blue as the water.
"""

import numpy as np
from PIL import Image, ImageDraw

from . import regions, woodcut_wave
from .woodcut_wave import DEEP, FOAM, HEIGHT, RED, SCALE, WIDTH

STRIPE = 1.0  # the contour of each stripe of water along the wave; foam has other ones


class Shapes(woodcut_wave.Drawing):
    """A design in which every shape takes the colour of its region."""

    def __init__(self):
        super().__init__()
        self.region = Image.new("L", self.colour.size, regions.NAMES.index("sky"))
        self.on_region = ImageDraw.Draw(self.region)
        self.behind = True  # as long as sun, hills and sea are drawn

    def fill(self, outline, colour, line=0.0):
        """Colour a shape, if it is not a detail of the one behind it."""
        self.behind = self.behind and not (colour == DEEP and line)  # the first wave's contour
        if self.behind:
            detail = colour == FOAM or len(outline) == 4  # mist and spray; the seal
            name = "lights" if colour == RED else "water"
        else:
            detail = line == STRIPE or colour not in (DEEP, FOAM)
            name = "wave" if colour == DEEP else "foam"
        if not detail:
            shape = [tuple(point) for point in np.asarray(outline) * SCALE]
            self.on_region.polygon(shape, fill=regions.NAMES.index(name))

    def stroke(self, path, width, colour=None, taper=True):
        """Leave out the carved lines."""


def paint():
    """Draw the design again, from the same seed, and keep its regions."""
    shapes = Shapes()
    woodcut_wave.design(np.random.default_rng(woodcut_wave.SEED), shapes)
    region = regions.smooth(np.asarray(shapes.region), 2 * SCALE)
    return regions.flat(region[SCALE // 2 :: SCALE, SCALE // 2 :: SCALE][:HEIGHT, :WIDTH])
