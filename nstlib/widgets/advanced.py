"""What most runs leave alone: colours, size of the strokes, coarse to fine, a second style."""

from collections.abc import Callable, Mapping

import anywidget
import ipywidgets
import traitlets
from torch import Tensor

from nstlib import data, images, masks
from nstlib.widgets.basics import Line, Slider, choice
from nstlib.widgets.pickers import PicturePicker
from nstlib.widgets.place import MENU, Place, read_mask, soften_drawn

COLORS = {
    "painting": "the painting's",
    "photo": "the photo's: only brightness is painted",
    "match": "matched: the painting gets the photo's first",
}
BRIEFLY = {"photo": "the photo's colours", "match": "matched colours"}
PARTS = {1: "off", 2: "two sizes", 3: "three sizes"}  # of coarse to fine
SHARE = 0.5  # of the second style, unless another is chosen
STROKES = (0.5, 1.5)  # least and largest size of the painting, as a factor of the picture's
DISCLOSURE = """
function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "nst-disclosure";
  const sign = document.createElement("span");
  sign.setAttribute("aria-hidden", "true");
  button.append(sign, model.get("label"));
  const tell = () => {
    const expanded = model.get("expanded");
    button.setAttribute("aria-expanded", String(expanded));
    sign.textContent = expanded ? "▾" : "▸";
  };
  button.addEventListener("click", () => {
    model.set("expanded", !model.get("expanded"));
    model.save_changes();
  });
  model.on("change:expanded", tell);
  tell();
  el.append(button);
}
export default { render };
"""

DISCLOSURE_STYLE = """
.nst-disclosure { border: none; padding: 4px 2px; background: none; cursor: pointer; font: inherit;
  font-size: 14px; font-weight: 600; color: var(--jp-ui-font-color1, inherit); }
.nst-disclosure span { display: inline-block; width: 1.2em; }
.nst-disclosure:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); }
.nst-advanced { border-left: 3px solid var(--jp-border-color1, #bbb); margin: 0 0 8px 8px;
  padding: 2px 0 2px 10px; }
"""


class Disclosure(anywidget.AnyWidget):
    """A button that opens and closes what is below it.

    Attributes:
        label: its name.
        expanded: whether it is open.
    """

    _esm, _css = DISCLOSURE, DISCLOSURE_STYLE
    label = traitlets.Unicode().tag(sync=True)
    expanded = traitlets.Bool(False).tag(sync=True)


class Advanced:
    """Options of `recipes.transfer` that most runs leave alone, closed until they are wanted.

    Attributes:
        opener: the button that opens and closes it.
        colors, scales: menus of the result's colours and of coarse to fine.
        strokes: slider of the painting's size, as a factor of the picture's.
        has_second: checkbox for a second style.
        second: PicturePicker of it.
        share: slider of its share, where it goes everywhere.
        place: Place where it goes.
        status: one line on what is chosen.
        value: the options for `recipes.transfer` that differ from its defaults, but for
            style_size, which `style_size` tells.
        panel: the widget to display.
    """

    def __init__(self, photo: Tensor, *, size: int = 256, second: str = "woodcut_wave"):
        """Build the panel.

        Args:
            photo: image (1, 3, H, W), to draw on.
            size: longer side of the pictures in px.
            second: the built-in painting chosen first, once there is a second style.
        """
        self.size, self._on_change, self._held = size, [], False
        self.opener = Disclosure(label="Advanced: colours, strokes, sizes, a second style")
        self.colors = choice("colours", [(text, name) for name, text in COLORS.items()], "painting")
        sizes = [(self._sizes_text(count), count) for count in PARTS]
        self.scales = choice("coarse to fine", sizes, 1)
        self.colors.layout = self.scales.layout = MENU
        low, high = STROKES
        self.strokes = Slider(label="size of the strokes", min=low, max=high, step=0.1, value=1)
        self.has_second = ipywidgets.Checkbox(description="a second style", indent=False)
        self.second = PicturePicker("second painting", second, kind="painting", size=size)
        self.share = Slider(label="its share", max=1, step=0.05, value=SHARE)
        self.place = Place(photo, self._changed)
        self.status, self._more = Line(), ipywidgets.VBox()
        self._listen()
        box = [self.colors, self.strokes, self.scales, self.has_second, self._more]
        self._box = ipywidgets.VBox(box, layout={"display": "none"}).add_class("nst-advanced")
        self.panel = ipywidgets.VBox([self.opener, self._box, self.status])
        self._tell()

    def _listen(self) -> None:
        for control in (self.colors, self.strokes, self.scales, self.has_second, self.share):
            control.observe(lambda _: self._changed(), "value")
        self.second.on_change(self._changed)
        self.opener.observe(self._expand, "expanded")

    def _expand(self, change: dict) -> None:
        self._box.layout.display = None if change["new"] else "none"

    @property
    def value(self) -> dict:
        scales = {"scales": self.sizes()} if self.scales.value > 1 else {}
        return {**options({"size": self.size, **self.settings()}), **scales}

    @property
    def style_size(self) -> int:
        """The longer side of the paintings in px."""
        return round(self.strokes.value * self.size)

    def sizes(self) -> list[int]:
        """List the picture's longer sides from coarse to fine; one if that is off."""
        return sizes(self.size, self.scales.value)

    def styles(self, first: PicturePicker) -> list[Tensor]:
        """Load the painting, and the second one if there is one, at the size of the strokes."""
        pickers = [first, self.second] if self.has_second.value else [first]
        return [picker.image(self.style_size) for picker in pickers]

    def look_at(self, photo: Tensor) -> None:
        """Draw on another photo from now on."""
        self.place.look_at(photo)

    def on_change(self, call: Callable[[], None]) -> None:
        """Call `call()` whenever something else is chosen."""
        self._on_change.append(call)

    def settings(self) -> dict:
        """Tell what is chosen and differs from what is usual, but for coarse to fine."""
        chosen = {}
        if self.colors.value != "painting":
            chosen["colors"] = self.colors.value
        if self.style_size != self.size:
            chosen["style_size"] = self.style_size
        if self.has_second.value:
            chosen["second"], text = self.second.source, self.place.text()
            chosen |= {"mask": text} if text else {"share": round(self.share.value, 2)}
        return chosen

    def restore(self, settings: Mapping) -> None:
        """Choose what the studio's settings say, the usual where they say nothing."""
        self._held = True
        try:
            self.colors.value = settings.get("colors", "painting")
            size = settings["size"]
            self.strokes.value = settings.get("style_size", size) / size
            self.scales.value = len(settings["parts"][0].get("scales", [size]))
            self.has_second.value = "second" in settings
            self.second.thumbnails.value = settings.get("second", self.second.thumbnails.value)
            self.share.value = settings.get("share", SHARE)
            self.place.restore(settings.get("mask", ""))
        finally:
            self._held = False
        self._changed()

    def _changed(self) -> None:
        if not self._held:
            self._tell()
            for call in self._on_change:
                call()

    def say(self, text: str) -> None:
        """Show a sentence instead of what is chosen, until something else is."""
        self.status.say(text)

    def _tell(self) -> None:
        rows = [self.second.panel, self.place.panel]
        rows += [] if self.place.is_drawn else [self.share]
        self._more.children = rows if self.has_second.value else []
        self.status.say(f"Advanced options in use: {'; '.join(self._words()) or 'none'}.")

    def _words(self) -> list[str]:
        chosen, words = self.settings(), []
        if "colors" in chosen:
            words.append(BRIEFLY[chosen["colors"]])
        if "style_size" in chosen:
            words.append(f"paintings at {chosen['style_size']} px")
        if self.scales.value > 1:
            words.append(f"coarse to fine: {', '.join(map(str, self.sizes()))} px")
        if "mask" in chosen:
            words.append(f"{self.second.name} where it is drawn")
        elif self.has_second.value:
            share = f"{self.second.name} everywhere, its share {chosen['share']:g}"
            words.append(share + (" until something is drawn" if self.place.is_drawn else ""))
        return words

    def _sizes_text(self, count: int) -> str:
        text = ", ".join(map(str, sizes(self.size, count)))
        return PARTS[count] if count == 1 else f"{PARTS[count]}: {text} px"


def sizes(size: int, count: int) -> list[int]:
    """List `count` longer sides in px, each twice the one before, the last one `size`."""
    return [size // 2**half for half in reversed(range(count))]


def options(settings: Mapping) -> dict:
    """Tell the options for `recipes.transfer` that settings stand for, at any one size.

    Args:
        settings: "size" of the studio and what `Advanced.settings` told.
    """
    chosen = {name: settings[name] for name in ("colors",) if name in settings}
    if "share" in settings:
        chosen["style_shares"] = style_shares(settings["share"])
    if "mask" in settings:
        chosen["masks"] = [None, soften_drawn(read_mask(settings["mask"]), settings["size"])]
    return chosen


def style_shares(share: float) -> list[float]:
    """Share the style between the first painting and the second one."""
    return [round(1 - share, 2), share]


def check(settings: Mapping) -> None:
    """Refuse settings of the studio with options that cannot be chosen here.

    Raises:
        ValueError: the first one of them.
    """
    size = settings["size"]
    scales = (settings["parts"] or [{}])[0].get("scales", [size])
    if scales not in [sizes(size, count) for count in PARTS]:
        raise ValueError(f"the sizes from coarse to fine are {scales}")
    if settings.get("colors", "painting") not in COLORS:
        raise ValueError(f"not here: the colours {settings['colors']!r}")
    low, high = STROKES
    style_size, share = settings.get("style_size", size), settings.get("share", SHARE)
    if not (isinstance(style_size, int) and round(low * size) <= style_size <= round(high * size)):
        raise ValueError(f"paintings have {low:g} to {high:g} times {size} px, not {style_size}")
    if not (isinstance(share, int | float) and 0 <= share <= 1):
        raise ValueError(f"the second style's share is {share}; it is a number from 0 to 1")
    if "mask" in settings:
        photo = images.load_image(data.path(settings["photo"]), size=size)
        masks.fit_mask(read_mask(settings["mask"]), photo.shape[2:])
