"""Small pieces the panels are made of: pictures with alt text, controls, files in and out."""

import html
import io
from collections.abc import Callable, Mapping, Sequence

import anywidget
import ipywidgets
import traitlets
from torch import Tensor

from nstlib import images

WIDE = {"description_width": "140px"}
UPLOAD_LIMIT = 9_500_000  # bytes; Jupyter silently drops messages over 10 MiB

STYLE = """
.nst-picture { display: block; object-fit: contain; max-width: 100%; }
.nst-download { margin: 2px 6px 2px 0; }
.nst-download:disabled { opacity: var(--jp-widgets-disabled-opacity, 0.6); }
.nst-slider { display: flex; align-items: center; gap: 8px; width: 420px; max-width: 100%;
  min-height: 28px; font-size: 13px; color: var(--jp-ui-font-color1, inherit); }
.nst-slider span { width: 132px; text-align: right; }
.nst-slider input { flex: 1; min-width: 60px; }
.nst-slider output { width: 48px; }
.nst-upload { display: flex; gap: 8px; align-items: center; flex-wrap: wrap; }
"""

ADDRESSES = """
function addressed(image) {  // addresses live until a later picture has arrived
  const addresses = [];
  const forget = (count) => addresses.splice(0, count).forEach((one) => URL.revokeObjectURL(one));
  image.addEventListener("load", () => forget(addresses.length - 1));
  return {
    show(bytes) {
      addresses.push(URL.createObjectURL(new Blob([bytes])));
      image.src = addresses.at(-1);
    },
    close: () => forget(addresses.length),
  };
}
"""

PICTURE = """
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "nst-picture";
  const shown = addressed(image);
  const draw = () => shown.show(model.get("value"));
  const describe = () => { image.alt = model.get("alt"); };
  image.style.width = model.get("width");
  image.style.height = model.get("height");
  model.on("change:value", draw);
  model.on("change:alt", describe);
  draw();
  describe();
  el.append(image);
  return shown.close;
}
export default { render };
"""

UPLOAD = """
function render({ model, el }) {
  const label = document.createElement("label");
  label.className = "nst-upload";
  const title = document.createElement("span");
  title.textContent = model.get("label");
  const input = document.createElement("input");
  input.type = "file";
  input.accept = model.get("accept");
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    const content = file.size <= model.get("limit") ? await file.arrayBuffer() : null;
    model.send({ name: file.name, size: file.size }, null, content ? [content] : []);
    input.value = "";
  });
  label.append(title, input);
  el.append(label);
}
export default { render };
"""

DOWNLOADS = """
function render({ model, el }) {
  const buttons = {};
  for (const [key, title] of Object.entries(model.get("files"))) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button lm-Widget nst-download";
    button.style.width = "auto";
    button.textContent = title;
    button.disabled = !model.get("ready");
    button.addEventListener("click", () => model.send({ key }));
    buttons[key] = button;
    el.append(button);
  }
  model.on("change:ready", () => {
    for (const button of Object.values(buttons)) button.disabled = !model.get("ready");
  });
  model.on("msg:custom", ({ name }, [content]) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content]));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
export default { render };
"""


SLIDER = """
function render({ model, el }) {
  const label = document.createElement("label");
  label.className = "nst-slider";
  const title = document.createElement("span");
  title.textContent = model.get("label");
  const input = document.createElement("input");
  input.type = "range";
  input.setAttribute("aria-label", title.textContent);
  input.setAttribute("data-lm-suppress-shortcuts", "true");
  const readout = document.createElement("output");
  const log = () => model.get("logarithmic");
  const place = (value) => (log() ? Math.log10(value) : value);
  const value = () => Number((log() ? 10 ** input.value : Number(input.value)).toPrecision(6));
  const tell = (shown) => {
    readout.textContent = String(Number(shown.toPrecision(2)));
    input.setAttribute("aria-valuetext", readout.textContent);
  };
  const move = () => {
    input.min = place(model.get("min"));
    input.max = place(model.get("max"));
    input.step = model.get("step");
    input.value = place(model.get("value"));
    input.disabled = model.get("disabled");
    tell(model.get("value"));
  };
  input.addEventListener("input", () => {
    tell(value());
    model.set("value", value());
    model.save_changes();
  });
  model.on("change:value change:min change:max change:disabled", move);
  move();
  label.append(title, input, readout);
  el.append(label);
}
export default { render };
"""


class Slider(anywidget.AnyWidget):
    """A labelled slider, which ipywidgets' own is not for those who listen.

    Attributes:
        label: its name.
        value: between min and max; what lies outside is moved to the nearer one.
        min, max: its ends.
        step: between two places, of the value, or of its power of ten if it is logarithmic.
        logarithmic: whether places are powers of ten.
        disabled: whether it cannot be moved in the browser.
    """

    _esm, _css = SLIDER, STYLE
    label = traitlets.Unicode().tag(sync=True)
    min = traitlets.Float().tag(sync=True)
    max = traitlets.Float(1.0).tag(sync=True)
    value = traitlets.Float().tag(sync=True)
    step = traitlets.Float(0.1).tag(sync=True)
    logarithmic = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)

    @traitlets.validate("value")
    def _inside(self, proposal: dict) -> float:
        return max(self.min, min(self.max, proposal["value"]))


class Picture(anywidget.AnyWidget):
    """A picture with alt text, in a box whose size never changes.

    Attributes:
        value: its file's bytes, JPEG or PNG.
        alt: what a listener should know.
        width, height: of the box, in CSS.
    """

    _esm, _css = ADDRESSES + PICTURE, STYLE
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Unicode("320px").tag(sync=True)
    height = traitlets.Unicode("320px").tag(sync=True)


class Line(ipywidgets.HTML):
    """A line of text that screen readers announce when it changes.

    Attributes:
        text: what it says.
    """

    text = traitlets.Unicode()

    def say(self, text: str) -> None:
        """Show text; markup in it is shown as it is written."""
        self.text = text
        self.value = f'<span role="status">{html.escape(text)}</span>'


class Upload(anywidget.AnyWidget):
    """A file chooser that says why a file is refused, also when it is too large to be sent.

    Attributes:
        label: of the chooser.
        accept: which files the browser offers, as in HTML.
        limit: largest size in bytes.
    """

    _esm, _css = UPLOAD, STYLE
    label = traitlets.Unicode("upload").tag(sync=True)
    accept = traitlets.Unicode("image/*").tag(sync=True)
    limit = traitlets.Int(UPLOAD_LIMIT).tag(sync=True)

    def __init__(self, take: Callable[[str, bytes], None], refuse: Callable[[str], None], **traits):
        """Call `take(name, content)` with each file, or `refuse(sentence)`."""
        super().__init__(**traits)
        self._take, self._refuse = take, refuse
        self.on_msg(self._receive)

    def _receive(self, widget, message: dict, buffers: Sequence[memoryview]) -> None:
        name, size = str(message.get("name", "")), message.get("size", 0)
        if not buffers or len(buffers[0]) > self.limit:
            self._refuse(
                f"{name} has {size / 1e6:.1f} MB; at most {self.limit / 1e6:.1f} MB can be "
                "uploaded. Make it smaller, or give its path."
            )
        else:
            self._take(name, bytes(buffers[0]))


class Downloads(anywidget.AnyWidget):
    """Buttons that download files, made when they are asked for.

    Attributes:
        files: {key: the button's text}.
        ready: whether there is something to download.
    """

    _esm, _css = DOWNLOADS, STYLE
    files = traitlets.Dict().tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)

    def __init__(self, files: Mapping[str, str], make: Callable[[str], tuple[str, bytes]]):
        """Call `make(key)` for a file's name and bytes when its button is pressed."""
        super().__init__(files=dict(files))
        self._make = make
        self.on_msg(self._answer)

    def _answer(self, widget, message: dict, buffers: Sequence[memoryview]) -> None:
        if self.ready and message.get("key") in self.files:
            name, content = self._make(message["key"])
            self.send({"name": name}, [content])


def display_bundle(panel: ipywidgets.Widget, name: str) -> tuple[dict, dict]:
    """Say how a panel is displayed: as a widget, and where it does not run, in words."""
    bundle = panel._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    return {**data, "text/plain": f"{name}: run this cell to use it."}, metadata


def choice(label: str, options: Sequence[str], value: str) -> ipywidgets.Dropdown:
    """Make a labelled menu of which one entry is chosen."""
    return ipywidgets.Dropdown(options=options, value=value, description=label, style=WIDE)


def log_slider(label: str, value: float, *, decades: int = 2) -> Slider:
    """Make a slider over powers of ten, `decades` to each side of its starting value."""
    factor = 10.0**decades
    return Slider(
        label=label, min=value / factor, max=value * factor, value=value, logarithmic=True
    )


def picture_bytes(image: Tensor, form: str = "JPEG", **options) -> bytes:
    """Encode an image tensor (1, 3, H, W) as the bytes of a picture file."""
    file = io.BytesIO()
    options = {"quality": 92} | options if form == "JPEG" else options
    images.to_picture(image).save(file, form, **options)
    return file.getvalue()
