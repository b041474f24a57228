"""A lighthouse on its rocks with a sailing boat, drawn in ink from the clouds to the near waves:
open paper inside closed contours, hatching that follows the shapes where they turn from the sun."""

import numpy as np

from .common import Sheet, spline

WIDTH, HEIGHT = 512, 400
HORIZON = 252
CLOUDS = (  # lobes (x, y, radius), each cloud cut off flat at its base
    (102, ((34, 92, 14), (56, 80, 21), (86, 66, 28), (120, 74, 25), (148, 88, 17))),
    (62, ((226, 54, 11), (246, 43, 17), (270, 47, 14), (290, 56, 9))),
    (148, ((420, 140, 12), (442, 127, 19), (470, 118, 24), (502, 128, 21), (530, 138, 14))),
)
GULLS = ((196, 118, 15, -8), (232, 138, 11, 6), (176, 152, 9, -4), (296, 96, 11, -10),
         (424, 60, 13, 8), (456, 78, 9, -6))  # x, y, span, lean  # fmt: skip
AXIS, FOOT, TOP = 352, 258, 120  # of the tower
SIDE = ((32, 258), (27, 240), (23.5, 205), (20.5, 160), (18.5, 120))  # half width at a height
SHORE = ((222, 316), (230, 298), (243, 292), (250, 281), (266, 277), (274, 266), (292, 264),
         (304, 256), (330, 257), (400, 258), (462, 257), (474, 263), (492, 264),
         (516, 272))  # fmt: skip
SURF = ((200, 334), (250, 340), (300, 348), (345, 345), (400, 356), (450, 357), (520, 348))
TUFTS = ((311, 262), (396, 266), (424, 268), (456, 267), (478, 266), (340, 268), (374, 266))
# Rocks, the farther ones first: outline, lines of the inner edges, shaded face.
ROCKS = (
    (((232, 322), (228, 304), (240, 291), (252, 282), (268, 278), (280, 286), (292, 330)),
     ((240, 291), (254, 297), (262, 316)), ((252, 282), (268, 278), (280, 286), (292, 330),
      (262, 326), (262, 316), (254, 297))),
    (((270, 334), (266, 296), (276, 268), (294, 263), (316, 268), (330, 292), (338, 338)),
     ((276, 268), (290, 280), (294, 304)), ((294, 263), (316, 268), (330, 292), (338, 338),
      (304, 338), (294, 304), (290, 280))),
    (((418, 346), (424, 300), (440, 274), (470, 264), (494, 266), (520, 276), (520, 350)),
     ((440, 274), (456, 286), (462, 312)), ((494, 266), (520, 276), (520, 350), (476, 350),
      (462, 312), (480, 290))),
    (((318, 344), (322, 306), (338, 280), (366, 272), (398, 278), (418, 304), (428, 350)),
     ((338, 280), (360, 292), (366, 318)), ((366, 272), (398, 278), (418, 304), (428, 350),
      (378, 346), (366, 318), (374, 296))),
    (((206, 334), (214, 318), (232, 312), (248, 320), (256, 338)),
     ((214, 318), (226, 322), (230, 334)), ((232, 312), (248, 320), (256, 338), (236, 338),
      (230, 326))),
    (((392, 362), (400, 336), (420, 326), (442, 332), (456, 364)),
     ((400, 336), (416, 342), (420, 358)), ((420, 326), (442, 332), (456, 364), (424, 362),
      (420, 346))),
    (((286, 352), (292, 330), (308, 322), (328, 328), (340, 354)),
     ((292, 330), (306, 334), (310, 348)), ((308, 322), (328, 328), (340, 354), (314, 352),
      (308, 336))),
)  # fmt: skip


def sky(sheet):
    """Clouds with flat bases, and gulls of two strokes each."""
    for base, lobes in CLOUDS:
        sheet.puffs(lobes)
        left, right = lobes[0][0] - 26, lobes[-1][0] + 26
        sheet.clear(
            np.array([(left, base - 2), (right, base - 2), (right, base + 40), (left, base + 40)])
        )
        sheet.line(spline((left + 6, base), (left + 60, base - 0.8), (right - 8, base)), 2.0)
        for x, y, radius in lobes[1:-1]:
            turn = np.linspace(-0.25, 1.15, 30)
            arc = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 0.66 * radius
            sheet.line(arc + (x, y), 1.3, 215)
        sheet.line(np.array([(left + 22, base + 6.0), ((left + right) / 2, base + 5.6)]), 1.3, 215)
    for x, y, span, lean in GULLS:
        tilt = lean / 20 * span
        left = (x - span, y + tilt * 0.5), (x - 0.55 * span, y - 0.4 * span), (x, y)
        right = (x, y), (x + 0.55 * span, y - 0.45 * span - tilt * 0.3), (x + span, y - tilt * 0.5)
        sheet.line(spline(*left), 2.4)
        sheet.line(spline(*right), 2.4)


def coast(sheet):
    """The horizon, and two far headlands on it."""
    sheet.line(np.array([(-6.0, HORIZON), (260, HORIZON), (520, HORIZON)]), 1.7, shake=0.3)
    far = spline((-8, 236), (16, 230), (40, 235), (66, 238), (84, 246), (100, HORIZON))
    land = np.concatenate([far, [(100, HORIZON), (-8, HORIZON)]])
    sheet.clear(land)
    sheet.hatch(land, 108, 6, 1.0, 180, 0.5)
    sheet.line(far, 1.9)
    sheet.straight((-8, HORIZON), (100, HORIZON), width=1.6)


def waves(sheet, first, last):
    """Rows of short swells that grow and part the nearer they come."""
    y = float(first)
    while y < last:
        near = (y - HORIZON) / (HEIGHT - HORIZON)
        x = -30 + 60 * sheet.rng.random()
        while x < WIDTH:
            long = sheet.rng.uniform(0.6, 1.4) * (16 + 46 * near)
            tall = (1.2 + 5.2 * near) * sheet.rng.uniform(0.6, 1.1)
            dip = y + sheet.rng.normal(0, 0.6 + 2 * near)
            swell = np.array([(0, 0), (0.28, 0.3), (0.55, -1), (0.74, -0.35), (1, 0.2)])
            swell = swell * (long, tall) + (x, dip)
            sheet.line(spline(*swell), 1.2 + 1.3 * near)
            if near > 0.35:
                sheet.line(spline(*(swell[1:4] + (3, 0.9 * tall))), 1.1, 210)
            x += long + sheet.rng.uniform(0.5, 1.8) * (18 + 34 * near)
        y += 6 + 17 * near


def rocks(sheet):
    """Rock upon rock, each with a lit top and a face in shade; grass where the tower stands."""
    land = np.array([*SHORE, (520, 352), (226, 332)], float)
    sheet.clear(land)
    for outline, edges, shade in ROCKS:
        sheet.clear(np.array(outline, float))
        sheet.hatch(shade, 76, 3.6, 1.15, 215, 0.28)
        sheet.straight(*edges, width=1.5)
        sheet.straight(*outline, width=2.6)
    sheet.line(spline(*SHORE[6:]), 2.2, shake=0.8)


def grass(sheet):
    """Tufts on the ground around the tower and the house."""
    for x, foot in TUFTS:
        for lean in (-4, -1.5, 1, 3.5):
            tip = (x + 1.7 * lean, foot - sheet.rng.uniform(4, 7))
            sheet.line(spline((x + 0.4 * lean, foot), (x + 0.8 * lean, foot - 3), tip), 1.3)


def surf(sheet):
    """Foam along the rocks, with ripples below it that break off here and there."""
    x = np.cumsum(sheet.rng.uniform(4, 10, 60)) + 192
    x = x[x < WIDTH + 10]
    y = np.interp(x, *np.transpose(SURF))
    size = sheet.rng.uniform(4, 10, len(x))
    sheet.puffs(np.column_stack([x, y + sheet.rng.normal(0, 2.5, len(x)), size]), 2.0)
    for drop, width in ((14, 1.8), (22, 1.4)):
        for k in range(0, len(x) - 8, 9):
            first = k + sheet.rng.integers(0, 3)
            crest = np.column_stack([x, y + drop + 1.6 * (-1) ** (np.arange(len(x)) // 2)])
            sheet.line(spline(*crest[first : first + 6 : 2]), width)


def half_width(y):
    """Half the tower's width at a height of the picture."""
    wide, tall = np.transpose(SIDE[::-1])
    return np.interp(y, tall, wide)


def ring(y, bulge=0.16):
    """The front half of a level ring around the tower, from its left edge to its right one."""
    turn = np.linspace(np.pi, 0, 40)
    half = half_width(y)
    return np.stack([AXIS + half * np.cos(turn), y + bulge * half * np.sin(turn)], axis=1)


def tower(sheet):
    """The banded tower: bands hatched along their rings, white ones shaded on the right."""
    left = spline(*((AXIS - half, y) for half, y in SIDE))
    right = spline(*((AXIS + half, y) for half, y in SIDE))
    sheet.clear(np.concatenate([left, right[::-1], ring(FOOT)[::-1]]))
    levels = np.linspace(FOOT, TOP, 6)
    for k, (low, high) in enumerate(zip(levels[:-1], levels[1:], strict=True)):
        if k % 2:
            for y in np.arange(high + 1.6, low - 0.5, 2.5):
                sheet.line(ring(y), 1.9, 230, shake=0.2)
        else:
            for y in np.arange(high + 2.5, low - 1, 3.6):
                last = sheet.rng.integers(25, 30)
                sheet.line(ring(y)[last:], 1.1, 205, shake=0.2)
        sheet.line(ring(high), 2.0)
    for edge in (left, right):
        sheet.line(edge, 2.8)
    sheet.line(ring(FOOT), 2.4)
    for y, tall in ((243, 12), (189, 7), (135, 6)):
        window(sheet, AXIS - 5, y, 4.2 if tall < 12 else 6.2, tall)


def window(sheet, x, y, half, tall):
    """An opening with a round top: a frame, and dark inside."""
    turn = np.linspace(np.pi, 2 * np.pi, 24)
    arch = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    feet = np.array([(half, tall), (-half, tall)])
    for grow, tone in ((2.4, 0), (0, 225)):
        shape = np.concatenate([arch * (half + grow), feet + (np.sign(feet) * grow)])
        sheet.clear(shape + (x, y), tone)
        if not tone:
            sheet.line(np.concatenate([shape, shape[:1]]) + (x, y), 1.7)


def lantern(sheet):
    """The gallery with its railing, the glass with the lamp, the domed roof."""

    def bar(y, half, tall, width=2.0):
        """A level part, as wide to the left as to the right."""
        sheet.block((AXIS - half, y), (AXIS + half, y), (AXIS + half, y + tall),
                    (AXIS - half, y + tall), width=width)  # fmt: skip

    sheet.block((AXIS - 18, 126), (AXIS - 27, 114), (AXIS + 27, 114), (AXIS + 18, 126), width=2.0)
    sheet.hatch(((AXIS, 126), (AXIS, 114), (AXIS + 27, 114), (AXIS + 18, 126)), 60, 3, 1.1)
    bar(80, 13, 30, 2.2)
    for x in (-4.5, 4.5):
        sheet.straight((AXIS + x, 80), (AXIS + x, 110), width=1.5)
    sheet.straight((AXIS - 13, 90), (AXIS + 13, 90), width=1.4)
    lamp = np.linspace(0, 2 * np.pi, 40)
    lamp = np.stack([4.2 * np.cos(lamp), 7 * np.sin(lamp)], axis=1) + (AXIS, 95)
    sheet.clear(lamp)
    sheet.line(lamp, 1.6)
    for x in np.arange(-29, 30, 5.8):
        sheet.straight((AXIS + x, 99), (AXIS + x, 110), width=1.4)
    sheet.straight((AXIS - 31, 98.5), (AXIS + 31, 98.5), width=1.9)
    bar(110, 30, 4.5)
    dome = spline((AXIS - 16, 80), (AXIS - 12, 71), (AXIS, 64), (AXIS + 12, 71), (AXIS + 16, 80))
    sheet.clear(dome)
    for part in (0.9, 0.6, 0.25):
        sheet.line((dome[75:] - (AXIS, 80)) * (part, 1) + (AXIS, 80), 1.3)
    sheet.line(dome, 2.4)
    bar(79, 17.5, 3.4, 1.9)
    sheet.straight((AXIS, 65), (AXIS, 50), width=2.2)
    ball = np.linspace(0, 2 * np.pi, 30)
    sheet.clear(np.stack([np.cos(ball), np.sin(ball)], axis=1) * 2.6 + (AXIS, 60), 235)


def cottage(sheet):
    """The keeper's house, seen from its gable, with a chimney."""
    sheet.block((436, 212), (436, 190), (446, 190), (446, 212))
    sheet.hatch(((441, 212), (441, 190), (446, 190), (446, 212)), 90, 2)
    sheet.block((434, 191), (434, 187), (448, 187), (448, 191), width=1.7)
    sheet.block((414, 226), (464, 226), (464, 259), (414, 259))
    sheet.block((390, 227), (402, 205), (414, 227), (414, 259), (390, 259))
    roof = (402, 202), (454, 202), (469, 229), (418, 229)
    sheet.block(*roof, width=2.4)
    for part in np.linspace(0.2, 0.8, 4):
        ends = [
            np.array(roof[a]) + part * (np.array(roof[b]) - roof[a]) for a, b in ((0, 3), (1, 2))
        ]
        sheet.straight(*ends, width=1.2, over=-2)
    sheet.hatch(roof, 62, 5.2, 1.0, 190, 0.4)
    sheet.straight((386, 230), (402, 202), (418, 229), width=2.8)
    for x, wide in ((424, 9), (450, 9)):
        sheet.block((x, 236), (x + wide, 236), (x + wide, 248), (x, 248), width=1.6)
        sheet.straight((x + wide / 2, 236), (x + wide / 2, 248), width=1.2)
        sheet.straight((x, 242), (x + wide, 242), width=1.2)
    sheet.block((437, 238), (445, 238), (445, 259), (437, 259), width=1.6)
    sheet.hatch(((437, 238), (445, 238), (445, 259), (437, 259)), 90, 1.9, 1.1)
    window(sheet, 402, 233, 3.4, 6)


def boat(sheet):
    """A small sailing boat that heels a little, and its broken reflection."""
    hull = spline((76, 288), (90, 292), (122, 294), (150, 291), (172, 284), count=60)
    keel = spline((172, 284), (162, 300), (146, 307), (108, 308), (86, 304), (76, 288), count=60)
    main = np.concatenate([spline((128, 188), (146, 222), (170, 268), count=40),
                           spline((170, 268), (150, 275), (129, 276), count=20)])  # fmt: skip
    jib = np.concatenate([spline((123, 196), (102, 240), (84, 279), count=40),
                          spline((84, 279), (104, 279), (122, 274), count=20)])  # fmt: skip
    sheet.clear(np.concatenate([hull, keel]))
    sheet.clear(np.array([(84.0, 279), (170, 268), (172, 286), (122, 295), (78, 289)]))
    sheet.straight((126, 292), (126, 178), width=3.0)
    for sail in (main, jib):
        sheet.clear(sail)
        sheet.line(np.concatenate([sail, sail[:1]]), 2.3)
    for part in (0.3, 0.52, 0.74):
        at = np.array([128.5, 188 + part * 88])
        sheet.line(spline(at, at + (20 * part, 2), main[int(40 * part * 0.97)]), 1.1, 210)
    sheet.hatch(np.concatenate([jib[20:], [(116, 240)]]), 100, 4, 1.0, 200, 0.5)
    sheet.straight((129, 279), (174, 271), width=2.2)
    pennant = spline((126, 178), (136, 175), (142, 180), (152, 177), count=40)
    flag = np.concatenate([pennant, [(126, 186)]])
    sheet.clear(flag, 225)
    sheet.hatch(np.concatenate([hull + (0, 5), keel[:50]]), 4, 2.6, 1.4, 225)
    sheet.line(hull, 2.4)
    sheet.line(hull + (0, 4.5), 1.4)
    sheet.line(keel, 2.8)
    for y, x, long in ((311, 80, 90), (317, 92, 64), (323, 104, 44), (329, 98, 26), (334, 116, 20)):
        points = [
            (x + long * part, y + 1.4 * (-1) ** k) for k, part in enumerate(np.linspace(0, 1, 7))
        ]
        sheet.line(spline(*points), 1.7)


def paint():
    """Draw from the sky forwards: whatever is nearer is cut out of what lies behind it."""
    sheet = Sheet(1823, WIDTH, HEIGHT)
    sky(sheet)
    coast(sheet)
    waves(sheet, HORIZON + 9, HEIGHT + 10)
    sheet.clear(spline((70, 290), (84, 312), (126, 338), (168, 312), (176, 288)))
    boat(sheet)
    rocks(sheet)
    surf(sheet)
    cottage(sheet)
    tower(sheet)
    lantern(sheet)
    grass(sheet)
    return sheet.dry()
