"""Sliders for what each term of the objective counts."""

import math
from collections.abc import Mapping, Sequence

import ipywidgets

from nstlib.widgets.basics import Line, Slider, log_slider

MOST = 3  # of a layer's slider


class WeightSliders:
    """Content against style, each style layer's share, and total variation.

    The content slider is a factor: 1 is what `recipes.balanced_weights` found, a picture in which
    both can be seen. The weights that come of it are written below.

    Attributes:
        value: content_weight, style_weight, tv_weight and style_weights as `recipes.transfer` takes
            them.
        content, variation: the sliders.
        layers: {style layer: its slider}.
        panel: the widget to display.
    """

    def __init__(self, balanced: Mapping[str, float], layers: Sequence[str]):
        """Build the sliders.

        Args:
            balanced: content_weight, style_weight and tv_weight that the middle stands for.
            layers: the style layers.
        """
        self._balanced = dict(balanced)
        self.content = log_slider("content : style", 1.0)
        self.variation = log_slider("total variation", 1.0)
        self.layers: dict[str, Slider] = {}
        self._rows = ipywidgets.VBox()
        self._numbers = Line()
        for slider in (self.content, self.variation):
            slider.observe(lambda _: self._tell(), "value")
        self.panel = ipywidgets.VBox([self.content, self.variation, self._rows, self._numbers])
        self.set_layers(layers)

    @property
    def value(self) -> dict:
        shares = self.shares()
        return {
            "content_weight": _rounded(self._balanced["content_weight"] * self.content.value),
            "style_weight": _rounded(self._balanced["style_weight"]),
            "tv_weight": _rounded(self._balanced["tv_weight"] * self.variation.value),
            "style_weights": list(shares.values()),
        }

    def shares(self) -> dict[str, float]:
        """Tell each style layer's share; together 1, or all 0 if every slider is."""
        total = sum(slider.value for slider in self.layers.values())
        if total == 0:
            return dict.fromkeys(self.layers, 0.0)
        shares = {name: round(slider.value / total, 4) for name, slider in self.layers.items()}
        largest = max(shares, key=shares.get)
        shares[largest] = round(shares[largest] + 1 - sum(shares.values()), 4)
        return shares

    def set_layers(self, layers: Sequence[str]) -> None:
        """Offer sliders for these style layers; those that stay keep their values."""
        self.layers = {name: self.layers.get(name) or self._share_slider(name) for name in layers}
        self._rows.children = list(self.layers.values())
        self._tell()

    def set_balanced(self, balanced: Mapping[str, float]) -> None:
        """Let the sliders' middle stand for other weights."""
        self._balanced = dict(balanced)
        self._tell()

    def restore(self, weights: Mapping) -> None:
        """Move the sliders to weights as `value` gave them."""
        self.content.value = weights["content_weight"] / self._balanced["content_weight"]
        self.variation.value = weights["tv_weight"] / self._balanced["tv_weight"]
        shares = weights["style_weights"]
        factor = min(len(shares), MOST / (max(shares) or 1))
        for slider, share in zip(self.layers.values(), shares, strict=True):
            slider.value = share * factor

    def _share_slider(self, name: str) -> Slider:
        slider = Slider(label=name, max=MOST, value=1)
        slider.observe(lambda _: self._tell(), "value")
        return slider

    def _tell(self) -> None:
        weights = self.value
        shares = ", ".join(f"{share:g}" for share in weights["style_weights"])
        self._numbers.say(
            f"weights: content {weights['content_weight']:g}, style "
            f"{weights['style_weight']:g} x ({shares}), total variation "
            f"{weights['tv_weight']:g}",
        )


def _rounded(value: float) -> float:
    """Keep four digits: what is shown, kept and printed as code is then what was computed with."""
    return 0.0 if value == 0 else round(value, 3 - math.floor(math.log10(abs(value))))
