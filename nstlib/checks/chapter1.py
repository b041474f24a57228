"""Chapter 1: the network's input, pooling, the content loss, its objective."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib import losses
from nstlib.checks.answers import Trial
from nstlib.checks.examples import NOT_A_FUNCTION, apply, features, tiny_network, values
from nstlib.checks.verdicts import Check, Mistake, gives

NO_FUNCTION_HINT = (
    "you return the objective's result; return the function itself, without brackets behind it"
)


def returns_no_function(trials: Sequence[Trial]) -> bool:
    """See that a function is returned which is none."""
    return any(trial.found == NOT_A_FUNCTION for trial in trials if isinstance(trial.found, str))


network_input = Check(
    name="network_input",
    parameters=("image", "mean"),
    chapter=1,
    exercise=(
        "Write `network_input(image, mean)`: what the network of 1.1 computes with an image "
        "(1, 3, H, W) in [0, 1], before its first layer. `mean` has three numbers, one per colour."
    ),
    reference=lambda image, mean: 255 * image - mean.reshape(1, 3, 1, 1),
    cases=[
        lambda: (values(1, 3, 3, 3), torch.tensor([123.0, 117.0, 104.0])),
        lambda: (values(1, 3, 2, 3, seed=1), torch.tensor([10.0, 20.0, 40.0])),
    ],
    mistakes=[
        Mistake(
            "the mean goes along the width here, as tensors are matched from their last dimension: "
            "make it one number per colour with `mean.reshape(1, 3, 1, 1)`",
            gives(lambda image, mean: 255 * image - mean),
        ),
        Mistake(
            "your values are too small: the image is in [0, 1], so multiply by 255 first",
            gives(lambda image, mean: image - mean.reshape(1, 3, 1, 1)),
        ),
        Mistake(
            "you multiply the mean by 255 as well; it is in 0 to 255 already",
            gives(lambda image, mean: 255 * (image - mean.reshape(1, 3, 1, 1))),
        ),
        Mistake(
            "you add the mean; it is taken off, so that grey is near zero",
            gives(lambda image, mean: 255 * image + mean.reshape(1, 3, 1, 1)),
        ),
        Mistake(
            "your colours are in the order blue, green, red; ours stay red, green, blue",
            gives(lambda image, mean: (255 * image - mean.reshape(1, 3, 1, 1)).flip(1)),
        ),
    ],
)

average_pool = Check(
    name="average_pool",
    parameters=("features",),
    chapter=1,
    exercise=(
        "Write `average_pool(features)`: every 2×2 positions of each channel become one, their "
        "average. (B, C, H, W) becomes (B, C, H/2, W/2): an odd last row or column is dropped. Cut "
        "it off first, then add slices such as `features[:, :, 0::2, 0::2]`."
    ),
    reference=lambda features: F.avg_pool2d(features, 2),
    cases=[
        lambda: (features(1, 2, 4, 6, gradient=True),),
        lambda: (features(2, 3, 5, 4, seed=1),),
    ],
    mistakes=[
        Mistake(
            "that is max pooling: you take the largest of four values, not their average",
            gives(lambda features: F.max_pool2d(features, 2)),
        ),
        Mistake(
            "you keep one position in four and forget the others; average all four",
            gives(lambda features: features[:, :, : 2 * (features.shape[2] // 2) : 2, ::2]),
        ),
        Mistake(
            "your values are 4 times too large: you add up four values, now divide by 4",
            gives(lambda features: 4 * F.avg_pool2d(features, 2)),
        ),
        Mistake(
            "you average each position with its neighbours but keep all positions; go in strides "
            "of two",
            gives(lambda features: F.avg_pool2d(features, 2, stride=1)),
        ),
        Mistake(
            "with an odd height there is a row too many: leave the last row out (round down)",
            gives(lambda features: F.avg_pool2d(features, 2, ceil_mode=True)),
        ),
    ],
)

content_loss = Check(
    name="content_loss",
    parameters=("features", "target"),
    chapter=1,
    exercise=(
        "Write `content_loss(features, target)`: the mean squared difference of two feature maps "
        "of the same shape, one number. It stays a tensor, so that a gradient can flow (1.3)."
    ),
    reference=losses.content_loss,
    cases=[
        lambda: (features(1, 2, 3, 4, gradient=True), features(1, 2, 3, 4, seed=1)),
        lambda: (features(2, 3, 4, 5, seed=2), features(2, 3, 4, 5, seed=3)),
    ],
    mistakes=[
        Mistake(
            "you add up the squares: your loss grows with the picture; take `.mean()`, not "
            "`.sum()`",
            gives(lambda features, target: (features - target).square().sum()),
        ),
        Mistake(
            "you halve the sum, as the paper does; ours is a mean, whose weight does not depend on "
            "the picture's size",
            gives(lambda features, target: (features - target).square().sum() / 2),
        ),
        Mistake(
            "the square is missing: differences above and below zero cancel out",
            gives(
                lambda features, target: (features - target).mean(),
                lambda features, target: (target - features).mean(),
            ),
        ),
        Mistake(
            "you average first and square then, so differences cancel out; square each one",
            gives(lambda features, target: (features - target).mean().square()),
        ),
        Mistake(
            "you take absolute differences; square them",
            gives(lambda features, target: (features - target).abs().mean()),
        ),
        Mistake(
            "you take a root at the end: the loss is the mean of squares itself",
            gives(lambda features, target: (features - target).square().mean().sqrt()),
        ),
        Mistake(
            "you take the norm, the root of a sum; the loss is the mean of squares",
            gives(lambda features, target: (features - target).norm()),
        ),
        Mistake(
            "you square features and target before you subtract; subtract first",
            gives(lambda features, target: (features.square() - target.square()).mean()),
        ),
    ],
)


def _image() -> Tensor:
    return values(1, 3, 4, 5, seed=5)


def _content_objective(network: Callable, photo: Tensor, layer: str) -> Callable:
    target = network(photo, [layer])[layer].detach()
    return lambda image: {"content": F.mse_loss(network(image, [layer])[layer], target)}


def _compares_images(network: Callable, photo: Tensor, layer: str) -> Callable:
    return lambda image: {"content": F.mse_loss(image, photo.detach())}


def _compares_with_the_photo_itself(network: Callable, photo: Tensor, layer: str) -> Callable:
    target = network(photo, [layer])[layer].detach()
    return lambda image: {"content": F.mse_loss(network(photo, [layer])[layer], target)}


def _compares_the_image_with_itself(network: Callable, photo: Tensor, layer: str) -> Callable:
    return lambda image: {"content": 0 * network(image, [layer])[layer].mean()}


def _another_layer(network: Callable, photo: Tensor, layer: str) -> Callable:
    return _content_objective(network, photo, "first" if layer == "second" else "second")


content_objective = Check(
    name="content_objective",
    parameters=("network", "photo", "layer"),
    chapter=1,
    exercise=(
        "Write `content_objective(network, photo, layer)`, which returns a function: the objective "
        'of 1.4, image -> {"content": scalar}. The target is computed once and is a constant.'
    ),
    reference=_content_objective,
    cases=[
        lambda: (tiny_network(), values(1, 3, 4, 5, seed=6, gradient=True), "second"),
        lambda: (tiny_network(), values(1, 3, 4, 5, seed=7), "first"),
    ],
    observe=lambda function, *given: apply(_image().requires_grad_())(function, *given),
    mistakes=[
        Mistake(NO_FUNCTION_HINT, returns_no_function),
        Mistake(
            "you compare the image, not its features: ask `network` for the layer of both",
            gives(_compares_images),
        ),
        Mistake(
            "your loss is 0 for any image: you compare the photo with itself; inside the objective "
            "the network gets the image",
            gives(_compares_with_the_photo_itself),
        ),
        Mistake(
            "you use a fixed layer: take the one that is named by `layer`",
            gives(_another_layer),
        ),
    ],
)
