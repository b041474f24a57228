"""Small fixed tensors, and a network of two layers, on which functions are tried."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

NOT_A_FUNCTION = "it returns no function"


def values(*shape: int, seed: int = 0, gradient: bool = False) -> Tensor:
    """Make random values in [0, 1), always the same ones for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator).requires_grad_(gradient)


def features(*shape: int, seed: int = 0, gradient: bool = False) -> Tensor:
    """Make random features, none below 0 and some 0, as after a ReLU."""
    made = (3 * values(*shape, seed=seed) - 1).clamp(min=0)
    return made.requires_grad_(gradient)


def tiny_network() -> Callable[[Tensor, Iterable[str]], dict[str, Tensor]]:
    """Make a network of the layers "first" and "second", called as the real ones are."""
    weights = {"first": values(4, 3, seed=90) - 0.4, "second": values(5, 4, seed=91) - 0.3}

    def network(image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        found = {}
        for layer, weight in weights.items():
            image = torch.einsum("oc,bchw->bohw", weight, image).relu()
            found[layer] = image
        layers = (layers,) if isinstance(layers, str) else tuple(layers)
        if unknown := [layer for layer in layers if layer not in found]:
            raise ValueError(f"no layer {unknown[0]!r}; choose first or second")
        return {layer: found[layer] for layer in layers}

    return network


def apply(image: Tensor) -> Callable:
    """Observe a function that returns an objective: call that with an image."""

    def observe(function: Callable, *given: object) -> object:
        objective = function(*given)
        if objective is None:
            return None
        return objective(image) if callable(objective) else NOT_A_FUNCTION

    return observe
