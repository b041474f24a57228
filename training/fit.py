"""The start of the training: each layer fitted in turn by least squares, instead of at random."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nstlib.features import LAYERS
from training.student import Student
from training.teachers import Teacher

REFITS = 6
PEAKY = 4  # variance over squared mean
WHITEN_RIDGE = 1e-3  # so that directions hardly ever seen are not learned wildly
POSITIONS = 40_000  # sampled per layer, over all images


@torch.no_grad()
def choose_channels(teacher: Teacher, widths: tuple[int, ...], batches) -> dict[str, Tensor]:
    """Choose, per layer, as many of the teacher's channels as the student has.

    The layer's own channels come first, if there is room for all that are alive. Else, and for
    the places that are left, channels are taken one by one, each time the one that those already
    taken explain least: a pivoted Cholesky factorisation of the channels' correlations.

    Returns:
        {layer: (C,) channel numbers, rising}.

    Raises:
        ValueError: the teacher has too few channels that are alive.
    """
    covariance, means = {}, {}
    for images in batches:
        for layer, answer in teacher(images).items():
            values = F.relu(answer).movedim(1, 0).flatten(1).double()
            covariance[layer] = covariance.get(layer, 0) + values.cov() / len(batches)
            means[layer] = means.get(layer, 0) + values.mean(1) / len(batches)
    chosen = {}
    for layer, matrix in covariance.items():
        width, variance = widths[int(layer[5]) - 1], matrix.diagonal()
        alive = variance > 1e-6 * variance.max()
        numbers = torch.arange(len(variance), device=variance.device)
        if alive.sum() < width:
            raise ValueError(f"{layer}: the teacher has {alive.sum()} live channels, not {width}")
        own = alive.nonzero().flatten().tolist()
        own = [channel for channel in own if channel < teacher.own(layer)]
        scale = torch.where(alive, variance.clamp_min(1e-30).rsqrt(), 0)
        # Rare, high peaks would rule a Gram matrix: such channels fill places last of all.
        peaky = (variance > PEAKY * means[layer].square()) & (numbers >= teacher.own(layer))
        scale = torch.where(peaky, 1e-3 * scale, scale)
        left, picks = matrix * torch.outer(scale, scale), []
        for number in range(width):
            free = left.diagonal().clone()
            free[picks] = -1
            pick = own[number] if len(own) <= width and number < len(own) else int(free.argmax())
            picks.append(pick)
            column = left[:, pick] / left[pick, pick].clamp_min(1e-9).sqrt()
            left = left - torch.outer(column, column)
        chosen[layer] = torch.tensor(sorted(picks), device=matrix.device)
    return chosen


@torch.no_grad()
def fit_layers(student: Student, teacher: Teacher, channels, batches, generator, report=None):
    """Set every convolution of the student by least squares, shallow to deep, in place.

    Each layer sees what the layers before it, already fitted, really hand over. Where the
    teacher's answer is negative, any negative answer is right, since ReLU makes both 0: so the
    fit is repeated with the student's own negative answers as the goal there.
    """
    for layer in LAYERS:
        rows, goals = [], []
        for images in batches:
            patches = F.unfold(_inputs(student, images, layer), 3)  # (B, C * 9, positions)
            goal = teacher(images, channels)[layer].flatten(2)
            count = min(patches.shape[2], 1 + POSITIONS // (len(batches) * len(images)))
            here = torch.randperm(patches.shape[2], generator=generator)[:count]
            rows.append(patches[:, :, here].movedim(1, 2).flatten(0, 1))
            goals.append(goal[:, :, here].movedim(1, 2).flatten(0, 1))
        rows, goals = torch.cat(rows).double(), torch.cat(goals).double()
        rows = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)
        normal = rows.T @ rows
        normal += 1e-5 * normal.diagonal().mean() * torch.eye(len(normal), device=normal.device)
        factor, wanted = torch.linalg.cholesky(normal), goals
        for _ in range(REFITS):
            solution = torch.cholesky_solve(rows.T @ wanted, factor)
            answer = rows @ solution
            wanted = torch.where(goals > 0, goals, answer.clamp_max(0))
        convolution = student.get_submodule(layer)
        convolution.set(solution.T)
        ridge = (
            WHITEN_RIDGE * normal.diagonal().mean() * torch.eye(len(normal), device=normal.device)
        )
        spread = goals.relu().std(0).clamp_min(1e-3 * goals.relu().std())
        convolution.whiten(torch.linalg.cholesky((normal + ridge) / len(rows)), spread)
        error = (answer.relu() - goals.relu()).square().mean() / goals.relu().var(0).mean()
        if report:
            report(f"{layer}: {error:.3f} of the variance is left after the fit")


def _inputs(student, images, layer):
    if layer == LAYERS[0]:
        return student.prepare(images, layer)
    below = LAYERS[LAYERS.index(layer) - 1]
    return student.prepare(F.relu(student(images)[below]), layer)
