"""A lake between hills under the moon, in the colours of `swirling_night`'s regions."""

from .common import spline
from .regions import Layout


def cypress(layout, x, top, foot, half):
    """A tree like a flame."""
    tall = foot - top
    right = ((0.5, 0.22), (0.95, 0.55), (1.0, 0.8), (0.55, 1.0))
    left = ((-0.6, 1.0), (-1.05, 0.76), (-0.85, 0.5), (-0.4, 0.2))
    points = [(x + u * half, top + v * tall) for u, v in (*right, *left)]
    layout.blob("trees", (x, top), *points)


def paint():
    """Fill the layout from the sky forwards."""
    layout = Layout(384, 288, "sky")
    layout.discs("lights", (262, 66, 32), (66, 44, 13), (150, 70, 10), (188, 28, 9), (346, 34, 12))
    layout.fill("water", (0, 182), (384, 182), (384, 288), (0, 288))
    for ridge, shore in (
        (((-10, 146), (44, 118), (100, 132), (150, 168), (188, 183)), ((110, 196), (-10, 218))),
        (((394, 112), (330, 132), (282, 166), (240, 183)), ((310, 200), (394, 206))),
    ):
        layout.fill("hills", *spline(*ridge), *spline(ridge[-1], *shore))
    layout.below("meadow", (-10, 236), (50, 232), (110, 246), (170, 268), (230, 290))
    layout.blob("meadow", (396, 246), (352, 250), (312, 268), (290, 296), (400, 300))
    cypress(layout, 48, 66, 262, 22)
    cypress(layout, 92, 136, 266, 16)
    return layout.picture()
