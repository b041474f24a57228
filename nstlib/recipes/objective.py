"""The objective of a transfer: content, style and total variation, each with its wishes."""

from collections.abc import Sequence

from torch import Tensor

from nstlib.recipes import defaults
from nstlib.recipes.balance import balance_terms
from nstlib.recipes.comparison import choose_weights, compare
from nstlib.synthesis import Objective


def transfer_objective(
    content,
    style,
    *,
    content_weight: float | None = None,
    style_weight: float | None = None,
    tv_weight: float | None = None,
    style_weights: Sequence[float] | None = None,
    balance: bool = False,
    start: str | Tensor = "content",
    seed: int = 0,
    **compared,
) -> tuple[Tensor, Objective]:
    """Prepare what `transfer` runs at one size: its start and its objective, for `iterate`.

    With `colors="photo"` the objective sees luminance only; `colors.keep_colors` then gives the
    result its colours, as `transfer` and `iterate_transfer` do.

    Args, Raises: as `transfer`, which the options are for.

    Returns:
        (start (1, 3, H, W), objective).
    """
    if not isinstance(start, Tensor):
        defaults.check_choice("start", start, defaults.STARTS)
    comparison = compare(content, style, **compared)
    wanted = (content_weight, style_weight, tv_weight, style_weights)
    if balance:
        weights = balance_terms(comparison, choose_weights(comparison, *wanted, pulls=True))
    else:
        weights = choose_weights(comparison, *wanted)

    def objective(generated: Tensor) -> dict[str, Tensor]:
        return comparison.terms(generated, weights)

    photo, painting = comparison.photo, comparison.paintings[0]
    return defaults.open_start(start, photo, painting, seed), objective
