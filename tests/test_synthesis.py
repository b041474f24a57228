import csv
import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

from nstlib import data, images, synthesis
from nstlib.losses import content_loss, gram_matrix, style_loss, total_variation
from nstlib.synthesis import iterate, optimize_image

STYLE_LAYERS = ["block1_conv1", "block2_conv1", "block3_conv1"]


class Counted:
    """A smooth objective that counts its calls and can fail at one of them."""

    def __init__(self, *, seed: int = 1, failing_call: int | None = None, failure=None):
        generator = torch.Generator().manual_seed(seed)
        self.target = torch.rand(1, 3, 16, 16, generator=generator)
        self.failing_call, self.failure = failing_call, failure
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        terms = {"colour": (image - self.target).pow(4).mean(), "noise": total_variation(image)}
        if self.calls == self.failing_call:
            if isinstance(self.failure, BaseException):
                raise self.failure
            terms["noise"] = terms["noise"] * self.failure
        return terms


def flat(image):
    return {"flat": 0 * image.sum() + 1}


def random_start(side: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def start():
    return random_start()


@pytest.fixture(scope="module")
def problems(network, photo):
    painting = images.load_image(data.path("swirling_night"), size=48)
    layer = "block3_conv1"
    target = network(photo, [layer])[layer]
    grams = {name: gram_matrix(value) for name, value in network(painting, STYLE_LAYERS).items()}

    def content(image):
        return {"content": content_loss(network(image, [layer])[layer], target)}

    def style(image):
        return {"style": style_loss(network(image, grams), grams)}

    def transfer(image):
        features = network(image, [*grams, layer])
        return {
            "content": 0.03 * content_loss(features[layer], target),
            "style": 1e4 * style_loss(features, grams),
            "total variation": 10 * total_variation(image),
        }

    noise = images.noise_image(photo.shape[2:])
    return {"content": (noise, content), "style": (noise, style), "transfer": (photo, transfer)}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("problem", ["content", "style", "transfer"])
def test_three_iterations_lower_every_objective(problems, problem, optimizer):
    start, objective = problems[problem]
    result = optimize_image(
        start, objective, iterations=3, evaluations=6, optimizer=optimizer, progress=False
    )
    totals = [sum(terms.values()) for terms in result.history]
    assert len(totals) == 4
    assert totals[-1] < 0.8 * totals[0]
    assert result.stop_reason == "finished"


def test_lbfgs_lowers_the_loss_at_every_iteration(problems):
    start, objective = problems["transfer"]
    totals = [step.total for step in iterate(start, objective, iterations=4, evaluations=4)]
    assert totals == sorted(totals, reverse=True)
    assert len(set(totals)) == 5


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_start_gives_the_same_bits(problems, optimizer):
    start, objective = problems["transfer"]
    runs = [
        list(iterate(start, objective, iterations=2, evaluations=4, optimizer=optimizer))
        for _ in range(2)
    ]
    for one, two in zip(*runs, strict=True):
        assert torch.equal(one.image, two.image)
        assert one.losses == two.losses
        assert one.evaluations == two.evaluations


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_start_is_not_changed(start, optimizer):
    before = start.clone()
    result = optimize_image(
        start, Counted(), iterations=2, evaluations=4, optimizer=optimizer, progress=False
    )
    assert torch.equal(start, before)
    assert not start.requires_grad
    assert not torch.equal(result.image, before)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_every_image_is_in_range_even_if_the_target_is_not(start, optimizer):
    def beyond(image):
        return {"beyond": (image - start.round() * 9 + 4).square().mean()}

    black_and_white = start.round()
    for step in iterate(black_and_white, beyond, iterations=4, optimizer=optimizer):
        assert 0 <= step.image.min() <= step.image.max() <= 1
        assert not step.image.requires_grad


def test_number_zero_is_the_start_to_half_a_step_of_colour(start):
    start = torch.cat([start, start.round()], 3)
    first = next(iterate(start, flat))
    assert first.number == 0
    assert first.evaluations == 1
    assert (first.image - start).abs().max() <= 1 / 512 + 1e-6


def test_black_and_white_can_move_beside_other_values():
    def grey(image):
        return {"grey": (image - 0.5).square().mean()}

    start = torch.cat([random_start().round(), torch.full((1, 3, 16, 16), 0.3)], 3)
    *_, last = iterate(start, grey, iterations=1)
    assert (last.image - 0.5).abs().max() < 0.05


def test_iterations_are_copies_and_numbered(start):
    steps, kept = [], []
    for step in iterate(start, Counted(), iterations=3, evaluations=4):
        steps.append(step)
        kept.append(step.image.clone())
    assert [step.number for step in steps] == [0, 1, 2, 3]
    for step, image in zip(steps, kept, strict=True):
        assert torch.equal(step.image, image)
        assert step.total == sum(step.losses.values())


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_recorded_losses_belong_to_the_image_handed_over(start, optimizer):
    for step in iterate(start, Counted(), iterations=3, evaluations=5, optimizer=optimizer):
        expected = {name: term.item() for name, term in Counted()(step.image).items()}
        assert step.losses == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_evaluations_are_counted_and_stay_near_their_limit(problems, optimizer):
    start, objective = problems["style"]
    calls = []

    def counted(image):
        calls.append(1)
        return objective(image)

    for step in iterate(start, counted, iterations=10, evaluations=20, optimizer=optimizer):
        assert step.evaluations == len(calls)
    assert step.number == 10
    assert 200 <= step.evaluations <= 230


@pytest.mark.parametrize("evaluations", [1, 2, 3])
def test_few_evaluations_are_not_taken_for_convergence(start, evaluations):
    result = optimize_image(start, Counted(), iterations=5, evaluations=evaluations, progress=False)
    assert result.stop_reason == "finished"
    assert len(result.history) == 6


def test_closing_the_generator_stops_the_work(start):
    objective = Counted()
    run = iterate(start, objective, iterations=10)
    next(run)
    next(run)
    spent = objective.calls
    run.close()
    assert objective.calls == spent
    with pytest.raises(StopIteration):
        next(run)


def test_pauses_between_iterations_are_not_counted_as_work(start):
    began = time.perf_counter()
    work = []
    for step in iterate(start, Counted(), iterations=2, evaluations=2):
        work.append(step.seconds)
        time.sleep(0.1)
    assert work == sorted(work)
    assert work[-1] < time.perf_counter() - began - 0.29


def test_the_result_keeps_every_iteration(start):
    steps = list(iterate(start, Counted(), iterations=3, evaluations=4))
    result = optimize_image(start, Counted(), iterations=3, evaluations=4, progress=False)
    assert result.history == [step.losses for step in steps]
    assert torch.equal(result.image, steps[-1].image)
    assert len(result.frames) == 4
    assert result.evaluations == steps[-1].evaluations
    assert result.seconds > 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("call", [3, 12])
def test_an_interrupt_returns_what_was_reached(start, call, optimizer):
    run = {"iterations": 5, "evaluations": 4, "optimizer": optimizer}
    steps = list(iterate(start, Counted(), **run))
    reached = [step for step in steps if step.evaluations < call]
    objective = Counted(failing_call=call, failure=KeyboardInterrupt())
    result = optimize_image(start, objective, **run, progress=False)
    assert result.stop_reason == "interrupted"
    assert objective.calls == call
    assert torch.equal(result.image, reached[-1].image)
    assert result.history == [step.losses for step in reached]


def test_an_interrupt_before_the_first_loss_can_still_be_saved(start, tmp_path):
    objective = Counted(failing_call=1, failure=KeyboardInterrupt())
    result = optimize_image(start, objective, progress=False)
    assert result.stop_reason == "interrupted"
    assert torch.equal(result.image, start)
    result.save(tmp_path)
    assert (tmp_path / "result.png").is_file()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_ends_with_the_last_good_image(start, value, optimizer):
    run = {"iterations": 5, "evaluations": 4, "optimizer": optimizer}
    good = [step for step in iterate(start, Counted(), **run) if step.evaluations < 12]
    result = optimize_image(start, Counted(failing_call=12, failure=value), **run, progress=False)
    assert "'noise'" in result.stop_reason
    assert str(value) in result.stop_reason
    assert "evaluation 12" in result.stop_reason
    assert torch.equal(result.image, good[-1].image)
    assert len(result.history) == len(good)


def test_a_start_without_finite_loss_is_an_error(start):
    with pytest.raises(FloatingPointError, match="'noise' became nan at evaluation 1"):
        optimize_image(start, Counted(failing_call=1, failure=float("nan")), progress=False)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_zero_gradient_ends_as_converged(start, optimizer):
    result = optimize_image(start, flat, optimizer=optimizer, progress=False)
    assert result.stop_reason == "converged"
    assert len(result.history) == 1
    assert result.evaluations == 1


def test_a_gradient_that_is_not_finite_keeps_the_start(start):
    def kink(image):
        return {"kink": (image - image.detach()).square().sum().sqrt() + 1}

    result = optimize_image(start, kink, progress=False)
    assert "'kink'" in result.stop_reason
    assert torch.isfinite(result.image).all()


@pytest.mark.parametrize("unit", [1e-9, 1e9])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_unit_of_the_loss_does_not_matter(start, unit, optimizer):
    run = {"iterations": 3, "evaluations": 6, "optimizer": optimizer, "progress": False}

    def scaled(image):
        return {name: unit * term for name, term in Counted()(image).items()}

    usual, other = optimize_image(start, Counted(), **run), optimize_image(start, scaled, **run)
    assert (usual.image - start).abs().max() > 0.1
    torch.testing.assert_close(other.image, usual.image, rtol=0, atol=0.01)


def test_frames_are_small_pictures_of_bytes():
    start = random_start(4).repeat(1, 1, 75, 100)
    result = optimize_image(start, flat, iterations=1, progress=False)
    (frame,) = result.frames
    assert frame.dtype == np.uint8
    assert frame.shape == (192, 256, 3)


def test_a_small_frame_shows_the_image_itself(start):
    result = optimize_image(start, Counted(), iterations=1, progress=False)
    shown = torch.from_numpy(result.frames[-1].copy()).permute(2, 0, 1) / 255
    assert (shown - result.image[0]).abs().max() <= 0.5 / 255 + 1e-6


def test_a_saved_result_can_be_read_again(start, tmp_path):
    result = optimize_image(start, Counted(), iterations=2, evaluations=4, progress=False)
    folder = result.save(tmp_path / "new" / "folder")
    names = sorted(file.name for file in folder.iterdir())
    frames = ["generated_00.png", "generated_01.png", "generated_02.png"]
    assert names == [*frames, "losses.csv", "result.png"]
    for name, frame in zip(frames, result.frames, strict=True):
        assert np.array_equal(np.asarray(Image.open(folder / name)), frame)
    saved = images.load_image(folder / "result.png")
    assert (saved - result.image).abs().max() <= 0.5 / 255 + 1e-6
    with open(folder / "losses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row.pop("iteration")) for row in rows] == [0, 1, 2]
    assert [{name: float(value) for name, value in row.items()} for row in rows] == result.history


def test_a_result_cannot_be_saved_in_a_file(start, tmp_path):
    (tmp_path / "taken").write_text("a file")
    result = optimize_image(start, flat, progress=False)
    with pytest.raises(OSError, match="taken"):
        result.save(tmp_path / "taken")


@pytest.mark.parametrize("name", ["iterations", "evaluations"])
@pytest.mark.parametrize("number", [0, -1, 1.5, True, "3", None, float("inf"), float("nan")])
def test_a_bad_number_is_named(start, name, number):
    with pytest.raises(ValueError, match=f"{name} is {number!r}; give a whole number"):
        optimize_image(start, flat, progress=False, **{name: number})


@pytest.mark.parametrize("name", ["iterations", "evaluations"])
def test_a_whole_number_written_as_a_float_works_or_is_named(start, name):
    try:
        result = optimize_image(start, Counted(), progress=False, **{name: 2.0})
    except ValueError as error:
        assert f"{name} is 2.0; give a whole number" in str(error)  # noqa: PT017
    else:
        assert result.stop_reason in ("finished", "converged")


def test_an_unknown_optimizer_is_answered_with_the_choices(start):
    with pytest.raises(ValueError, match="'sgd'.*lbfgs, adam"):
        optimize_image(start, flat, optimizer="sgd", progress=False)


@pytest.mark.parametrize(
    "bad", [torch.rand(2, 3, 8, 8), torch.rand(1, 1, 8, 8), torch.rand(3, 8, 8), "photo.jpg"]
)
def test_a_start_that_is_not_one_image_is_refused(bad):
    with pytest.raises(ValueError, match=r"one RGB image \(1, 3, H, W\)"):
        optimize_image(bad, flat, progress=False)


def test_a_start_that_is_not_finite_is_refused(start):
    start[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        optimize_image(start, flat, progress=False)


@pytest.mark.parametrize(
    "objective", [lambda x: x.mean(), lambda x: {}, lambda x: None, lambda x: [x.mean()]]
)
def test_an_objective_must_return_named_terms(start, objective):
    with pytest.raises(TypeError, match="must return {name: scalar tensor}"):
        optimize_image(start, objective, progress=False)


@pytest.mark.parametrize("term", [lambda x: x, lambda x: 3.0])
def test_the_terms_of_an_objective_must_be_scalar_tensors(start, term):
    with pytest.raises(TypeError, match="'odd' is not a scalar tensor"):
        optimize_image(start, lambda x: {"fine": x.mean(), "odd": term(x)}, progress=False)


def test_without_progress_nothing_is_printed(start, capfd, monkeypatch):
    monkeypatch.setattr(synthesis, "ANNOUNCE_FROM", 0.0)
    objective = Counted()
    result = optimize_image(start, objective, iterations=1, evaluations=2, progress=False)
    assert capfd.readouterr() == ("", "")
    assert objective.calls == result.evaluations


def test_the_expected_time_is_shown_before_a_long_run(start, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stderr", shown)

    def slow(image):
        time.sleep(0.01)
        return flat(image)

    monkeypatch.setattr(synthesis, "ANNOUNCE_FROM", 0.0)
    optimize_image(start, slow, iterations=10, evaluations=20)
    assert "expected time: about " in shown.getvalue()
    seconds = int(shown.getvalue().split("expected time: about ")[1].split(" s")[0])
    assert 2 <= seconds <= 20


def test_a_short_run_starts_without_a_word_but_with_a_bar(start, capsys):
    optimize_image(start, Counted(), iterations=2, evaluations=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "expected time" not in err
    assert "2/2" in err
    assert "loss" in err


def test_the_estimate_is_extrapolated_from_two_evaluations(start):
    calls = []

    def slow(image):
        calls.append(image)
        time.sleep(0.02)
        return flat(image)

    assert 2 <= synthesis.estimate_seconds(start, slow, 100) < 10
    assert len(calls) == 2
