"""A transfer from its first size to its last, with the picture carried up."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np
from PIL import Image
from torch import Tensor

from nstlib import images
from nstlib.colors import keep_colors
from nstlib.recipes import defaults
from nstlib.recipes.objective import transfer_objective
from nstlib.synthesis import Iteration, Result, iterate, optimize_image


def transfer(
    content,
    style,
    *,
    scales: Sequence[int] | None = None,
    iterations: int | Sequence[int] = 10,
    evaluations: int = 20,
    optimizer: str = "lbfgs",
    progress: bool = True,
    **options,
) -> Result:
    """Paint the content picture in the style of another, or of several.

    L = content_weight · content + style_weight · Σₗ wₗ · styleₗ + tv_weight · total variation

    Args:
        content: an image tensor or whatever `images.load_image` takes.
        style: the same, or a list of several; sizes may differ.
        content_weight: larger keeps more of the photo; 0 leaves texture only. Default 0.3.
        style_weight: larger takes over more of the painting; None for STYLE_WEIGHT times the square
            of the network's width, so that pictures look alike.
        tv_weight: larger is smoother; 0 leaves the grain. Default 10.
        balance: take the three weights for shares of the pull (defaults 0.02, 1 and 0.002) and find
            weights by a dry run: equal shares are gradients of equal norm, in the style layers too.
        content_layer: whose features the result keeps; None for block4_conv2 (SqueezeNet: fire2).
        style_layers: whose Gram matrices the result takes over; None as in `reconstruct_style`.
        style_weights: wₗ, one per style layer; None gives all the same share of 1.
        style_shares: of several styles where they meet; None: all the same.
        masks: where each style goes, one per style: (1, 1, H, W) in [0, 1], a file, or None for the
            rest. Where masks overlap, styles are blended; where there is none, content remains.
        style_masks: which part of each painting counts, in the same way; None for all of it.
        colors: "painting"; "photo" keeps the photo's colours and paints luminance only; "match"
            first gives the painting the photo's mean and covariance of colours.
        start: "content", "noise", "filtered noise", "style", "tint" (the photo blurred, in the
            painting's colours), or an image tensor.
        network: a name for `load_network` or a network.
        size: longer side of loaded pictures in px; an image tensor keeps its own.
        style_size: longer side of loaded paintings in px; smaller makes smaller strokes. None: as
            `size`.
        scales: longer sides in px, growing, such as (128, 256, 512): the result of each is the
            start of the next. The last replaces `size`, for image tensors too.
        seed: of the noise.
        iterations: of each scale, or one number per scale.
        evaluations, optimizer, progress: of `synthesis.optimize_image`.

    Returns:
        Result with the terms "content", "style" and "total variation", weights included. With
        scales, history and frames of all of them, each with its start; a run that was interrupted
        is scaled to the last size.

    Raises:
        ValueError: an unknown start, layer, network or colors; weights, shares or masks that are
            negative, not finite, or not one per layer or style; a mask that is empty, too small for
            a layer or of another shape; scales that do not grow; or a picture too small.

    Source: Gatys et al. 2016, equation 7, with their style layers; total variation as in Johnson et
    al. 2016; colours, masks and scales: Gatys et al. 2016 ("Preserving Color") and 2017.
    Taught in: chapters 3 and 4.
    """
    stages = plan_scales(content, style, scales, options)
    counts = _per_scale(iterations, len(stages))
    start, results = options.get("start", "content"), []
    for stage, count in zip(stages, counts, strict=True):
        run = {"iterations": count, "evaluations": evaluations, "optimizer": optimizer}
        try:
            begin, objective = transfer_objective(**stage, start=start)
            results.append(optimize_image(begin, objective, **run, progress=progress))
        except (KeyboardInterrupt, FloatingPointError) as error:
            if not results:
                raise
            results[-1].stop_reason = str(error) or "interrupted"  # between two scales
        if results[-1].stop_reason not in ("finished", "converged"):
            break
        start = results[-1].image
    result = results[0] if len(stages) == 1 else _join(results, stages[-1]["content"])
    if options.get("colors") == "photo":
        _recolor(result, defaults.open_image(stages[-1]["content"], stages[-1].get("size", 256)))
    return result


def iterate_transfer(
    content,
    style,
    *,
    scales: Sequence[int] | None = None,
    iterations: int | Sequence[int] = 10,
    evaluations: int = 20,
    optimizer: str = "lbfgs",
    **options,
) -> Iterator[Iteration]:
    """Run `transfer` one iteration at a time, as `synthesis.iterate` does.

    Args, Raises: as `transfer`.

    Yields:
        The start as number 0, then one Iteration at a time, in its final colours; numbers,
        evaluations and seconds go on from scale to scale.
    """
    stages = plan_scales(content, style, scales, options)
    start, last = options.get("start", "content"), None
    for stage, count in zip(stages, _per_scale(iterations, len(stages)), strict=True):
        begin, objective = transfer_objective(**stage, start=start)
        photo = defaults.open_image(stage["content"], stage.get("size", 256))
        run = iterate(
            begin, objective, iterations=count, evaluations=evaluations, optimizer=optimizer
        )
        before = last
        for iteration in run:
            if before is not None and iteration.number == 0:
                continue
            start, last = iteration.image, _continued(iteration, before)
            if stage.get("colors") == "photo":
                last = replace(last, image=keep_colors(last.image, photo))
            yield last


def plan_scales(content, style, scales: Sequence[int] | None, options: dict) -> list[dict]:
    """Prepare what `transfer_objective` gets at each size.

    Raises:
        ValueError: no scales, or scales that are not whole numbers or do not grow.
    """
    options = {name: value for name, value in options.items() if name != "start"}
    if scales is None:
        return [{"content": content, "style": style, **options}]
    scales = list(scales) if isinstance(scales, Iterable) else [scales]
    whole = all(isinstance(size, Integral) and not isinstance(size, bool) for size in scales)
    if not scales or not whole or scales[0] < 1 or sorted(set(scales)) != scales:
        raise ValueError(f"scales are {scales}; give growing whole numbers of px")
    sources = list(style) if isinstance(style, list | tuple) else [style]
    style_size = options.pop("style_size", None)
    style_size = scales[-1] if style_size is None else style_size
    options.pop("size", None)
    photo = defaults.open_image(content, scales[-1])
    paintings = [defaults.open_image(source, style_size) for source in sources]
    if "network" in options:
        options["network"] = defaults.open_network(options["network"])
    return [
        {
            "content": _resized(photo, size),
            "style": [_scaled(painting, size / scales[-1]) for painting in paintings],
            **options,
        }
        for size in scales
    ]


def _per_scale(iterations: int | Sequence[int], count: int) -> list[int]:
    if not isinstance(iterations, Sequence):
        return [iterations] * count
    if len(iterations) != count:
        raise ValueError(f"{len(iterations)} iterations for {count} scales; give one per scale")
    return list(iterations)


def _resized(image: Tensor, size: int) -> Tensor:
    return _scaled(image, size / max(image.shape[2:]))


def _scaled(image: Tensor, factor: float) -> Tensor:
    shape = tuple(max(1, round(side * factor)) for side in image.shape[2:])
    return image if shape == tuple(image.shape[2:]) else images.resize_image(image, shape)


def _continued(iteration: Iteration, before: Iteration | None) -> Iteration:
    if before is None:
        return iteration
    return replace(
        iteration,
        number=before.number + iteration.number,
        evaluations=before.evaluations + iteration.evaluations,
        seconds=before.seconds + iteration.seconds,
    )


def _join(results: Sequence[Result], photo: Tensor) -> Result:
    """Make one result of those of all scales, at the last one's size."""
    image, shape = results[-1].image, tuple(photo.shape[2:])
    if tuple(image.shape[2:]) != shape:
        image = images.resize_image(image, shape)
    frames = [frame for result in results for frame in result.frames]
    largest = max((frame.shape[1::-1] for frame in frames), default=())  # width, height
    return Result(
        image,
        [terms for result in results for terms in result.history],
        [np.asarray(Image.fromarray(frame).resize(largest)) for frame in frames],
        results[-1].stop_reason,
        sum(result.seconds for result in results),
        sum(result.evaluations for result in results),
    )


def _recolor(result: Result, photo: Tensor) -> None:
    """Give a result and its frames the photo's colours."""
    result.image = keep_colors(result.image, photo)
    for number, frame in enumerate(result.frames):
        small = images.from_picture(Image.fromarray(frame))
        colored = keep_colors(small, images.resize_image(photo, tuple(small.shape[2:])))
        result.frames[number] = np.asarray(images.to_picture(colored))
