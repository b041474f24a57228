"""Which parts of `pointillist_meadow` are sky, clouds, hills, trees, meadow and path.

The guide that told every dab its colour also knows what lies where; flowers, corn and shadows are
meadow, and trunks are trees.
"""

import numpy as np

from . import pointillist_meadow, regions

THINGS = {  # what the guide calls them, and the region that they belong to
    "sky": "sky",
    "cloud": "clouds",
    "hill": "hills",
    "field": "meadow",
    "meadow": "meadow",
    "tree": "trees",
    "trunk": "trees",
    "path": "path",
}


def paint():
    """Draw the painting's guide again, from the same seed, and colour its things."""
    guide = pointillist_meadow.compose(np.random.default_rng(pointillist_meadow.SEED))
    places = [regions.NAMES.index(THINGS[name]) for name in pointillist_meadow.NAMES]
    return regions.flat(regions.smooth(np.array(places)[guide["thing"].astype(int)], 2))
