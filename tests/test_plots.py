"""Figures: what is drawn, that it can be drawn, and that it is described."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from nstlib import plots


@pytest.fixture
def image():
    return torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))


def lines(history):
    return {line.get_label(): line for line in plots.show_loss(history).axes[0].get_lines()}


def test_every_term_and_the_total_have_their_curve_and_colour():
    drawn = lines([{"content": 4.0, "style": 2.0}, {"content": 1.0, "style": 0.5}])
    assert list(drawn["total"].get_ydata()) == [6.0, 1.5]
    for name, color in plots.COLORS.items():
        assert to_hex(drawn[name].get_color()).upper() == color


def test_curves_differ_by_dashes_too_for_who_sees_no_colours():
    curves = plots.loss_curves([dict.fromkeys(("content", "style", *"abcd"), 1.0)])
    assert len({curve.dashes for curve in curves}) == len(curves) == 7
    assert len({curve.color for curve in curves}) == len(curves)
    drawn = lines([{"content": 4.0, "style": 2.0}])
    assert [name for name, line in drawn.items() if line.is_dashed()] == ["style", "total"]


def test_more_terms_than_colours_have_a_curve_each():
    assert len(lines([dict.fromkeys("abcdefgh", 1.0)])) == 9


def test_one_term_needs_no_total():
    assert list(lines([{"content": 2.0}, {"content": 1.0}])) == ["content"]


def test_a_term_that_is_zero_survives_the_log_axis():
    history = [{"content": 0.0, "style": 1.0}, {"content": 0.5, "style": 0.1}]
    assert np.isnan(lines(history)["content"].get_ydata()[0])
    assert len(plots.figure_bytes(plots.show_loss(history))) > 1000
    assert len(plots.figure_bytes(plots.show_loss([{"content": 0.0}]))) > 1000


def test_filmstrip_shows_first_and_last():
    frames = [np.full((8, 12, 3), 20 * n, np.uint8) for n in range(11)]
    titles = [axes.get_title() for axes in plots.show_filmstrip(frames, count=4).axes]
    assert titles == ["start", "iteration 3", "iteration 7", "iteration 10"]
    assert len(plots.show_filmstrip(frames[:1]).axes) == 1


def test_pictures_stand_in_rows_under_their_titles(image):
    figure = plots.show_images({"a": image, "b": image, "c": image}, columns=2)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c", ""]


def test_feature_maps_are_the_strongest_first():
    features = torch.zeros(1, 5, 4, 4)
    features[0, 3], features[0, 1] = 2.0, 1.0
    titles = [axes.get_title() for axes in plots.show_features(features, count=2).axes]
    assert titles == ["channel 3", "channel 1"]


def test_small_matrices_carry_their_numbers():
    figure = plots.show_matrices({"toy": torch.tensor([[[0.25, 0.125], [0.125, 0.25]]])})
    assert {text.get_text() for text in figure.axes[0].texts} == {"0.25", "0.12"}


def test_every_figure_is_jpeg_with_alt_text(image):
    history = [{"style": 2.0}, {"style": 1.0}]
    figures = [
        plots.show_images({"a cat": image}),
        plots.show_loss(history),
        plots.show_filmstrip([np.zeros((4, 4, 3), np.uint8)]),
        plots.show_features(torch.rand(1, 4, 4, 4)),
        plots.show_matrices({"Gram": torch.rand(1, 4, 4)}),
    ]
    for figure in figures:
        data, metadata = figure._repr_mimebundle_()
        assert data["image/jpeg"].startswith(b"\xff\xd8")
        assert len(metadata["image/jpeg"]["alt"]) > 10
