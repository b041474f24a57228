"""A half-timbered house with its tree, drawn in ink from the hills to the fence: open paper inside
closed contours, dark beams on white plaster, tiles and leaves hinted at by a few strokes."""

import numpy as np

from .common import Sheet, spline

WIDTH, HEIGHT = 512, 400
# The house: corners of the gable in front and of the long side that runs off to the right.
SILL, EAVE, APEX = 318, 222, (222, 128)
LEFT, CORNER, FAR = 166, 278, (424, 308)
ROOF = ((222, 124), (372, 132), (440, 226), (290, 232))
CLOUDS = (  # lobes (x, y, radius), each cloud cut off flat at its base
    (58, ((214, 48, 11), (234, 37, 17), (260, 42, 15), (280, 52, 10))),
    (92, ((418, 82, 13), (440, 70, 19), (468, 64, 23), (496, 76, 18), (520, 86, 12))),
)
HILLS = (  # ridges, the farther one first
    ((-8, 196), (40, 176), (96, 172), (160, 190), (240, 206), (330, 190), (420, 168), (520, 178)),
    ((-8, 232), (60, 236), (140, 250), (300, 256), (420, 238), (470, 222), (520, 216)),
)
CROWN = (  # leaves of the tree, back to front: x, y, radius
    (44, 150, 30), (82, 118, 32), (116, 146, 30), (30, 190, 28), (134, 186, 25), (64, 96, 22),
    (102, 104, 20), (56, 178, 32), (104, 184, 34), (82, 150, 34), (70, 212, 22),
)  # fmt: skip
PATH = (((226, 322), (222, 336), (196, 350), (150, 372), (126, 410)),
        ((248, 322), (250, 338), (246, 356), (252, 378), (272, 410)))  # fmt: skip
STONES = ((232, 333, 6), (218, 344, 8), (240, 348, 7), (204, 358, 9), (230, 362, 9),
          (176, 374, 11), (208, 378, 12), (240, 382, 10), (160, 394, 12),
          (196, 398, 12))  # fmt: skip


def sky(sheet):
    """Two clouds with flat bases and three birds."""
    for base, lobes in CLOUDS:
        sheet.puffs(lobes)
        left, right = lobes[0][0] - 22, lobes[-1][0] + 22
        sheet.clear(
            np.array([(left, base - 2), (right, base - 2), (right, base + 40), (left, base + 40)])
        )
        sheet.line(spline((left + 4, base), (left + 50, base - 0.8), (right - 6, base)), 2.0)
        for x, y, radius in lobes[1:-1]:
            turn = np.linspace(-0.25, 1.15, 30)
            arc = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 0.66 * radius
            sheet.line(arc + (x, y), 1.3, 215)
    for x, y, span in ((156, 74, 11), (178, 92, 9), (134, 58, 8)):
        for side in (-1, 1):
            sheet.line(
                spline((x, y), (x + 0.5 * side * span, y - 0.5 * span), (x + side * span, y)), 2.2
            )


def hills(sheet):
    """Two ridges, fields on the farther one, and the church of the village behind the house."""
    for ridge in HILLS:
        top = spline(*ridge)
        land = np.concatenate([top, [(520, 300), (-8, 300)]])
        sheet.clear(land)
        sheet.line(top, 2.0, shake=0.7)
        if ridge is HILLS[0]:
            fields(sheet)
    church(sheet, 470, 220)
    for x, y, radius in ((446, 222, 9), (492, 212, 11), (505, 214, 9), (430, 230, 7)):
        sheet.puffs(((x - 0.6 * radius, y, 0.7 * radius), (x + 0.6 * radius, y, 0.7 * radius),
                     (x, y - 0.5 * radius, 0.8 * radius)), 1.6)  # fmt: skip


def fields(sheet):
    """Field edges and furrows on the far hill."""
    for edge in (((396, 174), (410, 190), (404, 216)), ((452, 171), (480, 186), (500, 204)),
                 ((150, 190), (172, 206), (176, 226))):  # fmt: skip
        sheet.line(spline(*edge), 1.4)
    for k in range(7):
        start = np.array([458 + 9 * k, 176 + 0.6 * k])
        sheet.line(spline(start, start + (12, 10), start + (26, 24)), 1.0, 190)


def church(sheet, x, y):
    """A small church: a tower with a spire, and its nave to the right."""
    sheet.block((x, y - 16), (x + 22, y - 16), (x + 22, y), (x, y), width=1.6)
    sheet.block((x, y - 15), (x + 4, y - 26), (x + 20, y - 26), (x + 25, y - 15), width=1.7)
    sheet.hatch(((x, y - 15), (x + 4, y - 26), (x + 20, y - 26), (x + 25, y - 15)), 60, 2.6)
    sheet.block((x - 10, y - 30), (x, y - 30), (x, y), (x - 10, y), width=1.8)
    sheet.block((x - 12, y - 29), (x - 5, y - 54), (x + 2, y - 29), width=1.8)
    sheet.hatch(((x - 5, y - 54), (x + 2, y - 29), (x - 4, y - 29)), 80, 2)
    sheet.straight((x - 5, y - 54), (x - 5, y - 61), width=1.3)
    sheet.straight((x - 7.5, y - 58.5), (x - 2.5, y - 58.5), width=1.3)


def beam(sheet, start, end, thick=6.5):
    """A beam of dark wood: two contours, and grain along it."""
    start, end = np.array((start, end), float)
    way = (end - start) / np.hypot(*(end - start))
    across = thick / 2 * np.array([-way[1], way[0]])
    shape = np.array([start + across, end + across, end - across, start - across])
    sheet.clear(shape)
    sheet.hatch(shape, np.degrees(np.arctan2(way[1], way[0])), 1.9, 1.5, 225)
    sheet.straight(*shape, shape[0], width=1.6)


def panes(sheet, x, y, wide, tall, lean=0.0):
    """A window with its bars, a sill and two shutters; `lean` is its fall to the right."""

    def at(u, v):
        """A point of the window, from its upper left corner."""
        return x + u, y + v + lean * u

    def board(u0, u1, v0, v1, width):
        """A flat part of the window."""
        sheet.block(at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1), width=width)

    shutter = 0.42 * wide
    for side in (-shutter, wide):
        board(side, side + shutter, 0, tall, 1.7)
        for v in np.arange(3, tall - 1, 3.2):
            sheet.straight(at(side + 1.5, v), at(side + shutter - 1.5, v), width=1.1, over=0)
    board(0, wide, 0, tall, 2.0)
    sheet.straight(at(0.5 * wide, 0), at(0.5 * wide, tall), width=1.7)
    for v in (0.36 * tall, 0.7 * tall):
        sheet.straight(at(0, v), at(wide, v), width=1.2)
    board(-2, wide + 2, tall, tall + 3.2, 1.5)


def roof(sheet):
    """The long roof with its rows of tiles, the bargeboards of the gable and the chimney."""
    sheet.block((330, 150), (330, 98), (350, 98), (350, 150), width=2.2)
    sheet.hatch(((342, 150), (342, 98), (350, 98), (350, 150)), 90, 2.4)
    sheet.block((326, 99), (326, 92), (354, 92), (354, 99), width=2.0)
    top, low = np.array(ROOF[:2], float), np.array(ROOF[:1:-1], float)
    sheet.block(*ROOF, width=2.8)
    rows = 11
    for row in range(1, rows):
        left, right = top + row / rows * (low - top)
        sheet.line(np.stack([left + (1, 0), (left + right) / 2, right - (1, 0)]), 1.4)
        for part in (np.arange(0, 1, 1 / 17) + (row % 2) / 34)[1:]:
            if sheet.rng.random() < 0.62:
                foot = left + part * (right - left)
                sheet.line(np.stack([foot, foot - (low - top)[0] / rows * 0.9]), 1.2, 215)
    for start, end in (((154, 236), (222, 126)), ((290, 236), (222, 126))):
        beam(sheet, start, end, 8)


def house(sheet):
    """White walls, then the beams on them, windows, door and roof."""
    far, under = FAR, (424, 222)
    side = (CORNER, EAVE), under, far, (CORNER, SILL)
    gable = (LEFT, SILL), (LEFT, EAVE), APEX, (CORNER, EAVE), (CORNER, SILL)
    sheet.block(*side)
    sheet.block(*gable)
    beam(sheet, (CORNER, SILL - 3), (far[0], far[1] - 3), 7)
    for x in (326, 376, 421):
        part = (x - CORNER) / (far[0] - CORNER)
        beam(sheet, (x, 226), (x, SILL - 7 - 10 * part))
    beam(sheet, (CORNER, 276), (424, 270), 6)
    beam(sheet, (282, 270), (322, 240), 5.5)
    panes(sheet, 341, 236, 20, 26, -0.04)
    panes(sheet, 389, 234, 19, 26, -0.04)
    panes(sheet, 341, 284, 20, 20, -0.04)
    for start, end in (((LEFT, SILL - 3), (CORNER, SILL - 3)), ((LEFT, 272), (CORNER, 272)),
                       ((LEFT, EAVE + 2), (CORNER, EAVE + 2)), ((190, 180), (254, 180)),
                       ((170, 268), (194, 228)), ((274, 268), (250, 228)),
                       ((202, 219), (222, 184)), ((242, 219), (222, 184))):  # fmt: skip
        beam(sheet, start, end)
    for x in (LEFT + 3, CORNER - 3):
        beam(sheet, (x, EAVE + 2), (x, SILL), 7)
    beam(sheet, (222, 176), (222, 140), 6)
    panes(sheet, 210, 234, 24, 30)
    panes(sheet, 186, 282, 18, 22)
    door(sheet)
    roof(sheet)


def door(sheet):
    """The front door with its step."""
    sheet.block((226, 278), (250, 278), (250, 319), (226, 319), width=2.4)
    for x in (232, 238, 244):
        sheet.straight((x, 280), (x, 317), width=1.2)
    sheet.block((222, 318), (254, 318), (254, 324), (222, 324), width=1.8)
    sheet.straight((246, 299), (246, 302), width=3)


def smoke(sheet):
    """A curl of smoke from the chimney."""
    sheet.line(spline((336, 90), (330, 78), (340, 68), (332, 56), (344, 44), (338, 34)), 1.8)
    sheet.line(spline((344, 90), (342, 80), (350, 70), (344, 60), (354, 50), (352, 42)), 1.4)


def tree(sheet):
    """The old tree: a trunk that forks into its crown, leaves as small arcs on the shady side."""
    left = spline((50, 338), (66, 326), (72, 296), (72, 256), (62, 220))
    right = spline((104, 220), (92, 256), (94, 296), (102, 324), (122, 336))
    trunk = np.concatenate([left, right])
    sheet.clear(trunk)
    sheet.hatch([*right, (96, 330), (84, 296), (84, 240)], 84, 3.2, 1.2, 215, 0.4)
    sheet.line(left, 2.8)
    sheet.line(right, 2.8)
    for bark in (((78, 318), (79, 300), (77, 284)), ((84, 290), (86, 270), (84, 250))):
        sheet.line(spline(*bark), 1.4)
    lobes = []
    for x, y, r in CROWN:
        for turn in np.arange(0, 6.1, 0.75) + sheet.rng.random():
            size = sheet.rng.uniform(0.3, 0.4) * r
            lobes.append((x + 0.8 * r * np.cos(turn), y + 0.8 * r * np.sin(turn), size))
    sheet.puffs([*lobes, *((x, y, 0.85 * r) for x, y, r in CROWN)], 2.4)
    for x, y, radius in CROWN:
        for turn in np.arange(-0.6, 2.0, 0.36) + sheet.rng.normal(0, 0.1):
            far = sheet.rng.uniform(0.62, 0.86) * radius
            leaf(sheet, x + far * np.cos(turn), y + far * np.sin(turn), turn)


def leaf(sheet, x, y, turn):
    """One leaf cluster: an arc of three bumps that opens to the light."""
    for step in (-5, 0, 5):
        cx, cy = x - step * np.sin(turn), y + step * np.cos(turn)
        bump = np.linspace(turn - 1.5, turn + 1.5, 16)
        sheet.line(np.stack([cx + 2.9 * np.cos(bump), cy + 2.9 * np.sin(bump)], axis=1), 1.4, 220)


def garden(sheet):
    """The lawn, with gaps in its edge where the tree stands."""
    lawn = np.array(
        [(-8, 322), (130, 318), (300, 320), (430, 306), (520, 300), (520, 410), (-8, 410)]
    )
    sheet.clear(lawn.astype(float))
    sheet.line(spline((-8, 318), (20, 321), (60, 322)), 1.8)
    sheet.line(spline((110, 322), (140, 320), (166, 320)), 1.8)
    sheet.line(spline((424, 309), (470, 303), (520, 300)), 1.8)


def path(sheet):
    """The path from the door to the viewer, with flat stones on it."""
    left, right = (spline(*edge) for edge in PATH)
    sheet.clear(np.concatenate([left, right[::-1]]))
    turn = np.linspace(0, 2 * np.pi, 40)
    for x, y, size in STONES:
        wobble = 1 + 0.12 * np.cos(3 * turn + x) + 0.08 * np.cos(2 * turn + y)
        oval = np.stack(
            [x + size * wobble * np.cos(turn), y + 0.42 * size * wobble * np.sin(turn)], 1
        )
        sheet.line(oval, 1.5)
    sheet.line(left, 2.4, shake=0.8)
    sheet.line(right, 2.4, shake=0.8)


def flowers(sheet):
    """Hollyhocks along the long wall, and tufts of grass on the lawn."""
    for x in (290, 302, 314, 388, 400, 411):
        base, tall = 318 - 10 * (x - CORNER) / 146, sheet.rng.uniform(20, 32)
        sheet.line(spline((x, base), (x + 1, base - 0.5 * tall), (x, base - tall)), 1.4)
        for part in (0.45, 0.62, 0.8, 1.0):
            turn = np.linspace(0, 6.3, 20)
            ring = np.stack([np.cos(turn), np.sin(turn)], 1) * (4.2 - 1.8 * part)
            ring += (x + 2.6 * (-1) ** round(part * 10), base - part * tall)
            sheet.clear(ring)
            sheet.line(ring, 1.5)
    for x, y in ((24, 350), (120, 354), (300, 350), (340, 338), (470, 326), (140, 338)):
        for lean in (-5, -2, 1, 4):
            tip = (x + 1.8 * lean, y - sheet.rng.uniform(6, 11))
            sheet.line(spline((x + 0.4 * lean, y), (x + 0.8 * lean, y - 5), tip), 1.5)


def fence(sheet, first, last, start, fall):
    """Pickets with pointed tops on two rails, from x `first` to `last`."""
    for drop in (12, 28):
        left, right = start + drop, start + drop + fall * (last - first)
        sheet.block((first, left), (last, right), (last, right + 5), (first, left + 5), width=1.7)
    for x in np.arange(first + 4, last, 19):
        top = start + fall * (x - first) + sheet.rng.normal(0, 0.8)
        lean = sheet.rng.normal(0, 0.7)
        picket = ((x, top + 42), (x + lean, top + 6), (x + 5 + lean, top), (x + 10 + lean, top + 6),
                  (x + 10, top + 42))  # fmt: skip
        sheet.block(*picket, width=2.1)
        sheet.hatch(((x + 7, top + 42), (x + 7 + lean, top + 4), (x + 10 + lean, top + 6),
                     (x + 10, top + 42)), 90, 2.0, 1.0)  # fmt: skip


def paint():
    """Draw from the sky forwards: whatever is nearer is cut out of what lies behind it."""
    sheet = Sheet(1796, WIDTH, HEIGHT)
    sky(sheet)
    hills(sheet)
    garden(sheet)
    smoke(sheet)
    house(sheet)
    path(sheet)
    flowers(sheet)
    tree(sheet)
    fence(sheet, 292, 530, 352, -0.06)
    fence(sheet, -14, 116, 350, 0.04)
    return sheet.dry()
