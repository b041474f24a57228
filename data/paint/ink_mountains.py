"""Misty mountains in the manner of East Asian ink painting: black ink on warm fibrous paper.

The sheet collects ink density. Every rock is laid over those behind it as a wash that fades into
mist, with a broken contour and dry texture strokes (cun); the paper and a red seal come last.
"""

import numpy as np
from scipy import ndimage

from .common import fractal_noise, shrink

HEIGHT, WIDTH = 1536, 1176
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
# Mountains from far to near: centre, foot, half width, height, darkness, number of lumps.
FAR = """560 600 200 470 .16 2   250 640 150 420 .26 3   1000 670 190 400 .26 3
         770 650 130 400 .22 2   60 830 180 480 .48 5   1120 930 190 540 .58 7
         840 960 150 470 .65 6   470 1050 270 860 .95 14   190 1090 190 480 .80 8"""
NEAR = "60 1470 260 330 1.15 7   260 1620 300 280 1.2 7   1050 1640 260 220 1.2 7"
# A fishing boat (hull, mat roof, man, hat, rod) by offset, angle, length, width and bend.
BOAT = """-75 -4 0 150 17 .09   -36 0 0 64 15 -.28   -22 4 0 60 15 -.2
          45 -36 1.57 38 17 0   25 -33 0 40 11 -.14   45 -14 -.5 120 3.5 -.06"""


def _table(text):
    """Read rows of six numbers."""
    return np.array(text.split(), float).reshape(-1, 6)


def _clouds(rng, scale, stretch=1):
    """Make broad fractal noise for the whole sheet, worked out on a coarse grid and enlarged."""
    noise = fractal_noise((HEIGHT // 8, WIDTH // 8), scale / 8 * np.array([1, stretch]), rng)
    return ndimage.zoom(noise, 8, order=1, mode="nearest", grid_mode=True).astype(np.float32)


class _Sheet:
    """The density of the ink on the sheet, and the brush that adds to it."""

    def __init__(self, rng):
        """Take a clean sheet and a brush; each row of `streaks` is the trace of one hair."""
        long, short = rng.standard_normal((2, 256, 512)).astype(np.float32)
        long = ndimage.gaussian_filter(long, (0.9, 22), mode="wrap")
        short = ndimage.gaussian_filter(short, (1.2, 2.5), mode="wrap")
        self.streaks = long / long.std() + 0.6 * short / short.std()
        self.rng, self.ink = rng, np.zeros((HEIGHT, WIDTH), np.float32)

    def stroke(self, x, y, angle, length, width, dark=0.8, dry=0.3, bend=0.0):
        """Draw one tapering stroke that starts wet at (x, y), sheds its ink and ends dry."""
        tx, ty, reach = np.cos(angle), np.sin(angle), width + abs(bend) * length
        xs, ys = sorted((x, x + tx * length)), sorted((y, y + ty * length))
        rows = slice(int(max(ys[0] - reach, 0)), int(max(ys[1] + reach + 1, 0)))
        columns = slice(int(max(xs[0] - reach, 0)), int(max(xs[1] + reach + 1, 0)))
        dx, dy = X[rows, columns] - x, Y[rows, columns] - y
        along = (dx * tx + dy * ty) / length
        across = dy * tx - dx * ty - bend * length * 4 * along * (1 - along)
        swell = np.clip(along * 9, 0, 1) ** 0.6 * np.clip((1 - along) * 1.8, 0, 1) ** 0.7
        body = np.clip((0.5 * width * swell - np.abs(across)) / 1.4 + 0.3, 0, 1) * (swell > 0)
        row, column = self.rng.integers(0, 256, 2)
        hair = (across + row).astype(int) % 256, (along * length * 0.6 + column).astype(int) % 512
        worn = np.clip((self.streaks[hair] + 2.2 - 4.2 * dry * (0.45 + along)) * 1.3, 0, 1)
        self.ink[rows, columns] += dark * body * worn * (1 - 0.25 * along)

    def line(self, points, width, dark, dry=0.3):
        """Draw a contour through the points; the brush presses, lifts and now and then skips."""
        steps, press = np.diff(points, axis=0), self.rng.uniform(0.5, 1.25, len(points))
        for (x, y), (dx, dy), p in zip(points, steps, press, strict=False):
            length, bend = 1.15 * np.hypot(dx, dy) + 9, self.rng.normal(0, 0.05)
            if p > 0.55:
                self.stroke(x, y, np.arctan2(dy, dx), length, width * p, dark * p, dry, bend)

    def haze(self, level, depth, strength):
        """Drift a band of mist across the sheet: the ink dissolves in it, unevenly."""
        wander = level + 45 * _clouds(self.rng, 110)
        self.ink *= 1 - strength * np.exp(-(((Y - wander) / depth) ** 2))


def _rock(sheet, cx, foot, half, height, dark, mist):
    """Paint one rock: clear its place, wash it from the outline down, then texture and contour."""
    x = np.arange(max(int(cx - half * 1.2), 0), min(int(cx + half * 1.2), WIDTH))
    if x.size < 20 or foot - 0.8 * height > HEIGHT:
        return
    side = (x - cx) / half
    dome = np.clip(1 - np.abs(side - sheet.rng.uniform(-0.15, 0.15)) ** 2.4, 0, 1) ** 0.8
    rough = 0.07 * fractal_noise((1, x.size), half / 4, sheet.rng, octaves=5)[0]
    edge = foot - height * np.clip(dome * (1 + rough) + 0.6 * rough * (dome > 0), 0, None)
    rows = slice(max(int(edge.min()), 0), min(int(foot), HEIGHT))
    y = Y[rows, : x.size]
    below, fade = y - edge, np.clip((foot - y) / (mist * height), 0, 1)
    inside = np.clip(below / 2 + 0.5, 0, 1)
    fold = np.tanh(1.3 * fractal_noise(y.shape, half / np.array([3.5, 9]), sheet.rng))
    wash = 0.08 + 0.34 * np.exp(-below / (0.2 * height)) + 0.22 * side.clip(0) + 0.2 * fold
    wash = wash.clip(0.01) + 0.25 * np.exp(-(((below - 4) / 3.5) ** 2))
    wash += 0.16 * np.exp(-(((fold - 0.2) / 0.12) ** 2))
    patch = sheet.ink[rows, x[0] : x[-1] + 1]
    patch *= 1 - inside * np.clip(fade * 2.5, 0, 1)
    behind, sheet.ink = sheet.ink, np.zeros_like(sheet.ink)
    _cun(sheet, x, y, edge, side, fold, height, dark)
    strokes, sheet.ink = sheet.ink[rows, x[0] : x[-1] + 1], behind
    patch += inside * fade * (dark * wash + strokes)
    _contour(sheet, x, edge, foot - 0.6 * mist * height, half, dark)


def _cun(sheet, x, y, edge, side, fold, height, dark):
    """Texture a rock, darker in its folds: broad dry sweeps, then hemp-fibre strokes downwards."""
    rng, drop = sheet.rng, y[-1, 0] - edge
    count = int(3 * drop.clip(0).sum() / (height + 250)) + 16
    for k, index in enumerate(rng.integers(0, x.size, count)):
        depth = 4 + rng.random() ** 1.3 * drop[index]
        row = np.clip(int(edge[index] + depth - y[0, 0]), 0, len(y) - 1)
        shade = 0.42 + 0.25 * side[index] + 0.45 * fold[row, index] + 0.25 * rng.normal()
        if shade < 0.08:
            continue
        angle = np.pi / 2 + rng.normal(0, 0.14) - 0.55 * side[index] * np.exp(-2.5 * depth / height)
        length, width, bend = 28 + 0.11 * height, rng.uniform(4, 9), rng.normal(0, 0.06)
        tone, dry = dark * min(shade, 1.15), rng.uniform(0.3, 0.7)
        if k < 0.18 * count:
            length, width, tone, dry = 1.6 * length, 5 * width, 0.6 * tone, 0.78
        sheet.stroke(x[index], edge[index] + depth, angle, length, width, tone, dry, bend)


def _contour(sheet, x, edge, lowest, half, dark):
    """Draw the outline of a rock with a dry brush and dot clumps of moss along it."""
    rng, spots = sheet.rng, np.flatnonzero(edge < lowest)[:: max(int(half / 11), 7)]
    sheet.line(np.column_stack([x, edge])[spots], 5 + half / 34, 1.15 * dark, 0.35)
    for spot in rng.choice(spots, len(spots) // 4) if len(spots) else ():
        for dx, dy in rng.normal((-6, 1), (0.05 * half + 5, 6), (10, 2)):
            at = np.clip(spot + int(dx), 0, x.size - 1)
            size, tone = rng.uniform(5, 11), dark * rng.uniform(0.5, 1.3)
            sheet.stroke(x[at], edge[at] + dy, rng.normal(0.1, 0.4), 1.5 * size, size, tone, 0.1)


def _mountain(sheet, cx, foot, half, height, dark, lumps, mist):
    """Build a mountain from one tall rock and lumps of rock that step down its front."""
    _rock(sheet, cx, foot, half, height, dark, mist)
    for level in np.linspace(0.62, 0.0, int(lumps)):
        shift, size, tall = sheet.rng.uniform((-0.8, 0.26, 0.24), (0.8, 0.42, 0.36))
        x, y = cx + half * shift * (1.05 - level), foot - 0.9 * level * height
        _rock(sheet, x, y, half * size, height * tall, dark, max(mist, 0.7 * (level > 0.1)))


def _grove(sheet, cx, cy, spread, count, dark):
    """Dab a grove of leafy trees: thin trunks below, clustered dots of ink above."""
    rng = sheet.rng
    for x in np.sort(cx + spread * rng.uniform(-1, 1, count)):
        y, tall = cy + rng.uniform(-0.1, 0.1) * spread, rng.uniform(40, 85)
        sheet.stroke(x, y, -np.pi / 2 + rng.normal(0, 0.1), tall, 6, dark)
        for dx, dy in rng.normal(0, (0.26 * tall, 0.2 * tall), (26, 2)):
            tone = dark * rng.uniform(0.3, 1.0)
            sheet.stroke(x + dx - 6, y - 0.95 * tall + dy, rng.normal(0, 0.3), 16, 9, tone, 0.15)


def _pine(sheet, x, y, size, lean):
    """Draw a pine: a gnarled trunk, level boughs on both sides, fans of needles on the boughs."""
    rng, t = sheet.rng, np.linspace(0, 1, 11)
    sway = lean * t + 0.05 * np.sin(8 * t + rng.uniform(0, 6))
    bole = np.column_stack([x + size * sway, y - size * t])
    for (px, py), (dx, dy), k in zip(bole, np.diff(bole, axis=0), 1.1 - 0.85 * t, strict=False):
        for shift, width, dark in ((0, 0.10, 0.7), (-0.04, 0.045, 1.1), (0.045, 0.03, 0.9)):
            start, angle = px + shift * k * size, np.arctan2(dy, dx)
            sheet.stroke(start, py, angle, 0.2 * size, width * k * size, dark, 0.42)
    for k, level in enumerate(np.linspace(0.42, 1.0, 9)):
        bx, by = np.interp(level, t, bole[:, 0]), np.interp(level, t, bole[:, 1])
        length, side = size * rng.uniform(0.3, 0.5) * (1.3 - 0.9 * level), (-1) ** k
        angle = np.pi * (k % 2) + side * rng.uniform(-0.3, 0.05)
        sheet.stroke(bx, by, angle, length, 0.035 * size, 1.1, 0.2, 0.05 * side)
        for reach in np.arange(0.3, 1.05, 0.07 * size / length):
            fx, fy = bx + length * reach * np.cos(angle), by + length * reach * np.sin(angle)
            fan, fy = 0.085 * size * rng.uniform(0.8, 1.15), fy - rng.uniform(-0.01, 0.04) * size
            sheet.stroke(fx - fan, fy - 0.35 * fan, 0, 2 * fan, fan, 0.35, 0.3)
            for needle in np.linspace(-np.pi - 0.1, 0.1, 13) + rng.normal(0, 0.07, 13):
                sheet.stroke(fx, fy, needle, fan * rng.uniform(0.8, 1.1), 3.8, 1.1, 0.2)


def _pavilion(sheet, x, y, size):
    """Draw a small pavilion: bare paper inside, posts, rails and a roof with raised eaves."""
    u, v = np.abs(X - x) / size, (Y - y) / size
    sheet.ink[(u < np.where(v < -0.66, 0.9 * (v + 1.4), 0.62)) & (v > -1.4) & (v < 0)] *= 0.1
    for post in (-0.55, -0.2, 0.2, 0.55):
        sheet.stroke(x + post * size, y - 0.7 * size, np.pi / 2, 0.8 * size, 7, 1.3, 0)
    for level, half in ((0.0, 0.8), (-0.2, 0.62), (-0.66, 0.72)):
        sheet.stroke(x - half * size, y + level * size, 0, 2 * half * size, 7, 1.2, 0)
    for dx in np.linspace(-1, 1, 11) * size:
        dy, bend = 0.74 * size - 0.1 * abs(dx), 0.1 * dx / size
        sheet.stroke(x, y - 1.4 * size, np.arctan2(dy, dx), np.hypot(dx, dy), 9, 1.0, 0.1, bend)


def _lake(sheet, top):
    """Draw the lake as a pale wash with level ripples, and a fishing boat on it."""
    rng = sheet.rng
    shore = np.clip((Y - top) / 60, 0, 1)
    sheet.ink += 0.10 * np.clip(0.8 + _clouds(rng, 30, 5), 0, 3) * shore
    for near, x in rng.random((480, 2)):
        y, length = top + near * (HEIGHT - top), rng.uniform(60, 190)
        tone, tilt, bend = rng.uniform(0.15, 0.65), rng.normal(0, 0.02), rng.normal(0, 0.02)
        sheet.stroke(x * WIDTH - 50, y, tilt, length, 4 + 4 * near, tone, 0.5, bend)
    for dx, dy, angle, length, width, bend in _table(BOAT):
        sheet.stroke(640 + dx, 1290 + dy, angle, length, width, 1.2, 0, bend)


def _fibres(rng, count=2600):
    """Strew thin curved fibres over the sheet, some pale and some dark."""
    curl, start = rng.normal(0, 0.8, (count, 1)), rng.random((2, count, 1))
    angle = rng.uniform(0, np.pi, (count, 1)) + curl * np.linspace(0, 1, 90)
    step, tone = rng.uniform(0.3, 1.3, (count, 1)), rng.uniform(-1, 1, (count, 1))
    x = (start[0] * WIDTH + step * np.cumsum(np.cos(angle), axis=1)).astype(int) % WIDTH
    y = (start[1] * HEIGHT + step * np.cumsum(np.sin(angle), axis=1)).astype(int) % HEIGHT
    fibres = np.zeros(X.shape, np.float32)
    fibres[y, x] = tone
    return ndimage.gaussian_filter(fibres, 1.0)


def _seal(x, y, size):
    """Press a seal: a square carved with four square spirals."""
    u, v = (X - x) / size, (Y - y) / size
    p, q = (u + 0.5) * 2 % 1 - 0.5, (v + 0.5) * 2 % 1 - 0.5
    rim = np.maximum(np.abs(u), np.abs(v))
    turn = np.maximum(np.abs(p), np.abs(q)) * 5.2 - np.arctan2(q, p) / (2 * np.pi)
    carved = (turn % 1 < 0.36) & (rim < 0.45)
    return ndimage.gaussian_filter((rim < 0.5) * (1.0 - carved), 1.2)[..., None]


def paint():
    """Paint the scroll from far to near: sky, ranges in mist, the lake, pines, paper and seal."""
    sheet = _Sheet(rng := np.random.default_rng(1372))
    sky = _clouds(rng, 40, 3.5)
    sheet.ink += 0.10 * np.clip(1.2 - Y / 700, 0.3, 1) + 0.18 * np.clip(sky, 0, 2)
    sheet.ink += 0.06 * np.exp(-(((sky - 0.1) / 0.07) ** 2))
    for row in _table(FAR):
        _mountain(sheet, *row, mist=0.5)
        sheet.haze(row[1] - 30, 50, 0.45)
    sheet.haze(1020, 55, 0.8)
    _grove(sheet, 650, 1075, 170, 16, 0.6)
    _lake(sheet, 1090)
    _mountain(sheet, 1000, 1260, 230, 270, 0.95, 6, mist=0.3)
    _grove(sheet, 1100, 1035, 80, 8, 0.9)
    _pavilion(sheet, 935, 1010, 60)
    for row in _table(NEAR):
        _mountain(sheet, *row, mist=0.15)
    _pine(sheet, 90, 1290, 360, -0.1)
    _pine(sheet, 210, 1400, 520, 0.3)
    fibres, grain = _fibres(rng), ndimage.gaussian_filter(rng.standard_normal(X.shape), 1.6)
    ink = ndimage.gaussian_filter(sheet.ink, 0.7) * (1 + 0.5 * fibres + 0.6 * grain)
    light = (1 + 0.016 * _clouds(rng, 80) + 0.15 * fibres + 0.05 * grain)[..., None]
    picture = (0.975, 0.92, 0.80) * light * np.exp(-1.4 * ink.clip(0, 2.4)[..., None])
    red = 0.92 * _seal(1085, 115, 84) * (1 - 0.06 * np.abs(sky[..., None]))
    return shrink(picture * (1 - red) + red * picture * (0.78, 0.16, 0.12))
