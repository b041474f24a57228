"""Loss curves that the browser draws, so that a run does not pay for them."""

import math
from collections.abc import Mapping, Sequence

import anywidget
import traitlets

from nstlib import plots

SCRIPT = """
const SVG = "http://www.w3.org/2000/svg";
const BOX = { left: 46, right: 130, top: 10, bottom: 34, width: 460, height: 220 };

function add(parent, name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function ticks(last) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => last / size <= 8) ?? 1000;
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, n) => n * step);
}

function draw(svg, model) {
  svg.replaceChildren();
  svg.setAttribute("aria-label", model.get("alt"));
  const series = model.get("series");
  const values = series.flatMap((one) => one.values).filter((value) => value !== null);
  const logs = values.length ? values.map(Math.log10) : [0, 1];
  const low = Math.floor(Math.min(...logs));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logs)));
  const last = Math.max(1, ...series.map((one) => one.values.length - 1));
  const { left, right, top, bottom, width, height } = BOX;
  const x = (n) => left + ((width - left - right) * n) / last;
  const y = (value) => top + ((height - top - bottom) * (high - value)) / (high - low);
  const line = { stroke: "currentColor", "stroke-opacity": 0.2 };
  const label = { fill: "currentColor", "font-size": 11 };
  const every = Math.ceil((high - low) / 6);
  for (let power = low; power <= high; power += every) {
    add(svg, "line", { ...line, x1: left, x2: width - right, y1: y(power), y2: y(power) });
    const at = { ...label, x: left - 6, y: y(power) + 4, "text-anchor": "end" };
    const plain = power >= -3 && power <= 4;
    add(svg, "text", at, plain ? String(+(10 ** power).toFixed(3)) : `1e${power}`);
  }
  for (const n of ticks(last))
    add(svg, "text", { ...label, x: x(n), y: height - bottom + 15, "text-anchor": "middle" }, n);
  const middle = (left + width - right) / 2;
  add(svg, "text", { ...label, x: middle, y: height - 4, "text-anchor": "middle" },
    "iteration (the loss is on a log scale)");
  for (const n of model.get("changes"))
    add(svg, "line", { stroke: "currentColor", "stroke-dasharray": "4 3", x1: x(n), x2: x(n),
      y1: top, y2: height - bottom, class: "nst-change" });
  series.forEach((one, place) => {
    const color = one.color || "currentColor";
    let path = "";
    one.values.forEach((value, n) => {
      const begins = n === 0 || one.values[n - 1] === null;
      if (value !== null) path += `${begins ? "M" : "L"}${x(n)} ${y(Math.log10(value))}`;
    });
    const pen = { stroke: color, "stroke-width": 2, "stroke-dasharray": one.dashes.join(" ") };
    add(svg, "path", { ...pen, d: path, fill: "none" });
    const at = top + 14 + 18 * place;
    add(svg, "line", { ...pen, x1: width - right + 8, x2: width - right + 34, y1: at - 4,
      y2: at - 4 });
    add(svg, "text", { ...label, x: width - right + 38, y: at }, one.name);
  });
}

function render({ model, el }) {
  const svg = add(el, "svg", { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: "img" });
  svg.setAttribute("class", "nst-curves");
  const again = () => draw(svg, model);
  model.on("change:series change:changes change:alt", again);
  again();
}
export default { render };
"""

STYLE = """
.nst-curves { width: 460px; max-width: 100%; height: auto; color: var(--jp-ui-font-color1, #222);
  font-family: var(--jp-ui-font-family, sans-serif); }
"""


class Curves(anywidget.AnyWidget):
    """Each term of an objective and their sum over the iterations, on a log scale.

    Attributes:
        series: name, colour ("" for the text's own), lengths of dashes and gaps, and values of
            each; None where there is no point on a log scale.
        changes: iterations to mark, after which a weight was changed.
        alt: what a listener should know.
    """

    _esm, _css = SCRIPT, STYLE
    series = traitlets.List().tag(sync=True)
    changes = traitlets.List(traitlets.Int()).tag(sync=True)
    alt = traitlets.Unicode("no loss curves yet").tag(sync=True)

    def show(self, history: Sequence[Mapping[str, float]], changes: Sequence[int] = ()) -> None:
        """Draw a run's curves.

        Args:
            history: terms per iteration; entry 0 is the start.
            changes: iterations to mark.
        """
        with self.hold_sync():
            self.changes = list(changes)
            self.alt = plots.loss_summary(history)
            self.series = [
                {
                    "name": curve.name,
                    "color": "" if curve.name == "total" else curve.color,
                    "dashes": list(curve.dashes),
                    "values": [_point(value) for value in curve.values],
                }
                for curve in plots.loss_curves(history)
            ]


def _point(value: float) -> float | None:
    return value if math.isfinite(value) else None
