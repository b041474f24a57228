"""The figures of the README: `python -m benchmarks.speed`. Each is measured in its own process."""

import resource
import statistics
import subprocess
import sys
import time

REPEATS = 3


def measure(name):
    """Run one measurement in a fresh process; return its seconds and peak memory in MB."""
    code = f"from benchmarks import speed; speed.{name}()"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return [float(number) for number in output.stdout.split()]


def transfer():
    """Print a transfer's seconds at 256x192 px, seconds to its first picture, peak memory in MB."""
    from nstlib import data, images, recipes, synthesis

    crop = images.load_image(data.path("astronaut"), size=256)[:, :, :192]
    seen = []
    keep = synthesis.Result.add

    def add(result, iteration):
        seen.append(time.perf_counter() - started)
        keep(result, iteration)

    synthesis.Result.add = add
    started = time.perf_counter()
    recipes.transfer(crop, data.path("swirling_night"), progress=False)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - started, seen[1], memory)


def start_python():
    """Print seconds that `import nstlib` takes."""
    started = time.perf_counter()
    import nstlib  # noqa: F401

    print(time.perf_counter() - started)


def main():
    runs = [measure("transfer") for _ in range(REPEATS)]
    seconds, first, memory = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"transfer at 256x192 px, 10 x 20 evaluations: {seconds:.1f} s, peak {memory:.0f} MB")
    print(f"first generated picture after {first:.1f} s")
    imports = statistics.median(measure("start_python")[0] for _ in range(REPEATS))
    print(f"import nstlib: {imports:.3f} s")


if __name__ == "__main__":
    main()
