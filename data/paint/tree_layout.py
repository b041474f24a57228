"""A great tree before the hills, in colours that the regions of `swirling_night` and of
`pointillist_meadow` share: one layout, two ways to paint it."""

from .path_layout import tree
from .regions import Layout


def paint():
    """Fill the layout from the sky forwards."""
    layout = Layout(384, 288, "sky")
    layout.below("hills", (-10, 160), (50, 128), (120, 112), (190, 150), (250, 168), (310, 138),
                 (394, 124))  # fmt: skip
    layout.below("meadow", (-10, 196), (90, 208), (200, 190), (300, 184), (394, 200))
    for x, foot, radius in ((30, 204, 14), (62, 208, 18), (334, 200, 15), (362, 204, 19)):
        tree(layout, x, foot, radius)
    tree(layout, 214, 252, 72)
    return layout.picture()
