"""What a drawing canvas needs beside itself: swatches to choose from, and manners."""

import anywidget
import traitlets

RADIOS = """
function render({ model, el }) {
  const set = document.createElement("fieldset");
  set.className = "nst-radios";
  const legend = document.createElement("legend");
  legend.textContent = model.get("label");
  set.append(legend);
  const name = "nst-" + Math.random().toString(36).slice(2);
  const inputs = {};
  for (const [option, color] of model.get("options")) {
    const label = document.createElement("label");
    const input = (inputs[option] = document.createElement("input"));
    input.type = "radio";
    input.name = name;
    input.setAttribute("data-lm-suppress-shortcuts", "true");
    input.addEventListener("change", () => {
      model.set("value", option);
      model.save_changes();
    });
    label.append(input);
    if (color) {
      const swatch = document.createElement("span");
      swatch.className = "nst-swatch";
      swatch.style.backgroundColor = color;
      label.append(swatch);
    }
    label.append(option);
    set.append(label);
  }
  const tick = () => {
    for (const [key, input] of Object.entries(inputs)) input.checked = key === model.get("value");
  };
  model.on("change:value", tick);
  tick();
  el.append(set);
}
export default { render };
"""

RADIOS_STYLE = """
.nst-radios { display: flex; flex-wrap: wrap; gap: 4px 14px; margin: 0; padding: 4px 8px;
  border: 1px solid var(--jp-border-color1, #bbb); font-size: 13px;
  color: var(--jp-ui-font-color1, inherit); }
.nst-radios label { display: flex; align-items: center; gap: 4px; }
.nst-radios input { margin: 0; }
.nst-swatch { width: 18px; height: 18px; border: 1px solid var(--jp-border-color0, #888); }
"""

MANNERS = """
function render({ model, el }) {
  let waiting, name;
  const refuse = (event) => {
    const wanted = { wheel: false, mousedown: event.button === 0, mousemove: event.buttons & 1 };
    if (!wanted[event.type]) event.stopPropagation();
  };
  const teach = () => {
    const panel = el.closest(".nst-drawing");
    const [easel, canvas, menu] = [".nst-easel", "canvas", "select"].map(
      (one) => panel?.querySelector(one)
    );
    if (!canvas || !menu) {  // their views come when they come
      waiting = requestAnimationFrame(teach);
      return;
    }
    menu.setAttribute("data-lm-suppress-shortcuts", "true");
    canvas.removeAttribute("tabindex");
    canvas.setAttribute("role", "img");
    name = () => canvas.setAttribute("aria-label", model.get("label"));
    model.on("change:label", name);
    name();
    for (const kind of ["wheel", "mousedown", "mousemove"]) {
      easel.addEventListener(kind, refuse, { capture: true, passive: true });
    }
  };
  teach();
  return () => {
    cancelAnimationFrame(waiting);
    model.off("change:label", name);
  };
}
export default { render };
"""

MANNERS_STYLE = """
.nst-easel canvas { height: auto; margin: 6px 2px; image-rendering: pixelated; cursor: crosshair;
  touch-action: none; user-select: none; outline: 1px solid var(--jp-border-color0, #888); }
"""


class Radios(anywidget.AnyWidget):
    """Radio buttons with a colour beside each name, where it has one.

    Attributes:
        label: what is chosen.
        options: [name, CSS colour or ""] of each.
        value: the name chosen.
    """

    _esm, _css = RADIOS, RADIOS_STYLE
    label = traitlets.Unicode().tag(sync=True)
    options = traitlets.List().tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)

    @traitlets.validate("value")
    def _offered(self, proposal: dict) -> str:
        names = [name for name, _ in self.options]
        if proposal["value"] not in names:
            raise traitlets.TraitError(
                f"no {self.label} {proposal['value']!r}; choose one of {', '.join(names)}"
            )
        return proposal["value"]


class Manners(anywidget.AnyWidget):
    """Teaches the panel's canvas and menu what they cannot do by themselves.

    The canvas gets a name for screen readers. It lets go of the Tab key and of the mouse wheel,
    both of which it would swallow, and heeds the first mouse button only: else a right click, whose
    end is lost in the context menu, would go on drawing. Moves without a button stay in the
    browser. The menu gets the arrow keys, with which JupyterLab would go to another cell.

    Attributes:
        label: the canvas's name.
    """

    _esm, _css = MANNERS, MANNERS_STYLE
    label = traitlets.Unicode().tag(sync=True)
