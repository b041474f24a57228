"""Change an image until an objective is small. Knows nothing of networks, content or style."""

import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

Objective = Callable[[Tensor], dict[str, Tensor]]
FRAME_SIZE = 256  # px, longer side of the small pictures a Result keeps
HISTORY_SIZE = 20  # image pairs that L-BFGS remembers; benchmarks/optimizers.py compares
FIRST_MOVE = 0.03  # mean change of a value that L-BFGS tries first, when it knows no curvature yet
MARGIN = 1 / 512  # keeps black and white movable; under half a step of 8-bit colour
START_LOSS = 1e4  # what the optimiser sees as the start's loss, whatever the objective's units
ADAM_RATE = 0.05  # radians per evaluation
ANNOUNCE_FROM = 3.0  # seconds; a shorter run starts without a word


@dataclass(frozen=True)
class Iteration:
    """One accepted optimiser step: the image after it and what was measured there.

    Attributes:
        number: 0 for the start, then 1, 2, ...
        image: (1, 3, H, W) in [0, 1], a copy.
        losses: each term of the objective at `image`.
        evaluations: objective evaluations spent so far.
        seconds: time spent so far, without what the caller did between iterations.
    """

    number: int
    image: Tensor
    losses: dict[str, float]
    evaluations: int
    seconds: float

    @property
    def total(self) -> float:
        """The sum of all terms, which is what the optimiser lowers."""
        return sum(self.losses.values())


@dataclass
class Result:
    """What a run leaves behind, also when it was interrupted.

    Attributes:
        image: the last good image, (1, 3, H, W) in [0, 1].
        history: each term at the start and after every accepted iteration.
        frames: the image at those moments as small uint8 pictures (H, W, 3).
        stop_reason: "finished", "converged", "interrupted" or what became not finite.
        seconds: time spent.
        evaluations: objective evaluations spent.
    """

    image: Tensor
    history: list[dict[str, float]] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    stop_reason: str = "finished"
    seconds: float = 0.0
    evaluations: int = 0

    def add(self, iteration: Iteration) -> None:
        """Keep one more iteration."""
        self.image, self.seconds = iteration.image, iteration.seconds
        self.evaluations = iteration.evaluations
        self.history.append(iteration.losses)
        self.frames.append(_frame(iteration.image))

    def save(self, folder: str | Path) -> Path:
        """Write generated_00.png (the start), generated_01.png, ..., result.png and losses.csv.

        Raises:
            OSError: the folder cannot be made or written to.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(self.frames):
            Image.fromarray(frame).save(folder / f"generated_{number:02d}.png")
        Image.fromarray(_pixels(self.image)).save(folder / "result.png")
        with open(folder / "losses.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["iteration", *(self.history[0] if self.history else [])])
            writer.writeheader()
            writer.writerows({"iteration": n, **terms} for n, terms in enumerate(self.history))
        return folder


def iterate(
    start: Tensor,
    objective: Objective,
    *,
    iterations: int = 10,
    evaluations: int = 20,
    optimizer: str = "lbfgs",
) -> Iterator[Iteration]:
    """Lower an objective by changing the image; hand over the image after every iteration.

    Pausing is not asking for the next iteration; stopping is closing the generator. Every image is
    in [0, 1] without being cut, because what moves is an angle per value: x = (1 + sin(angle)) / 2.

    Args:
        start: (1, 3, H, W) in [0, 1]; it is not changed.
        objective: image -> {name: scalar tensor}; the sum is minimised, each term is recorded.
        iterations: how many accepted optimiser steps at most.
        evaluations: how often one iteration may evaluate the objective.
        optimizer: "lbfgs" (line search, memory kept across iterations) or "adam".

    Yields:
        The start as number 0, then one Iteration at a time; ends early where nothing moves.

    Raises:
        ValueError: a bad start, optimiser or number.
        FloatingPointError: a term is not finite; the message names it.

    Source: Gatys et al. 2016 use L-BFGS; we keep its memory of curvature across iterations.
    Taught in: chapter 1.
    """
    _check(start, iterations, evaluations, optimizer)
    evaluation = _Evaluation(start, objective)
    step = OPTIMIZERS[optimizer](evaluation)
    started, paused = time.perf_counter(), 0.0
    for number in range(iterations + 1):
        if number > 0:
            before = evaluation.angle.detach().clone()
            step(max(1, evaluations * number + 1 - evaluation.count))
            if torch.equal(evaluation.angle, before):
                return
        evaluation()
        seconds = time.perf_counter() - started - paused
        image = evaluation.image().detach()
        yield Iteration(number, image, dict(evaluation.losses), evaluation.count, seconds)
        paused = time.perf_counter() - started - seconds


def optimize_image(
    start: Tensor,
    objective: Objective,
    *,
    iterations: int = 10,
    evaluations: int = 20,
    optimizer: str = "lbfgs",
    progress: bool = True,
) -> Result:
    """Run `iterate` to its end under a progress bar and keep everything worth keeping.

    An interrupt (Ctrl-C, the notebook's stop button) or a loss that is not finite ends the run
    with the last good image; `stop_reason` says so.

    Args:
        start, objective, iterations, evaluations, optimizer: as in `iterate`.
        progress: show the bar, and the expected time before a run longer than a few seconds.

    Returns:
        Result with image, history, frames, stop_reason and seconds.

    Raises:
        ValueError: a bad start, optimiser or number.
        FloatingPointError: the start itself has a loss that is not finite.

    Taught in: chapter 1.
    """
    run = iterate(
        start, objective, iterations=iterations, evaluations=evaluations, optimizer=optimizer
    )
    result = Result(start)
    with tqdm(total=iterations, unit="iteration", disable=not progress, leave=False) as bar:
        try:
            for iteration in run:
                result.add(iteration)
                if iteration.number == 0:
                    _announce(bar, start, objective, iterations * evaluations)
                else:
                    bar.update()
                bar.set_postfix_str(f"loss {iteration.total:.3g}")
        except KeyboardInterrupt:
            result.stop_reason = "interrupted"
        except FloatingPointError as error:
            if not result.history:
                raise
            result.stop_reason = str(error)
        else:
            if len(result.history) <= iterations:
                result.stop_reason = "converged"
    return result


def estimate_seconds(start: Tensor, objective: Objective, evaluations: int) -> float:
    """Extrapolate the time of a run from two timed evaluations of its objective, the faster one."""
    times = []
    for _ in range(2):
        before = time.perf_counter()
        _Evaluation(start, objective)()
        times.append(time.perf_counter() - before)
    return min(times) * evaluations


class _Evaluation:
    """The objective and its gradient, seen by an optimiser that must not leave [0, 1].

    The optimiser moves an angle per value; the image is 1/2 + sin(angle)/2. So every image it tries
    can be displayed, and nothing has to be cut. A second call at unchanged angles costs nothing.
    """

    def __init__(self, start: Tensor, objective: Objective):
        inside = start.detach().clamp(MARGIN, 1 - MARGIN)
        self.angle = torch.asin(2 * inside - 1).requires_grad_()
        self.objective = objective
        self.losses, self.count = {}, 0
        self._scale = self._total = self._seen = None

    def image(self) -> Tensor:
        return (1 + torch.sin(self.angle)) / 2

    def __call__(self) -> Tensor:
        if self._seen is not None and torch.equal(self._seen, self.angle):
            return self._total
        terms = _checked_terms(self.objective(self.image()))
        self.count += 1
        self.losses = {name: term.item() for name, term in terms.items()}
        for name, value in self.losses.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"the loss {name!r} became {value} at evaluation {self.count}; "
                    "lower its weight or check its target"
                )
        total = sum(term.reshape(()).to(self.angle.device) for term in terms.values())
        if not total.requires_grad:
            raise ValueError("the objective does not depend on the image; compute it from `image`")
        if self._scale is None:
            # torch's L-BFGS ignores curvature below 1e-10; no run may depend on the loss's unit
            self._scale = START_LOSS / total.item() if total.item() > 0 else 1.0
        self._total = total.detach() * self._scale
        (gradient,) = torch.autograd.grad(total * self._scale, self.angle)
        self.angle.grad = gradient.contiguous()  # L-BFGS cannot flatten channels-last tensors
        self._seen = self.angle.detach().clone()
        return self._total


def _lbfgs(evaluation: _Evaluation) -> Callable[[int], None]:
    first = FIRST_MOVE * evaluation.angle.numel()  # torch divides it by the gradient's sum
    optimizer = torch.optim.LBFGS(
        [evaluation.angle],
        lr=first,
        max_iter=1,
        max_eval=25,
        history_size=HISTORY_SIZE,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def step(budget: int) -> None:
        last = evaluation.count + budget
        while evaluation.count < last:  # one line search at a time, so that none is cut short
            before = evaluation.count
            optimizer.step(evaluation)
            optimizer.param_groups[0]["lr"] = 1
            if evaluation.count == before:
                return

    return step


def _adam(evaluation: _Evaluation) -> Callable[[int], None]:
    optimizer = torch.optim.Adam([evaluation.angle], lr=ADAM_RATE)

    def step(budget: int) -> None:
        for _ in range(budget):
            optimizer.step(evaluation)

    return step


OPTIMIZERS = {"lbfgs": _lbfgs, "adam": _adam}


def _checked_terms(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    if not isinstance(terms, dict) or not terms:
        raise TypeError(f"the objective must return {{name: scalar tensor}}, got {terms!r:.80}")
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.numel() != 1:
            raise TypeError(f"the objective's term {name!r} is not a scalar tensor: {term!r:.80}")
    return terms


def _check(start: Tensor, iterations: int, evaluations: int, optimizer: str) -> None:
    if not isinstance(start, Tensor) or start.ndim != 4 or start.shape[:2] != (1, 3):
        shape = tuple(getattr(start, "shape", ())) or type(start).__name__
        raise ValueError(f"the start must be one RGB image (1, 3, H, W), got {shape}")
    if not torch.isfinite(start).all():
        raise ValueError("the start contains values that are not finite (NaN or infinity)")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"no optimizer {optimizer!r}; choose one of {', '.join(OPTIMIZERS)}")
    for name, number in (("iterations", iterations), ("evaluations", evaluations)):
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f"{name} is {number!r}; give a whole number, 1 or more")


def _announce(bar: tqdm, start: Tensor, objective: Objective, evaluations: int) -> None:
    if bar.disable:
        return
    seconds = estimate_seconds(start, objective, evaluations)
    if seconds >= ANNOUNCE_FROM:
        bar.write(f"expected time: about {seconds:.0f} s", file=bar.fp)


def _pixels(image: Tensor) -> np.ndarray:
    pixels = image.detach().cpu()[0].clamp(0, 1).mul(255).round().to(torch.uint8)
    return pixels.permute(1, 2, 0).numpy()  # (H, W, 3)


def _frame(image: Tensor) -> np.ndarray:
    picture = Image.fromarray(_pixels(image))
    picture.thumbnail((FRAME_SIZE, FRAME_SIZE))
    return np.asarray(picture)
