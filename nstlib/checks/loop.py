"""Chapter 1: the loop. It is watched from inside the objective that it is given."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nstlib.checks.answers import Trial
from nstlib.checks.examples import values
from nstlib.checks.verdicts import Check, Mistake


def _start() -> Tensor:
    return 0.3 + 0.5 * values(1, 3, 4, 4, seed=8)


def _far_objective() -> Callable[[Tensor], dict[str, Tensor]]:
    goal = values(1, 3, 4, 4, seed=9) + torch.tensor([0.0, 0.8]).repeat(24).reshape(1, 3, 4, 4)
    return lambda image: {
        "content": (image - goal).square().mean(),
        "style": 0.1 * (image.mean() - 0.5).square(),
    }


def _watched(objective: Callable, seen: dict) -> Callable:
    """Wrap an objective so that it notes what images it gets and where gradients go."""

    def watched(image: Tensor) -> dict[str, Tensor]:
        seen["images"].append(image.detach().clone())
        seen["cut"] |= type(image.grad_fn).__name__.startswith("Clamp")
        if not image.requires_grad:
            return objective(image)
        if image.is_leaf and not any(leaf is image for leaf in seen["leaves"]):
            seen["leaves"].append(image)
            image.register_post_accumulate_grad_hook(
                lambda leaf: seen["sums"].append(leaf.grad.clone())
            )
        alone = image * 1  # whose gradient is that of this evaluation only
        alone.register_hook(lambda slope: seen["slopes"].append(slope.clone()))
        terms = objective(alone)
        for name, term in terms.items():
            term.register_hook(lambda _, name=name: seen["terms"].add(name))
        return terms

    return watched


def _watch(function: Callable, start: Tensor, objective: Callable, iterations: int) -> object:
    """Run a learner's loop and turn what happened into facts, each 1.0 if it is as it should be."""
    seen = {"images": [], "sums": [], "slopes": [], "leaves": [], "terms": set(), "cut": False}
    begun = start.detach().clone()
    image = function(start, _watched(objective, seen), iterations)
    if not isinstance(image, Tensor) or image.shape != start.shape:
        return None if image is None else {"an image": 0.0}
    image = image.detach()
    before, after = (float(sum(objective(i).values()).detach()) for i in (begun, image))
    pairs = zip(seen["slopes"], seen["sums"], strict=False)
    facts = {
        "an image": True,
        "evaluated": bool(seen["images"]),
        "start kept": torch.equal(start, begun),
        "moved": not torch.equal(image, begun),
        "all terms": seen["terms"] in (set(), {"content", "style"}),
        "one gradient": all(torch.allclose(slope, total) for slope, total in pairs),
        "free inside": not _cut_inside(seen, iterations),
        "in range": _displayable(image),
        "goes on": len(seen["images"]) >= iterations,
        "loss falls": after < before,
    }
    return {name: float(fact) for name, fact in facts.items()}


def _displayable(image: Tensor) -> bool:
    return bool(((image >= 0) & (image <= 1)).all())


def _cut_inside(seen: dict, iterations: int) -> bool:
    """Tell whether images were cut within a line search, not only between iterations."""
    if seen["cut"]:
        return True
    searched = len(seen["images"]) > 2 * iterations + 1  # else every image may be a first one
    inside = all(map(_displayable, seen["images"]))
    touched = any((image == 1).any() for image in seen["images"])
    return bool(seen["leaves"]) and searched and inside and touched


def lacks(fact: str) -> Callable[[Sequence[Trial]], bool]:
    """See that a fact about a loop is not as it should be."""

    def seen(trials: Sequence[Trial]) -> bool:
        return any(
            isinstance(trial.found, dict) and trial.found.get(fact, 1.0) == 0.0 for trial in trials
        )

    return seen


def _descend(start: Tensor, objective: Callable, iterations: int) -> Tensor:
    image = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=4, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = sum(objective(image).values())
        loss.backward()
        return loss

    for _ in range(iterations):
        optimizer.step(closure)
        image.data.clamp_(0, 1)
    return image.detach()


descend = Check(
    name="descend",
    parameters=("start", "objective", "iterations"),
    chapter=1,
    exercise=(
        "Write the loop of 1.4 as a function `descend(start, objective, iterations)`. It lowers "
        "the sum of the objective's terms with L-BFGS and returns the last image, detached and in "
        "[0, 1]. `start` stays as it was."
    ),
    reference=_descend,
    cases=[
        lambda: (_start(), _far_objective(), 3),
        lambda: (_start(), _far_objective(), 30),
    ],
    observe=_watch,
    mistakes=[
        Mistake("return the image, a tensor of `start`'s shape", lacks("an image")),
        Mistake("you never call `objective`: it says how wrong an image is", lacks("evaluated")),
        Mistake(
            "you change the start itself, and the next run would begin where this one ended: "
            "optimise `start.clone()`",
            lacks("start kept"),
        ),
        Mistake(
            "the image has not moved: does the closure call `backward()`, does the optimiser get "
            "the image, and do you call `optimizer.step(closure)`?",
            lacks("moved"),
        ),
        Mistake(
            "you lower only one of the objective's terms; lower `sum(terms.values())`",
            lacks("all terms"),
        ),
        Mistake(
            "you forgot `optimizer.zero_grad()`: each gradient is added to those before it",
            lacks("one gradient"),
        ),
        Mistake(
            "you clamp inside the closure, which moves the point while L-BFGS measures the loss "
            "there; clamp between iterations",
            lacks("free inside"),
        ),
        Mistake(
            "the image has values outside [0, 1]: clamp it after each `optimizer.step`",
            lacks("in range"),
        ),
        Mistake(
            "you do fewer iterations than asked for: call `optimizer.step(closure)` `iterations` "
            "times",
            lacks("goes on"),
        ),
        Mistake(
            "the loss is higher at the end than at the start: is the sign of the loss right, and "
            "the rate not too large?",
            lacks("loss falls"),
        ),
    ],
)
