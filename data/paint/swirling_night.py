"""A windy night over a valley village, in thick oil: some ten thousand curved bristle strokes laid
along a flow field with vortices, in rings around the stars and in flames up the cypresses, then
lit from the upper left by the relief of the paint itself."""

import numpy as np
from scipy import ndimage

from .common import shrink, smooth_noise

WIDTH, HEIGHT, SCALE = 512, 400, 3  # the picture in px; the canvas is SCALE times as large
UNITS = np.array([SCALE, SCALE, 1, SCALE, SCALE, 1 / SCALE, 1, 1, 1])  # of a stroke's row
VORTICES = ((158, 116, 64, 1.0), (398, 84, 44, -0.9), (26, 222, 34, -0.8), (478, 222, 36, 0.8))
STARS = (  # x, y, radius of the halo; the first is the rising moon
    (322, 206, 66), (46, 54, 33), (258, 44, 27), (482, 34, 30), (232, 178, 20), (92, 210, 25),
    (476, 140, 23), (160, 22, 18), (330, 28, 15), (24, 136, 20), (302, 106, 22), (170, 214, 14),
)  # fmt: skip
SKY = ((9, 14, 56), (18, 34, 112), (28, 62, 158), (40, 106, 190), (74, 160, 196), (168, 210, 190),
       (246, 230, 156))  # fmt: skip
HALO = ((255, 253, 232), (255, 244, 178), (246, 172, 40), (255, 214, 70), (252, 236, 150),
        (200, 224, 170), (110, 184, 196), (48, 116, 190))  # fmt: skip
LEAVES = ((150, 176, 84), (86, 138, 70), (34, 88, 66), (14, 44, 52))
FLAMES = ((8, 16, 34), (14, 44, 52), (36, 84, 54), (128, 136, 54), (226, 160, 62))
HILLS = (  # ridge height, swing, wave length, phase, then dark, middle and light paint
    (270, 15, 62, -3.6, ((24, 30, 100), (44, 74, 156), (110, 150, 196))),
    (302, 14, 83, 2.0, ((12, 36, 76), (28, 92, 112), (120, 176, 130))),
    (354, 14, 95, 3.3, ((84, 62, 34), (206, 148, 46), (255, 226, 116))),
)
HOUSES = (  # x, y of the front's middle on the ground, size, roof paint
    (54, 318, 18, (186, 74, 40)), (106, 313, 17, (70, 96, 170)), (154, 318, 18, (214, 104, 44)),
    (204, 320, 16, (170, 60, 46)), (24, 342, 21, (82, 100, 170)), (80, 342, 23, (216, 96, 40)),
    (136, 345, 21, (160, 54, 48)), (190, 342, 20, (200, 116, 50)),
)  # fmt: skip
BUSHES = ((44, 306, 9), (138, 308, 10), (192, 310, 8), (236, 318, 10), (66, 330, 9), (178, 332, 9))
CYPRESSES = ((452, 112, 24, 5.0), (414, 214, 15, 3.0), (492, 236, 19, 3.0))  # x, y, width, sway


def ramp(paints, value):
    """Mix neighbouring paints of a list: 0 gives the first one, 1 the last one."""
    table, places = np.array(paints) / 255, np.linspace(0, 1, len(paints))
    return np.stack([np.interp(value, places, table[:, k]) for k in range(3)], axis=-1)


def strokes(x, y, angle, length, width, color, bend=0.0):
    """Rows of x, y, angle, length, width, bend, r, g, b; everything in px of the picture."""
    parts = [np.ravel(part) for part in np.broadcast_arrays(x, y, angle, length, width, bend)]
    return np.column_stack([*parts, np.broadcast_to(color, (len(parts[0]), 3))])


def lay(canvas, relief, bristles, row, rng):
    """Brush one stroke onto the canvas: a bent and streaky ribbon of two half-mixed paints."""
    x, y, angle, length, width, bend = row[:6]
    cos, sin, thick = np.cos(angle), np.sin(angle), width / 2 + abs(bend) * length**2 / 8
    span_x = abs(cos) * length / 2 + abs(sin) * thick + 2
    span_y = abs(sin) * length / 2 + abs(cos) * thick + 2
    left, right = (int(np.clip(x + d, 0, canvas.shape[1])) for d in (-span_x, span_x))
    top, bottom = (int(np.clip(y + d, 0, canvas.shape[0])) for d in (-span_y, span_y))
    if left >= right or top >= bottom:
        return
    dy, dx = np.arange(top, bottom)[:, None] - y, np.arange(left, right) - x
    along = dx * cos + dy * sin
    across = dy * cos - dx * sin - bend / 2 * along**2
    ends = np.clip(1 - np.abs(2 * along / length) ** 3, 0, 1)
    edge = width / 2 * np.sqrt(ends) - np.abs(across)
    start = rng.integers(0, 400, 2)
    streak = bristles[(across + start[0]).astype(int) % 512, (along + start[1]).astype(int) % 1024]
    alpha = np.clip(1.6 + 0.7 * streak - 2.2 * np.clip(along / length, 0, 1), 0, 1)
    alpha *= np.clip(edge, 0, 1)
    paint = np.clip(row[6:] + rng.normal(0, 0.07) + rng.normal(0, 0.025, 3), 0.02, 1)
    other = np.clip(paint * rng.uniform(0.7, 1.35) + rng.normal(0, 0.035, 3), 0, 1)
    mix = np.clip(0.5 + 0.5 * streak, 0, 1)[..., None]
    area = np.s_[top:bottom, left:right]
    canvas[area] += alpha[..., None] * (paint + (other - paint) * mix - canvas[area])
    dome = 1.2 * np.minimum(edge / 4, 1) + 0.35 * streak
    relief[area] += alpha * (dome - 0.7 * relief[area])


def wind(rng):
    """Flow direction over the whole picture: a wavy breeze, vortices, rings around the stars."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    u = 0.55 + 0.1 * smooth_noise(x.shape, 30, rng)
    v = 0.3 * np.sin(x / 55 + y / 80) + 0.1 * smooth_noise(x.shape, 30, rng)
    for cx, cy, radius, spin in VORTICES:
        dx, dy, far = (x - cx) / radius, (y - cy) / radius, np.hypot(x - cx, y - cy) / radius
        pull = 3 * np.exp(-(far**2) / 1.6) / (0.2 + far)
        u += pull * (-spin * dy - 0.28 * dx)
        v += pull * (spin * dx - 0.28 * dy)
    for cx, cy, radius in STARS:
        dx, dy, far = x - cx, y - cy, np.hypot(x - cx, y - cy) + 0.1
        pull = 3.5 * np.exp(-((far / radius) ** 4))
        u, v = u - pull * dy / far, v + pull * dx / far
    return np.arctan2(v, u)


def sky_value(angle, rng):
    """Lightness of the sky, 0 to 1: noise drawn out along the wind, spiral arms, a low glow."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    noise, total = smooth_noise(x.shape, 3.2, rng), 0
    for sign in (-1, 1):
        px, py = x.copy(), y.copy()
        for _ in range(22):
            total = total + ndimage.map_coordinates(noise, (py, px), order=1, mode="reflect")
            turn = angle[py.astype(int).clip(0, HEIGHT - 1), px.astype(int).clip(0, WIDTH - 1)]
            px, py = px + 1.5 * sign * np.cos(turn), py + 1.5 * sign * np.sin(turn)
    value = 0.36 + 0.16 * total / total.std() + 0.3 * np.exp(-(((y - 268) / 34) ** 2))
    for cx, cy, radius, spin in VORTICES:
        far = np.hypot(x - cx, y - cy) / radius
        arms = np.cos(2 * np.arctan2(y - cy, x - cx) + spin * 7.1 * np.log(far + 0.15))
        value += np.exp(-(far**2) / 1.3) * (0.08 + 0.33 * arms)
    return np.clip(value, 0, 0.97)


def ridge(hill, x):
    """Height in the picture of a hill's outline at each x, and its direction there."""
    level, swing, wave, phase, _ = hill
    y = level + swing * (np.sin(x / wave + phase) + 0.3 * np.sin(2.3 * x / wave + 1))
    slope = swing / wave * (np.cos(x / wave + phase) + 0.69 * np.cos(2.3 * x / wave + 1))
    return y, np.arctan(slope)


def scatter(step, rng):
    """Stroke centers on a shaken grid over the whole picture, in random order."""
    y, x = np.mgrid[-2 : HEIGHT + 2 : step, -2 : WIDTH + 2 : step].reshape(2, -1)
    x, y = rng.permutation(np.stack([x, y], axis=1) + rng.uniform(-step, step, (len(x), 2)) / 2).T
    return x, y, y.astype(int).clip(0, HEIGHT - 1), x.astype(int).clip(0, WIDTH - 1)


def sky(angle, rng):
    """Three coats of strokes along the wind, each finer than the one below."""
    value, coats = sky_value(angle, rng), []
    for step, length, width in ((7, 25, 7), (5, 22, 5), (7.5, 17, 3.4)):
        x, y, row, col = scatter(step, rng)
        turn, size = angle[row, col], rng.uniform(0.7, 1.25, len(x))
        ahead = [(row + 3 * np.sin(turn)).astype(int), (col + 3 * np.cos(turn)).astype(int)]
        ahead = angle[ahead[0].clip(0, HEIGHT - 1), ahead[1].clip(0, WIDTH - 1)]
        bend = (np.sin(ahead - turn) / 3).clip(-0.07, 0.07)
        color = ramp(SKY, value[row, col] + rng.normal(0, 0.06, len(x)))
        for cx, cy, radius in STARS:
            far = np.hypot(x - cx, y - cy) / radius
            color = np.where(far[:, None] < 0.75, ramp(HALO, far), color)
        length = length * size / (1 + 7 * abs(bend))
        coats.append(strokes(x, y, turn, length, width * size, color, bend)[y < 300])
    return np.concatenate(coats)


def halo(star, paints, rng):
    """Rings of strokes around a star (or a bush), dense near the core and thinning out."""
    cx, cy, radius = star
    rows = []
    for k, far in enumerate(np.arange(radius, 1, -np.clip(radius / 8, 2.2, 4))):
        length = np.clip(0.8 * far, 4, 17)
        turn = np.arange(0, 2 * np.pi, length * 0.62 / far) + rng.uniform(0, 6)
        turn = turn[rng.random(len(turn)) < 1.75 - 1.35 * far / radius]
        shift = 0.05 * (-1) ** k + rng.normal(0, 0.03, len(turn))
        place = far + rng.normal(0, 0.5, len(turn))
        x, y = cx + place * np.cos(turn), cy + place * np.sin(turn)
        size = rng.uniform(0.8, 1.2, len(turn))
        width = size * np.clip(radius / 7, 2.8, 4.8)
        color = ramp(paints, far / radius + shift)
        rows.append(strokes(x, y, turn + np.pi / 2, length * size, width, color, 1 / far))
    rows.append(strokes(cx, cy, 0.5, radius / 4, radius / 5, np.array(paints[0]) / 255))
    return np.concatenate(rows)


def hill_side(hill, rng):
    """One hill: strokes rolling down from its outline, furrows of light paint, a dark contour."""
    x, y, _, _ = scatter(4.4, rng)
    top, slope = ridge(hill, x)
    below = y - top
    furrow = 0.42 + 0.33 * np.sin(below / 3.6 + 2 * np.sin(x / 41)) - below / 260
    color = ramp(hill[4], furrow + rng.normal(0, 0.12, len(x)))
    length, width = rng.uniform(10, 20, len(x)), rng.uniform(3, 5, len(x))
    angle = slope + 0.35 * np.sin(x / 37 + below / 16)
    body = strokes(x, y, angle, length, width, color)[(below > 1) & (below < 90)]
    x = np.arange(-5, WIDTH + 5, 7.0)
    return np.concatenate([body, strokes(x, *ridge(hill, x), 15, 2.6, np.array(hill[4][0]) / 400)])


def river(rng):
    """Water that winds from below the moon to the front, its ripples gold where it mirrors it."""
    x, y, _, _ = scatter(3.2, rng)
    down = (y - 292) / (HEIGHT - 292)
    middle, half = 322 - 60 * down + 26 * np.sin(6 * down), 3 + 70 * np.clip(down, 0, 2) ** 1.4
    side = (x - middle) / half
    ripple = np.sin(y / (0.75 + 0.6 * down) + 2 * np.sin(x / 40))
    gold = np.exp(-(((x - 322 + 40 * down) / (7 + 20 * down)) ** 2)) * (0.8 + 0.5 * ripple)
    value = 0.34 + 0.16 * ripple + 0.62 * gold + 0.2 * side**4 + rng.normal(0, 0.1, len(x))
    length = rng.uniform(0.5, 1, len(x)) * (9 + 10 * down) * (1.05 - 0.6 * abs(side))
    rows = strokes(x, y, rng.normal(0, 0.08, len(x)), length, 2.6 + 1.6 * down, ramp(SKY, value))
    return rows[(down > 0) & (abs(side) < 1)]


def line(start, end, width, color):
    """Straight strokes between two points or two lists of points, one row each."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = np.subtract(x1, x0), np.subtract(y1, y0)
    middle = np.add(x0, dx / 2), np.add(y0, dy / 2)
    return strokes(*middle, np.arctan2(dy, dx), np.hypot(dx, dy) + width / 2, width, color)


def house(x, y, size, roof):
    """A cottage seen from a corner: gable front, long roof to its right, lit windows."""
    wall, ink, roof = np.array([(128, 143, 168), (13, 15, 46), roof]) / 255
    half, long, eave = 0.32 * size, 0.95 * size, y - 0.55 * size
    top, back, across = eave - 1.9 * half, x + half + long, np.linspace(-half, half, 5)
    yard, shift = np.linspace(y, eave, 4), x + np.arange(0, long, 2.4)
    lamps, low, high = x + np.array([0, 0.6, 1.03]) * size, y - 0.16 * size, y - 0.42 * size
    parts = (
        ((x + half, yard), (back, yard), 3, wall * 0.62),
        ((x + across, y), (x + across, eave - 1.9 * (half - abs(across))), 3, wall),
        ((shift, top), (shift + half + 1.5, eave + 1), 3.4, roof),
        ((shift[::2], top), (shift[::2] + half, eave), 1.2, roof * 1.5),
        ((x, top - 1), (x - half - 1.5, eave + 1), 2, ink),
        ((x, top - 1), (x + half, eave), 1.5, ink),
        ((x - half, y + 1), (back, y + 1), 1.8, ink),
        ((x + 0.6 * long, top + 1), (x + 0.6 * long, top - 5), 3, ink * 3),
        ((lamps, low), (lamps, high), 4.6, (0.96, 0.56, 0.1)),
        ((lamps, low), (lamps, high), 2.8, (1, 0.94, 0.5)),
    )
    return np.concatenate([line(*part) for part in parts])


def cypress(tree, rng):
    """A tree of upright flames: bent strokes from the tip down, leaning out from a swaying axis."""
    cx, tip, half, sway = tree
    down = np.sort(rng.random(int((HEIGHT - tip) * half * 0.16)) ** 0.75)
    spread = half * np.minimum(1.25 * down**0.75, 1) * (1 + 0.16 * np.sin(down * 23 + cx))
    side = rng.uniform(-1, 1, len(down))
    axis = cx + sway * np.sin(down * 9)
    lean = 0.5 * side + 0.25 * np.cos(down * 9) + rng.normal(0, 0.1, len(down))
    light = 0.3 + 0.25 * np.sin(side * 9 + down * 30) - 0.2 * side + rng.normal(0, 0.15, len(down))
    y = tip + down * (HEIGHT + 10 - tip)
    length, width = rng.uniform(15, 27, len(y)), rng.uniform(3, 5.5, len(y))
    x, color = axis + side * spread, ramp(FLAMES, light)
    return strokes(x, y, lean - np.pi / 2, length, width, color, -0.05 * side)


def lit(canvas, relief):
    """Light the paint from the upper left, so that ridges of the relief shine and cast shade."""
    down, right = np.gradient(ndimage.gaussian_filter(relief, 0.9))
    shade = np.tanh(3.2 * (down + right))[..., None]
    return canvas * (1 + 0.42 * shade) + 0.13 * np.clip(shade, 0, 1)


def paint():
    """Paint the night from back to front: sky, halos, hills, river, village, cypresses."""
    rng = np.random.default_rng(1889)
    canvas = np.ones((HEIGHT * SCALE, WIDTH * SCALE, 3)) * np.array([0.05, 0.09, 0.26])
    relief = np.zeros(canvas.shape[:2])
    bristles = ndimage.gaussian_filter(rng.standard_normal((512, 1024)), (1.7, 30), mode="wrap")
    bristles /= bristles.std()
    layers = [sky(wind(rng), rng), *(halo(star, HALO, rng) for star in STARS)]
    layers += [*(hill_side(hill, rng) for hill in HILLS), river(rng)]
    layers += [halo(bush, LEAVES, rng) for bush in BUSHES]
    layers += [house(*place) for place in HOUSES]
    layers += [cypress(tree, rng) for tree in CYPRESSES]
    for row in np.concatenate(layers) * UNITS:
        lay(canvas, relief, bristles, row, rng)
    return shrink(lit(canvas, relief), WIDTH)
