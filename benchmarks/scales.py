"""Coarse to fine against one scale at 512 px: `python -m benchmarks.scales`.

For two pairs of pictures and two starts: the final loss of 300 evaluations at one scale, and of
three scales that take about a third of that time; and what one scale has reached by then.
"""

import time

from nstlib import data, recipes
from nstlib.features import load_network

PAIRS = (("chelsea", "swirling_night"), ("coffee", "stained_glass"))
STARTS = ("content", "noise")
SCALES, SIZE = (128, 256, 512), 512
SINGLE, EACH = 15, 4  # iterations of 20 evaluations: at one scale, and at each of three


def run(photo, painting, start, **options):
    """Run a transfer; return the seconds and total loss after every iteration."""
    begun, curve = time.perf_counter(), []
    names = (data.path(photo), data.path(painting))
    for iteration in recipes.iterate_transfer(*names, start=start, **options):
        curve.append((time.perf_counter() - begun, iteration.total))
    return curve


def main():
    network = load_network()
    for photo, painting in PAIRS:
        for start in STARTS:
            single = run(photo, painting, start, network=network, size=SIZE, iterations=SINGLE)
            scales = run(photo, painting, start, network=network, scales=SCALES, iterations=EACH)
            seconds, final = scales[-1]
            reached = min(loss for spent, loss in single if spent <= seconds)
            share = seconds / single[-1][0]
            print(
                f"{photo}, {painting}, from {start}: {share:.2f} of the time, "
                f"{final / single[-1][1]:.2f} of the final loss, "
                f"{final / reached:.2f} of what one scale has by then"
            )


if __name__ == "__main__":
    main()
