"""A stained-glass window: a flower-like sun in a swirling sky above hills and a winding river.

The design is laid pane by pane in the curved coordinates of each motif, then every pane is given
its own streaked glass, the borders between panes become lead, and light shines through it all.
"""

import numpy as np
from scipy import ndimage
from skimage.measure import label as connected

from .common import fractal_noise, shrink, smooth_noise

SCALE = 2
SUN = (268.0, 180.0)
# Each kind of glass: the deep tone and the luminous tone that its streaks run between.
GLASS = {
    "core": ("ffd94a", "fffbd8"),
    "gold": ("e08a04", "ffe25a"),
    "amber": ("a83a06", "ffa21c"),
    "ruby": ("5e0212", "ee1c2c"),
    "rose": ("a01a58", "ff86a4"),
    "violet": ("240a58", "8c40dc"),
    "pearl": ("8fb0d4", "fff4e2"),
    "lilac": ("6a4cb8", "d6bcff"),
    "night": ("040a36", "1834a4"),
    "cobalt": ("08208c", "2a78f4"),
    "azure": ("0c62b4", "74d6fa"),
    "teal": ("034a56", "26c0b0"),
    "emerald": ("03401f", "22b45a"),
    "leaf": ("2c7a10", "c2e648"),
    "pine": ("02201f", "0b7048"),
    "bark": ("2a0c08", "94481e"),
}
KINDS = list(GLASS)


class Window:
    """The design under construction: which motif, pane and kind of glass covers each pixel."""

    def __init__(self, rng):
        size = 512 * SCALE
        wobble = [fractal_noise((size, size), 26 * SCALE, rng, octaves=3) for _ in range(2)]
        y, x = np.mgrid[:size, :size] / SCALE
        self.x, self.y = x + 1.3 * wobble[0], y + 1.3 * wobble[1]
        self.pane, self.motif, self.kind = np.zeros((3, size, size), np.int64)
        self.rng = rng

    def lay(self, mask, u, v, kinds, mix=0.15):
        """Cover `mask` with panes, one per cell of (floor u, floor v); `kinds` alternate along u.

        A share `mix` of the panes is of a kind picked by chance.
        """
        u, v = (np.floor(w[mask]).astype(np.int64) for w in (u, v))
        names, index = np.unique((u + 500) * 4096 + v + 500, return_inverse=True)
        chance = self.rng.random(len(names)) < mix
        shift = chance * self.rng.integers(0, len(kinds), len(names))
        picks = (names // 4096 + shift) % len(kinds)
        self.kind[mask] = np.array([KINDS.index(kind) for kind in kinds])[picks][index]
        self.pane[mask] = self.pane.max() + 1 + index
        self.motif[mask] = self.motif.max() + 1

    def polar(self, centre, swirl=0.0):
        """Distance in px and angle in turns around `centre`, the angle wound up by `swirl`."""
        dx, dy = self.x - centre[0], self.y - centre[1]
        r = np.hypot(dx, dy)
        return r, (np.arctan2(dy, dx) / (2 * np.pi) + swirl * np.log(r / 60 + 0.1)) % 1

    def petals(self, centre, count, inner, outer, kinds, *, power=0.5, turn=0.0, split=999):
        """A ring of petals, blunt for a small `power` and flame-like for a large one."""
        r, angle = self.polar(centre)
        sector = (angle * count + turn) % count
        tip = inner + (outer - inner) * (1 - (2 * (sector % 1) - 1) ** 2) ** power
        self.lay(r < tip, sector + (r > split), r > split, kinds, mix=0)

    def puffs(self, discs, count, kinds, base=512):
        """Overlapping discs cut off at `base`, each a heart within a ring of `count` panes."""
        for cx, cy, radius in discs:
            r, angle = self.polar((cx, cy), swirl=0.1)
            ring = r > 0.5 * radius
            inside = (r < radius) & (self.y < base)
            self.lay(inside, ring * (1 + np.floor(angle * count)), ring, kinds)


def lay_sky(window):
    """Rays of sky winding outwards from rose and violet to deep blue, and banks of cloud."""
    r, angle = window.polar(SUN, swirl=0.07)
    bands = [
        (999, 48, 40, ["night", "cobalt", "night", "violet"]),
        (236, 48, 99, ["cobalt", "night"]),
        (203, 48, 99, ["azure", "cobalt"]),
        (170, 24, 99, ["cobalt", "violet"]),
        (138, 24, 99, ["rose", "violet"]),
    ]
    for radius, count, step, kinds in bands:
        window.lay(r < radius, angle * count, (radius - r) / step, kinds)
    clouds = [(64, 212, 34), (104, 218, 30), (84, 240, 28), (128, 242, 24), (48, 246, 24)]
    clouds += [(424, 206, 20), (462, 196, 28), (444, 222, 22), (476, 226, 24)]
    window.puffs(clouds, 6, ["lilac", "pearl", "pearl", "rose"], base=250)


def lay_sun(window):
    """Rings of overlapping petals, flame-shaped outside and round at the heart."""
    window.petals(SUN, 24, 66, 120, ["amber", "gold"], power=1.6, split=90)
    window.petals(SUN, 16, 52, 88, ["gold", "ruby"], power=0.9, turn=0.5, split=71)
    window.petals(SUN, 12, 44, 67, ["ruby", "rose"])
    window.petals(SUN, 10, 30, 47, ["amber", "gold"], turn=0.5)
    window.petals(SUN, 6, 20, 30, ["ruby"], power=0.4)
    window.petals(SUN, 1, 13, 13, ["core"])


def lay_land(window):
    """Terraced hills that follow each crest, and the river winding down between them."""
    x, y = window.x, window.y
    ridges = [
        (290, 20, 0.021, 0.4, 17, ["azure", "teal", "lilac"]),
        (318, 17, 0.017, 2.9, 19, ["emerald", "pine", "teal"]),
        (352, 21, 0.014, 5.2, 20, ["leaf", "emerald", "gold", "emerald"]),
        (424, 24, 0.016, 1.0, 22, ["leaf", "pine", "emerald"]),
    ]
    for level, height, wave, phase, row, kinds in ridges:
        depth = y - level - height * np.sin(wave * x + phase) - 6 * np.sin(2.7 * wave * x)
        tier = np.floor(depth / row)
        window.lay(depth > 0, tier, (x + 0.5 * depth + 17 * tier) / 36, kinds, mix=0.25)
    fall = np.maximum(y - 302, 0)
    half = 4 + 0.25 * fall
    row = 8.5 * np.log1p(fall / 55)
    lanes = np.clip(np.round(0.9 * np.expm1(np.floor(row) / 8.5) + 0.5), 1, 4)
    across = (x - 262 - (14 + 0.33 * fall) * np.sin(6.0 * np.log1p(fall / 70))) / half
    lane = np.floor((across + 1) * lanes / 2)
    water = ["azure", "cobalt", "pearl", "cobalt", "azure", "night"]
    window.lay((np.abs(across) < 1) & (y > 302), lane + 2 * np.floor(row), row, water)


def lay_trees(window):
    """Cypresses built of chevrons, a fruit tree, and flowers along the lower edge."""
    x, y = window.x, window.y
    for cx, top, foot, half in [(426, 236, 436, 22), (462, 282, 446, 17), (391, 296, 424, 14)]:
        t, side = np.clip((y - top) / (foot - top), 0, 1), np.abs(x - cx)
        body = side < half * np.sin(np.pi * t**0.75) ** 0.8
        window.lay(body, (y + 0.9 * side) / 24, x > cx, ["pine", "emerald", "pine", "teal"])
    trunk = (np.abs(x - 98) < 6 + ((y - 378) / 30) ** 4) & (np.abs(y - 392) < 42)
    window.lay(trunk, y / 28, y * 0, ["bark"])
    crown = [(66, 338, 27), (128, 336, 29), (98, 310, 30), (97, 350, 26)]
    window.puffs(crown, 7, ["pine", "leaf", "emerald"])
    for cx, cy, _ in crown:
        window.petals((cx, cy), 1, 8, 8, ["ruby"])
    flowers = [(66, 462, "ruby"), (122, 472, "rose"), (404, 470, "violet"), (452, 458, "ruby")]
    for cx, cy, kind in flowers:
        window.petals((cx, cy), 6, 12, 24, [kind, "rose"])
        window.petals((cx, cy), 1, 8, 8, ["gold"])


def lay_frame(window):
    """An arch of voussoirs, a diaper of lozenges in its corners, and a border of panes."""
    x, y = window.x, window.y
    bow = np.hypot((x - 256) / 236, np.minimum((y - 246) / 226, 0))
    rise = np.where(y < 246, np.arctan2(246 - y, np.abs(x - 256)) * 236, 246 - y)
    window.lay(bow > 0.935, rise / 29, x > 256, ["gold", "ruby", "teal", "ruby"], mix=0)
    window.lay((bow > 1) & (y < 246), (x + y) / 29, (x - y) / 29, ["violet", "ruby", "night"])
    side = np.abs(x - 256) > np.abs(y - 256)
    edge = 256 - np.maximum(np.abs(x - 256), np.abs(y - 256))
    along = np.where(side, y, x)
    window.lay(edge < 18, (along + 2) / 30, side, ["ruby", "cobalt"], mix=0)
    corner = np.minimum(np.abs(x - 256), np.abs(y - 256)) > 214
    window.lay(corner, x > 256, y > 256, ["night"])
    for centre in [(21, 21), (491, 21), (21, 491), (491, 491)]:
        window.petals(centre, 6, 10, 19, ["gold", "amber"])


def dissolve_slivers(window):
    """Number the connected panes and let those too small to cut be taken over by neighbours."""
    panes = connected(window.pane, background=-1, connectivity=1)
    inside = ndimage.distance_transform_edt(~edges(panes))
    girth = ndimage.maximum(inside, panes, np.arange(panes.max() + 1))
    area = np.bincount(panes.ravel())
    sliver = (girth < 3.6 * SCALE) | (area < 95 * SCALE**2)
    _, near = ndimage.distance_transform_edt(sliver[panes], return_indices=True)
    return panes[tuple(near)], window.motif[tuple(near)], window.kind[tuple(near)]


def edges(labels):
    """Pixels whose right or lower neighbour belongs to another label."""
    mask = np.zeros(labels.shape, bool)
    mask[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    mask[:-1] |= labels[:-1] != labels[1:]
    return mask


def colour_glass(window, panes, kind, depth):
    """Streaked, bubbly glass: each pane has its own grain direction, tone, hue and gradient."""
    rng, shape = window.rng, panes.shape
    count = panes.max() + 1
    tones = np.array([[[int(c[i : i + 2], 16) for i in (0, 2, 4)] for c in pair]
                      for pair in GLASS.values()]) / 255  # fmt: skip
    area = np.maximum(np.bincount(panes.ravel()), 1)
    cx, cy = (np.bincount(panes.ravel(), grid.ravel()) / area for grid in (window.x, window.y))
    turn = rng.uniform(0, 2 * np.pi, count)[panes]
    dx, dy = window.x - cx[panes], window.y - cy[panes]
    lengthwise = dx * np.cos(turn) + dy * np.sin(turn)
    crosswise = dy * np.cos(turn) - dx * np.sin(turn)
    grain = [w * smooth_noise(shape, s, rng) for w, s in [(1, (2, 28)), (0.7, (5, 18)), (0.8, 18)]]
    where = rng.uniform(0, 512, (2, count))[:, panes]
    where += [crosswise + 5 * np.sin(lengthwise / 13), lengthwise]
    streak = ndimage.map_coordinates(sum(grain), where * SCALE, order=1, mode="reflect")
    slope = lengthwise / np.sqrt(area[panes] / SCALE**2)
    tone = 0.5 + 0.30 * streak + 0.55 * slope + rng.normal(0, 0.16, count)[panes]
    tone = np.clip(tone, -0.15, 1.15)[..., None]
    glass = tones[kind, 0] * (1 - tone) + tones[kind, 1] * tone
    glass *= 1 + rng.normal(0, 0.07, (count, 3))[panes]
    seeds = (rng.random(shape) < 0.001) * rng.uniform(0.4, 1.6, shape)
    bubbles = sum(ndimage.gaussian_filter(seeds, s) * s * g for s, g in [(1.3, 16), (2.2, -12)])
    patina = 1 - 0.5 * np.exp(-depth / (2.6 * SCALE))
    return np.clip(glass, 0.01, 1) * ((1 + bubbles) * patina)[..., None]


def set_lead(window, glass, panes, motif, depth):
    """Lead of varying width, rounded, heavier around each motif, with a blob at every joint."""
    outline = ndimage.distance_transform_edt(~edges(motif))
    low, high = ndimage.minimum_filter(panes, 5), ndimage.maximum_filter(panes, 5)
    joints = ndimage.distance_transform_edt((panes == low) | (panes == high))
    ripple = 1 + 0.22 * smooth_noise(panes.shape, 5 * SCALE, window.rng)
    width = SCALE * ripple
    reach = np.minimum(depth / (1.1 * width), outline / (1.75 * width))
    reach = np.minimum(reach, joints / (2.3 * width))
    height = np.sqrt(np.clip(1 - reach**2, 0, 1))
    height = ndimage.gaussian_filter(height, 0.5 * SCALE)
    sheen = np.clip(-np.gradient(height, axis=0) - np.gradient(height, axis=1), -1, 1)
    sheen += 0.03 * smooth_noise(panes.shape, 1.2, window.rng)
    metal = np.array([0.075, 0.07, 0.085]) + 0.35 * np.clip(-sheen, 0, 1)[..., None]
    cover = np.clip((1.05 - reach) * 8, 0, 1)[..., None]
    return glass * (1 - cover) + metal * cover


def paint():
    """The finished window, lit from behind and brightest around the sun."""
    window = Window(np.random.default_rng(1194))
    for lay in (lay_sky, lay_sun, lay_land, lay_trees, lay_frame):
        lay(window)
    panes, motif, kind = dissolve_slivers(window)
    depth = ndimage.distance_transform_edt(~edges(panes))
    glass = colour_glass(window, panes, kind, depth)
    r = np.hypot(window.x - SUN[0], window.y - SUN[1])
    light = 0.66 + 0.85 * np.exp(-((r / 190) ** 2)) + 0.2 * (window.y / 512)
    light *= 1 + 0.13 * fractal_noise(r.shape, 24 * SCALE, window.rng)
    picture = set_lead(window, glass * light[..., None], panes, motif, depth)
    for spread, strength in [(2.5, 0.30), (14, 0.18)]:
        halo = ndimage.gaussian_filter(np.clip(picture, 0, 1.2), (spread * SCALE,) * 2 + (0,))
        picture = picture + strength * halo * (1 - np.clip(picture, 0, 1))
    return shrink(picture)
