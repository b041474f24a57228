"""A path between trees under clouds, in the colours of `pointillist_meadow`'s regions."""

import numpy as np

from .regions import Layout


def tree(layout, x, foot, radius):
    """A round tree of four balls on a trunk."""
    half, top = 0.13 * radius, foot - 1.7 * radius
    layout.fill("trees", (x - half, top), (x + half, top), (x + 1.6 * half, foot),
                (x - 1.6 * half, foot))  # fmt: skip
    balls = ((0, 0, 0.85), (-0.5, 0.25, 0.6), (0.5, 0.25, 0.6), (0, -0.4, 0.65))
    for right, down, size in balls:
        layout.discs("trees", (x + right * radius, top + down * radius, size * radius))


def paint():
    """Fill the layout from the sky forwards."""
    layout = Layout(384, 288, "sky")
    for x, y, size in ((70, 52, 1.0), (214, 34, 0.75), (322, 68, 1.1)):
        layout.discs("clouds", (x, y, 24 * size), (x - 28 * size, y + 9 * size, 16 * size),
                     (x + 29 * size, y + 8 * size, 18 * size))  # fmt: skip
    layout.below("hills", (-10, 128), (60, 112), (130, 124), (210, 108), (290, 120), (394, 104))
    layout.below("meadow", (-10, 146), (100, 150), (220, 142), (394, 148))
    near = np.linspace(0, 1, 80)
    middle = 204 + 66 * np.sin(7.2 * near**0.7) * near**0.6 - 20 * near
    half, y = 3 + 46 * near**1.4, 145 + 150 * near
    left, right = np.stack([middle - half, y], 1), np.stack([middle + half, y], 1)
    layout.fill("path", *left, *right[::-1])
    for x, foot, radius in ((150, 160, 11), (246, 156, 10), (284, 168, 18), (122, 176, 22),
                            (340, 212, 44), (50, 230, 52)):  # fmt: skip
        tree(layout, x, foot, radius)
    return layout.picture()
