"""What an evaluation costs with VGG-16 at 512 px: `python -m benchmarks.networks`.

One evaluation of the transfer's objective, forward and back to the image, beside the same layers'
convolutions alone (forward and input gradient, each in the better memory format) and beside a plain
loop over torchvision's own network. The weights are random: time does not depend on them.
Everything runs in turns in one process; the peak memory is measured in a process of its own.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from nstlib import checkpoints, images, losses, pretrained, recipes
from nstlib.features import load_network

FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
CONFIGURATIONS = {"vgg16": "D", "vgg19": "E"}


def load_random(name):
    """Load a published network of the real shape with seeded weights."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        key: torch.randn(shape, generator=generator)
        * (2 / torch.Size(shape[1:]).numel() if len(shape) > 1 else 1e-3) ** 0.5
        for key, shape in checkpoints.shapes(name).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.safetensors"
        pretrained.save(pretrained.Weights(name, tensors, "imagenet", "random"), file)
        return load_network(name, weights=file, device="cpu")


def transfer_objective(features, photo, painting):
    """The objective of recipes.transfer with its default layers and weights, over any features."""
    layers = recipes.STYLE_LAYERS
    target = features(photo, [recipes.CONTENT_LAYER])[recipes.CONTENT_LAYER]
    targets = {
        name: losses.gram_matrix(value) for name, value in features(painting, layers).items()
    }

    def objective(image):
        seen = features(image, [*layers, recipes.CONTENT_LAYER])
        content = losses.content_loss(seen[recipes.CONTENT_LAYER], target)
        style = losses.style_loss(seen, targets)
        return content + style + losses.total_variation(image)

    return objective


def evaluate(objective, image):
    """Compute the objective and its gradient to the image."""
    image = image.clone().requires_grad_()
    objective(image).backward()
    return image.grad


def plain_features(network):
    """Torchvision's layers in their own loop, with the same weights and average pooling."""
    modules = make_layers(cfgs[CONFIGURATIONS[network.name]]).requires_grad_(False)
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    for module, layer in zip(convolutions, network.layers, strict=True):
        module.weight.copy_(network.stages[layer].weight)
        module.bias.copy_(network.stages[layer].bias)

    def features(image, layers):
        x, seen, names = image * network.scale - network.shift, {}, iter(network.layers)
        for module in modules:
            pooling = isinstance(module, nn.MaxPool2d)
            x = (
                F.avg_pool2d(x, 2)
                if pooling
                else F.relu(x)
                if type(module) is nn.ReLU
                else module(x)
            )
            if type(module) is nn.ReLU:
                seen[next(names)] = x
            if set(layers) <= seen.keys():
                return seen

    return features


def bare_convolutions(network, shape):
    """One function per convolution and memory format: forward and input gradient alone."""
    calls, sides = {}, shape
    used = network.layers[: 1 + network.layers.index(recipes.STYLE_LAYERS[-1])]
    for layer in used:
        stage = network.stages[layer]
        sides = [stage.pool.side(side) if stage.pool else side for side in sides]
        for name, memory_format in FORMATS.items():
            x = torch.rand(1, stage.weight.shape[1], *sides).contiguous(memory_format=memory_format)
            weight = stage.weight.contiguous(memory_format=memory_format)
            back = torch.rand(1, len(weight), *sides).contiguous(memory_format=memory_format)
            calls[layer, name] = bare(x, weight, stage.bias, back)
    return calls


def bare(x, weight, bias, back):
    def call():
        start = x.detach().requires_grad_()
        torch.autograd.grad(F.conv2d(start, weight, bias, padding=1), start, back)

    return call


def seconds(calls, rounds):
    """Median seconds of each call, all run in turns."""
    measured = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if number:  # the first round warms up
                measured[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in measured.items()}


def print_peak(name, size):
    """Run three evaluations and print this process's peak memory in GB, and the estimate."""
    network, image = load_random(name), images.noise_image((size, size), seed=0)
    objective = transfer_objective(network, image, image.flip(3))
    for _ in range(3):
        evaluate(objective, image)
    layers = [*recipes.STYLE_LAYERS, recipes.CONTENT_LAYER]
    estimate = network.memory(image.shape, layers, gradient=True) / 1e9
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9, estimate)


def print_peak_of_a_process(name, size):
    """Measure in a process of its own."""
    code = f"from benchmarks import networks; networks.print_peak({name!r}, {size})"
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    peak, estimate = map(float, output.split())
    print(f"peak memory of a process: {peak:.2f} GB (the run itself, estimated: {estimate:.2f} GB)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", default="vgg16", choices=sorted(CONFIGURATIONS))
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = options.size
    print_peak_of_a_process(options.network, size)  # first: a child starts with its parent's peak
    network = load_random(options.network)
    image = images.noise_image((size, size), seed=0)
    ours = transfer_objective(network, image, image.flip(3))
    plain = transfer_objective(plain_features(network), image, image.flip(3))
    difference = (evaluate(ours, image) - evaluate(plain, image)).abs().max()
    assert difference < 1e-3 * evaluate(plain, image).abs().max(), "not the same objective"
    bare_calls = bare_convolutions(network, [size, size])
    calls = {"ours": lambda: evaluate(ours, image), "plain": lambda: evaluate(plain, image)}
    found = seconds(calls | bare_calls, options.rounds)
    layers = {layer for layer, _ in bare_calls}
    bare_sum = sum(min(found[layer, name] for name in FORMATS) for layer in layers)
    print(f"{options.network} at {size}x{size} px, {torch.get_num_threads()} threads")
    print(f"one evaluation: {found['ours']:.2f} s; plain torchvision loop: {found['plain']:.2f} s")
    print(f"its convolutions alone: {bare_sum:.2f} s; ratio {found['ours'] / bare_sum:.2f}")


if __name__ == "__main__":
    main()
