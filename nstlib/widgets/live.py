"""Run an optimisation in a worker thread and show every iteration of it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import ipywidgets
from torch import Tensor

from nstlib import devices
from nstlib.synthesis import Iteration
from nstlib.widgets.basics import Line, Picture, Slider, display_bundle, picture_bytes
from nstlib.widgets.curves import Curves

LOOK = 0.05  # s between two looks at the buttons while a run is paused


class LiveRun:
    """A panel that runs an optimisation in a worker thread and shows every iteration.

    The kernel stays free meanwhile. Whatever goes wrong in the run is shown in words. Afterwards a
    slider goes back over the iterations.

    Attributes:
        controls: the widgets whose values the run gets, by name.
        run_button, pause_button, stop_button: press them in code with `.click()`.
        scrubber: slider over the iterations of the latest run.
        status: one line on what happens.
        history: each term per iteration, of the latest run.
        parts: of the latest run: the values it began with and after each change, and the number of
            iterations that were made with them.
        image: the latest run's last image, (1, 3, H, W).
        frames: the picture's bytes at every iteration of the latest run.
        costs: of each iteration of a whole run, for the time left; empty where all cost the same.
    """

    def __init__(
        self,
        start_run: Callable[..., Iterator[Iteration]],
        controls: Mapping[str, ipywidgets.Widget],
        *,
        preview: Tensor,
        live: Sequence[str] = (),
        iterations: int | None = None,
    ):
        """Build the panel.

        Args:
            start_run: called with the controls' values by name; returns `synthesis.iterate(...)`.
            controls: {name: ipywidgets control}, or anything else with a value and a panel.
            preview: image (1, 3, H, W) shown before the first run.
            live: names of controls that also act during a run, from the next iteration on. Then
                start_run is called anew with `image=`, what the run has come to: the optimiser's
                memory starts again.
            iterations: how many a whole run has, for the time left; None if that is not known.
        """
        self._start_run, self.controls, self._live = start_run, dict(controls), tuple(live)
        self._iterations, self.on_end = iterations, []
        self.history: list[dict[str, float]] = []
        self.parts: list[tuple[dict, int]] = []
        self.costs: Sequence[float] = []
        self._sizes: list[int] = []  # iterations after which the picture's size was another
        self.image, self.frames, self._thread = preview, [], None
        self._stop, self._pause = threading.Event(), threading.Event()
        self._build(preview)

    def _build(self, preview: Tensor) -> None:
        def button(text, action, **options):
            made = ipywidgets.Button(description=text, **options)
            made.on_click(lambda _: action())
            return made

        self.run_button = button("Run", self.start, button_style="primary")
        self.pause_button = button("Pause", self._toggle_pause, disabled=True)
        self.stop_button = button("Stop", self.stop, disabled=True)
        self.status = Line()
        self.status.say("Choose, then press Run.")
        self.picture = Picture(alt="the picture before the run")
        self.curve = Curves()
        self.picture.value = picture_bytes(preview)
        self.scrubber = Slider(label="iteration", max=0, step=1, disabled=True)
        self.scrubber.observe(self._scrub, "value")
        buttons = ipywidgets.HBox([self.run_button, self.pause_button, self.stop_button])
        left = ipywidgets.VBox([self.picture, self.scrubber])
        views = ipywidgets.HBox([left, self.curve], layout={"flex_flow": "row wrap"})
        shown = [getattr(control, "panel", control) for control in self.controls.values()]
        self.panel = ipywidgets.VBox([*shown, buttons, self.status, views])

    def _repr_mimebundle_(self, include=None, exclude=None):
        return display_bundle(self.panel, "A live panel")

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.run_button.disabled

    def start(self) -> None:
        """Start a run with the controls' present values, unless one is under way."""
        if self.running:
            return
        self.wait()  # the run before may still be telling `on_end`
        self._stop.clear()
        self._pause.clear()
        self._show_running(True)
        devices.release_threads()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the run after the iteration that is under way; its picture stays."""
        self._stop.set()

    def close(self) -> None:
        """End the run and remove the panel; no thread is left."""
        self.stop()
        self.wait()
        self.panel.close()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the present run to end; return whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def values(self) -> dict:
        """Read the controls."""
        return {name: control.value for name, control in self.controls.items()}

    def _toggle_pause(self) -> None:
        if self._pause.is_set():
            self._pause.clear()
        else:
            self._pause.set()
        self.pause_button.description = "Resume" if self._pause.is_set() else "Pause"

    def _show_running(self, running: bool) -> None:
        self.run_button.disabled = running
        self.pause_button.disabled = self.stop_button.disabled = not running
        self.scrubber.disabled = running or not self.frames
        self.pause_button.description = "Pause"

    def _work(self) -> None:
        self.status.say("Preparing ...")
        self.history, self.parts, self.frames, self._sizes = [], [], [], []
        try:
            outcome = self._run()
        except Exception as error:  # a thread's traceback would be shown nowhere
            outcome = f"Stopped: {error}. Change a setting and press Run."
        try:
            self._finish()
        finally:
            self.status.say(outcome)

    def _run(self) -> str:
        """Make one part after the other; a part ends where a live control was moved."""
        began, paused, values = time.monotonic(), 0.0, self.values()
        run = self._start_run(**values) if not self._live else self._start_run(**values, image=None)
        changed = True
        while changed:
            self.parts.append((values, 0))
            changed = False
            for iteration in run:
                if iteration.number == 0 and self.history:
                    continue  # where the part before ended
                self._take(iteration)
                self._tell(time.monotonic() - began - paused)
                before = time.monotonic()
                self._wait_while_paused()
                paused += time.monotonic() - before
                if self._stop.is_set() or self._is_whole():
                    break
                values = values | {name: self.controls[name].value for name in self._live}
                if changed := values != self.parts[-1][0]:
                    break
            run.close()
            if changed:
                started = len(self.history) > 1  # its start is no image of the run's yet
                run = self._start_run(**values, image=self.image if started else None)
        outcome = "Stopped by you" if self._stop.is_set() else "Finished"
        return f"{outcome}: {self._summary()}, {time.monotonic() - began - paused:.1f} s"

    def _take(self, iteration: Iteration) -> None:
        values, count = self.parts[-1]
        self.parts[-1] = values, count + (1 if self.history else 0)
        if self.history and iteration.image.shape != self.image.shape:
            self._sizes.append(len(self.history) - 1)
        self.history.append(iteration.losses)
        self.image = iteration.image
        self.frames.append(picture_bytes(iteration.image))
        self.picture.value = self.frames[-1]
        self.picture.alt = f"the picture after iteration {len(self.history) - 1}"

    def _tell(self, seconds: float) -> None:
        """Write the status and draw the curves."""
        done = len(self.history) - 1
        left = ""
        if self._iterations and done:
            costs = self.costs or [1] * self._iterations
            left = f", about {seconds * sum(costs[done:]) / sum(costs[:done]):.0f} s left"
        self.status.say(f"Running: {self._summary()}{left}")
        self.curve.show(self.history, self._changes())

    def _wait_while_paused(self) -> None:
        while self._pause.is_set() and not self._stop.is_set():
            self.status.say(f"Paused: {self._summary()}")
            time.sleep(LOOK)

    def _is_whole(self) -> bool:
        return self._iterations is not None and len(self.history) > self._iterations

    def _changes(self) -> list[int]:
        """Number the iterations after which a live control was moved or the size changed."""
        counts = [count for _, count in self.parts[:-1]]
        moved = [sum(counts[: place + 1]) for place in range(len(counts))]
        return sorted({*moved, *self._sizes})

    def _summary(self) -> str:
        return f"iteration {len(self.history) - 1}, loss {sum(self.history[-1].values()):.3g}"

    def _finish(self) -> None:
        if self.history:
            self.scrubber.max = len(self.frames) - 1
            self.scrubber.value = self.scrubber.max
        self._show_running(False)
        for call in self.on_end:
            call()

    def _scrub(self, change: dict) -> None:
        number = round(change["new"])
        if not self.running and number < len(self.frames):
            self.picture.value = self.frames[number]
            self.picture.alt = f"the picture after iteration {number}"
