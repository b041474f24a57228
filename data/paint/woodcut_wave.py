"""A woodcut of a great breaking wave before a red sun, in the manner of old Japanese prints.

Flat shapes and carved lines are drawn in painter's order, then split into one printing block per
ink; every block is printed with its own wood grain, worn edges and slight shift on cream paper.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.interpolate import CubicSpline

from .common import fractal_noise, shrink, smooth_noise

SEED, SCALE = 1831, 2
WIDTH, HEIGHT = 512, 384
SKY, FOAM, PALE, MID, DEEP, RED = range(6)
TURN = np.linspace(0, 2 * np.pi, 48)
DISC = np.stack([np.cos(TURN), np.sin(TURN)], 1)
KEY_INK = (0.10, 0.12, 0.19)
INKS = {
    PALE: (0.62, 0.76, 0.80),
    MID: (0.22, 0.46, 0.64),
    DEEP: (0.07, 0.20, 0.44),
    RED: (0.80, 0.24, 0.14),
}


def spline(points, count=240):
    """A smooth curve of `count` points through the control points, evenly spaced in chord."""
    points = np.asarray(points, float)
    steps = np.hypot(*np.diff(points, axis=0).T)
    knots = np.concatenate([[0], np.cumsum(np.sqrt(steps))])
    return CubicSpline(knots / knots[-1], points)(np.linspace(0, 1, count))


class Drawing:
    """The design: a flat colour for every pixel and the key block of dark lines above it."""

    def __init__(self):
        size = (WIDTH * SCALE, HEIGHT * SCALE)
        self.colour, self.key = Image.new("L", size, SKY), Image.new("L", size, 0)
        self.on_colour, self.on_key = ImageDraw.Draw(self.colour), ImageDraw.Draw(self.key)

    def fill(self, outline, colour, line=0.0):
        """A flat shape that hides what is behind it, with an optional contour."""
        shape = [tuple(p) for p in np.asarray(outline) * SCALE]
        self.on_colour.polygon(shape, fill=colour)
        self.on_key.polygon(shape, fill=0)
        if line:
            self.stroke(np.vstack([outline, outline[:1]]), line, taper=False)

    def stroke(self, path, width, colour=None, taper=True):
        """A carved line, swelling in the middle: in the key block, or cut into a colour."""
        path = np.asarray(path, float)
        t = np.linspace(0, 1, len(path))
        swell = np.sin(np.pi * t) ** 0.6 if taper else 0.9 + 0.25 * np.sin(9 * t + path[0, 0])
        way = np.gradient(path, axis=0)
        across = np.stack([-way[:, 1], way[:, 0]], 1) / (np.hypot(*way.T)[:, None] + 1e-9)
        across *= (0.5 * width * swell)[:, None]
        shape = [tuple(p) for p in np.vstack([path + across, (path - across)[::-1]]) * SCALE]
        self.on_key.polygon(shape, fill=255 if colour is None else 0)
        if colour is not None:
            self.on_colour.polygon(shape, fill=colour)


def claw(drawing, root, heading, length, bend, rng, depth=1):
    """One finger of foam: a hook that narrows as it curls, with smaller hooks along its back."""
    t = np.linspace(0, 1, 24)
    angle = heading + bend * t**1.3
    spine = root + np.cumsum(np.stack([np.cos(angle), np.sin(angle)], 1), 0) * length / len(t)
    half = (0.17 if depth else 0.22) * length * (1 - t**1.5) + 0.3
    side = np.stack([-np.sin(angle), np.cos(angle)], 1) * half[:, None]
    drawing.fill(np.vstack([spine + side, (spine - side)[::-1]]), FOAM)
    drawing.stroke(spine + side, 2.0)
    drawing.stroke(spine - side, 1.6)
    if not depth:
        return
    drawing.stroke((spine - 0.35 * side)[:18], 0.13 * length, PALE)
    for at in (6, 13):
        start = spine[at] - 0.5 * np.sign(bend) * side[at]
        turn = angle[at] - np.sign(bend) * rng.uniform(0.5, 0.8)
        claw(drawing, start, turn, rng.uniform(0.4, 0.5) * length, 1.2 * bend, rng, depth=0)


def between(wave, s, start, end):
    """The path from `start` to `end` along a wave, at the share `s` from its face to its back."""
    at = np.clip(np.linspace(start, end, 160), 0, 1) * (len(wave[0]) - 1)
    lookup = [np.interp(at, np.arange(len(c)), c[:, k]) for c in wave for k in (0, 1)]
    face, back = np.stack(lookup[:2], 1), np.stack(lookup[2:], 1)
    return face + (back - face) * np.reshape(s, (-1, 1))


def tongue(drawing, wave, s, width, start, end, colour):
    """A stripe of water along the wave that ends in a point, with fine lines carved into it."""
    u = np.linspace(0, 1, 160)
    half = width * np.sqrt(1 - u**2.2) * (1 + 0.12 * np.sin(11 * u + 40 * s))
    half *= np.clip(8 * u + (end > start), 0, 1)
    sides = [between(wave, s + d * half, start, end) for d in (-1, 1)]
    drawing.fill(np.vstack([sides[0], sides[1][::-1]]), colour, 1.0)
    for d in (-0.45, 0.0, 0.4) if colour != FOAM else (0.3,):
        drawing.stroke(between(wave, s + d * half, start, end)[4:95], 1.1)


def breaker(drawing, inner, outer, size, rng):
    """A breaking wave between its hollow face and its back, striped and carved along its rise."""
    wave = spline(inner), spline(outer)
    drawing.fill(np.vstack([wave[0], wave[1][::-1]]), DEEP, 2.2)
    for s in np.linspace(0.02, 0.98, round(60 * size)):
        start = rng.uniform(0, 0.6)
        path = between(wave, s, start, start + rng.uniform(0.2, 0.4))
        drawing.stroke(path, 1.1, (MID, PALE)[rng.integers(2)])
    for k, s in enumerate(np.linspace(0.05, 0.93, round(15 * size))):
        width, end = rng.uniform(0.016, 0.028) / size, rng.uniform(0.6, 0.93)
        tongue(drawing, wave, s, width, 0, end, (PALE, MID, FOAM, MID)[k % 4])
    for path in wave:
        drawing.stroke(path, 2.6)
    foam(drawing, wave, size, rng)


def foam(drawing, wave, size, rng):
    """The white crest: tails down the back, a scalloped band along the lip, and claws."""
    for t in np.linspace(0.58, 0.98, 9):
        s, fall = rng.uniform(0.8, 0.97), rng.uniform(0.12, 0.2)
        tongue(drawing, wave, s, 0.035, t, t - fall, FOAM)
    lip = np.vstack([wave[1][120:], wave[0][:170:-1]])
    way = ndimage.gaussian_filter1d(np.gradient(lip, axis=0), 6, axis=0)
    heading = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
    normal = np.stack([-np.sin(heading), np.cos(heading)], 1)
    t = np.linspace(0, 1, len(lip))
    girth = 12 * size * np.sin(np.pi * np.clip(t + 0.03, 0, 1)) ** 0.5
    bumps = [girth * (0.55 + 0.6 * np.abs(np.sin(f * np.pi * t))) for f in (15, 13)]
    edge = [lip - normal * bumps[0][:, None], lip + 0.6 * normal * bumps[1][:, None]]
    drawing.fill(np.vstack([edge[0], edge[1][::-1]]), FOAM, 2.0)
    drawing.stroke((lip - 0.6 * normal * bumps[0][:, None])[8:-8], 2.6 * size, PALE)
    spots = np.linspace(0.05, 0.97, round(19 * size**0.5))
    for k in sorted((spots * (len(lip) - 1)).astype(int), key=lambda k: -abs(t[k] - 0.6)):
        turn = heading[k] + 0.95 + 1.0 * np.clip((t[k] - 0.55) / 0.2, 0, 1)
        length = size * rng.choice([25, 39]) * (0.6 + 0.5 * np.sin(np.pi * t[k]))
        root = lip[k] + 0.2 * girth[k] * normal[k]
        claw(drawing, root, turn + rng.normal(0, 0.12), length, -rng.uniform(1.6, 2.1), rng)


def backdrop(drawing):
    """The red sun behind bars of mist, a mountain island, birds, and a seal with a spiral."""
    drawing.fill((228, 186) + 47 * DISC, RED, 1.6)
    xs = [-9, 8, 20, 34, 38, 48, 60, 66, 70, 84, 96, 112, 140]
    ys = [246, 226, 222, 202, 196, 190, 203, 210, 214, 206, 216, 232, 246]
    ridge = np.stack([xs, ys], 1)
    drawing.fill(ridge, MID, 2.0)
    for x, y, lean, fall in [(46, 200, -8, 26), (50, 196, 14, 24), (84, 209, 14, 22)]:
        drawing.stroke(np.linspace((x, y), (x + lean, y + fall), 9), 2.4, DEEP)
    gullies = [(57, 207), (53, 213), (48, 202), (42, 211), (41, 203)]
    drawing.fill(np.vstack([ridge[3:8], gullies]), FOAM, 1.2)
    bars = [(-20, 128, 96), (24, 186, 104), (-20, 84, 112), (96, 330, 214), (150, 250, 222)]
    for x0, x1, y in [*bars, (410, 540, 66), (452, 540, 74)]:
        drawing.fill(np.array([(x0, y), (x1, y)])[(DISC[:, 0] > 0) * 1] + 4.2 * DISC, FOAM)
        for rise, ink in ((4.2, None), (1.2, PALE), (-1.6, PALE)):
            drawing.stroke(np.linspace((x0 + 6, y + rise), (x1 - 12, y + rise), 30), 1.2, ink)
    wings = np.array([(-1, -0.1), (-0.45, -0.5), (0, 0), (0.5, -0.6), (1, -0.3)])
    for x, y, span in [(430, 34, 9), (458, 46, 8), (398, 26, 8), (448, 22, 7), (366, 18, 6)]:
        drawing.stroke(spline((x, y) + span * wings, 40), 0.42 * span)
    drawing.fill([(484, 14), (500, 14), (500, 42), (484, 42)], RED)
    turn = np.linspace(0.6, 14, 60)[:, None]
    spiral = (492, 28) + turn * np.hstack([0.42 * np.cos(turn), 0.75 * np.sin(turn)])
    drawing.stroke(spiral, 1.7, FOAM, taper=False)


def sea(drawing, rng):
    """Rows of swell that grow towards the viewer, and spray falling from the great crest."""
    x = np.linspace(-5, 517, 400)
    for row in range(16):
        y = 240 + 5 * row + 0.32 * row**2
        crest = y + (1 + 0.22 * row) * np.sin(x / (7 + 1.4 * row) + 2.4 * row)
        line = np.stack([x, crest], 1)
        drawing.fill(np.vstack([line, [[520, 400], [-8, 400]]]), (MID, PALE, DEEP, PALE)[row % 4])
        drawing.stroke(line, 1.6, taper=False)
        for _ in range(26):
            k, n = rng.integers(0, 370), rng.integers(10, 30)
            drop = (0, rng.uniform(0.25, 0.75) * (5 + 0.64 * row))
            drawing.stroke(line[k : k + n] + drop, 1.2, (None, FOAM, PALE)[rng.integers(3)])
    for _ in range(120):
        angle, far = rng.uniform(2.4, 4.0), 46 + 100 * rng.random() ** 1.3
        centre = (178 + far * np.cos(angle), 112 + far * np.sin(angle))
        drawing.fill(centre + rng.uniform(1.0, 4.0) * (1.2 - far / 170) * DISC, FOAM, 1.2)


def design(rng, drawing):
    """Draw the whole composition, from the far sky to the near water."""
    backdrop(drawing)
    sea(drawing, rng)
    inner = [(20, 392), (130, 366), (230, 330), (300, 272), (328, 205), (312, 145), (268, 108),
             (215, 104), (172, 128), (150, 165)]  # fmt: skip
    outer = [(580, 392), (540, 270), (480, 165), (405, 92), (325, 46), (245, 36), (180, 66),
             (146, 120), (146, 164)]  # fmt: skip
    breaker(drawing, inner, outer, 1.0, rng)
    inner = [(-60, 410), (0, 392), (42, 372), (66, 345), (58, 322), (32, 312), (10, 326)]
    outer = [(380, 430), (240, 376), (165, 326), (105, 290), (55, 280), (18, 296), (6, 326)]
    breaker(drawing, inner, outer, 0.72, rng)


def wood(shape, rng):
    """Wood grain in [0, 1]: long bands of growth rings that bend around a few knots."""
    y, x = np.mgrid[: shape[0], : shape[1]] / SCALE
    bend = y + 9 * smooth_noise(shape, (16 * SCALE, 60 * SCALE), rng)
    for _ in range(5):
        cx, cy = rng.uniform(0, WIDTH + 150), rng.uniform(0, HEIGHT + 150)
        bend += 26 * np.exp(-np.hypot((x - cx) / 60, (y - cy) / 22)) * np.sign(y - cy)
    rings = np.sin(bend * 1.25 + 1.2 * smooth_noise(shape, (3, 30), rng))
    return np.clip(0.5 + 0.3 * rings + 0.22 * smooth_noise(shape, (1.2, 40), rng), 0, 1)


def press(paper, cover, ink, grain, rng):
    """Print one block on `paper`: worn edges, grain in the ink, and a slight shift."""
    soft = ndimage.gaussian_filter(cover * 1.0, 0.35 * SCALE)
    worn = np.clip((soft - 0.45 + 0.09 * smooth_noise(cover.shape, 1.2, rng)) * 3 + 0.5, 0, 1)
    worn = ndimage.shift(worn, rng.uniform(-0.8, 0.8, 2) * SCALE, order=1, mode="nearest")
    top, left = rng.integers(0, np.subtract(grain.shape, cover.shape))
    board = grain[top : top + cover.shape[0], left : left + cover.shape[1]]
    density = np.clip(0.80 + 0.36 * (board - 0.4), 0, 1)
    return paper * (1 - (worn * density)[..., None] * (1 - np.array(ink)))


def paint():
    """The finished print: paper, graded sky, four colour blocks and the dark key block."""
    rng, drawing = np.random.default_rng(SEED), Drawing()
    design(rng, drawing)
    colour, key = np.asarray(drawing.colour), np.asarray(drawing.key)
    shape, grain = colour.shape, wood(np.add(colour.shape, 300), rng)
    fibre = 0.012 * smooth_noise(shape, 1.0, rng) + 0.014 * fractal_noise(shape, 20, rng)
    picture = np.array([0.955, 0.905, 0.79]) * (1 + fibre)[..., None]
    y = np.linspace(0, 1, shape[0])[:, None, None] * np.ones((*shape, 1))
    for fade, ink in [
        (0 * y + 0.6, (0.78, 0.76, 0.66)),
        (np.clip(1 - y / 0.42, 0, 1) ** 1.6, (0.10, 0.22, 0.42)),
        (np.clip((y - 0.28) / 0.35, 0, 1) ** 1.4, (0.93, 0.56, 0.36)),
    ]:
        picture = press(picture, colour == SKY, 1 - fade * (1 - np.array(ink)), grain, rng)
    for index, ink in INKS.items():
        picture = press(picture, ndimage.binary_dilation(colour == index), ink, grain, rng)
    return shrink(press(picture, key > 0, KEY_INK, grain, rng))
