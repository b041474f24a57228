"""What the studio costs and how fast it answers, without a browser: `python -m benchmarks.live`.

Pocket network, 256 px. The same run is made with the panel and by `recipes.transfer` alone, in
turns, so that the ratio holds on a busy machine.
"""

import statistics
import time

import psutil

from nstlib import recipes, widgets
from nstlib.synthesis import estimate_seconds

ITERATIONS, ROUNDS, RUNS = 30, 3, 20
LOOK = 0.002  # s


def wait_until(condition):
    """Seconds until `condition()` is true."""
    started = time.perf_counter()
    while not condition():
        time.sleep(LOOK)
    return time.perf_counter() - started


def with_panel(studio):
    """Seconds of a whole run in the panel."""
    started = time.perf_counter()
    studio.live.run_button.click()
    studio.live.wait()
    return time.perf_counter() - started


def without_panel(studio):
    """Seconds of the same run, nothing shown."""
    started = time.perf_counter()
    result = recipes.transfer(
        studio.photo.image(),
        studio.painting.image(),
        network=studio.network,
        iterations=ITERATIONS,
        evaluations=5,
        progress=False,
        style_layers=studio.layers.style,
        content_layer=studio.layers.content,
        **studio.weights.value,
    )
    seconds = time.perf_counter() - started
    assert (result.image == studio.live.image).all(), "not the same run"
    return seconds


def evaluation_seconds(studio):
    """Seconds of one evaluation of the objective."""
    start, objective = recipes.transfer_objective(
        studio.photo.image(), studio.painting.image(), network=studio.network
    )
    return estimate_seconds(start, objective, 1)


def time_to_first_picture(studio):
    """Seconds from Run to the first generated picture; the run is stopped then."""
    studio.live.run_button.click()
    seconds = wait_until(lambda: len(studio.live.history) >= 2)
    studio.live.stop()
    studio.live.wait()
    return seconds


def time_to_stop(studio, after):
    """Seconds from Stop to stopped, pressed some time after an iteration."""
    studio.live.run_button.click()
    wait_until(lambda: len(studio.live.history) >= 3)
    time.sleep(after)
    studio.live.stop_button.click()
    return wait_until(lambda: not studio.live.run_button.disabled)


def main():
    studio = widgets.Studio(iterations=ITERATIONS)
    evaluation = evaluation_seconds(studio)
    fresh = time_to_first_picture(studio)
    stops = [time_to_stop(studio, 0.05 * n) for n in range(8)]
    panel, alone = [], []
    for _ in range(ROUNDS):
        panel.append(with_panel(studio))
        alone.append(without_panel(studio))
    memory = psutil.Process().memory_info
    with_panel(studio)
    before = memory().rss
    for _ in range(RUNS):
        with_panel(studio)
    grown = (memory().rss - before) / 1e6
    ratio = statistics.median(p / a for p, a in zip(panel, alone, strict=True))
    print(f"one evaluation: {evaluation:.3f} s")
    print(f"first generated picture after Run: {fresh:.2f} s")
    print(f"stopped after Stop: {statistics.median(stops):.2f} s, at most {max(stops):.2f} s")
    print(
        f"a run of {ITERATIONS} iterations: {panel[0]:.1f} s; with the panel / without: {ratio:.3f}"
    )
    print(f"memory after {RUNS} more runs: {grown:+.0f} MB")


if __name__ == "__main__":
    main()
