"""Before and after in one picture, with a slider between them."""

from collections.abc import Mapping

import anywidget
import ipywidgets
import traitlets
from torch import Tensor

from nstlib.widgets.basics import ADDRESSES, choice, display_bundle, picture_bytes

SCRIPT = """
function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "nst-compare";
  box.style.width = model.get("width");
  const stage = document.createElement("div");
  stage.className = "nst-compare-stage";
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = 100;
  slider.setAttribute("aria-label", "share of the picture that shows the result");
  slider.setAttribute("data-lm-suppress-shortcuts", "true");
  const pictures = {};
  const shown = [];
  for (const name of ["before", "after"]) {
    const image = (pictures[name] = document.createElement("img"));
    image.alt = model.get(name + "_alt");
    stage.append(image);
    const one = addressed(image);
    shown.push(one);
    const draw = () => one.show(model.get(name));
    model.on("change:" + name, draw);
    draw();
  }
  const cut = () => {
    const share = model.get("share");
    slider.value = share;
    pictures.after.style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  };
  slider.addEventListener("input", () => {
    model.set("share", Number(slider.value));
    model.save_changes();
    cut();
  });
  model.on("change:share", cut);
  cut();
  box.append(stage, slider);
  el.append(box);
  return () => shown.forEach((one) => one.close());
}
export default { render };
"""

STYLE = """
.nst-compare { max-width: 100%; }
.nst-compare-stage { position: relative; }
.nst-compare-stage img { display: block; width: 100%; }
.nst-compare-stage img + img { position: absolute; inset: 0; height: 100%; }
.nst-compare input { width: 100%; margin: 8px 0; }
"""


class Compare(anywidget.AnyWidget):
    """Two pictures, one over the other; a slider says how much of the second is shown.

    Attributes:
        before, after: the pictures' bytes.
        share: how much of `after` is shown, from the left, in percent.
        width: of the box, in CSS.
    """

    _esm, _css = ADDRESSES + SCRIPT, STYLE
    before = traitlets.Bytes().tag(sync=True)
    after = traitlets.Bytes().tag(sync=True)
    before_alt = traitlets.Unicode("before").tag(sync=True)
    after_alt = traitlets.Unicode("after").tag(sync=True)
    share = traitlets.Int(50, min=0, max=100).tag(sync=True)
    width = traitlets.Unicode("320px").tag(sync=True)

    def show(self, before: Tensor, after: Tensor) -> None:
        """Show two image tensors (1, 3, H, W), best of one size."""
        self.before, self.after = picture_bytes(before), picture_bytes(after)


class CompareMenu:
    """Pairs of pictures to compare, and a menu to choose one of them.

    Attributes:
        menu: of the pairs' titles.
        compare: shows the chosen one.
        panel: both, as a widget.
    """

    def __init__(
        self,
        label: str,
        pairs: Mapping[str, tuple[Tensor, Tensor]],
        value: str,
        *,
        alts: tuple[str, str] = ("before", "after"),
        width: str = "320px",
    ):
        """Build the panel.

        Args:
            label: of the menu.
            pairs: {title: (before, after)}, image tensors (1, 3, H, W).
            value: the title that is chosen at first.
            alts: what a listener should know of each.
            width: of the box, in CSS.
        """
        self.pairs = dict(pairs)
        self.compare = Compare(width=width, before_alt=alts[0], after_alt=alts[1])
        self.menu = choice(label, list(pairs), value)
        self.menu.observe(lambda change: self.compare.show(*self.pairs[change["new"]]), "value")
        self.compare.show(*self.pairs[value])
        self.panel = ipywidgets.VBox([self.menu, self.compare])

    def _repr_mimebundle_(self, include=None, exclude=None):
        return display_bundle(self.panel, "Two pictures with a slider")
