"""Live panels without a browser: buttons are clicked in code, runs go on in their thread."""

import re
import threading
import time

import ipywidgets
import pytest
import torch

from nstlib import plots, synthesis, widgets
from nstlib.widgets import basics
from nstlib.widgets import curves as curve_panel

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
    picture = live.picture.value
    live.run_button.click()
    assert live.wait(WAIT)
    assert live.picture.value != picture
    assert [one["name"] for one in live.curve.series] == ["content"]
    assert len(live.curve.series[0]["values"]) == len(live.history)
    assert live.status.text.startswith("Finished: iteration")
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
        "layers": ipywidgets.SelectMultiple(options=["a", "b", "c"], value=["a", "c"]),
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
    assert live.status.text.startswith("Stopped by you: iteration")
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
    assert "no layer 'conv9_1'" in live.status.text
    control.value = False
    live.run_button.click()
    assert live.wait(WAIT)
    assert live.status.text.startswith("Finished")


def test_a_saved_notebook_says_what_the_panel_is(start):
    data, _ = widgets.LiveRun(lambda: brighten(start), {}, preview=start)._repr_mimebundle_()
    assert data["text/plain"] == "A live panel: run this cell to use it."
    assert "application/vnd.jupyter.widget-view+json" in data


def wait_until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def slow(start, iterations, seconds=0.02, target=0.8):
    """Iterate slowly towards a grey; the loss is named so that curves can be told apart."""
    for iteration in synthesis.iterate(
        start,
        lambda image: {"content": (image - target).square().mean()},
        iterations=iterations,
        optimizer="adam",
        evaluations=1,
    ):
        time.sleep(seconds)
        yield iteration


@pytest.fixture
def endless(start):
    """A panel whose run goes on until it is stopped."""
    live = widgets.LiveRun(lambda: slow(start, 10**6), {}, preview=start)
    yield live
    live.close()


def test_a_paused_run_stands_still_until_it_is_resumed(endless):
    endless.run_button.click()
    wait_until(lambda: len(endless.history) > 2)
    endless.pause_button.click()
    wait_until(lambda: endless.status.text.startswith("Paused: iteration"))
    assert endless.pause_button.description == "Resume"
    made, picture = len(endless.history), endless.picture.value
    time.sleep(0.3)
    assert len(endless.history) == made
    assert endless.picture.value == picture
    endless.pause_button.click()
    wait_until(lambda: len(endless.history) > made)
    assert endless.pause_button.description == "Pause"


def test_a_paused_run_can_be_stopped_and_the_next_one_is_not_paused(endless):
    endless.run_button.click()
    endless.pause_button.click()
    wait_until(lambda: endless.status.text.startswith("Paused"))
    endless.stop_button.click()
    assert endless.wait(WAIT)
    assert endless.status.text.startswith("Stopped by you: iteration")
    endless.run_button.click()
    wait_until(lambda: len(endless.history) > 3)
    assert endless.pause_button.description == "Pause"


@pytest.mark.parametrize("paused", [False, True])
def test_closing_leaves_no_thread(start, paused):
    before = set(threading.enumerate())
    live = widgets.LiveRun(lambda: slow(start, 10**6), {}, preview=start)
    live.close()
    live.run_button.click()
    assert set(threading.enumerate()) > before
    if paused:
        live.pause_button.click()
    live.close()
    assert set(threading.enumerate()) == before


def test_the_scrubber_shows_every_iterations_picture(start):
    live = widgets.LiveRun(lambda: slow(start, 3, seconds=0), {}, preview=start)
    assert live.scrubber.disabled
    live.run_button.click()
    assert live.wait(WAIT)
    assert not live.scrubber.disabled
    assert (live.scrubber.value, live.scrubber.max) == (3, 3)
    assert len(set(live.frames)) == 4
    for number in (0, 2, 1, 3):
        live.scrubber.value = number
        assert live.picture.value == live.frames[number]
        assert live.picture.alt == f"the picture after iteration {number}"
    assert live.frames[3] == basics.picture_bytes(live.image)


def test_the_scrubber_does_nothing_during_a_run(endless):
    endless.run_button.click()
    wait_until(lambda: len(endless.frames) > 2)
    endless.pause_button.click()
    wait_until(lambda: endless.status.text.startswith("Paused"))
    assert endless.scrubber.disabled
    endless.scrubber.max = 1
    endless.scrubber.value = 1
    assert endless.picture.value == endless.frames[-1] != endless.frames[1]


def live_panel(start, iterations=None, marks=None):
    """A panel with a control that acts during a run, and what its runs were begun with."""
    control, begun = ipywidgets.FloatSlider(value=0.8), []

    def start_run(target, image):
        begun.append((target, image))
        if marks and len(begun) in marks:
            marks[len(begun)]()
        return slow(start if image is None else image, 6, target=target)

    live = widgets.LiveRun(
        start_run, {"target": control}, preview=start, live=["target"], iterations=iterations
    )
    return live, control, begun


def test_a_change_during_a_run_begins_a_part_and_the_history_goes_on(start):
    live, control, begun = live_panel(start, iterations=6)
    live.run_button.click()
    wait_until(lambda: len(live.history) == 3)
    live.pause_button.click()
    wait_until(lambda: live.status.text.startswith("Paused"))
    made, image = len(live.history) - 1, live.image
    control.value = 0.2
    live.pause_button.click()
    assert live.wait(WAIT)
    assert live.parts == [({"target": 0.8}, made), ({"target": 0.2}, 6 - made)]
    assert len(live.history) == len(live.frames) == 7
    assert live.curve.changes == [made]
    assert len(live.curve.series[0]["values"]) == 7
    assert [target for target, _ in begun] == [0.8, 0.2]
    assert begun[0][1] is None
    assert begun[1][1] is image
    assert live.image.mean() < image.mean()


def test_a_change_before_the_first_iteration_begins_at_the_start_again(start):
    live, control, begun = live_panel(start, 4, {1: lambda: setattr(control, "value", 0.2)})
    live.run_button.click()
    assert live.wait(WAIT)
    assert begun == [(0.8, None), (0.2, None)]
    assert live.parts == [({"target": 0.8}, 0), ({"target": 0.2}, 4)]
    assert len(live.history) == 5


def test_a_run_ends_after_its_number_of_iterations(start):
    live = widgets.LiveRun(lambda: slow(start, 10**6, seconds=0), {}, preview=start, iterations=4)
    live.run_button.click()
    assert live.wait(WAIT)
    assert len(live.history) == 5
    assert live.status.text.startswith("Finished: iteration 4, loss")


def test_an_error_in_mid_run_is_told_and_what_was_made_stays(start):
    def break_down():
        yield from slow(start, 2, seconds=0)
        raise FloatingPointError("the loss 'content' became inf")

    live = widgets.LiveRun(break_down, {}, preview=start)
    live.run_button.click()
    assert live.wait(WAIT)
    assert live.status.text == (
        "Stopped: the loss 'content' became inf. Change a setting and press Run."
    )
    assert len(live.history) == len(live.frames) == 3
    assert live.picture.value == live.frames[-1]
    assert not live.run_button.disabled
    assert live.scrubber.max == 2


def test_a_second_start_is_ignored_while_a_run_is_under_way(start):
    begun = []

    def start_run():
        begun.append(threading.current_thread())
        return slow(start, 10**6)

    live = widgets.LiveRun(start_run, {}, preview=start)
    live.run_button.click()
    wait_until(lambda: len(live.history) > 1)
    live.run_button.click()
    live.start()
    made = len(live.history)
    wait_until(lambda: len(live.history) > made + 1)
    live.close()
    assert len(begun) == 1


def test_the_time_left_is_told_without_the_pauses(start):
    live = widgets.LiveRun(lambda: slow(start, 6, seconds=0.25), {}, preview=start, iterations=6)
    told = []
    live.status.observe(lambda change: told.append(change["new"]), "text")
    live.run_button.click()
    live.pause_button.click()
    wait_until(lambda: live.status.text.startswith("Paused"))
    time.sleep(2)
    live.pause_button.click()
    wait_until(lambda: any("Running: iteration 2" in text for text in told))
    live.close()
    left = [float(m[1]) for text in told if (m := re.search(r"about (\d+) s left", text))]
    assert not re.search("left", next(text for text in told if "iteration 0" in text))
    assert 1 <= left[1] <= 4  # four of 0.25 s, and drawing; 2 s of pause would add 4


def test_the_curves_leave_out_what_a_log_scale_has_no_place_for():
    curves = curve_panel.Curves()
    curves.show([{"content": 0.0, "style": 2.0}, {"content": 0.5, "style": 1.0}], [1])
    assert {one["name"]: one["values"] for one in curves.series} == {
        "content": [None, 0.5],
        "style": [2.0, 1.0],
        "total": [2.0, 1.5],
    }
    assert len({tuple(one["dashes"]) for one in curves.series}) == 3
    assert curves.changes == [1]
    assert "style from 2 to 1" in curves.alt


def test_a_figure_of_the_loss_marks_the_changes():
    figure = plots.show_loss([{"content": 2.0**-number} for number in range(6)], changes=[2, 4])
    dashed = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [2, 4]


def test_a_status_line_shows_markup_as_it_is_written():
    line = basics.Line()
    line.say("<img src=x onerror=alert(1)>.png: 64x43 px")
    assert line.text == "<img src=x onerror=alert(1)>.png: 64x43 px"
    assert "<img" not in line.value
    assert 'role="status"' in line.value


def test_a_slider_keeps_its_value_between_its_ends():
    slider = widgets.log_slider("weight", 0.1, decades=1)
    assert (slider.min, slider.max) == pytest.approx((0.01, 1.0))
    slider.value = 5.0
    assert slider.value == slider.max
    slider.value = 0.0
    assert slider.value == slider.min
    assert slider.logarithmic
