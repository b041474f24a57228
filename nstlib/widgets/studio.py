"""Everything in one panel: pick, press Run, move weights, compare, keep."""

import html
import math
from collections.abc import Iterator

import ipywidgets
from torch import Tensor

from nstlib import data, recipes
from nstlib.features import FeatureNetwork, load_network
from nstlib.synthesis import Iteration
from nstlib.widgets import advanced
from nstlib.widgets.basics import WIDE, choice, display_bundle
from nstlib.widgets.compare import Compare
from nstlib.widgets.keep import VERSION, Keep
from nstlib.widgets.live import LiveRun
from nstlib.widgets.parts import Part, plan, plan_rest
from nstlib.widgets.pickers import LayerPicker, PicturePicker
from nstlib.widgets.weights import WeightSliders

ITERATIONS, EVALUATIONS = 60, 5


class Studio:
    """Pick two pictures, layers and weights; run; watch; change your mind; keep the result.

    Attributes:
        photo, painting: PicturePickers.
        layers: LayerPicker.
        weights: WeightSliders, which act during a run.
        start, seed: where the run starts.
        advanced: Advanced, which counts from the next run on.
        live: LiveRun.
        compare: Compare of the photo and the result.
        keep: Keep.
    """

    def __init__(
        self,
        network: str | FeatureNetwork = "pocket",
        *,
        photo: str = "chelsea",
        painting: str = "swirling_night",
        size: int = 256,
        iterations: int = ITERATIONS,
    ):
        """Build the panel.

        Args:
            network: a name for `load_network` or a network.
            photo, painting: built-in pictures chosen first.
            size: longer side of the pictures in px.
            iterations: of five evaluations each, in a whole run.
        """
        self.network = load_network(network) if isinstance(network, str) else network
        self.size, self.iterations = size, iterations
        self.photo = PicturePicker("photo", photo, kind="photo", size=size)
        self.painting = PicturePicker("painting", painting, kind="painting", size=size)
        self.layers = LayerPicker(
            self.network,
            self.photo.image(),
            content=recipes.default_layers(self.network).content,
            style=recipes.default_layers(self.network).style,
        )
        self.advanced = advanced.Advanced(self.photo.image(), size=size)
        self.weights = WeightSliders(self._balanced(), self.layers.style)
        self.start = choice("start", list(recipes.STARTS), "content")
        self.seed = ipywidgets.BoundedIntText(
            description="seed of the noise", min=0, max=9999, style=WIDE
        )
        self.compare = Compare(before_alt="the photo", after_alt="the result")
        self.keep = Keep(self._latest, self.load)
        self.live = LiveRun(
            self._begin,
            {"weights": self.weights},
            preview=self.photo.image(),
            live=["weights"],
            iterations=iterations,
        )
        self._settings: dict | None = None  # of the latest run, as all below
        self._pictures: tuple[Tensor, list[Tensor]] | None = None  # the photo and the paintings
        self._options, self._parts = {}, []
        self._connect()
        self._lay_out()
        next(self._begin(self.weights.value, None))  # torch loads its optimisers now, not at Run

    def _connect(self) -> None:
        self.photo.on_change(self._new_photo)
        self.painting.on_change(self._rebalance)
        self.layers.drawing.observe(lambda _: self._rebalance(), ["style_layers", "content_layer"])
        self.advanced.on_change(self._rebalance)
        self.live.on_end.append(self._ended)
        self.compare.show(self.photo.image(), self.photo.image())

    def _lay_out(self) -> None:
        box = ipywidgets.VBox
        pickers = box([_title("1. Pictures"), self.photo.panel, self.painting.panel])
        layers = box([_title("2. Layers"), self.layers.panel])
        controls = [self.start, self.seed, self.advanced.panel]
        run = box([_title("3. Weights and run"), *controls, self.live.panel])
        result = box([_title("4. Compare and keep"), self.compare, self.keep.panel])
        self.panel = box([pickers, layers, run, result], layout={"max_width": "1080px"})

    def _repr_mimebundle_(self, include=None, exclude=None):
        return display_bundle(self.panel, "The studio")

    def close(self) -> None:
        """End the run and remove the panel; no thread is left."""
        self.live.close()
        self.panel.close()

    def settings(self) -> dict:
        """Tell what is chosen now, as it can be kept and loaded again."""
        planned = self._planned()
        return {
            "version": VERSION,
            "photo": self.photo.source,
            "painting": self.painting.source,
            "size": self.size,
            "network": self.network.name,
            "content_layer": self.layers.content,
            "style_layers": self.layers.style,
            "start": self.start.value,
            "seed": self.seed.value,
            "evaluations": EVALUATIONS,
            **self.advanced.settings(),
            "parts": [Part(self.weights.value, planned, planned).settings()],
        }

    def load(self, settings: dict) -> bool:
        """Choose what `settings` says.

        Returns:
            Whether a run now makes the same picture. It does not where size or iterations are not
            those of this studio, or weights were changed on the way.

        Raises:
            ValueError: of another network, what it names is not there, numbers that are none, or a
                run is under way. Nothing was changed then, nor after any other error.
        """
        self._check(settings)
        self.photo.thumbnails.value = settings["photo"]
        self.painting.thumbnails.value = settings["painting"]
        self.layers.drawing.content_layer = settings["content_layer"]
        self.layers.drawing.style_layers = settings["style_layers"]
        self.start.value, self.seed.value = settings["start"], settings["seed"]
        self.advanced.restore(settings)
        self.weights.restore(settings["parts"][0])
        return self.settings() == settings

    def _check(self, settings: dict) -> None:
        if self.live.running:
            raise ValueError("a run is under way; stop it first")
        if settings["network"] != self.network.name:
            raise ValueError(f"they are for the network {settings['network']!r}")
        style = settings["style_layers"]
        missing = {settings["content_layer"], *style} - {*self.network.layers}
        pictures = {settings["photo"], settings["painting"]}
        missing |= (pictures | {settings.get("second", settings["painting"])}) - {*data.names()}
        missing |= {settings["start"]} - {*recipes.STARTS}
        if missing:
            raise ValueError(f"not here: {', '.join(sorted(map(str, missing)))}")
        weights = (settings["parts"] or [{}])[0]
        shares = weights["style_weights"]
        if not style or style != [layer for layer in self.network.layers if layer in style]:
            raise ValueError("name at least one style layer, each once, shallow to deep")
        if len(shares) != len(style):
            raise ValueError(f"{len(shares)} style weights for {len(style)} style layers")
        numbers = [settings["seed"], weights["content_weight"], weights["tv_weight"], *shares]
        if not all(isinstance(value, int | float) and 0 <= value < math.inf for value in numbers):
            raise ValueError("the seed or a weight is not a number, 0 or more")
        advanced.check(settings)

    def _begin(self, weights: dict, image: Tensor | None) -> Iterator[Iteration]:
        """Start a part of a run: the first one, or one that goes on from an image."""
        if image is None:
            self.keep.ready(False)
            if not self.layers.style or not self.layers.content:
                raise ValueError("choose a layer for content and at least one for style")
            self._remember()
        planned = self._planned()
        if image is not None:
            planned = plan_rest(self._parts[0].planned, self._parts, image)
        part = Part(weights, planned)
        self._parts.append(part)
        run = recipes.iterate_transfer(
            *self._pictures,
            network=self.network,
            content_layer=self._settings["content_layer"],
            style_layers=self._settings["style_layers"],
            start=self._settings["start"] if image is None else image,
            seed=self._settings["seed"],
            evaluations=EVALUATIONS,
            scales=list(planned),
            iterations=list(planned.values()),
            **self._options,
            **weights,
        )
        return part.counted(run)

    def _remember(self) -> None:
        """Keep what is chosen at the beginning of a run: later changes count for the next one."""
        self._settings, self._parts = self.settings(), []
        self._pictures = self.photo.image(), self.advanced.styles(self.painting)
        self._options = advanced.options(self._settings)
        planned = self._planned().items()
        self.live.costs = [size**2 for size, count in planned for _ in range(count)]

    def _ended(self) -> None:
        """Show and offer what the run made."""
        parts = [part.settings() for part in self._parts if part.made]
        if parts:
            self._settings["parts"] = parts
            self.compare.show(self._pictures[0], self.live.image)
        self.keep.ready(bool(parts))
        self._rebalance()

    def _latest(self) -> tuple[Tensor, list[bytes], dict]:
        return self.live.image, self.live.frames, self._settings

    def _new_photo(self) -> None:
        self.layers.look_at(self.photo.image())
        self.advanced.look_at(self.photo.image())
        self._rebalance()

    def _rebalance(self) -> None:
        """Fit the weights to what is compared; a run keeps those that it began with."""
        if self.layers.style and self.layers.content and not self.live.running:
            self.weights.set_layers(self.layers.style)
            try:
                self.weights.set_balanced(self._balanced())
            except ValueError as error:  # such as a mask that is too small for a layer
                self.advanced.say(f"This cannot be run: {error}.")

    def _balanced(self) -> dict[str, float]:
        return recipes.balanced_weights(
            self.photo.image(),
            self.advanced.styles(self.painting),
            content_layer=self.layers.content,
            style_layers=self.layers.style,
            network=self.network,
            **advanced.options({"size": self.size, **self.advanced.settings()}),
        )

    def _planned(self) -> dict[int, int]:
        return plan(self.advanced.sizes(), self.iterations)


def _title(text: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f"<h3>{html.escape(text)}</h3>")
