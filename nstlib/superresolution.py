"""Make pictures larger: a small sub-pixel network, its training, and three ways to judge it."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nstlib import data, images
from nstlib.crops import Crops
from nstlib.features import FeatureNetwork, load_network
from nstlib.feedforward import TrainingStep, check_finite, check_numbers
from nstlib.losses import content_loss

FACTORS = (2, 3, 4)
CHANNELS = 32
DEPTH = 3  # convolutions between the first and the last
SHARE = 0.1  # of what the last layer says; with all of it the first steps overshoot
SMALLEST = 4  # px; smaller images are padded for the pass
LAYER = "block2_conv2"  # whose features are compared, as Johnson et al. did
FAR_LAYER = "block4_conv2"  # that measures; no training here looks at it
PIXEL_WEIGHTS = {2: 20.0, 3: 50.0, 4: 100.0}  # by factor; at 4, less drew a grid
RATE = 2e-3  # of Adam, falling to 0 over a training
LOSSES = ("pixels", "features")
WINDOW = 7  # px, side of what SSIM compares; smaller images cannot be measured


class UpscaleNet(nn.Module):
    """A small network that makes images larger by a whole factor.

    All convolutions work at the small size; the last has 3·factor² channels, which are then laid
    out as pixels. What it says is added to the bicubic enlargement, and a new network says 0: it
    starts as bicubic and can only have to learn what bicubic misses.

    Args:
        factor: 2, 3 or 4.
        channels: of the convolutions.
        depth: how many there are between the first and the last.

    Raises:
        ValueError: another factor.

    Source: Shi et al. 2016, with ReLU, reflecting borders and three colours at once instead of
    luminance. The sum with bicubic is Kim et al. 2016's, the sums inside are He et al. 2016's.
    Taught in: chapter 7.
    """

    def __init__(self, factor: int, *, channels: int = CHANNELS, depth: int = DEPTH):
        super().__init__()
        _check_factor(factor)
        self.factor = factor
        self.start = _convolution(3, channels, 5)
        self.middle = nn.ModuleList(_convolution(channels, channels, 3) for _ in range(depth))
        self.end = _convolution(channels, 3 * factor**2, 3)
        nn.init.zeros_(self.end.weight)
        nn.init.zeros_(self.end.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Enlarge images (B, 3, H, W) in [0, 1] to (B, 3, factor·H, factor·W).

        Values may leave [0, 1] a little; `upscale` cuts them.
        """
        height, width = image.shape[2:]
        more = (0, max(0, SMALLEST - width), 0, max(0, SMALLEST - height))
        x = F.relu(self.start(F.pad(image, more, mode="replicate") - 0.5))
        for layer in self.middle:
            x = x + F.relu(layer(x))
        shape = (self.factor * height, self.factor * width)
        details = F.pixel_shuffle(SHARE * self.end(x), self.factor)[..., : shape[0], : shape[1]]
        return images.resize_image(image, shape) + details


def _convolution(inputs: int, outputs: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, side, padding=side // 2, padding_mode="reflect")


def new_network(factor: int, *, seed: int = 0, **settings: int) -> UpscaleNet:
    """Make an untrained UpscaleNet; the same seed gives the same weights. Settings as UpscaleNet's.

    Taught in: chapter 7.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UpscaleNet(factor, **settings)


def upscale(network: UpscaleNet, image: Tensor) -> Tensor:
    """Enlarge one image, without following gradients.

    Args:
        network: a trained UpscaleNet.
        image: (1, 3, H, W) in [0, 1], any size.

    Returns:
        (1, 3, factor·H, factor·W) in [0, 1].

    Raises:
        ValueError: not an image.

    Taught in: chapter 7.
    """
    images.check_image(image)
    with torch.inference_mode():
        larger = network.eval()(image.to(next(network.parameters())))
    return larger.clamp(0, 1)  # out here, or no gradient could ever be asked of it


def shrink(image: Tensor, factor: int) -> Tensor:
    """Make images smaller by a whole factor; this is what the networks learn to undo.

    Bicubic with antialiasing: each new pixel is a weighted mean of those around its place.

    Args:
        image: (B, 3, H, W) in [0, 1], both sides multiples of the factor.
        factor: 2, 3 or 4.

    Returns:
        (B, 3, H/factor, W/factor) in [0, 1].

    Raises:
        ValueError: another factor, or sides that it does not divide.

    Taught in: chapter 7.
    """
    _check_factor(factor)
    height, width = image.shape[2:]
    if height % factor or width % factor:
        whole = f"{height // factor * factor}x{width // factor * factor}"
        raise ValueError(
            f"{factor} does not divide {height}x{width} px; cut the image to {whole} px first"
        )
    return images.resize_image(image, (height // factor, width // factor))


@dataclass(frozen=True)
class Judge:
    """What enlarged pictures are compared by.

    L = mean((x - y)²), or L = content loss at one layer + pixel_weight · mean((x - y)²)

    Attributes:
        network: whose features are compared; None compares pixels alone.
        layer: of the network.
        pixel_weight: of the pixels beside the features.

    Source: Johnson et al. 2016, equation 2, at their layer relu2_2. The pixels beside it are ours:
    without them our networks drew a fine grid, which these features hardly see.
    """

    network: FeatureNetwork | None
    layer: str = LAYER
    pixel_weight: float = 0.0

    def terms(self, enlarged: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Compute the terms of enlarged pictures (B, 3, H, W) and true ones, weights included."""
        pixels = F.mse_loss(enlarged, truth)
        if self.network is None:
            return {"pixels": pixels}
        with torch.no_grad():
            target = self.network(truth, [self.layer])[self.layer]
        features = self.network(enlarged, [self.layer])[self.layer]
        return {"features": content_loss(features, target), "pixels": self.pixel_weight * pixels}


class _Training:
    """A network in training, one step after the other."""

    def __init__(self, network: UpscaleNet, judge: Judge, crops: Crops, steps, batch, rate):
        self.network, self.judge, self.crops, self.batch = network, judge, crops, batch
        self.number = 0
        self.optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)

    def terms(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Compare the next crops with what the network makes of them."""
        truth = self.crops.batch(self.batch, generator)
        return self.judge.terms(self.network(shrink(truth, self.network.factor)), truth)

    def step(self, generator: torch.Generator) -> dict[str, float]:
        """Make one step, or none if a term or its gradient is not finite."""
        terms = self.terms(generator)
        self.optimizer.zero_grad()
        sum(terms.values()).backward()
        values = {name: term.item() for name, term in terms.items()}
        slope = nn.utils.get_total_norm([value.grad for value in self.network.parameters()])
        check_finite({**values, "gradient": slope.item()}, self.number + 1)
        self.optimizer.step()
        self.schedule.step()
        self.number += 1
        return values


def train(
    loss: str,
    pictures=None,
    *,
    factor: int,
    steps: int = 500,
    batch: int = 1,
    size: int = 192,
    report: int = 20,
    network: str | FeatureNetwork = "pocket",
    layer: str = LAYER,
    pixel_weight: float | None = None,
    rate: float = RATE,
    seed: int = 0,
    start: UpscaleNet | None = None,
) -> Iterator[TrainingStep]:
    """Teach a network to undo `shrink`; hand it over at every report.

    Pausing is not asking for the next report; stopping is closing the generator. The network that
    was handed over last stays, with its last good weights. The same seed gives the same crops
    whatever the loss.

    Args:
        loss: "pixels", their mean squared error, or "features", Judge's sum.
        pictures: a folder, a list of pictures, or Crops; None for the built-in photos.
        factor: 2, 3 or 4.
        steps: how many batches in all; the rate falls to 0 over them.
        batch, size: crops per step, and their side in px, a multiple of the factor.
        report: steps from one report to the next.
        network: whose features judge, a name for `load_network` or a network.
        layer: of that network.
        pixel_weight: of the pixels beside the features; None for PIXEL_WEIGHTS of the factor.
        rate: of Adam, at first.
        seed: of the first weights and of the crops.
        start: a network to go on from; None for a new one.

    Yields:
        A TrainingStep: number 0 at once, then at every report.

    Raises:
        ValueError: no such loss, bad numbers, no pictures, a layer that the network lacks, or a
            start of another factor.
        FloatingPointError: a loss or a gradient is not finite; the network keeps its last good
            weights.

    Source: Shi et al. 2016, equation 4, and Johnson et al. 2016, equation 2.
    Taught in: chapter 7.
    """
    check_numbers(steps=steps, batch=batch, size=size, report=report)
    learner = new_network(factor, seed=seed) if start is None else copy.deepcopy(start).train()
    if learner.factor != factor:
        raise ValueError(f"the start enlarges by {learner.factor}, not by {factor}")
    if pictures is None:
        pictures = [data.path(name) for name in data.names("photo")]
    crops = pictures if isinstance(pictures, Crops) else Crops(pictures, size=size)
    weight = PIXEL_WEIGHTS[factor] if pixel_weight is None else pixel_weight
    judge = Judge(_find_judge(loss, network), layer, weight)
    training = _Training(learner, judge, crops, steps, batch, rate)
    generator, seconds = torch.Generator().manual_seed(seed), 0.0
    with torch.no_grad():
        terms = training.terms(torch.Generator().manual_seed(0))
    yield TrainingStep(0, {name: term.item() for name, term in terms.items()}, 0.0, learner)
    while training.number < steps:
        begun, count = time.perf_counter(), min(report, steps - training.number)
        made = [training.step(generator) for _ in range(count)]
        seconds += time.perf_counter() - begun
        losses = {name: sum(values[name] for values in made) / count for name in made[0]}
        yield TrainingStep(training.number, losses, seconds, learner)


def _find_judge(loss: str, network: str | FeatureNetwork) -> FeatureNetwork | None:
    if loss not in LOSSES:
        raise ValueError(f"no loss {loss!r}; choose one of {', '.join(LOSSES)}")
    if loss == "pixels":
        return None
    return load_network(network) if isinstance(network, str) else network


def measure(image: Tensor, truth: Tensor, network: FeatureNetwork) -> dict[str, float]:
    """Compare an enlarged image with the true one in three ways.

    PSNR = -10 · log10(mean((x - y)²)) in dB; SSIM compares mean, spread and correlation in small
    windows; the feature distance is the content loss at a layer that no training here looks at.

    Args:
        image, truth: (1, 3, H, W) in [0, 1], each side 7 px or more.
        network: whose features are compared.

    Returns:
        {"PSNR": dB, more is better, infinity for equal images; "SSIM": 1 for equal images; "feature
        distance": 0 for equal images, a mean over all elements}.

    Raises:
        ValueError: not two images of one size, or too small.

    Source: SSIM of Wang et al. 2004, in scikit-image's form with a square window.
    Taught in: chapter 7.
    """
    from skimage.metrics import structural_similarity  # slow to import, and only for measuring

    for one in (image, truth):
        images.check_image(one)
    if image.shape != truth.shape or min(truth.shape[2:]) < WINDOW:
        raise ValueError(
            f"cannot compare {tuple(image.shape)} with {tuple(truth.shape)}; give images of the "
            f"same size, each side {WINDOW} px or more"
        )
    error = F.mse_loss(image, truth).item()
    first, second = (one[0].detach().cpu().numpy() for one in (image, truth))
    with torch.no_grad():
        features, target = (network(one, [FAR_LAYER])[FAR_LAYER] for one in (image, truth))
    return {
        "PSNR": -10 * math.log10(error) if error else math.inf,
        "SSIM": float(structural_similarity(first, second, channel_axis=0, data_range=1)),
        "feature distance": content_loss(features, target).item(),
    }


def _check_factor(factor: int) -> None:
    if factor not in FACTORS:
        raise ValueError(f"factor is {factor!r}; choose one of {', '.join(map(str, FACTORS))}")
