"""Live runs in a notebook: choose, press Run, watch the picture form, press Stop."""

import io
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import ipywidgets
from torch import Tensor

from nstlib import images, plots
from nstlib.synthesis import Iteration

REDRAW_SECONDS = 0.5  # drawing curves more often would slow the run down
WIDE = {"description_width": "140px"}


class LiveRun:
    """A panel that runs an optimisation in a worker thread and shows every iteration.

    The kernel stays free meanwhile. Whatever goes wrong in the run is shown in words.

    Attributes:
        controls: the widgets whose values the run gets, by name.
        run_button, stop_button: press them in code with `.click()`.
        status: one line on what happens.
        history: each term per iteration, of the latest run.
    """

    def __init__(
        self,
        start_run: Callable[..., Iterator[Iteration]],
        controls: dict[str, ipywidgets.Widget],
        *,
        preview: Tensor,
    ):
        """Build the panel.

        Args:
            start_run: called with the controls' values by name; returns `synthesis.iterate(...)`.
            controls: {name: ipywidgets control}.
            preview: image (1, 3, H, W) shown before the first run.
        """
        self._start_run, self.controls = start_run, controls
        self.history: list[dict[str, float]] = []
        self.run_button = ipywidgets.Button(description="Run", button_style="primary")
        self.stop_button = ipywidgets.Button(description="Stop", disabled=True)
        self.status = ipywidgets.Label("Choose, then press Run.")
        self.picture, self.curve = _picture_widget("320px"), _picture_widget("460px")
        self.picture.value = _jpeg(preview)
        self.curve.value = _curve([{"loss": float("nan")}])
        self._stop, self._thread = threading.Event(), None
        self.run_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self._stop.set())
        buttons = ipywidgets.HBox([self.run_button, self.stop_button, self.status])
        views = ipywidgets.HBox([self.picture, self.curve])
        self.panel = ipywidgets.VBox([*controls.values(), buttons, views])

    def _repr_mimebundle_(self, include=None, exclude=None):
        bundle = self.panel._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "text/plain": "A live panel: run this cell to use it."}, metadata

    def start(self) -> None:
        """Start a run with the controls' present values, unless one is under way."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop.clear()
        self.run_button.disabled, self.stop_button.disabled = True, False
        values = {name: control.value for name, control in self.controls.items()}
        self._thread = threading.Thread(target=self._work, args=(values,), daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the present run to end; return whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _work(self, values: dict) -> None:
        try:
            self.status.value = "Preparing ..."
            self.history = []
            self._watch(self._start_run(**values))
        except Exception as error:  # a thread's traceback would be shown nowhere
            self.status.value = f"Stopped: {error}. Change a setting and press Run."
        finally:
            self.run_button.disabled, self.stop_button.disabled = False, True

    def _watch(self, run: Iterator[Iteration]) -> None:
        drawn = 0.0
        for iteration in run:
            self.history.append(iteration.losses)
            self.picture.value = _jpeg(iteration.image)
            if time.monotonic() - drawn > REDRAW_SECONDS:
                self.curve.value = _curve(self.history)
                drawn = time.monotonic()
            summary = f"iteration {iteration.number}, loss {iteration.total:.3g}"
            self.status.value = f"Running: {summary}"
            if self._stop.is_set():
                run.close()
                break
        self.curve.value = _curve(self.history)
        outcome = "Stopped by you" if self._stop.is_set() else "Finished"
        self.status.value = f"{outcome}: {summary}, {iteration.seconds:.1f} s"


def choice(label: str, options: Sequence[str], value: str) -> ipywidgets.Dropdown:
    """Make a labelled menu of which one entry is chosen."""
    return ipywidgets.Dropdown(options=options, value=value, description=label, style=WIDE)


def choices(label: str, options: Sequence[str], value: Sequence[str]) -> ipywidgets.SelectMultiple:
    """Make a labelled list of which any entries are chosen (Ctrl-click for more than one)."""
    return ipywidgets.SelectMultiple(
        options=options, value=tuple(value), rows=len(options), description=label, style=WIDE
    )


def log_slider(label: str, value: float, *, decades: int = 2) -> ipywidgets.FloatLogSlider:
    """Make a slider over powers of ten, `decades` to each side of its starting value."""
    middle = math.log10(value)
    return ipywidgets.FloatLogSlider(
        value=value,
        min=middle - decades,
        max=middle + decades,
        step=0.1,
        description=label,
        readout_format=".2g",
        style=WIDE,
    )


def _picture_widget(width: str) -> ipywidgets.Image:
    layout = ipywidgets.Layout(width=width, object_fit="contain")
    return ipywidgets.Image(format="jpeg", layout=layout)  # a tooltip breaks it in the browser


def _jpeg(image: Tensor) -> bytes:
    file = io.BytesIO()
    images.to_picture(image).save(file, "JPEG", quality=92)
    return file.getvalue()


def _curve(history: Sequence[dict[str, float]]) -> bytes:
    return plots.figure_bytes(plots.show_loss(history, alt="loss curves"))
