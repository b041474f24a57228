"""Our optimiser against others on three objectives: `python -m benchmarks.optimizers`.

Same objective, same noise, 200 evaluations each, all in one run. "restarted" is the way of the
tutorial that the chapters follow: SciPy's L-BFGS-B in units of 0-255, started anew every 20
evaluations with the values cut in between. "bounded" is the same optimiser run once with bounds.
SciPy's optimisers stop early where losses are small, so all see the objective times a constant.
"""

import time

import numpy as np
import torch
from scipy.optimize import minimize

from nstlib import data, images, losses, synthesis
from nstlib.features import load_network

ITERATIONS, EVALUATIONS = 10, 20
PAIRS = (("chelsea", "swirling_night"), ("coffee", "woodcut_wave"))
SHARES = (0.05, 0.2, 0.2, 0.25, 0.3)  # chapter 3's, of block1_conv2 to block5_conv2
STYLE_WEIGHTS = {f"block{block}_conv2": share for block, share in enumerate(SHARES, 1)}
RANGE = 255.0
START_LOSS = 1e4


def objectives(network, photo, painting):
    """The three objectives of chapters 1, 2 and 3 by name."""
    shallow, deep = ["block1_conv1", "block2_conv1"], ["block5_conv1"]
    content = network(photo, [*deep, "block4_conv2"])
    grams = network(painting, [*shallow, *STYLE_WEIGHTS])
    grams = {name: losses.gram_matrix(features) for name, features in grams.items()}
    few = {name: grams[name] for name in shallow}
    many = {name: grams[name] for name in STYLE_WEIGHTS}

    def transfer(image):
        seen = network(image, [*many, "block4_conv2"])
        wish = losses.content_loss(seen["block4_conv2"], content["block4_conv2"])
        return {"content": 0.5 * wish, "style": 1e4 * losses.style_loss(seen, many, STYLE_WEIGHTS)}

    return {
        "content": lambda image: {
            "content": losses.content_loss(
                network(image, deep)["block5_conv1"], content["block5_conv1"]
            )
        },
        "style": lambda image: {"style": losses.style_loss(network(image, shallow), few)},
        "transfer": transfer,
    }


def total(objective, image):
    """The sum of an objective's terms at an image."""
    with torch.no_grad():
        return float(sum(objective(image).values()))


def scipy_function(objective, start):
    """The objective as SciPy wants it: float64 vector in 0-255 to (value, gradient), counted."""
    scale = START_LOSS / total(objective, start)

    def function(values):
        function.count += 1
        image = torch.tensor(values.reshape(start.shape) / RANGE, dtype=torch.float32)
        image.requires_grad_()
        loss = sum(objective(image).values()) * scale
        loss.backward()
        return loss.item(), image.grad.numpy().ravel().astype(np.float64) / RANGE

    function.count = 0
    return function


def with_scipy(objective, start, *, bounded):
    """Run SciPy's L-BFGS-B, once with bounds or restarted with a cut between; image and count."""
    function = scipy_function(objective, start)
    values = start.numpy().ravel().astype(np.float64) * RANGE
    bounds = [(0, RANGE)] * values.size if bounded else None
    rounds, budget = (1, ITERATIONS * EVALUATIONS) if bounded else (ITERATIONS, EVALUATIONS)
    options = {"maxfun": budget, "maxiter": budget, "ftol": 0, "gtol": 0}
    for _ in range(rounds):
        found = minimize(
            function, values, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        values = np.clip(found.x, 0, RANGE)
    return torch.tensor(values.reshape(start.shape) / RANGE, dtype=torch.float32), function.count


def with_nstlib(objective, start, optimizer):
    """Run synthesis.iterate to its end; image and count."""
    run = synthesis.iterate(
        start, objective, iterations=ITERATIONS, evaluations=EVALUATIONS, optimizer=optimizer
    )
    *_, last = run
    return last.image, last.evaluations


METHODS = {
    "restarted": lambda objective, start: with_scipy(objective, start, bounded=False),
    "bounded": lambda objective, start: with_scipy(objective, start, bounded=True),
    "nstlib lbfgs": lambda objective, start: with_nstlib(objective, start, "lbfgs"),
    "nstlib adam": lambda objective, start: with_nstlib(objective, start, "adam"),
}


def main():
    network = load_network()
    print("| pair | objective | method | loss | fall | loss / restarted | ms/evaluation |")
    print("|---|---|---|---|---|---|---|")
    for photo_name, painting_name in PAIRS:
        photo = images.load_image(data.path(photo_name), size=256)
        painting = images.load_image(data.path(painting_name), size=256)
        start = images.noise_image(photo.shape[2:])
        for name, objective in objectives(network, photo, painting).items():
            reference, first = None, total(objective, start)
            for method, run in METHODS.items():
                started = time.perf_counter()
                image, count = run(objective, start)
                milliseconds = 1000 * (time.perf_counter() - started) / count
                loss = total(objective, image)
                reference = reference or loss
                print(
                    f"| {photo_name}, {painting_name} | {name} | {method} | {loss:.3g} "
                    f"| {first / loss:,.0f} | {loss / reference:.2f} | {milliseconds:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
