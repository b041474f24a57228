"""What style transfer minimises: pure functions of tensors, each a few lines under its formula."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Compare two feature maps position by position.

    L = mean((F - P)²)

    Args:
        features: F, the generated image's features at one layer, (B, C, H, W).
        target: P, the content image's features at that layer, same shape.

    Returns:
        Scalar, divided by the number of elements.

    Raises:
        ValueError: the shapes differ.

    Source: Gatys et al. 2016, equation 1, which sums and halves; the mean makes weights independent
    of the image's size.
    Taught in: chapter 1.
    """
    if features.shape != target.shape:
        raise ValueError(
            f"features {tuple(features.shape)} and target {tuple(target.shape)} differ in shape; "
            "take both from the same layer and from images of the same size"
        )
    return F.mse_loss(features, target)


def gram_matrix(features: Tensor, guide: Tensor | None = None) -> Tensor:
    """Measure how strongly each pair of channels fires together, forgetting where.

    G = F·Fᵀ / (C·H·W), with F reshaped to (C, H·W); guided: G = F·diag(m)·Fᵀ / (C·Σm)

    Args:
        features: one layer's features, (B, C, H, W).
        guide: m, how much each position counts, (1, 1, H, W), 0 or more; None: all the same.

    Returns:
        Symmetric matrices (B, C, C), divided by the number of elements of one image's features, or
        of those that the guide lets in.

    Raises:
        ValueError: not four dimensions, a guide of another size, or one that lets nothing in.

    Source: Gatys et al. 2016, equation 3, which does not divide. Guided: Gatys et al. 2017,
    equations 5 and 6, whose guidance channel is the root of ours.
    Taught in: chapters 2 and 4.
    """
    if features.ndim != 4:
        raise ValueError(f"expected features (B, C, H, W), got shape {tuple(features.shape)}")
    positions = features.movedim(1, 3).flatten(1, 2)  # (B, H·W, C)
    if guide is None:
        return _Products.apply(positions) / features[0].numel()  # (B, C, C)
    _check_guide(guide, features)
    weights = guide.flatten(2).mT  # (1, H·W, 1)
    return _Products.apply(positions * weights.sqrt()) / (features.shape[1] * weights.sum())


def _check_guide(guide: Tensor, features: Tensor) -> None:
    if guide.shape != (1, 1, *features.shape[2:]):
        raise ValueError(
            f"the guide {tuple(guide.shape)} does not fit the features {tuple(features.shape)}; "
            "scale the mask to the layer"
        )
    if not guide.sum() > 0:
        raise ValueError("the guide is 0 everywhere; it must let something in")


class _Products(torch.autograd.Function):
    """Fᵀ·F with half the work on the way back, which is most of what a Gram matrix costs.

    Autograd does not know that both factors are the same and multiplies twice.
    """

    @staticmethod
    def forward(context, positions: Tensor) -> Tensor:
        context.save_for_backward(positions)
        return positions.mT @ positions

    @staticmethod
    def backward(context, slope: Tensor) -> Tensor:
        (positions,) = context.saved_tensors
        return positions @ (slope + slope.mT)


def style_loss(
    features: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    weights: Mapping[str, float] | None = None,
    guides: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Compare Gram matrices, layer by layer.

    L = Σₗ wₗ · mean((Gram(Fₗ) - Aₗ)²)

    Args:
        features: the generated image's features by layer, each (B, C, H, W).
        targets: A, the painting's Gram matrices by layer, each (B, C, C); only these layers count.
        weights: wₗ by layer; None weighs every layer 1.
        guides: how much each position of a layer counts, each (1, 1, H, W); None: all the same.

    Returns:
        Scalar; each layer's term is divided by C².

    Raises:
        ValueError: no targets, a layer without features or weight, or a target of another shape.

    Source: Gatys et al. 2016, equations 4 and 5, which divide by 4·C²·(H·W)² after summing.
    Taught in: chapters 2, 3 and 4.
    """
    weights = dict.fromkeys(targets, 1.0) if weights is None else weights
    if not targets:
        raise ValueError("style_loss needs the Gram matrix of at least one layer, got none")
    if missing := [layer for layer in targets if layer not in features or layer not in weights]:
        raise ValueError(f"no features or no weight for the style layers {missing}")
    guides = {} if guides is None else guides
    grams = {layer: gram_matrix(features[layer], guides.get(layer)) for layer in targets}
    for layer, gram in grams.items():
        if gram.shape[1:] != targets[layer].shape[1:]:
            raise ValueError(
                f"the target of {layer} is {tuple(targets[layer].shape)}, not a Gram matrix "
                f"{tuple(gram.shape)}; take both from the same network"
            )
    return sum(weights[layer] * F.mse_loss(grams[layer], targets[layer]) for layer in targets)


def total_variation(image: Tensor) -> Tensor:
    """Measure noise: the mean squared difference between neighbouring pixels.

    L = mean((x[i+1, j] - x[i, j])²) + mean((x[i, j+1] - x[i, j])²)

    Args:
        image: (B, C, H, W).

    Returns:
        Scalar; a mean, so that its weight does not depend on the image's size.

    Source: Mahendran and Vedaldi 2015, equation 6 with β = 2, which sums.
    Taught in: chapter 3.
    """
    rows = image[..., 1:, :] - image[..., :-1, :]
    columns = image[..., :, 1:] - image[..., :, :-1]
    return rows.square().mean() + columns.square().mean()
