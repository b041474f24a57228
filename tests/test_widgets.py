"""Live panels without a browser: buttons are clicked in code, runs go on in their thread."""

import ipywidgets
import pytest
import torch

from nstlib import synthesis, widgets

WAIT = 30  # seconds


@pytest.fixture
def start():
    return torch.full((1, 3, 16, 16), 0.5)


def brighten(start, iterations=3):
    return synthesis.iterate(
        start, lambda image: {"content": (image - 0.8).square().mean()}, iterations=iterations
    )


def test_run_shows_the_picture_the_curve_and_the_outcome(start):
    live = widgets.LiveRun(lambda: brighten(start), {}, preview=start)
    picture, curve = live.picture.value, live.curve.value
    live.run_button.click()
    assert live.wait(WAIT)
    assert live.picture.value != picture
    assert live.curve.value != curve
    assert live.status.value.startswith("Finished: iteration")
    assert len(live.history) >= 2
    assert live.stop_button.disabled
    assert not live.run_button.disabled


def test_a_run_gets_the_values_of_the_controls(start):
    seen = {}

    def start_run(**values):
        seen.update(values)
        return brighten(start)

    controls = {
        "layer": widgets.choice("layer", ["a", "b"], "b"),
        "weight": widgets.log_slider("weight", 0.1),
        "layers": widgets.choices("layers", ["a", "b", "c"], ["a", "c"]),
    }
    live = widgets.LiveRun(start_run, controls, preview=start)
    controls["layer"].value = "a"
    live.run_button.click()
    assert live.wait(WAIT)
    assert seen == {"layer": "a", "weight": pytest.approx(0.1), "layers": ("a", "c")}


def test_stop_ends_a_long_run_and_keeps_its_picture(start):
    def noisy(image):
        return {"content": (image * torch.rand_like(image)).square().mean()}

    live = widgets.LiveRun(
        lambda: synthesis.iterate(start, noisy, iterations=10**6, optimizer="adam"),
        {},
        preview=start,
    )
    live.run_button.click()
    live.stop_button.click()
    assert live.wait(WAIT)
    assert live.status.value.startswith("Stopped by you: iteration")
    assert live.history


def test_an_error_is_told_in_words_and_the_next_run_works(start):
    control = ipywidgets.Checkbox(value=True)

    def start_run(broken):
        if broken:
            raise ValueError("no layer 'conv9_1'")
        return brighten(start)

    live = widgets.LiveRun(start_run, {"broken": control}, preview=start)
    live.run_button.click()
    assert live.wait(WAIT)
    assert "no layer 'conv9_1'" in live.status.value
    control.value = False
    live.run_button.click()
    assert live.wait(WAIT)
    assert live.status.value.startswith("Finished")


def test_a_saved_notebook_says_what_the_panel_is(start):
    data, _ = widgets.LiveRun(lambda: brighten(start), {}, preview=start)._repr_mimebundle_()
    assert data["text/plain"] == "A live panel: run this cell to use it."
    assert "application/vnd.jupyter.widget-view+json" in data
