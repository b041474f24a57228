"""A robin on a branch, drawn in ink on warm white paper: splines through hand-placed points are
traced with a pen whose pressure varies, nearer shapes are cut out of the lines behind them, and
short ticks that follow the plumage give the shade."""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .common import Sheet, spline

SIZE = 512  # of the picture in px
CROWN = ((158, 155), (162, 140), (174, 122), (196, 108), (222, 106), (244, 117), (259, 138),
         (272, 163), (294, 188), (326, 214), (358, 242), (384, 270), (402, 292))  # fmt: skip
BREAST = ((161, 177), (159, 190), (149, 210), (140, 240), (143, 275), (159, 307), (186, 334),
          (222, 350), (262, 354), (302, 348), (338, 336), (374, 322))  # fmt: skip
BEAK = ((158, 155), (145, 158), (134, 163), (121, 172)), ((121, 172), (132, 174), (161, 178))
WING_TOP = ((204, 206), (226, 186), (256, 186), (292, 206), (332, 240), (374, 280), (430, 332))
WING_LOW = ((204, 206), (196, 234), (206, 268), (238, 296), (290, 314), (352, 325), (430, 332))
BIB = ((150, 150), (170, 128), (190, 128), (202, 148), (206, 176), (204, 206), (196, 232),
       (200, 262), (190, 284), (160, 292), (130, 280), (130, 200))  # fmt: skip
FLOW = (  # x, y, direction of the plumage in degrees
    (180, 125, -35), (215, 110, 8), (262, 138, 52), (330, 215, 47), (200, 170, 55), (165, 195, 95),
    (152, 250, 84), (168, 305, 55), (215, 342, 22), (290, 345, -8), (195, 290, 60), (385, 300, 35),
)  # fmt: skip
BRANCH = (((-12, 371), (60, 369), (120, 376), (190, 373), (260, 379), (340, 384), (410, 399),
           (470, 407), (530, 424)), ((-12, 400), (70, 398), (130, 405), (200, 401), (270, 406),
           (350, 409), (420, 423), (480, 428), (530, 441)))  # fmt: skip
TWIGS = (((96, 378), (84, 350), (70, 320), (62, 284), (62, 250), (70, 214)),
         ((356, 404), (346, 424), (330, 446), (308, 462)), ((350, 414), (352, 436), (362, 454)),
         ((540, 38), (496, 62), (448, 76), (404, 80), (370, 92)))  # fmt: skip
LEAVES = (  # base, tip, half width, bend
    ((70, 216), (94, 152), 16, 8), ((62, 256), (18, 204), 16, 10), ((64, 274), (118, 240), 15, -8),
    ((70, 318), (16, 290), 15, -7), ((82, 345), (136, 318), 13, -7),
    ((309, 461), (250, 494), 16, 8), ((334, 440), (284, 424), 12, -6),
    ((354, 430), (418, 446), 15, 7), ((372, 91), (312, 72), 15, 9),
    ((404, 81), (366, 136), 16, -8), ((446, 76), (408, 26), 15, 8), ((480, 67), (458, 126), 16, 7),
)  # fmt: skip
BERRIES = ((394, 474, 8.5), (346, 490, 8.5), (370, 482, 9.5))
PART = np.linspace(0, 1, 61)
LEAF, PLUME = np.sin(np.pi * PART**0.8) ** 0.9, (0.75 + 0.3 * PART) * np.sqrt(1 - PART**7)
CIRCLE = np.stack([np.cos(2 * np.pi * PART), np.sin(2 * np.pi * PART)], axis=1)


def blade(sheet, base, tip, half, bend=0.0, shape=LEAF, hatch=0.85, width=2.1):
    """A leaf or a feather: midrib, outline, one half hatched; a leaf also has veins."""
    base, tip = np.array((base, tip), float)
    length = np.hypot(*(tip - base))
    normal = np.array([base[1] - tip[1], tip[0] - base[0]]) / length
    rib = spline(base, (base + tip) / 2 + bend * normal, tip, count=61)
    swell = half * shape[:, None] * normal
    sheet.clear(np.concatenate([rib + swell, (rib - swell)[::-1]]))
    for k in range(4, int(58 * hatch), max(1, round(125 / length))):
        sheet.line(np.stack([rib[k], rib[k + 5] + 0.9 * swell[k + 5]]), 0.9, 190)
    for k in range(8, 50, 7) if shape is LEAF else ():
        for side in (swell, -swell):
            sheet.line(np.stack([rib[k], rib[k + 8] + 0.88 * side[k + 8]]), 1.2)
    sheet.line(rib[:57], 0.8 * width)
    sheet.line(np.concatenate([rib + swell, (rib - swell)[::-1]]), width)


def inside(outline):
    """Mask of a closed shape on the grid of the picture, as floats."""
    mask = Image.new("L", (SIZE, SIZE), 0)
    ImageDraw.Draw(mask).polygon([tuple(point) for point in outline], fill=1)
    return np.asarray(mask, float)


def shade(body):
    """Darkness of the plumage: underside, bib, back and the shadow below the wing."""
    mask, y = inside(body), np.arange(SIZE)[:, None]
    depth = ndimage.gaussian_filter(np.sqrt(ndimage.distance_transform_edt(mask)), 7)
    bib = ndimage.gaussian_filter(inside(spline(*BIB, BIB[0])), 4)
    back = 1 / (1 + np.exp((y - 132 - 0.95 * (np.arange(SIZE) - 205)) / 9))
    folded = inside(np.concatenate([spline(*WING_TOP), spline(*WING_LOW)[::-1]]))
    below = ndimage.gaussian_filter(ndimage.shift(folded, (9, -2), order=0), 4)
    under = np.clip(-3 * np.gradient(depth, axis=0), 0, 1)
    return (0.9 * under + 0.64 * bib + 0.3 * back + 0.9 * below + 0.03) * (depth > 1.1) * mask


def plumage(sheet, body):
    """Fine ticks along the feathers, the denser the darker the plumage."""
    tone, turn = shade(body), np.radians([degrees for _, _, degrees in FLOW])
    y, x = np.mgrid[90:360:3.4, 110:410:3.4].reshape(2, -1)
    for px, py in np.stack([x, y], axis=1) + sheet.rng.uniform(-2, 2, (len(x), 2)):
        if sheet.rng.random() > tone[int(py), int(px)]:
            continue
        near = np.array([1 / (np.hypot(px - ax, py - ay) + 4) ** 3 for ax, ay, _ in FLOW])
        angle = np.arctan2(near @ np.sin(turn), near @ np.cos(turn)) + sheet.rng.normal(0, 0.12)
        step = np.array([np.cos(angle), np.sin(angle)]) * sheet.rng.uniform(3, 6)
        bow = step[::-1] * (-1, 1) * sheet.rng.normal(0.06, 0.1)
        tick = spline((px, py) - step, (px, py) + bow, (px, py) + step, count=9)
        sheet.line(tick, sheet.rng.uniform(0.8, 1.35), 205)


def wing(sheet):
    """The folded wing: flight feathers first, then rows of coverts up to the shoulder."""
    top, low = spline(*WING_TOP, count=201), spline(*WING_LOW, count=201)
    sheet.clear(np.concatenate([top, low[::-1]]))
    rows = [(0.3, side, 0.7 - 0.3 * (1 - side) ** 1.3, 5.0, 0.36)
            for side in np.linspace(0.96, 0.06, 10)]  # fmt: skip
    for part, count, length in ((0.34, 8, 0.17), (0.23, 8, 0.15), (0.13, 6, 0.14), (0.05, 4, 0.12)):
        rows += [(part, side, length, 6.1, 0.5) for side in np.linspace(0.93, 0.1, count)]
    for part, side, length, half, hatch in rows:
        first, last = (round(200 * min(place, 1)) for place in (part, part + length))
        base, tip = (top[k] + side * (low[k] - top[k]) for k in (first, last))
        hatch += sheet.rng.uniform(-0.08, 0.08)
        blade(sheet, base, tip, half, 0, PLUME, hatch, 1.5)
    sheet.line(low, 2.4)
    sheet.line(top, 2.0)


def head(sheet):
    """Beak and eye, each with its highlight."""
    upper, lower = (spline(*edge) for edge in BEAK)
    sheet.clear(np.concatenate([upper, lower]))
    for lift in np.arange(0, 5, 1.1):
        sheet.line(spline((127 + lift, 170), (144, 166 - lift), (159, 164 - lift)), 0.9)
    sheet.line(upper, 2.4)
    sheet.line(lower, 2.0)
    sheet.line(spline((122, 172.5), (144, 169), (168, 171)), 1.7)
    for x, y, radius, tone in ((186, 148, 11, 0), (186, 148, 8.4, 245), (183, 144.5, 2.4, 0)):
        sheet.clear(CIRCLE * radius + (x, y), tone)
    sheet.line(CIRCLE * (11, 10.4) + (186, 148), 1.2)
    sheet.line(spline((173, 140), (184, 134.5), (196, 138)), 1.4)


def branch(sheet):
    """The branch with its bark, darker underneath; twigs with leaves and berries."""
    for twig in TWIGS:
        sheet.line(spline(*twig), 4.2, shake=0.8)
    for leaf in LEAVES:
        blade(sheet, *leaf)
    for x, y, radius in BERRIES:
        sheet.line(spline((361, 452), ((x + 362) / 2, y - 21), (x, y)), 1.6)
        sheet.clear(CIRCLE * radius + (x, y))
        for far in np.arange(0.25, 1, 0.16):
            sheet.line(CIRCLE[:18] * far * radius + (x, y), 1.1, 200)
        sheet.line(CIRCLE * radius + (x, y), 1.9)
    top, low = (spline(*edge, count=900) for edge in BRANCH)
    sheet.clear(np.concatenate([top, low[::-1]]))
    for first in sheet.rng.integers(0, 860, 150):
        grain = np.s_[first : first + sheet.rng.integers(25, 110)]
        bark = top[grain] + sheet.rng.random() ** 0.6 * (low - top)[grain]
        sheet.line(bark, sheet.rng.uniform(0.8, 1.5), 215, 1.2)
    for k in range(4, 890, 5):
        start = low[k] + sheet.rng.uniform(0.25, 0.5) * (top - low)[k]
        sheet.line(np.stack([start, low[k + 6] - (0, 1)]), 1.0, 200)
    sheet.line(top, 2.4, shake=1.5)
    sheet.line(low, 3.2, shake=1.5)


def feet(sheet):
    """Two thin legs, each with toes that grip the branch and a claw on every toe."""
    for x, y in ((222, 374), (270, 378)):
        for dx in (x - 2.8, x + 2.8):
            sheet.line(spline((dx + 7, y - 26), (dx + 2, y - 12), (dx, y)), 1.9)
        for dx, drop in ((8, 13), (-14, 12), (-7, 16), (0.5, 17)):
            end = np.array([x + dx * 1.15, y + drop])
            toe = spline((x, y - 3), (x + dx * 0.8, y - 3), (x + dx * 1.2, y + drop * 0.5), end)
            sheet.line(toe, 6.2)
            sheet.line(toe[8:-9], 3.6, 0)
            sheet.line(spline(end, end + (1.0, 4), end + (3.5, 7)), 2.0)


def paint():
    """Draw the branch, then the bird on it, and let the ink dry into the paper."""
    sheet = Sheet(1859, SIZE, SIZE)
    branch(sheet)
    for k in range(6):
        tip = (490 - 4 * k, 352 + 4 * k)
        blade(sheet, (366 - k, 278 + 6.5 * k), tip, 6.5, 0, PLUME, 0.62, 1.7)
    crown, breast = spline(*CROWN), spline(*BREAST)
    body = np.concatenate([crown, breast[::-1]])
    sheet.clear(body)
    feet(sheet)
    plumage(sheet, body)
    sheet.line(crown, 2.8, shake=0.8)
    sheet.line(breast, 2.8, shake=0.8)
    wing(sheet)
    head(sheet)
    return sheet.dry()
