"""Seconds per picture, in one pass and by optimisation: `python -m benchmarks.one_pass`.

Both are measured in turns in the same run. Of the optimisation's 200 evaluations 40 are made, and
their time is taken five times, for at 1024 px a whole one takes minutes.
"""

import statistics
import time

from nstlib import data, images, recipes
from nstlib.feedforward import load_painter, paint

SIZES = (256, 512, 1024)  # px, longer side
ROUNDS = 3
SHARE = 5  # of an optimisation of 10 iterations, two are made
PHOTO, STYLE = "chelsea", "swirling_night"


def seconds(action) -> float:
    """Measure one call."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def compare(size: int) -> tuple[float, float]:
    """Return the median seconds of one pass and of an optimisation."""
    photo = images.load_image(data.path(PHOTO), size=size)
    painting = images.load_image(data.path(STYLE), size=256)
    painter = load_painter(STYLE)
    paint(painter, photo)  # the first pass prepares memory
    passes, searches = [], []
    for _ in range(ROUNDS):
        passes += [seconds(lambda: paint(painter, photo)) for _ in range(3)]
        searches.append(
            SHARE
            * seconds(
                lambda: recipes.transfer(photo, painting, iterations=10 // SHARE, progress=False)
            )
        )
    return statistics.median(passes), statistics.median(searches)


def main():
    for size in SIZES:
        one, many = compare(size)
        print(f"{size} px: one pass {one:.3f} s, optimisation {many:.1f} s, {many / one:.0f} times")


if __name__ == "__main__":
    main()
