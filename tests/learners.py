"""Answers that learners might give, written without a look at nstlib: right ones and wrong ones.

RIGHT: {check: functions}. WRONG: {check: {what the hint must say: function}}.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def per_color(mean):
    return torch.stack([torch.full((1, 1), float(number)) for number in mean])[None]


def unfolded(features):
    return features.unfold(2, 2, 2).unfold(3, 2, 2)  # (B, C, H', W', 2, 2)


def content_by_loop(features, target):
    total = 0
    for one, other in zip(features.flatten(), target.flatten(), strict=True):
        total = total + (one - other) ** 2
    return total / features.numel()


def objective_of(measure):
    """Make an answer of `content_objective`: measure(network, photo, layer, image) -> scalar."""
    return lambda network, photo, layer: (
        lambda image: {"content": measure(network, photo, layer, image)}
    )


def seen(network, image, layer):
    return network(image, layer)[layer]


def content_without_detach(network, photo, layer):
    target = seen(network, photo, layer)
    return lambda image: {"content": ((seen(network, image, layer) - target) ** 2).mean()}


def content_under_no_grad(network, photo, layer):
    with torch.no_grad():
        target = network(photo, (layer,))[layer]
    return lambda image: {"content": nn.MSELoss()(seen(network, image, layer), target)}


LOOP = """
def descend(start, objective, iterations):
    image = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=20, line_search_fn="strong_wolfe")
    def closure():
        optimizer.zero_grad()
        loss = sum(objective(image).values())
        loss.backward()
        return loss
    for _ in range(iterations):
        optimizer.step(closure)
        image.data.clamp_(0, 1)
    return image.detach()
"""


def loop(*changes):
    """Write the loop of chapter 1 with some lines changed: (old, new), ..."""
    text = LOOP
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    made = {"torch": torch}
    exec(text, made)
    return made["descend"]


def loop_with_adam(start, objective, iterations):
    image = nn.Parameter(start.clone())
    optimizer = torch.optim.Adam([image], lr=0.05)
    for _ in range(iterations):
        loss = sum(objective(image).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    return image


def loop_of_angles(start, objective, iterations):
    angle = torch.asin(2 * start - 1).requires_grad_()
    optimizer = torch.optim.LBFGS([angle], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = sum(objective((1 + angle.sin()) / 2).values())
        loss.backward()
        return loss

    for _ in range(iterations):
        optimizer.step(closure)
    return ((1 + angle.sin()) / 2).detach()


def gram_by_loop(features):
    batch, channels, height, width = features.shape
    gram = torch.zeros(batch, channels, channels)
    for image in range(batch):
        for i in range(channels):
            for j in range(channels):
                gram[image, i, j] = (features[image, i] * features[image, j]).sum()
    return gram / (channels * height * width)


def gram_by_bmm(features):
    rows = features.view(*features.shape[:2], -1)
    return torch.bmm(rows, rows.permute(0, 2, 1)).div(rows[0].numel())


def raw_gram(features):
    return torch.einsum("bchw,bdhw->bcd", features, features)


def right_gram(features):
    return raw_gram(features) / math.prod(features.shape[1:])


def gram_batch_mixed(features):
    batch, channels, height, width = features.shape
    rows = features.view(batch * channels, height * width)
    return torch.mm(rows, rows.t()) / (batch * channels * height * width)


def gram_cut_across(features):
    batch, channels, height, width = features.shape
    rows = features.reshape(batch, height * width, channels)
    return rows.transpose(1, 2) @ rows / (channels * height * width)


def shuffled_by_loop(features, order):
    out = torch.empty_like(features)
    width = features.shape[3]
    for place, source in enumerate(order.tolist()):
        out[:, :, place // width, place % width] = features[:, :, source // width, source % width]
    return out


def shuffled_backwards(features, order):
    out = torch.empty_like(features.flatten(2))
    out[:, :, order] = features.flatten(2)
    return out.reshape(features.shape)


def layer_terms(features, targets, measure=lambda d: (d**2).mean(), gram=right_gram):
    return [measure(gram(features[name]) - targets[name]) for name in targets]


def style_by_loop(features, targets):
    loss = 0.0
    for name, target in targets.items():
        loss += nn.functional.mse_loss(right_gram(features[name]), target)
    return loss


def style_returned_early(features, targets):
    for name in targets:
        return F.mse_loss(right_gram(features[name]), targets[name])


def style_overwritten(features, targets):
    for name in targets:
        loss = F.mse_loss(right_gram(features[name]), targets[name])
    return loss


def texture(describe, *, detach=True, layers_used=slice(None)):
    """Make an answer of `texture_objective` that compares descriptions of features."""

    def texture_objective(network, painting, layers):
        layers = layers[layers_used]
        targets = {n: describe(f) for n, f in network(painting, layers).items()}
        if detach:
            targets = {n: target.detach() for n, target in targets.items()}

        def objective(image):
            found = network(image, layers)
            return {"style": sum((describe(found[n]) - targets[n]).pow(2).mean() for n in layers)}

        return objective

    return texture_objective


def texture_of_pixels(network, painting, layers):
    target = right_gram(painting).detach()
    return lambda image: {"style": (right_gram(image) - target).pow(2).mean()}


def weighted(weigh):
    return lambda features, targets, weights: sum(
        weigh(right_gram(features[name]) - targets[name], weights[name]) for name in targets
    )


def weighted_in_order(features, targets, weights):
    terms = layer_terms(features, targets)
    return sum(term * weight for term, weight in zip(terms, weights.values(), strict=True))


def down(image):
    return torch.diff(image, dim=2)


def right(image):
    return torch.diff(image, dim=3)


def variation_by_loop(image):
    height, width = image.shape[2:]
    rows = [(image[:, :, i + 1] - image[:, :, i]) ** 2 for i in range(height - 1)]
    columns = [(image[:, :, :, j + 1] - image[:, :, :, j]) ** 2 for j in range(width - 1)]
    return torch.stack(rows).mean() + torch.stack(columns).mean()


def variation_rolled(image):
    return ((torch.roll(image, -1, 2) - image) ** 2).mean() + (
        (torch.roll(image, -1, 3) - image) ** 2
    ).mean()


def variation_padded(image):
    padded = F.pad(image, (0, 1, 0, 1))
    return ((padded[:, :, 1:, :-1] - image) ** 2).mean() + (
        (padded[:, :, :-1, 1:] - image) ** 2
    ).mean()


def smoothing(join):
    """Make an answer of `add_smoothing`: join(old terms, variation, weight) -> terms."""
    return lambda objective, weight: (
        lambda image: join(objective(image), variation_by_loop(image), weight)
    )


def smoothing_with_update(objective, weight):
    def smoother(image):
        terms = objective(image)
        terms["total variation"] = weight * variation_by_loop(image)
        return terms

    return smoother


def pulled(measure):
    def pulls(objective, image):
        image = image.clone().requires_grad_()
        found = {}
        for name in objective(image):
            image.grad = None
            objective(image)[name].backward()
            found[name] = measure(image.grad)
        return found

    return pulls


def pulled_in_a_heap(objective, image):
    image = image.clone().requires_grad_()
    found = {}
    for name, term in objective(image).items():
        term.backward(retain_graph=True)
        found[name] = image.grad.norm().item()
    return found


def pulled_together(objective, image):
    image = image.clone().requires_grad_()
    terms = objective(image)
    sum(terms.values()).backward()
    return {name: image.grad.norm().item() for name in terms}


def grey(image):
    return (0.299 * image[:, 0] + 0.587 * image[:, 1] + 0.114 * image[:, 2])[:, None]


def keeping(change, image, photo):
    low = torch.maximum(change, -photo.min(1, keepdim=True).values)
    return photo + torch.minimum(low, 1 - photo.max(1, keepdim=True).values)


def guided(features, mask):
    return torch.einsum("bchw,bdhw,xyhw->bcd", features, features, mask)


def guided_by_loop(features, mask):
    channels, gram = features.shape[1], 0
    for y in range(features.shape[2]):
        for x in range(features.shape[3]):
            point = features[:, :, y, x]
            gram = gram + mask[0, 0, y, x] * point[:, :, None] * point[:, None, :]
    return gram / channels / mask.sum()


def nearest(layout, colors):
    distances = torch.cdist(layout[0].flatten(1).T, colors)  # (H·W, K)
    return distances.argmin(1).reshape(layout.shape[2:])


def as_masks(numbers, count):
    return torch.stack([(numbers == number)[None] for number in range(count)])


def regions_by_loop(layout, colors):
    masks = torch.zeros(len(colors), 1, *layout.shape[2:], dtype=torch.int64)
    for y in range(layout.shape[2]):
        for x in range(layout.shape[3]):
            far = [float((layout[0, :, y, x] - color).norm()) for color in colors]
            masks[int(np.argmin(far)), 0, y, x] = 1
    return masks


def regions_by(measure):
    def region_masks(layout, colors):
        found = torch.stack([measure(layout[0] - color[:, None, None]) for color in colors])
        return as_masks(found.argmin(0), len(colors)).float()

    return region_masks


def regions_exact(layout, colors):
    masks = [(layout[0] == color[:, None, None]).all(0)[None] for color in colors]
    return torch.stack(masks).float()


def regional(weigh):
    """Make an answer of `region_loss`: weigh(squared differences, mask) -> a region's part."""

    def region_loss(features, targets, masks):
        loss = 0
        for target, mask in zip(targets, masks, strict=True):
            loss = loss + weigh((guided_by_loop(features, mask) - target) ** 2, mask)
        return loss

    return region_loss


def regional_unguided(features, targets, masks):
    gram, loss = right_gram(features), 0
    for target, mask in zip(targets, masks, strict=True):
        loss = loss + mask.mean() * ((gram - target) ** 2).mean()
    return loss


def normal(features, dims=(2, 3), epsilon=1e-5, correction=0):
    centered = features - features.mean(dims, keepdim=True)
    count = math.prod(features.shape[dim] for dim in dims) - correction
    return centered / ((centered**2).sum(dims, keepdim=True) / count + epsilon) ** 0.5


def normal_by_loop(features):
    out = torch.zeros_like(features)
    for image in range(features.shape[0]):
        for channel in range(features.shape[1]):
            plane = features[image, channel]
            out[image, channel] = (plane - plane.mean()) / (plane.var(unbiased=False) + 1e-5).sqrt()
    return out


def moments(features):
    return features.mean((2, 3), keepdim=True), features.std((2, 3), keepdim=True, correction=0)


def adapted(features, style):
    (mean, spread), (style_mean, style_spread) = moments(features), moments(style)
    return style_spread * (features - mean) / spread + style_mean


def adapted_without_taking_off(features, style):
    return features / moments(features)[1] * moments(style)[1] + moments(style)[0]


def adapted_globally(features, style):
    normal = (features - features.mean()) / features.std(unbiased=False)
    return normal * style.std(unbiased=False) + style.mean()


def blended(mix):
    return lambda one, other, share: {name: mix(one[name], other[name], share) for name in one}


def blended_in_place(one, other, share):
    for name in one:
        one[name].mul_(1 - share).add_(share * other[name])
    return one


def doubled_with_holes(features):
    batch, channels, height, width = features.shape
    out = torch.zeros(batch, channels, 2 * height, 2 * width)
    for y in range(height):
        for x in range(width):
            out[:, :, 2 * y, 2 * x] = features[:, :, y, x]
    return out


def shuffle_by_loop(features, r, *, turned=False, last=False, blocks=False):
    batch, channels, height, width = features.shape
    count = channels // r**2
    out = torch.zeros(batch, count, r * height, r * width)
    for c in range(count):
        for i in range(r):
            for j in range(r):
                source = (i * r + j) * count + c if last else c * r**2 + i * r + j
                a, b = (j, i) if turned else (i, j)
                if blocks:
                    rows = slice(a * height, (a + 1) * height)
                    out[:, c, rows, b * width : (b + 1) * width] = features[:, source]
                else:
                    out[:, c, a::r, b::r] = features[:, source]
    return out


def shuffle_by_permute(features, r):
    batch, channels, height, width = features.shape
    parts = features.view(batch, channels // r**2, r, r, height, width)
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, r * height, r * width)


def mse(image, reference):
    return torch.mean((image - reference) ** 2)


def larger(small, r, mode="bicubic", **options):
    size = [r * side for side in small.shape[2:]]
    return F.interpolate(small, size=size, mode=mode, **options)


RIGHT = {
    "network_input": [
        lambda image, mean: 255 * image - mean[:, None, None],
        lambda image, mean: (image * 255).sub(per_color(mean)),
    ],
    "average_pool": [
        lambda f: unfolded(f).mean((4, 5)),
        lambda f: F.adaptive_avg_pool2d(
            f[:, :, : f.shape[2] // 2 * 2, : f.shape[3] // 2 * 2],
            (f.shape[2] // 2, f.shape[3] // 2),
        ),
    ],
    "content_loss": [
        nn.MSELoss(),
        content_by_loop,
        lambda f, p: (f - p).norm() ** 2 / f.numel(),
        lambda f, p: torch.mean((p - f) ** 2),
    ],
    "content_objective": [
        content_under_no_grad,
        objective_of(
            lambda network, photo, layer, image: content_by_loop(
                seen(network, image, layer), seen(network, photo, layer).detach()
            )
        ),
        objective_of(
            lambda network, photo, layer, image: F.mse_loss(
                seen(network, image, layer), seen(network, photo.detach(), layer)
            )
        ),
    ],
    "descend": [
        loop(),
        loop_with_adam,
        loop_of_angles,
        loop((', line_search_fn="strong_wolfe"', "")),
    ],
    "gram_matrix": [gram_by_loop, gram_by_bmm, right_gram],
    "shuffle_positions": [
        shuffled_by_loop,
        lambda f, order: torch.index_select(f.flatten(2), 2, order).view_as(f),
    ],
    "style_loss": [style_by_loop, lambda f, t: sum(layer_terms(f, t))],
    "texture_objective": [texture(right_gram), texture(gram_by_loop)],
    "weighted_style_loss": [weighted(lambda d, w: w * (d**2).mean())],
    "total_variation": [
        variation_by_loop,
        lambda image: (down(image) ** 2).mean() + (right(image) ** 2).mean(),
    ],
    "weigh": [lambda terms, weights: {n: terms[n] * weights[n] for n in terms}],
    "add_smoothing": [
        smoothing_with_update,
        smoothing(lambda old, variation, w: old | {"total variation": w * variation}),
    ],
    "pulls": [
        pulled(lambda slope: slope.norm()),
        pulled(lambda slope: math.sqrt((slope**2).sum())),
        pulled(lambda slope: np.linalg.norm(slope.numpy())),
    ],
    "balance": [lambda pulls, shares: {n: s / pulls[n] for n, s in shares.items()}],
    "keep_colors": [lambda image, photo: keeping(grey(image) - grey(photo), image, photo)],
    "guided_gram": [
        guided_by_loop,
        lambda f, m: guided(f, m) / (f.shape[1] * m.sum()),
        lambda f, m: raw_gram(f * m.sqrt()) / (f.shape[1] * m.sum()),
    ],
    "mix_targets": [
        lambda one, other, share: one + share * (other - one),
        lambda one, other, share: torch.lerp(one, other, share),
    ],
    "region_masks": [
        regions_by_loop,
        lambda layout, colors: as_masks(nearest(layout, colors), len(colors)),
        lambda layout, colors: F.one_hot(nearest(layout, colors), len(colors)).movedim(2, 0)[
            :, None
        ],
    ],
    "paste": [
        lambda image, other, mask: torch.lerp(image, other, mask.expand_as(image)),
        lambda image, other, mask: image + mask * (other - image),
    ],
    "mean_color": [
        lambda p, m: torch.einsum("bchw,xyhw->bc", p, m)[:, :, None, None] / m.sum(),
        lambda p, m: (p * m).mean((2, 3), keepdim=True) / m.mean(),
    ],
    "region_loss": [regional(lambda squares, mask: squares.mean() * mask.mean())],
    "instance_norm": [
        normal,
        normal_by_loop,
        nn.InstanceNorm2d(4),
        lambda f: (f - moments(f)[0]) / (moments(f)[1] + 1e-5),
    ],
    "adain": [adapted, lambda f, s: normal(f) * moments(s)[1] + moments(s)[0]],
    "blend": [
        blended(lambda a, b, share: a.lerp(b, share)),
        blended(lambda a, b, share: a + share * (b - a)),
    ],
    "enlarge": [
        nn.Upsample(scale_factor=2),
        lambda f: f.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3),
        lambda f: torch.kron(f, torch.ones(2, 2)),
    ],
    "pixel_shuffle": [shuffle_by_loop, shuffle_by_permute, lambda f, r: nn.PixelShuffle(r)(f)],
    "best_guess": [
        lambda p: sum(p)[None] / len(p),
        lambda p: torch.stack([p[:, c].mean(0) for c in range(3)])[None],
    ],
    "psnr": [
        lambda a, b: -10 * torch.log10(mse(a, b)),
        lambda a, b: 10 * math.log10(1 / mse(a, b).item()),
        lambda a, b: 20 * np.log10(1 / np.sqrt(mse(a, b).numpy())),
    ],
    "add_detail": [lambda small, detail, r: (detail + larger(small, r)).clamp(0, 1)],
}
CLAMP = ("        image.data.clamp_(0, 1)\n", "")
ZERO = "        optimizer.zero_grad()\n"
WRONG = {
    "network_input": {
        "along the width": lambda image, mean: 255 * image - mean,
        "too small": lambda image, mean: image - per_color(mean),
        "multiply the mean by 255": lambda image, mean: (image - per_color(mean)) * 255,
        "you add the mean": lambda image, mean: image * 255 + per_color(mean),
        "blue, green, red": lambda image, mean: (image * 255 - per_color(mean))[:, [2, 1, 0]],
    },
    "average_pool": {
        "max pooling": lambda f: unfolded(f).amax((4, 5)),
        "one position in four": lambda f: unfolded(f)[..., 0, 0],
        "4 times too large": lambda f: unfolded(f).sum((4, 5)),
        "strides of two": lambda f: (
            (f[:, :, :-1, :-1] + f[:, :, 1:, :-1] + f[:, :, :-1, 1:] + f[:, :, 1:, 1:]) / 4
        ),
        "a row too many": nn.AvgPool2d(2, ceil_mode=True),
    },
    "content_loss": {
        "`.mean()`, not `.sum()`": nn.MSELoss(reduction="sum"),
        "you halve the sum": lambda f, p: 0.5 * torch.sum((f - p) ** 2),
        "the square is missing": lambda f, p: torch.mean(f - p),
        "you average first": lambda f, p: (f.mean() - p.mean()) ** 2,
        "absolute differences": nn.L1Loss(),
        "you take a root": lambda f, p: F.mse_loss(f, p) ** 0.5,
        "the norm": torch.dist,
        "before you subtract": lambda f, p: (f**2).mean() - (p**2).mean(),
    },
    "content_objective": {
        "without brackets": lambda network, photo, layer: {
            "content": F.mse_loss(seen(network, photo, layer), seen(network, photo, layer))
        },
        "not its features": objective_of(
            lambda network, photo, layer, image: ((image - photo.detach()) ** 2).mean()
        ),
        "0 for any image": objective_of(
            lambda network, photo, layer, image: (
                (seen(network, photo, layer) - seen(network, photo, layer)) ** 2
            ).mean()
        ),
        "fixed layer": lambda network, photo, layer: content_under_no_grad(
            network, photo, {"first": "second", "second": "first"}[layer]
        ),
    },
    "descend": {
        "return the image": loop(("return image.detach()", "return [image]")),
        "never call `objective`": loop(("sum(objective(image).values())", "image.square().sum()")),
        "change the start": loop(("start.clone()", "start")),
        "has not moved": loop(("        loss.backward()\n", "")),
        "only one of": loop(("sum(objective(image).values())", "objective(image)['content']")),
        "`optimizer.zero_grad()`": loop((ZERO, "")),
        "clamp inside the closure": loop(CLAMP, (ZERO, ZERO + "        image.data.clamp_(0, 1)\n")),
        "outside [0, 1]": loop(CLAMP),
        "fewer iterations": loop(("range(iterations)", "range(1)")),
        "higher at the end": loop(
            ("loss.backward()", "(-loss).backward()"), ("return loss", "return -loss")
        ),
    },
    "gram_matrix": {
        "not divided": raw_gram,
        "your Gram matrix is C times too large": lambda f: raw_gram(f) / (f.shape[2] * f.shape[3]),
        "H·W times too large": lambda f: raw_gram(f) / f.shape[1],
        "elements of the matrix": lambda f: raw_gram(f) / raw_gram(f)[0].numel(),
        "half as large": lambda f: raw_gram(f) / f.numel(),
        "into one matrix": gram_batch_mixed,
        "you compare positions": lambda f: (
            torch.einsum("bcn,bcm->bnm", f.flatten(2), f.flatten(2)) / f[0].numel()
        ),
        "cuts rows across channels": gram_cut_across,
        "covariance": lambda f: right_gram(f - f.mean(dim=(2, 3), keepdim=True)),
        "channels' averages": lambda f: (
            torch.einsum("bc,bd->bcd", f.mean((2, 3)), f.mean((2, 3))) / f.shape[1]
        ),
    },
    "shuffle_positions": {
        "the way back": shuffled_backwards,
        "across the channels": lambda f, order: f.reshape(len(f), -1)[:, order],
        "still in one row": lambda f, order: f.reshape(*f.shape[:2], -1)[..., order],
        "nothing is shuffled": lambda f, order: f.clone(),
    },
    "style_loss": {
        "take their mean, or": lambda f, t: sum(layer_terms(f, t, lambda d: (d**2).sum())),
        "mean over the layers": lambda f, t: torch.stack(layer_terms(f, t)).mean(),
        "`return` comes after": style_returned_early,
        "add up with `+=`": style_overwritten,
        "the square is missing": lambda f, t: sum(layer_terms(f, t, lambda d: d.mean())),
        "absolute": lambda f, t: sum(layer_terms(f, t, lambda d: d.abs().mean())),
        "not divided": lambda f, t: sum(layer_terms(f, t, gram=raw_gram)),
        "by H·W only": lambda f, t: sum(
            layer_terms(f, t, gram=lambda x: raw_gram(x) / (x.shape[2] * x.shape[3]))
        ),
    },
    "texture_objective": {
        "without brackets": lambda network, painting, layers: {"style": torch.zeros(())},
        "position by position": texture(lambda features: features),
        "Gram matrix of the image": texture_of_pixels,
        "only one of the layers": texture(right_gram, layers_used=slice(0, 1)),
        "averages of channels": texture(lambda features: features.mean(dim=(2, 3))),
    },
    "weighted_style_loss": {
        "do not use the weights": weighted(lambda d, w: (d**2).mean()),
        "square the weight": weighted(lambda d, w: ((w * d) ** 2).mean()),
        "in their order": weighted_in_order,
        "sum of the weights": lambda f, t, w: (
            weighted(lambda d, w: w * (d**2).mean())(f, t, w) / sum(w.values())
        ),
        "squares of each layer": weighted(lambda d, w: w * (d**2).sum()),
    },
    "total_variation": {
        "take the mean": lambda image: (down(image) ** 2).sum() + (right(image) ** 2).sum(),
        "number of pixels": lambda image: (
            ((down(image) ** 2).sum() + (right(image) ** 2).sum()) / image.numel()
        ),
        "only vertical": lambda image: (down(image) ** 2).mean(),
        "only horizontal": lambda image: (right(image) ** 2).mean(),
        "absolute": lambda image: down(image).abs().mean() + right(image).abs().mean(),
        "the square is missing": lambda image: down(image).mean() + right(image).mean(),
        "`roll`": variation_rolled,
        "black": variation_padded,
        "diagonal": lambda image: F.mse_loss(image[:, :, 1:, 1:], image[:, :, :-1, :-1]),
        "colour channels": lambda image: (
            (torch.diff(image, dim=1) ** 2).mean() + (torch.diff(image, dim=2) ** 2).mean()
        ),
    },
    "weigh": {
        "you add the terms up": lambda terms, weights: sum(terms[n] * weights[n] for n in terms),
        "as they were": lambda terms, weights: terms,
        "in their order": lambda terms, weights: {
            n: terms[n] * list(weights.values())[i] for i, n in enumerate(terms)
        },
        "sum of the weights": lambda terms, weights: {
            n: terms[n] * (weights[n] / sum(weights.values())) for n in terms
        },
        "weight 0": lambda terms, weights: {n: terms[n] * w for n, w in weights.items() if w != 0},
    },
    "add_smoothing": {
        "without brackets": lambda objective, weight: objective(torch.ones(1, 3, 4, 5)),
        "old terms are gone": smoothing(
            lambda old, variation, w: {"total variation": w * variation}
        ),
        "not there": smoothing(lambda old, variation, w: old),
        "not weighed": smoothing(lambda old, variation, w: {**old, "total variation": variation}),
        "name of its own": smoothing(lambda old, variation, w: sum(old.values()) + w * variation),
        "weighed as well": smoothing(
            lambda old, variation, w: {
                n: w * term for n, term in {**old, "total variation": variation}.items()
            }
        ),
    },
    "pulls": {
        "losses themselves": lambda objective, image: {
            n: term.item() for n, term in objective(image).items()
        },
        "includes those before": pulled_in_a_heap,
        "that of their sum": pulled_together,
        "square of the norm": pulled(lambda slope: slope.norm() ** 2),
        "add up absolute": pulled(lambda slope: slope.norm(p=1)),
        "average absolute": pulled(lambda slope: slope.abs().mean()),
        "ups and downs": pulled(torch.sum),
        "largest": pulled(lambda slope: slope.norm(p=math.inf)),
    },
    "balance": {
        "divide by it": lambda pulls, shares: {n: pulls[n] * shares[n] for n in pulls},
        "forget the shares": lambda pulls, shares: {n: 1 / pull for n, pull in pulls.items()},
        "upside down": lambda pulls, shares: {n: 1 / (shares[n] / pulls[n]) for n in pulls},
        "you return the shares": lambda pulls, shares: shares,
        "part of the whole": lambda pulls, shares: {
            n: pull / sum(pulls.values()) for n, pull in pulls.items()
        },
        "take them as they are": lambda pulls, shares: {
            n: shares[n] / (pulls[n] * sum(shares.values())) for n in pulls
        },
    },
    "keep_colors": {
        "swapped": lambda image, photo: keeping(grey(photo) - grey(image), photo, image),
        "cut the change, so": lambda image, photo: photo + (grey(image) - grey(photo)),
        "each for itself": lambda image, photo: (photo + grey(image) - grey(photo)).clamp(0, 1),
        "0.299": lambda image, photo: keeping(
            image.mean(1, keepdim=True) - photo.mean(1, keepdim=True), image, photo
        ),
        "without taking off": lambda image, photo: photo + grey(image),
        "is grey": lambda image, photo: grey(image).repeat(1, 3, 1, 1),
    },
    "guided_gram": {
        "do not use the mask": lambda f, m: right_gram(f),
        "divide by all positions; divide": lambda f, m: guided(f, m) / f[0].numel(),
        "counts squared": lambda f, m: raw_gram(f * m) / (f.shape[1] * m.sum()),
        "mask is squared, and": lambda f, m: right_gram(m * f),
        "C times too large": lambda f, m: guided(f, m) / m.sum(),
        "is not divided": guided,
        "channels only": lambda f, m: guided(f, m) / f.shape[1],
        "upside down": lambda f, m: guided_by_loop(f, 1 - m),
        "mask hard": lambda f, m: guided_by_loop(f, m.round()),
    },
    "mix_targets": {
        "swapped": lambda one, other, share: share * one + (1 - share) * other,
        "half and half": lambda one, other, share: 0.5 * one + 0.5 * other,
        "counts in full": lambda one, other, share: one + other * share,
        "both in full": lambda one, other, share: torch.stack([one, other]).sum(0),
        "halved": lambda one, other, share: torch.stack([(1 - share) * one, share * other]).mean(0),
    },
    "region_masks": {
        "exactly equal": regions_exact,
        "`argmin`": regions_by(lambda difference: -difference.norm(dim=0)),
        "without squaring": regions_by(lambda difference: difference.sum(0)),
        "red only": regions_by(lambda difference: difference[0] ** 2),
        "distances": lambda layout, colors: (
            (layout - colors.reshape(-1, 3, 1, 1)).pow(2).sum(1, keepdim=True)
        ),
        "upside down": lambda layout, colors: 1.0 - regions_by_loop(layout, colors),
    },
    "paste": {
        "wrong way round": lambda image, other, mask: image * mask + other * (1 - mask),
        "shines through": lambda image, other, mask: image + other * mask,
        "black": lambda image, other, mask: other * mask,
        "edge is hard": lambda image, other, mask: torch.where(mask >= 0.5, other, image),
        "do not average": lambda image, other, mask: torch.lerp(image, other, 0.5),
    },
    "mean_color": {
        "do not use": lambda p, m: p.flatten(2).mean(2)[..., None, None],
        "too dark": lambda p, m: (p * m).flatten(2).mean(2)[..., None, None],
        "one grey": lambda p, m: (p.mean(1, keepdim=True) * m).sum() / m.sum(),
        "without dividing": lambda p, m: (p * m).flatten(2).sum(2)[..., None, None],
        "outside": lambda p, m: (p - p * m).sum((2, 3), keepdim=True) / (1 - m).sum(),
        "make the mask hard": lambda p, m: (p * m.round()).sum((2, 3), True) / m.round().sum(),
    },
    "region_loss": {
        "tiny star": regional(lambda squares, mask: squares.mean()),
        "sum of the mask": regional(lambda squares, mask: mask.sum() * squares.mean()),
        "you divide by the area": regional(lambda squares, mask: squares.mean() / mask.mean()),
        "whole picture's": regional_unguided,
        "average over the regions": regional(
            lambda squares, mask: squares.mean() * mask.mean() / 3
        ),
        "mean of each matrix": regional(lambda squares, mask: squares.sum() * mask.mean()),
    },
    "instance_norm": {
        "batch normalisation": nn.BatchNorm2d(3, track_running_stats=False),
        "all channels together": lambda f: F.layer_norm(f, f.shape[1:]),
        "over its channels": lambda f: normal(f, (1,)),
        "each row": lambda f: normal(f, (3,)),
        "by the variance": lambda f: (f - moments(f)[0]) / (moments(f)[1] ** 2 + 1e-5),
        "mean is still in": lambda f: f / (moments(f)[1] ** 2 + 1e-5).sqrt(),
        "do not divide": lambda f: f - moments(f)[0],
        "N - 1": lambda f: normal(f, correction=1),
        "constant": lambda f: normal(f, epsilon=0),
    },
    "adain": {
        "swapped": lambda f, s: adapted(s, f),
        "mean is missing": lambda f, s: normal(f) * moments(s)[1],
        "mean only": lambda f, s: f + moments(s)[0] - moments(f)[0],
        "do not give them": lambda f, s: normal(f),
        "own mean before": adapted_without_taking_off,
        "one mean for all": adapted_globally,
        "N - 1": lambda f, s: (
            (f - f.mean((2, 3), True)) / f.std((2, 3), keepdim=True) * s.std((2, 3), keepdim=True)
            + s.mean((2, 3), True)
        ),
    },
    "blend": {
        "swapped": blended(lambda a, b, share: b.lerp(a, share)),
        "half and half": blended(lambda a, b, share: 0.5 * a + 0.5 * b),
        "counts in full": blended(lambda a, b, share: b * share + a),
        "both in full": blended(lambda a, b, share: a + b),
        "you switch": blended(lambda a, b, share: b if share >= 0.5 else a),
    },
    "enlarge": {
        "side by side": lambda f: torch.tile(f, (2, 2)),
        "chequerboard": doubled_with_holes,
        "the height only": nn.Upsample(scale_factor=(2, 1)),
        "the width only": nn.Upsample(scale_factor=(1, 2)),
        "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    },
    "pixel_shuffle": {
        "`permute` first": lambda f, r: f.reshape(len(f), -1, f.shape[2] * r, f.shape[3] * r),
        "are swapped": lambda f, r: shuffle_by_loop(f, r, turned=True),
        "small pictures": lambda f, r: shuffle_by_loop(f, r, blocks=True),
        "the channel first": lambda f, r: shuffle_by_loop(f, r, last=True),
        "other way": lambda f, r: nn.PixelUnshuffle(r)(f),
        "drop the others": lambda f, r: F.interpolate(f, scale_factor=r)[:, :: r * r],
    },
    "best_guess": {
        "the first one": lambda p: p[0][None],
        "choose one": lambda p: p[
            [int(torch.cdist(p.flatten(1), p.flatten(1)).pow(2).sum(0).argmin())]
        ],
        "median": lambda p: p.sort(0).values[(len(p) - 1) // 2][None],
        "divide by how many": lambda p: torch.einsum("bchw->chw", p)[None],
        "keepdim": lambda p: torch.mean(p, 0),
        "over more": lambda p: p.mean((0, 1))[None, None].repeat(1, 3, 1, 1),
    },
    "psnr": {
        "sign": lambda a, b: 10 * torch.log10(mse(a, b)),
        "natural": lambda a, b: 10 * math.log(1 / mse(a, b)),
        "twice": lambda a, b: 20 * math.log10(1 / mse(a, b)),
        "half of": lambda a, b: 10 * math.log10(1 / mse(a, b).sqrt()),
        "bels": lambda a, b: math.log10(1 / mse(a, b)),
        "48": lambda a, b: 20 * math.log10(255 / mse(a, b).sqrt()),
        "not squared": lambda a, b: 10 * math.log10(1 / F.l1_loss(a, b)),
        "add up": lambda a, b: 10 * math.log10(1 / ((a - b) ** 2).sum()),
        "error itself": mse,
    },
    "add_detail": {
        "detail is not there": lambda small, detail, r: larger(small, r).clamp(0, 1),
        "only the detail": lambda small, detail, r: detail,
        "take the detail off": lambda small, detail, r: (larger(small, r) - detail).clamp(0, 1),
        "leave [0, 1]: cut the sum": lambda small, detail, r: larger(small, r) + detail,
        "before you add": lambda small, detail, r: detail + larger(small, r).clamp(0, 1),
        "nearest": lambda small, detail, r: (larger(small, r, "nearest") + detail).clamp(0, 1),
        "bilinear": lambda small, detail, r: (larger(small, r, "bilinear") + detail).clamp(0, 1),
        "align_corners": lambda small, detail, r: (
            larger(small, r, align_corners=True) + detail
        ).clamp(0, 1),
    },
}
