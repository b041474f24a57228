"""Figures of the chapters: pictures in a row, loss curves, filmstrips, Gram and feature maps."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from nstlib import images

COLORS = {"content": "#0072B2", "style": "#D55E00", "total": "#000000"}  # Okabe and Ito's palette
OTHER_COLORS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = {"content": (), "style": (6, 2), "total": (1, 2)}  # for who does not see the colours
OTHER_DASHES = ((6, 2, 1, 2), (3, 2), (9, 2, 3, 2), (6, 2, 1, 2, 1, 2))
PANEL = 2.6  # inches, width of one picture
SMALLEST = 1e-8  # of the largest loss; smaller values would squash the log axis


class ChapterFigure(Figure):
    """A matplotlib figure that a notebook stores as JPEG (noise makes PNG large) with alt text."""

    alt = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        picture = {"image/jpeg": figure_bytes(self), "text/plain": repr(self)}
        return picture, {"image/jpeg": {"alt": self.alt}}


def figure_bytes(figure: Figure) -> bytes:
    """Render a figure as JPEG bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="jpeg", dpi=90, pil_kwargs={"quality": 85})
    return file.getvalue()


def show_images(pictures: Mapping[str, Tensor], *, columns: int = 4, alt: str = "") -> Figure:
    """Show images side by side under their titles.

    Args:
        pictures: {title: image tensor (1, 3, H, W)}.
        columns: pictures per row.
        alt: what a listener should know; the titles if empty.
    """
    pixels = {title: images.to_picture(image) for title, image in pictures.items()}
    return _panels(pixels, columns, alt or "Pictures: " + ", ".join(pictures))


def show_loss(
    history: Sequence[Mapping[str, float]], *, changes: Sequence[int] = (), alt: str = ""
) -> Figure:
    """Plot each term and their sum over the iterations on a log axis.

    A value that is 0 or next to it, as the photo's own content loss, is left out.

    Args:
        history: terms per iteration, as in `Result.history`; entry 0 is the start.
        changes: iterations to mark, after which a weight was changed.
        alt: what a listener should know; a summary if empty.
    """
    figure = ChapterFigure(figsize=(6.5, 3), layout="constrained")
    figure.alt = alt or loss_summary(history)
    axes = figure.subplots()
    draw_loss(axes, history)
    for number in changes:
        axes.axvline(number, color="0.4", linestyle="--", linewidth=1)
    return figure


def draw_loss(axes, history: Sequence[Mapping[str, float]]) -> None:
    """Draw loss curves into existing axes."""
    for curve in loss_curves(history):
        dashes = (0, curve.dashes) if curve.dashes else "solid"
        style = {"color": curve.color, "linestyle": dashes, "marker": "o", "markersize": 2.5}
        axes.plot(curve.values, label=curve.name, **style)
    axes.set(xlabel="iteration", ylabel="loss (log scale)", yscale="log")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=4)


@dataclass(frozen=True)
class Curve:
    """A term of an objective over a run.

    Attributes:
        name: of the term, or "total".
        color: as #RRGGBB.
        dashes: lengths of line and gap in turn, in points; empty for a line without gaps.
        values: one per iteration, entry 0 is the start; NaN where a log axis has no place.
    """

    name: str
    color: str
    dashes: tuple[int, ...]
    values: list[float]


def loss_curves(history: Sequence[Mapping[str, float]]) -> list[Curve]:
    """List the curve of each term, and that of their sum if there are several.

    A value that is 0 or next to it is NaN, for a log axis has no 0.
    """
    curves = {name: [terms[name] for terms in history] for name in history[0]}
    if len(curves) > 1:
        curves["total"] = [sum(terms.values()) for terms in history]
    others = cycle(zip(OTHER_COLORS, OTHER_DASHES, strict=True))
    floor = SMALLEST * max(max(values) for values in curves.values())
    return [
        Curve(
            name,
            *((COLORS[name], DASHES[name]) if name in COLORS else next(others)),
            [value if value > floor else math.nan for value in values],
        )
        for name, values in curves.items()
    ]


def show_filmstrip(frames: Sequence[np.ndarray], *, count: int = 6, alt: str = "") -> Figure:
    """Show how a picture came about: some of a run's frames, first and last included.

    Args:
        frames: uint8 pictures (H, W, 3), as in `Result.frames`.
        count: how many to show at most.
        alt: what a listener should know; the iterations if empty.
    """
    numbers = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    titles = {0: "start", **{n: f"iteration {n}" for n in numbers[1:]}}
    pixels = {titles[n]: frames[n] for n in numbers}
    return _panels(pixels, count, alt or f"The picture at the {', '.join(pixels)}")


def show_matrices(matrices: Mapping[str, Tensor], *, alt: str = "") -> Figure:
    """Show Gram matrices as heat maps on one colour scale; small ones carry their numbers.

    Args:
        matrices: {title: (C, C) or (1, C, C)}.
        alt: what a listener should know; the titles if empty.
    """
    values = {title: matrix.detach().cpu().squeeze().numpy() for title, matrix in matrices.items()}
    figure = ChapterFigure(figsize=(PANEL * len(values) + 0.9, PANEL + 0.3), layout="compressed")
    figure.alt = alt or "Heat maps: " + ", ".join(values)
    top = max(matrix.max() for matrix in values.values())
    row = figure.subplots(1, len(values), squeeze=False)[0]
    for axes, (title, matrix) in zip(row, values.items(), strict=True):
        heat = axes.imshow(matrix, vmin=0, vmax=top, cmap="cividis")
        axes.set(title=title, xticks=[], yticks=[])
        if len(matrix) <= 4:
            _write_numbers(axes, matrix, top)
    figure.colorbar(heat, ax=row, shrink=0.8)
    return figure


def show_features(features: Tensor, *, count: int = 8, alt: str = "") -> Figure:
    """Show a layer's strongest channels as grey maps, each from its own 0 to its own maximum.

    Args:
        features: (1, C, H, W).
        count: how many channels.
        alt: what a listener should know; the channels if empty.
    """
    strongest = features[0].mean(dim=(1, 2)).argsort(descending=True)[:count].tolist()
    maps = {f"channel {c}": features[0, c].detach().cpu().numpy() for c in strongest}
    return _panels(maps, count, alt or "Feature maps of " + ", ".join(maps), panel=1.4)


def _panels(pictures: Mapping, columns: int, alt: str, *, panel: float = PANEL) -> Figure:
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height, width = np.shape(next(iter(pictures.values())))[:2]
    size = (panel * columns, rows * (panel * height / width + 0.3))
    figure = ChapterFigure(figsize=size, layout="constrained")
    figure.alt = alt
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (title, picture) in zip(grid, pictures.items(), strict=False):
        axes.imshow(picture, cmap="gray", interpolation="nearest")
        axes.set_title(title, fontsize=9)
    return figure


def _write_numbers(axes, matrix: np.ndarray, top: float) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        color = "black" if value > top / 2 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=color)


def loss_summary(history: Sequence[Mapping[str, float]]) -> str:
    """Say in words from where to where each term went."""
    falls = [
        f"{name} from {history[0][name]:.2g} to {history[-1][name]:.2g}" for name in history[0]
    ]
    return f"Loss over {len(history) - 1} iterations: " + ", ".join(falls)
