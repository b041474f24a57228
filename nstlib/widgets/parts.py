"""A run's parts: a part ends where weights were moved, and may hold several sizes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nstlib.synthesis import Iteration


@dataclass
class Part:
    """A stretch of a run with the same weights, at one size or from coarse to fine.

    Attributes:
        weights: that it was made with.
        planned: {longer side in px: iterations}, from coarse to fine.
        made: the same, of those that were made.
    """

    weights: dict
    planned: dict[int, int]
    made: dict[int, int] = field(default_factory=dict)

    def counted(self, run: Iterator[Iteration]) -> Iterator[Iteration]:
        """Hand on a run's iterations and count them."""
        for iteration in run:
            if iteration.number > 0:
                size = longer_side(iteration.image)
                self.made[size] = self.made.get(size, 0) + 1
            yield iteration

    def settings(self) -> dict:
        """Tell the weights and the iterations; with several sizes, those and the ones reached."""
        sizes = list(self.planned)
        if len(sizes) == 1:
            return {**self.weights, "iterations": sum(self.made.values())}
        reached = sizes[: 1 + max((sizes.index(size) for size in self.made), default=0)]
        counts = [self.made.get(size, 0) for size in reached]
        return {**self.weights, "scales": sizes, "iterations": counts}


def plan(sizes: Sequence[int], iterations: int) -> dict[int, int]:
    """Divide a run's iterations among its sizes, evenly; the last one gets what is left."""
    *coarse, last = sizes
    counts = dict.fromkeys(coarse, max(1, iterations // len(sizes)))
    return {**counts, last: max(1, iterations - sum(counts.values()))}


def plan_rest(planned: dict[int, int], parts: Sequence[Part], image: Tensor) -> dict[int, int]:
    """Plan what is left of a run that has come to an image."""
    now, last = longer_side(image), max(planned)
    done = sum(part.made.get(now, 0) for part in parts)
    left = {size: count for size, count in planned.items() if size >= now}
    left[now] -= done
    return {size: max(1, left[size]) for size in left if left[size] > 0 or size == last}


def longer_side(image: Tensor) -> int:
    """Tell the longer side of an image (1, 3, H, W) in px."""
    return max(image.shape[2:])
