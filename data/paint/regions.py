"""Region maps and layouts: each thing in a picture is one flat colour, the same in every map."""

import numpy as np
from PIL import Image, ImageColor, ImageDraw
from scipy import ndimage

from .common import spline

# After the palettes of Okabe and Ito and of Paul Tol. Within a map any two colours are at least 11
# apart in CIEDE2000, also as people see them who are blind to red, green or blue.
COLOURS = {
    "sky": "#56b4e9",
    "clouds": "#dddddd",
    "lights": "#fff04d",
    "hills": "#cc79a7",
    "trees": "#0b5e33",
    "meadow": "#8fbc3a",
    "path": "#882255",
    "water": "#0072b2",
    "wave": "#332288",
    "foam": "#ffffff",
}
NAMES = tuple(COLOURS)


def smooth(region, sigma):
    """Round the contours of a map (H, W) of region numbers: each pixel takes the commonest near."""
    numbers = np.unique(region)
    shares = [ndimage.gaussian_filter((region == number) * 1.0, sigma) for number in numbers]
    return numbers[np.argmax(shares, axis=0)]


def flat(region):
    """Make a palette picture of a map (H, W) of places in NAMES."""
    picture = Image.fromarray(region.astype(np.uint8))
    picture.putpalette(  # which also turns a grey picture into a palette picture
        [part for code in COLOURS.values() for part in ImageColor.getrgb(code)]
    )
    return picture


class Layout:
    """A canvas that is filled shape by shape, as in a paint program."""

    def __init__(self, width, height, ground):
        self.canvas = Image.new("P", (width, height), NAMES.index(ground))
        self.draw = ImageDraw.Draw(self.canvas)

    def fill(self, name, *points):
        """Fill a shape with straight sides."""
        self.draw.polygon([tuple(point) for point in points], fill=NAMES.index(name))

    def below(self, name, *ridge):
        """Fill everything below a smooth ridge that runs from left to right."""
        width, height = self.canvas.size
        self.fill(name, *spline(*ridge), (width, height), (ridge[0][0], height))

    def blob(self, name, *points):
        """Fill a smooth closed shape."""
        self.fill(name, *spline(*points, points[0]))

    def discs(self, name, *discs):
        """Fill discs, each x, y, radius."""
        for x, y, radius in discs:
            box = (x - radius, y - radius, x + radius, y + radius)
            self.draw.ellipse(box, fill=NAMES.index(name))

    def picture(self):
        """The layout as a palette picture."""
        return flat(np.asarray(self.canvas))
