"""Choose a picture and the layers of a network."""

import base64
import functools
from collections.abc import Mapping, Sequence

import anywidget
import ipywidgets
import traitlets
from torch import Tensor

from nstlib import data, images, plots
from nstlib.features import FeatureNetwork
from nstlib.widgets.basics import UPLOAD_LIMIT, Line, Picture, Upload, picture_bytes

THUMBNAIL = 96  # px, longer side
SMALLEST = 32  # px, shorter side that the deepest layer of pocket needs

THUMBNAILS = """
function render({ model, el }) {
  const set = document.createElement("fieldset");
  set.className = "nst-thumbnails";
  const legend = document.createElement("legend");
  legend.textContent = model.get("label");
  set.append(legend);
  const name = "nst-" + Math.random().toString(36).slice(2);
  const inputs = {};
  for (const picture of model.get("pictures")) {
    const label = document.createElement("label");
    const input = (inputs[picture.name] = document.createElement("input"));
    input.type = "radio";
    input.name = name;
    input.setAttribute("data-lm-suppress-shortcuts", "true");
    input.addEventListener("change", () => {
      model.set("value", picture.name);
      model.save_changes();
    });
    const image = document.createElement("img");
    image.src = picture.src;
    image.alt = picture.alt;
    const title = document.createElement("span");
    title.textContent = picture.title;
    label.append(input, image, title);
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

THUMBNAILS_STYLE = """
.nst-thumbnails { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; padding: 4px 8px;
  border: 1px solid var(--jp-border-color1, #bbb); color: var(--jp-ui-font-color1, inherit); }
.nst-thumbnails label { display: flex; flex-direction: column; align-items: center; width: 104px;
  font-size: 12px; line-height: 1.3; text-align: center; gap: 2px; }
.nst-thumbnails img { height: 72px; width: 96px; object-fit: contain; }
.nst-thumbnails label:focus-within { outline: 2px solid var(--jp-brand-color1, #1976d2); }
"""

LAYERS = """
function render({ model, el }) {
  const name = "nst-" + Math.random().toString(36).slice(2);
  const box = document.createElement("div");
  box.className = "nst-layers";
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  line.className = "nst-layer-facts";
  line.textContent = "Point at a layer to see its size; choose one for content, any for style.";
  const tell = (name) => {
    const layers = model.get("blocks").flatMap((block) => block.layers);
    line.textContent = layers.find((layer) => layer.name === name).facts;
  };
  const ticks = [];
  const add = (row, kind, layer, checked, change) => {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = kind === "content" ? "radio" : "checkbox";
    input.name = name + kind;
    input.setAttribute("data-lm-suppress-shortcuts", "true");
    input.setAttribute("aria-label", `${layer.name} for ${kind}`);
    input.addEventListener("change", () => {
      change(input.checked);
      model.set("focused", layer.name);
      model.save_changes();
    });
    input.addEventListener("focus", () => tell(layer.name));
    ticks.push(() => { input.checked = checked(); });
    label.append(input, kind);
    row.append(label);
  };
  for (const block of model.get("blocks")) {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = block.name;
    set.append(legend);
    for (const layer of block.layers) {
      const row = document.createElement("div");
      row.className = "nst-layer";
      const title = document.createElement("b");
      title.textContent = layer.title;
      row.append(title);
      row.addEventListener("mouseenter", () => tell(layer.name));
      if (model.get("for_content"))
        add(row, "content", layer, () => model.get("content_layer") === layer.name, () =>
          model.set("content_layer", layer.name));
      if (model.get("for_style"))
        add(row, "style", layer, () => model.get("style_layers").includes(layer.name), (on) => {
          const others = model.get("style_layers").filter((other) => other !== layer.name);
          model.set("style_layers", on ? [...others, layer.name] : others);
        });
      set.append(row);
    }
    box.append(set);
  }
  const tick = () => ticks.forEach((one) => one());
  model.on("change:content_layer change:style_layers", tick);
  tick();
  el.append(box, line);
}
export default { render };
"""

LAYERS_STYLE = """
.nst-layers { display: flex; flex-wrap: wrap; gap: 8px; color: var(--jp-ui-font-color1, inherit); }
.nst-layers fieldset { margin: 0; padding: 2px 8px 6px;
  border: 1px solid var(--jp-border-color1, #bbb); }
.nst-layer { display: flex; gap: 8px; font-size: 13px; line-height: 1.6; }
.nst-layer label { display: flex; gap: 2px; align-items: center; }
.nst-layer-facts { min-height: 1.5em; font-size: 13px; color: var(--jp-ui-font-color1, inherit); }
"""


class Thumbnails(anywidget.AnyWidget):
    """Pictures of which one is chosen.

    Attributes:
        label: of the group.
        pictures: name, title, alt text and address of each.
        value: the chosen one's name; "" for none.
    """

    _esm, _css = THUMBNAILS, THUMBNAILS_STYLE
    label = traitlets.Unicode().tag(sync=True)
    pictures = traitlets.List().tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)


class PicturePicker:
    """Choose a built-in picture, upload one, or give a path.

    What cannot be used is said in a line, and the earlier choice stays.

    Attributes:
        value: the choice: a built-in name, a path, or an upload's bytes.
        name: of the choice, to show.
        source: of the choice, for settings and code; an upload's name is never taken for a built-in
            picture's.
        panel: the widget to display.
    """

    def __init__(self, label: str, value: str, *, kind: str | None = None, size: int = 256):
        """Build the picker.

        Args:
            label: what the picture is for.
            value: the built-in picture chosen first.
            kind: which built-in pictures are offered; None for all.
            size: longer side in px that pictures are loaded at.
        """
        self.size, self.value, self.name = size, value, data.about(value)["title"]
        pictures = [_thumbnail(name) for name in data.names(kind)]
        self.thumbnails = Thumbnails(label=label, pictures=pictures, value=value)
        self.upload = Upload(
            self._take, self._refuse, label=f"upload a {label} (at most {UPLOAD_LIMIT / 1e6} MB)"
        )
        self.path = ipywidgets.Text(description="or a path", continuous_update=False)
        self.status = Line()
        self._on_change = []
        self.thumbnails.observe(self._choose, "value")
        self.path.observe(self._read, "value")
        self.panel = ipywidgets.VBox(
            [self.thumbnails, ipywidgets.HBox([self.upload, self.path]), self.status]
        )
        self._tell(self.image())

    @property
    def source(self) -> str:
        if isinstance(self.value, str):
            return self.value
        return f"./{self.name}" if self.name in data.names() else self.name

    def image(self, size: int | None = None) -> Tensor:
        """Load the chosen picture, (1, 3, H, W), its longer side `size` px instead of the usual."""
        return _load(self.value, size or self.size)

    def on_change(self, call) -> None:
        """Call `call()` whenever another picture was chosen."""
        self._on_change.append(call)

    def _choose(self, change: dict) -> None:
        if change["new"]:
            self._use(change["new"], data.about(change["new"])["title"])

    def _read(self, change: dict) -> None:
        if change["new"].strip():
            self._try(change["new"].strip(), change["new"].strip())

    def _take(self, name: str, content: bytes) -> None:
        self._try(content, name)

    def _refuse(self, text: str) -> None:
        self.status.say(f"{text} Still {self.name}.")

    def _try(self, source: str | bytes, name: str) -> None:
        """Use a picture of the user's, if it can be."""
        try:
            image = _load(source, self.size)
            height, width = image.shape[2:]
            if min(height, width) < SMALLEST:
                raise ValueError(
                    f"it is too narrow: {width}x{height} px at this size; "
                    f"each side needs {SMALLEST} px"
                )
        except (ValueError, OSError) as error:
            self._refuse(f"{name}: {error}.")
            return
        self._use(source, name)
        self.thumbnails.value = ""

    def _use(self, source: str | bytes, name: str) -> None:
        self.value, self.name = source, name
        self._tell(self.image())
        for call in self._on_change:
            call()

    def _tell(self, image: Tensor) -> None:
        height, width = image.shape[2:]
        self.status.say(f"{self.name}: {width}x{height} px")


class Layers(anywidget.AnyWidget):
    """A network's blocks and layers; one is chosen for content, any for style."""

    _esm, _css = LAYERS, LAYERS_STYLE
    blocks = traitlets.List().tag(sync=True)
    for_content = traitlets.Bool(True).tag(sync=True)
    for_style = traitlets.Bool(True).tag(sync=True)
    content_layer = traitlets.Unicode().tag(sync=True)
    style_layers = traitlets.List(traitlets.Unicode()).tag(sync=True)  # `style` is ipywidgets' own
    focused = traitlets.Unicode().tag(sync=True)


class LayerPicker:
    """Choose layers in a drawing of the network, and see what a layer finds in a picture.

    Attributes:
        content: the layer for content; "" where none is asked for.
        style: the layers for style, shallow to deep.
        value: {"content": ..., "style": ...}.
        panel: the widget to display.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        image: Tensor,
        *,
        content: str | None = None,
        style: Sequence[str] | None = None,
    ):
        """Build the picker.

        Args:
            network: whose layers are offered.
            image: (1, 3, H, W), what sizes and feature maps are told of.
            content: the layer chosen first; None to ask for no content layer.
            style: the layers chosen first; None to ask for no style layers.
        """
        self.network, self._image = network, image
        self.drawing = Layers(
            blocks=_blocks(network, tuple(image.shape[2:])),
            for_content=content is not None,
            for_style=style is not None,
            content_layer=content or "",
            style_layers=list(style or ()),
            focused=content or (list(style or network.layers)[0]),
        )
        self.maps = Picture(width="820px", height="110px")
        self.drawing.observe(lambda _: self._show(), "focused")
        self.panel = ipywidgets.VBox([self.drawing, self.maps])
        self._show()

    @property
    def content(self) -> str:
        return self.drawing.content_layer

    @property
    def style(self) -> list[str]:
        return [layer for layer in self.network.layers if layer in self.drawing.style_layers]

    @property
    def value(self) -> dict[str, str | list[str]]:
        return {"content": self.content, "style": self.style}

    def look_at(self, image: Tensor) -> None:
        """Show the sizes and feature maps of another picture."""
        self._image = image
        self.drawing.blocks = _blocks(self.network, tuple(image.shape[2:]))
        self._show()

    def _show(self) -> None:
        layer = self.drawing.focused
        features = self.network(self._image, [layer])[layer]
        alt = f"The eight strongest feature maps of {layer}"
        figure = plots.show_features(features, count=8, alt=alt)
        self.maps.value, self.maps.alt = plots.figure_bytes(figure), alt


@functools.cache
def _thumbnail(name: str) -> Mapping[str, str]:
    about = data.about(name)
    content = picture_bytes(images.load_image(data.path(name), size=THUMBNAIL))
    src = "data:image/jpeg;base64," + base64.b64encode(content).decode()
    return {"name": name, "title": about["title"], "alt": about["alt"], "src": src}


def _load(source: str | bytes, size: int) -> Tensor:
    """Load a built-in name, a path or bytes; a built-in name is never taken for a path."""
    builtin = isinstance(source, str) and source in data.names()
    return images.load_image(data.path(source) if builtin else source, size=size)


def _blocks(network: FeatureNetwork, sides: tuple[int, int]) -> list[dict]:
    """Describe a network block by block, for the drawing."""
    blocks: dict[str, list] = {}
    for layer in network.layers:
        block, _, title = layer.rpartition("_")
        facts = network.facts(layer, sides)
        height, width = facts["sides"]
        text = (
            f"{layer}: {facts['channels']} channels of {width}x{height} px, "
            f"each value sees {facts['field']} px of the picture"
        )
        entry = {"name": layer, "title": title or layer, "facts": text}
        blocks.setdefault(block.replace("block", "block ") or "layers", []).append(entry)
    return [{"name": name, "layers": layers} for name, layers in blocks.items()]
