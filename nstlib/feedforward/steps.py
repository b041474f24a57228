"""What every training hands over and looks out for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class TrainingStep:
    """What a training has come to.

    Attributes:
        number: steps made so far.
        losses: each term, weights included, as a mean over the steps since the report before.
        seconds: time spent so far, without what the caller did between reports.
        network: the network in training; paint with it, and copy it to keep it.
        image: the preview photo as the network paints it now, (1, 3, H, W); None without one.
    """

    number: int
    losses: dict[str, float]
    seconds: float
    network: nn.Module
    image: Tensor | None = None

    @property
    def total(self) -> float:
        """The sum of all terms, which is what the training lowers."""
        return sum(self.losses.values())


def check_finite(values: Mapping[str, float], number: int) -> None:
    """Refuse a training step in which a term or its gradient is not finite.

    Args:
        values: by name.
        number: of the step, from 1.

    Raises:
        FloatingPointError: one of them is not.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise FloatingPointError(
                f"{name!r} became {value} at step {number}; lower the rate or a weight. The "
                "network has its last good weights."
            )


def check_numbers(**numbers: int) -> None:
    """Refuse what is no count: anything but whole numbers from 1.

    Raises:
        ValueError: one of them is none.
    """
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} is {number!r}; give a whole number, 1 or more")
