"""A sunny poppy meadow in the pointillist manner, put together from over fifty thousand dabs.

A small guide says what lies where and how strongly it is lit; every dab looks up its place in the
guide and takes a pure colour from the palette there, with complementary colours strewn in between.
"""

import numpy as np
from PIL import ImageColor
from scipy import ndimage

from .common import fractal_noise, shrink, smooth_noise

SEED, HEIGHT, WIDTH, SCALE = 1886, 400, 512, 3
Y, X = np.mgrid[:HEIGHT, :WIDTH]
# Each palette: colours from shade to light, then the complementary colours strewn among them.
PALETTES = {
    "sky": ("3a72cc 4a90de 66aee8 8cc8ee b4dcea dde8da f8e6bc", "f6b684 f2bfc8 b0a0e4 f6dc98"),
    "cloud": ("7d86d0 a29fe0 c6b4e6 efc2cc fbd8b8 fdeecc fffbea", "74b2ec f7b87c f6dc8c"),
    "hill": ("44509e 5566bc 7080cc 82a4d0 9cbcce c4bfe0 ecccd0", "dc8c9c eeb070 68a888"),
    "field": ("b884c4 d49450 e4b040 f2c84e f8de70 fdf0b0", "94b854 ee8c50 9aa4e0"),
    "meadow": ("33308c 5c48ac 2a6c74 3a9052 66ac44 94c044 c6d452 eae268 fdf09a", "ee8c44 ea7890"),
    "tree": ("221e64 382f8e 64449e 226860 348848 66a83e a0c442 dadc58 fcee9c", "d8583a eea048"),
    "trunk": ("2c1a58 54306e 86424e b8643c e8a85c ffdc96", "3f6fc8 d8502e"),
    "path": ("5c4fae 8a70c0 be92c4 e4aeac f4cc9e fae2b6 fff6de", "78a0de ec9058 a0bc6c"),
}
NAMES = list(PALETTES)
FLOWERS = "a3123a d81e2c f0402c fc8458 b4a8e4 fff2e0 fffcf0 fcd044 3a35a4 4c64dc 6c84ea a4b6fc"


def _colours(text):
    """Turn a line of hexadecimal colours into an (n, 3) array in [0, 1]."""
    return np.array([ImageColor.getrgb(f"#{code}") for code in text.split()]) / 255


def _put(guide, mask, name, light, angle):
    """Lay one thing into the guide: its palette, its light and the direction of its dabs."""
    guide["thing"][mask] = NAMES.index(name)
    guide["light"][mask] = np.broadcast_to(light, mask.shape)[mask]
    guide["angle"][mask] = np.broadcast_to(angle, mask.shape)[mask]


def _lobes(guide, name, lobes, whole, rng):
    """Model a cloud or a crown as overlapping balls, lit from the upper left, in a `whole` one."""
    rough = 0.12 * smooth_noise(X.shape, 3, rng)
    mass = -0.42 * (X - whole[0]) / whole[2] - 0.5 * (Y - whole[1]) / whole[3]
    for cx, cy, rx, ry in lobes:
        u, v = (X - cx) / rx, (Y - cy) / ry
        light = np.clip(0.5 + 0.5 * mass - 0.22 * u - 0.30 * v, 0, 1)
        _put(guide, u**2 + v**2 + rough < 1, name, light, np.arctan2(v, u) + np.pi / 2)


def _sky(guide, rng):
    """Paint a sky that brightens to the horizon, soft clouds and two blue ranges of hills."""
    drift = 0.08 * fractal_noise(X.shape, 20, rng)
    swirl = np.arctan2(Y + 60, X + 60) + np.pi / 2
    _put(guide, Y < 200, "sky", 0.12 + 0.62 * Y / 150 + drift, swirl)
    for cx, cy, size in (
        (318, 74, 58),
        (478, 108, 30),
        (216, 116, 22),
        (454, 24, 26),
        (20, 30, 30),
    ):
        along = rng.uniform(-1.6, 1.6, 18)
        rise = rng.uniform(-0.15, 0.75, 18) * (1.5 - np.abs(along)).clip(0)
        round_ = size * rng.uniform(0.20, 0.36, 18)
        lobes = np.column_stack([cx + along * size, cy - rise * size, round_ * 1.4, round_])
        whole = (cx, cy - 0.2 * size, 2.2 * size, 0.85 * size)
        _lobes(guide, "cloud", lobes[np.argsort(lobes[:, 1])], whole, rng)
    for level, tall, light in ((140, 11, 0.66), (154, 6, 0.34)):
        ridge = level - tall * smooth_noise((1, WIDTH), 34, rng)[0]
        _put(guide, ridge < Y, "hill", light + 0.012 * (ridge - Y) + drift, 0.3)


def _ground(guide, rng):
    """Paint the distant corn, the meadow in bands of light and the path that winds through it."""
    near = np.clip((Y - 164) / (HEIGHT - 164), 0, 1)
    roll = fractal_noise(X.shape, 24, rng)
    wave = Y + 5 * np.sin(X / 61) + 3 * np.sin(X / 23 + 2)
    lean = np.where(Y < 225, 0.1, np.pi / 2 + 0.4 * smooth_noise(X.shape, 20, rng))
    bands = 0.12 * np.sin(wave / (8 + 12 * near))
    _put(guide, wave > 163, "meadow", 0.57 + 0.13 * roll + bands, lean)
    _put(guide, (wave > 171) & (wave < 187), "field", 0.62 + 0.15 * roll, 0.0)
    centre = 306 - 96 * near + 92 * np.sin(6.4 * near**0.62 - 0.6) * near**0.6
    side = (X - centre) / (2 + 58 * near**1.25) + 0.12 * fractal_noise(X.shape, 6, rng)
    _put(guide, (np.abs(side) < 1) & (wave > 176), "path", 0.66 - 0.24 * side + 0.14 * roll, 0.0)


def _shadow(guide, cx, cy, rx, ry, rng):
    """Lay a violet shadow on the ground: whatever grows there keeps its palette, far darker."""
    ragged = 0.3 * fractal_noise(X.shape, 7, rng)
    inside = ((X - cx) / rx) ** 2 + ((Y - cy) / ry) ** 2 + ragged < 1
    guide["light"][inside] = 0.02 + 0.28 * guide["light"][inside]


def _tree(guide, cx, foot, radius, rng):
    """Paint a round tree: its violet shadow to the right, the trunk, then a crown of many balls."""
    cy = foot - 1.6 * radius
    _shadow(guide, cx + 1.2 * radius, foot + 1, radius * 1.7, radius * 0.2 + 1, rng)
    width = radius * (0.09 + 0.06 * np.clip((Y - foot + 8) / 12, 0, 1))
    trunk = (np.abs(X - cx) < width) & (cy < Y) & (foot + 2 > Y)
    _put(guide, trunk, "trunk", 0.45 - 0.45 * (X - cx) / width, np.pi / 2)
    turn, reach = rng.uniform(0, 2 * np.pi, 36), 0.74 * radius * np.sqrt(rng.random(36))
    size = radius * rng.uniform(0.2, 0.32, 36)
    lobes = [cx + reach * np.cos(turn), cy + 0.95 * reach * np.sin(turn), size * 1.15, size]
    lobes = [(cx, cy, 0.88 * radius, 0.84 * radius), *np.transpose(lobes)]
    _lobes(guide, "tree", lobes, (cx, cy, radius, radius), rng)


def compose(rng):
    """Compose the picture: sky, ground, trees with their shadows, shade along the front edge."""
    guide = {key: np.zeros(X.shape) for key in ("thing", "light", "angle")}
    _sky(guide, rng)
    _ground(guide, rng)
    for cx, foot, radius in ((200, 171, 12), (224, 172, 9), (342, 172, 10), (264, 184, 19)):
        _tree(guide, cx, foot, radius, rng)
    for cx, foot, radius in ((388, 188, 20), (484, 212, 44), (430, 222, 34), (92, 252, 76)):
        _tree(guide, cx, foot, radius, rng)
    _shadow(guide, 40, 410, 330, 40, rng)
    glow = ndimage.gaussian_filter((guide["thing"] == NAMES.index("tree")) * 1.0, 9)
    guide["light"] += 0.5 * glow * (guide["thing"] == NAMES.index("sky"))
    return guide


def _cover(guide, rng, spacing, size):
    """Spread one layer of dabs over the picture, each in a colour of the thing it falls on."""
    y, x = np.mgrid[: HEIGHT / spacing, : WIDTH / spacing].reshape(2, -1) * spacing
    x, y = (np.array([x, y]) + spacing * rng.uniform(-0.5, 0.5, (2, x.size))).clip(0)
    at = y.clip(max=HEIGHT - 1).astype(int), x.clip(max=WIDTH - 1).astype(int)
    colour = np.empty((x.size, 3))
    for index, (ladder, strewn) in enumerate(PALETTES.values()):
        here = np.flatnonzero(guide["thing"][at] == index)
        steps, others = _colours(ladder), _colours(strewn)
        rung = guide["light"][at][here] * (len(steps) - 1) + rng.normal(0, 0.8, here.size)
        colour[here] = steps[np.rint(rung).clip(0, len(steps) - 1).astype(int)]
        odd = here[rng.random(here.size) < 0.12]
        colour[odd] = others[rng.integers(0, len(others), odd.size)]
    near = np.where(y > 160, (y - 160) / 240, 0.6 * (160 - y) / 160)
    angle = guide["angle"][at] + rng.normal(0, 0.35, x.size)
    return rng.permutation(np.column_stack([x, y, size * (0.82 + 0.32 * near), angle, colour]))


def _flowers(guide, rng):
    """Scatter drifts of poppies, daisies and cornflowers, each of four dabs from shade to light."""
    depth, chance = np.sort(rng.random(2200)) ** 0.85, rng.random(2200)
    x, y = rng.uniform(0, WIDTH, 2200), 192 + 207 * depth
    at = y.astype(int), x.astype(int)
    drift = fractal_noise(X.shape, 26, rng)[at] > rng.normal(0.2, 0.5, 2200)
    keep = drift & (guide["thing"][at] == NAMES.index("meadow"))
    shaded = keep & (guide["light"][at] < 0.25)
    petals = _colours(FLOWERS).reshape(3, 4, 3)[np.digitize(chance, (0.7, 0.87))]
    petals[shaded] *= (0.70, 0.62, 0.95)
    dabs = np.zeros((2200, 4, 7))
    for step in range(4):
        size = 1.6 + 4.0 * depth
        dabs[:, step, 0] = x + (rng.normal(0, 0.45, 2200) - 0.15 * step) * size
        dabs[:, step, 1] = y + (rng.normal(0, 0.45, 2200) - 0.35 * step) * size
        dabs[:, step, 2] = size * (1 - 0.13 * step)
    dabs[..., 3], dabs[..., 4:] = rng.uniform(-0.6, 0.6, (2200, 4)), petals
    return dabs[keep].reshape(-1, 7)


def _brush(size, turn, rng):
    """Shape one dab: the cover and the relief of a slightly uneven oval with a raised edge."""
    reach = int(size * 0.8) + 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    theta, (a, b) = np.arctan2(y, x) - turn * np.pi / 8, rng.uniform(0, 2 * np.pi, 2)
    edge = (
        1 + 0.16 * np.cos(2 * theta) + 0.06 * np.sin(3 * theta + a) + 0.04 * np.sin(5 * theta + b)
    )
    alpha = np.clip((size / 2 * edge - np.hypot(x, y)) / 1.5 + 0.5, 0, 1)
    return alpha[..., None], -0.16 * ((0.6 * x + 0.8 * y) / size)[..., None]


def _dab(canvas, dabs, rng):
    """Set the dabs (x, y, size, angle, red, green, blue) on the canvas, one after another."""
    brushes = [[[_brush(s, t, rng) for _ in "abc"] for t in range(8)] for s in range(3, 24)]
    size = np.rint(dabs[:, 2] * SCALE * rng.normal(1, 0.1, len(dabs))).clip(3, 23).astype(int) - 3
    turn = np.rint(dabs[:, 3] / (np.pi / 8)).astype(int) % 8
    column, row = (dabs[:, :2].T * SCALE).astype(int)
    for index, variant in enumerate(rng.integers(0, 3, len(dabs))):
        alpha, relief = brushes[size[index]][turn[index]][variant]
        top, left = row[index] + 24 - len(alpha) // 2, column[index] + 24 - len(alpha) // 2
        patch = canvas[max(top, 0) : top + len(alpha), left.clip(0) : left + len(alpha)]
        if patch.shape[:2] == alpha.shape[:2]:
            patch += alpha * (dabs[index, 4:] + relief - patch)


def paint():
    """Paint the meadow on a cream ground: four layers of dabs from broad to fine, then flowers."""
    rng = np.random.default_rng(SEED)
    guide = compose(rng)
    canvas = np.tile(_colours("efe0c4"), (HEIGHT * SCALE + 48, WIDTH * SCALE + 48, 1))
    for spacing, size in ((4.6, 6.2), (4.2, 5.2), (3.8, 4.5), (3.8, 4.0)):
        _dab(canvas, _cover(guide, rng, spacing, size), rng)
    _dab(canvas, _flowers(guide, rng), rng)
    return shrink(canvas[24:-24, 24:-24])
