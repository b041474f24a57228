import copy
import gc
import json
import threading
import time
import weakref

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from nstlib import data, images, recipes
from nstlib.crops import Crops
from nstlib.feedforward import (
    Perception,
    StyleNet,
    Training,
    blend_networks,
    export_onnx,
    load_painter,
    new_network,
    paint,
    save_network,
    train,
)
from nstlib.feedforward.files import read_checkpoint, write_checkpoint

TINY = {"widths": (4, 6, 8), "blocks": 1}
WEIGHTS = {"content_weight": 0.3, "style_weight": 5.0, "tv_weight": 1.0}
SIZES = [(1, 1), (1, 40), (5, 7), (16, 16), (33, 70), (513, 777)]
CHOICES = [
    {"normalization": "batch"},
    {"normalization": "none"},
    {"padding": "zeros"},
    {"upsampling": "nearest"},
    {"upsampling": "transposed"},
]
SEEDS = range(6)  # of untrained networks


@pytest.fixture(scope="module")
def pictures():
    return [images.load_image(data.path(name), size=64) for name in ("chelsea", "rocket")]


@pytest.fixture(scope="module")
def painting():
    return images.load_image(data.path("woodcut_wave"), size=64)


@pytest.fixture
def prepare(painting, pictures, network):
    """Make a small training; what a test does not change is fixed."""

    def make(**changes) -> Training:
        usual = {"steps": 6, "batch": 2, "size": 32, "style_size": 64, "network": network}
        usual |= {"rate": 3e-3, "seed": 0, "start": new_network(**TINY), **WEIGHTS}
        return Training(painting, pictures, **(usual | changes))

    return make


@pytest.fixture
def run(painting, pictures, network):
    """Begin a small run of `train`."""

    def begin(**changes):
        usual = {"steps": 6, "batch": 2, "size": 32, "report": 3, "network": network}
        usual |= {"start": new_network(**TINY), **WEIGHTS}
        return train(painting, pictures, **(usual | changes))

    return begin


def state(network) -> dict:
    return copy.deepcopy(network.state_dict())


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(map(torch.equal, first.values(), second.values()))


def total(training: Training) -> float:
    return sum(training.measure().values())


def fail_at(monkeypatch, number: int, term: str, value: float):
    """Let one term of the `number`-th batch from now on be `value`."""
    terms, calls = Perception.terms, []

    def broken(*args):
        calls.append(args)
        found = terms(*args)
        return found | {term: found[term] * value} if len(calls) == number else found

    monkeypatch.setattr(Perception, "terms", broken)


def flat_paintings(**choices) -> torch.Tensor:
    """What untrained networks make of a grey surface, one per seed, (seeds, 3, 96, 96)."""
    grey = torch.full((1, 3, 96, 96), 0.5)
    return torch.cat([paint(new_network(seed, **TINY, **choices), grey) for seed in SEEDS])


def middle(paintings: torch.Tensor) -> torch.Tensor:
    return paintings[..., 44:52, 44:52]  # out of the borders' reach


# The network


@pytest.mark.parametrize("shape", SIZES)
def test_a_painting_has_the_size_of_its_photo(shape):
    painted = paint(new_network(**TINY), torch.rand(1, 3, *shape))
    assert painted.shape == (1, 3, *shape)
    assert painted.isfinite().all()
    assert 0 <= painted.min() <= painted.max() <= 1


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_paints_at_odd_sizes(choice):
    network = new_network(**TINY, **choice).eval()
    for shape in [(1, 1), (5, 40), (33, 70)]:
        painted = network(torch.rand(2, 3, *shape))
        assert painted.shape == (2, 3, *shape)
        assert painted.isfinite().all()


@pytest.mark.parametrize("choice", ["normalization", "padding", "upsampling"])
def test_an_unknown_choice_is_refused(choice):
    with pytest.raises(ValueError, match=f"no {choice} 'odd'; choose one of"):
        new_network(**{choice: "odd"})


def test_the_pictures_of_a_batch_do_not_see_each_other():
    network, batch = new_network(**TINY), torch.rand(3, 3, 24, 32)
    with torch.no_grad():
        together = network(batch)
        alone = torch.cat([network(batch[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_contrast_of_a_photo_matters_little_with_instance_normalization():
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    faded = 0.5 + (photo - 0.5) / 4
    changes = {}
    for choice in ("instance", "none"):
        network = new_network(**TINY, normalization=choice)
        strong, weak = (paint(network, image).std((2, 3)).mean() for image in (photo, faded))
        changes[choice] = strong / weak
    assert changes["instance"] == pytest.approx(1, abs=0.01)
    assert changes["none"] > 2  # 2.6 as measured, and more with other seeds


def test_zeros_show_at_the_borders_and_reflections_do_not():
    for padding in ("zeros", "reflect"):
        painted = flat_paintings(padding=padding)
        inside = middle(painted).mean((2, 3), keepdim=True)
        edge = (painted[:, :, :1] - inside).abs().amax((1, 2, 3))
        if padding == "zeros":
            assert (edge > 0.08).all()  # 0.17 to 0.36 as measured
        else:
            assert (edge < 1e-5).all()


@pytest.mark.parametrize("enlarged", ["bilinear", "nearest"])
@pytest.mark.parametrize("normalization", ["instance", "none"])
def test_only_transposed_convolutions_leave_a_chequerboard(normalization, enlarged):
    # with zeros, for between reflections all of a flat surface is 0 after instance normalization
    choices = {"normalization": normalization, "padding": "zeros"}
    smooth = middle(flat_paintings(**choices, upsampling=enlarged))
    chequered = middle(flat_paintings(**choices, upsampling="transposed"))
    strength = chequered.std((2, 3)).amax(1)
    assert (smooth.std((2, 3)) < 1e-5).all()
    # as measured: 0.016 to 0.042, and 0.0018 (median), where no layer damps or lifts it
    assert strength.median() > {"instance": 0.01, "none": 5e-4}[normalization]
    again = chequered[..., 4:, 4:] - chequered[..., :-4, :-4]  # it repeats every 4 px
    assert (again.abs() < 1e-5).all()


def test_a_seed_gives_the_same_network_and_leaves_the_global_one():
    before = torch.get_rng_state()
    first, second, other = (state(new_network(seed, **TINY)) for seed in (0, 0, 1))
    assert equal(first, second)
    assert not equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_painted_picture_may_be_worked_on():
    painted = paint(new_network(**TINY), torch.rand(1, 3, 20, 20))
    assert not painted.requires_grad
    painted.requires_grad_()  # as the start of a transfer
    new_network(**TINY)(painted).sum().backward()
    assert painted.grad.isfinite().all()


def test_painting_changes_no_weights():
    network = new_network(**TINY, normalization="batch").train()
    before = state(network)
    paint(network, torch.rand(1, 3, 20, 20))
    assert equal(network.state_dict(), before)


@pytest.mark.parametrize("image", [torch.rand(2, 3, 9, 9), torch.full((1, 3, 9, 9), torch.nan)])
def test_what_is_not_one_image_is_not_painted(image):
    with pytest.raises(ValueError, match="image"):
        paint(new_network(**TINY), image)


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_a_blend_goes_from_one_network_to_the_other(normalization):
    one, other = (new_network(seed, **TINY, normalization=normalization) for seed in (0, 1))
    for network in (one, other):  # batch normalization counts and measures
        network.train()(torch.rand(2, 3, 16, 16))
    before, after = state(one), state(other)
    assert equal(blend_networks(one, other, 0).state_dict(), before)
    assert equal(blend_networks(one, other, 1).state_dict(), after)
    half = blend_networks(one, other, 0.5).state_dict()
    for name in half:
        assert torch.allclose(half[name].float(), (before[name] + after[name]) / 2.0, atol=1e-6)
    assert equal(one.state_dict(), before)
    assert equal(other.state_dict(), after)


def test_networks_of_different_shapes_are_not_blended():
    with pytest.raises(ValueError, match="cannot mix"):
        blend_networks(new_network(**TINY), new_network(widths=(4, 6, 8), blocks=2), 0.5)


# Training


def test_one_step_lowers_the_loss_on_its_own_batch(prepare):
    training = prepare(rate=1e-3)
    training.generator.manual_seed(0)  # as `measure` does, so the batches are the same
    before = training.measure()
    assert training.advance(1) == pytest.approx(before, rel=1e-5)
    assert total(training) < 0.97 * sum(before.values())  # 0.89 as measured


def test_thirty_steps_take_a_quarter_off_the_loss(prepare):
    training = prepare(steps=30)
    before = total(training)
    training.advance(30)
    assert total(training) < 0.75 * before  # 0.49 to 0.60 as measured, with four seeds


def test_measuring_teaches_nothing_and_draws_no_crops(prepare):
    training = prepare(start=new_network(**TINY, normalization="batch"))
    before, drawn = state(training.painter), training.generator.get_state()
    assert training.measure() == training.measure()
    assert equal(training.painter.state_dict(), before)
    assert torch.equal(training.generator.get_state(), drawn)


def test_a_painter_learns_on_after_it_has_painted(prepare, photo):
    training = prepare(start=new_network(**TINY, normalization="batch"))
    paint(training.painter, photo)
    training.advance(1)
    means = {name: v for name, v in training.painter.state_dict().items() if "running_mean" in name}
    assert all(mean.abs().max() > 0 for mean in means.values())  # of what a batch looks like


def test_a_report_is_the_mean_over_its_steps(prepare):
    first, second = prepare(), prepare()
    one, two = first.advance(1), first.advance(1)
    mean = {name: (one[name] + two[name]) / 2 for name in one}
    assert second.advance(2) == pytest.approx(mean, rel=1e-5)


def test_the_rate_falls_to_zero(prepare):
    training = prepare(steps=4)
    training.advance(2)
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(1.5e-3)
    training.advance(2)
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_weights_scale_their_terms(prepare, pictures):
    perception, heavy = prepare().perception, prepare(style_weight=10.0, tv_weight=4.0).perception
    photos = torch.rand(2, 3, 32, 32)
    once, more = (judge.terms(photos.flip(3), photos) for judge in (perception, heavy))
    assert more["style"].item() == pytest.approx(2 * once["style"].item())
    assert more["total variation"].item() == pytest.approx(4 * once["total variation"].item())
    assert more["content"].item() == once["content"].item()


def test_an_unchanged_photo_has_no_content_loss(prepare):
    photos = torch.rand(2, 3, 32, 32)
    assert prepare().perception.terms(photos, photos)["content"] == 0


def test_the_painting_itself_has_next_to_no_style_loss(prepare, painting, pictures):
    judge = prepare().perception
    own, other = (judge.terms(image, image)["style"].item() for image in (painting, pictures[0]))
    assert own < 1e-3 * other


def test_reports_come_at_once_then_at_every_report_and_at_the_end(run):
    steps = list(run(steps=5, report=2))
    assert [step.number for step in steps] == [0, 2, 4, 5]
    for step in steps:
        assert set(step.losses) == {"content", "style", "total variation"}
        assert step.total == pytest.approx(sum(step.losses.values()))


def test_the_same_seed_gives_the_same_painter(run):
    first, second, other = (
        [*run(steps=2, report=2, seed=seed)][-1].network.state_dict() for seed in (0, 0, 1)
    )
    assert equal(first, second)
    assert not equal(first, other)


def test_a_painter_may_learn_from_a_folder(tmp_path, painting, network):
    Image.effect_noise((40, 30), 60).save(tmp_path / "noise.png")
    options = {"batch": 1, "size": 32, "start": new_network(**TINY)}
    *_, last = train(painting, tmp_path, steps=1, network=network, **options)
    assert last.number == 1


def test_a_painter_may_learn_from_crops_and_a_painting_from_a_file(pictures, network):
    crops = Crops(pictures, size=32)
    options = {"batch": 1, "style_size": 48, "start": new_network(**TINY)}
    *_, last = train(data.path("ink_mountains"), crops, steps=1, network=network, **options)
    assert last.number == 1


@pytest.mark.parametrize("name", ["steps", "batch", "size", "report"])
@pytest.mark.parametrize("number", [0, -1, 2.0, True])
def test_bad_numbers_are_named(run, name, number):
    with pytest.raises(ValueError, match=f"{name} is {number!r}; give a whole number"):
        next(run(**{name: number}))


def test_without_pictures_no_training_begins(painting, network, tmp_path):
    with pytest.raises(ValueError, match="no picture"):
        next(train(painting, tmp_path, network=network))


# Stopping and going on


def test_pausing_costs_no_seconds(run, monkeypatch):
    clock = [0.0]

    def tick():
        clock[0] += 1
        return clock[0]

    monkeypatch.setattr(time, "perf_counter", tick)
    seconds = []
    for step in run(steps=3, report=1):
        seconds.append(step.seconds)
        clock[0] += 1000  # the reader looks at the picture
    assert seconds == [0, 1, 2, 3]


def test_a_closed_run_leaves_nothing_running(run, tmp_path):
    threads, begun = threading.active_count(), run(report=1, checkpoint=tmp_path / "run")
    next(begun)
    step = next(begun)
    holder, kept = weakref.ref(begun.gi_frame.f_locals["training"]), state(step.network)
    begun.close()
    gc.collect()
    assert holder() is None
    assert threading.active_count() == threads
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
    assert equal(step.network.state_dict(), kept)
    with pytest.raises(StopIteration):
        next(begun)


def test_a_resumed_run_equals_an_uninterrupted_one(run, tmp_path):
    straight = list(run())
    begun = run(checkpoint=tmp_path / "run")
    next(begun)
    assert next(begun).number == 3
    begun.close()
    other = new_network(7, **TINY)  # everything comes from the checkpoint
    resumed = list(run(resume=tmp_path / "run", seed=7, start=other))
    assert [step.number for step in resumed] == [3, 6]
    assert resumed[-1].losses == straight[-1].losses
    assert equal(resumed[-1].network.state_dict(), straight[-1].network.state_dict())


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_a_checkpoint_holds_all_of_a_training(prepare, tmp_path, normalization):
    choice = {"normalization": normalization}
    straight = prepare(start=new_network(**TINY, **choice))
    straight.advance(3)
    straight.save(tmp_path / "run")
    resumed = prepare(seed=7, rate=0.5, start=new_network(7, **TINY, **choice))
    resumed.load(tmp_path / "run")
    assert (resumed.number, resumed.seconds) == (3, straight.seconds)
    for _ in range(3):
        assert resumed.advance(1) == straight.advance(1)
    assert equal(resumed.painter.state_dict(), straight.painter.state_dict())
    assert torch.equal(resumed.generator.get_state(), straight.generator.get_state())
    assert resumed.schedule.get_last_lr() == straight.schedule.get_last_lr()


def test_saving_changes_nothing(prepare, tmp_path):
    saved, plain = prepare(), prepare()
    for training in (saved, plain):
        training.advance(1)
        if training is saved:
            training.save(tmp_path / "run")
        training.advance(1)
    assert equal(saved.painter.state_dict(), plain.painter.state_dict())


def test_a_finished_run_resumes_to_its_end_only(run, tmp_path):
    list(run(steps=2, checkpoint=tmp_path / "run"))
    steps = list(run(steps=2, resume=tmp_path / "run"))
    assert [step.number for step in steps] == [2]


DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "without its end": lambda whole: whole[:-1],
    "empty": lambda whole: b"",
    "text": lambda whole: b"no checkpoint at all\n",
    "bytes": lambda whole: b"e\x00\x01\x02",  # a pickle that asks for what it never kept
    "a picture": lambda whole: data.path("ink_mountains").read_bytes(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(run, tmp_path, damage):
    path = write_checkpoint(tmp_path / "run.pt", {"number": torch.rand(2000)})
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ValueError, match=r"run\.pt' is damaged"):
        next(run(resume=path))


@pytest.mark.parametrize("content", [{"nstlib": 99}, {}, [1, 2]])
def test_a_checkpoint_of_another_version_is_refused(run, tmp_path, content):
    torch.save(content, tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"run\.pt' is of version (99|None), this nstlib reads"):
        next(run(resume=tmp_path / "run.pt"))


def test_a_checkpoint_of_another_shape_changes_nothing(prepare, tmp_path):
    path = prepare().save(tmp_path / "run.pt")
    other = prepare(start=new_network(widths=(4, 6, 10), blocks=1))
    before = state(other.painter)
    with pytest.raises(ValueError, match=r"run\.pt' is of a network .*\[4, 6, 8\].*\[4, 6, 10\]"):
        other.load(path)
    assert equal(other.painter.state_dict(), before)
    assert other.number == 0


def test_a_missing_checkpoint_is_named(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.pt"):
        next(run(resume=tmp_path / "gone.pt"))


def test_a_checkpoint_needs_a_folder(run, tmp_path):
    begun = run(steps=1, checkpoint=tmp_path / "gone" / "run.pt")
    next(begun)
    with pytest.raises(FileNotFoundError, match="no folder .*gone"):
        next(begun)


def test_a_failed_write_keeps_the_checkpoint_before(prepare, tmp_path, monkeypatch):
    path = prepare().save(tmp_path / "run.pt")
    before = path.read_bytes()

    def fill_disk(content, draft):
        with open(draft, "wb") as file:
            file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", fill_disk)
    with pytest.raises(OSError, match="no space"):
        prepare().save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


# Losses that are not finite


@pytest.mark.parametrize(
    ("weight", "term"),
    [("content_weight", "content"), ("style_weight", "style"), ("tv_weight", "total variation")],
)
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_loss_that_is_not_finite_is_named(prepare, weight, term, value):
    training = prepare(**{weight: value})
    before = state(training.painter)
    with pytest.raises(FloatingPointError, match=rf"'{term}' became {value} at step 1;"):
        training.advance(2)
    assert equal(training.painter.state_dict(), before)


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_a_failed_training_has_its_last_good_weights(prepare, monkeypatch, normalization):
    start = new_network(**TINY, normalization=normalization)
    twin, training = prepare(start=start), prepare(start=start)
    twin.advance(2)
    good = state(twin.painter)
    training.advance(1)
    with monkeypatch.context() as patch:
        fail_at(patch, 2, "style", float("nan"))
        with pytest.raises(FloatingPointError, match="'style' became nan at step 3;"):
            training.advance(3)
    assert equal(training.painter.state_dict(), good)
    moments = training.optimizer.state_dict()["state"].values()
    assert all(value.isfinite().all() for moment in moments for value in moment.values())
    assert all(map(torch.isfinite, map(torch.tensor, training.advance(1).values())))


def test_a_failed_run_keeps_what_was_handed_over(run, monkeypatch, tmp_path):
    begun = run(report=2, checkpoint=tmp_path / "run")
    next(begun)
    step = next(begun)
    good = state(step.network)
    fail_at(monkeypatch, 1, "content", float("inf"))
    with pytest.raises(FloatingPointError, match="'content' became inf at step 3;"):
        next(begun)
    assert equal(step.network.state_dict(), good)
    saved = read_checkpoint(tmp_path / "run")
    assert saved["number"] == 2
    assert equal(saved["painter"], good)


# Files


@pytest.mark.parametrize("choice", [{}, *CHOICES])
def test_a_saved_network_paints_as_before(tmp_path, choice):
    network, photo = new_network(3, **TINY, **choice), torch.rand(1, 3, 33, 40)
    loaded = load_painter(save_network(network, tmp_path / "net.safetensors", style="ink"))
    assert loaded.settings == network.settings
    assert not loaded.training
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    assert (paint(loaded, photo) - paint(network, photo)).abs().max() < 2e-3


def test_a_saved_network_is_half_as_large_and_says_its_style(tmp_path):
    from safetensors import safe_open

    path = save_network(new_network(**TINY), tmp_path / "net.safetensors", style="ink")
    assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    with safe_open(path, "pt") as file:
        assert file.metadata()["style"] == "ink"


def test_saving_a_network_leaves_it_as_it_is(tmp_path):
    network = new_network(**TINY)
    before = state(network)
    save_network(network, tmp_path / "net.safetensors")
    assert equal(network.state_dict(), before)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_network_is_named(tmp_path, damage):
    path = save_network(new_network(**TINY), tmp_path / "net.safetensors")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ValueError, match=r"net\.safetensors' is no network"):
        load_painter(path)


OTHER = {
    "version": ({"version": "99"}, "version 99, not 1"),
    "nothing": (None, "version None"),
    "shape": ({"settings": json.dumps({"widths": [4, 6, 10], "blocks": 1})}, "size mismatch"),
    "blocks": ({"settings": json.dumps({"widths": [4, 6, 8], "blocks": 2})}, "Missing key"),
    "settings": ({"settings": json.dumps({"depth": 3})}, "depth"),
    "list": ({"settings": "[1]"}, "mapping"),
    "no json": ({"settings": "{"}, "Expecting"),
    "choice": ({"settings": json.dumps({"padding": "odd"})}, "no padding 'odd'"),
}


@pytest.mark.parametrize("case", OTHER)
def test_a_network_of_another_kind_is_named(tmp_path, case):
    changes, words = OTHER[case]
    network = new_network(**TINY)
    about = {"version": "1", "settings": json.dumps(network.settings)}
    about = None if changes is None else about | changes
    save_file(network.state_dict(), tmp_path / "net.safetensors", metadata=about)
    with pytest.raises(ValueError, match=rf"net\.safetensors' is no network[^$]*{words}"):
        load_painter(tmp_path / "net.safetensors")


def test_an_unknown_painter_names_those_there_are():
    with pytest.raises(FileNotFoundError, match="no trained network .gone.*swirling_night"):
        load_painter("gone")


@pytest.mark.parametrize("name", data.painters())
def test_a_built_in_painter_is_small_described_and_paints(name):
    file = data.weights(name)
    assert file.stat().st_size < 1_000_000
    about = json.loads((data.WEIGHTS / "manifest.json").read_text())[name]
    assert f"## {name}" in (data.PACKAGE.parent / about["card"]).read_text()
    photo = images.load_image(data.path("chelsea"), size=128)
    painting = images.load_image(data.path(about["style"]), size=256)
    _, objective = recipes.transfer_objective(photo, painting)
    before, after = (
        objective(x)["style"].item() for x in (photo, paint(load_painter(name), photo))
    )
    assert after < before / 5


def test_a_preview_is_painted_at_every_report(run):
    photo = torch.rand(1, 3, 40, 56)
    steps = list(run(preview=photo))
    assert all(step.image.shape == photo.shape for step in steps)
    assert torch.equal(steps[-1].image, paint(steps[-1].network, photo))
    assert not torch.equal(steps[0].image, steps[-1].image)


def test_looking_at_a_preview_changes_nothing(run):
    photo = torch.rand(1, 3, 40, 56)
    plain, watched = ([*run(preview=p)][-1] for p in (None, photo))
    assert plain.image is None
    assert plain.losses == watched.losses


def test_a_network_is_not_written_into_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*gone"):
        save_network(new_network(**TINY), tmp_path / "gone" / "net.safetensors")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network and its ONNX file, as a function; the export takes some seconds."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = new_network(5, **TINY)
    path = export_onnx(network, tmp_path_factory.mktemp("onnx") / "net.onnx")
    assert [file.name for file in path.parent.iterdir()] == ["net.onnx"]
    session = runtime.InferenceSession(path)
    return network, lambda image: session.run(["painting"], {"image": image.numpy()})[0]


@pytest.mark.parametrize("shape", [(16, 16), (17, 33), (64, 96), (70, 33), (131, 18)])
def test_an_exported_network_paints_the_same(exported, shape):
    network, run_onnx = exported
    image = torch.rand(1, 3, *shape)
    painted = torch.from_numpy(run_onnx(image))
    assert painted.shape == image.shape
    assert (painted - paint(network, image)).abs().max() < 1e-3  # 7e-7 as measured


def test_the_settings_of_a_network_rebuild_it():
    network = new_network(**TINY, normalization="batch", upsampling="transposed")
    rebuilt = StyleNet(**json.loads(json.dumps(network.settings)))
    assert rebuilt.settings == network.settings
    rebuilt.load_state_dict(network.state_dict())


@pytest.mark.parametrize("normalization", ["instance", "batch"])
def test_normalization_learns_its_scale_and_shift(normalization):
    learned = dict(new_network(**TINY, normalization=normalization).named_parameters())
    assert {"start.1.weight", "start.1.bias"} <= learned.keys()


def test_a_gradient_that_is_not_finite_changes_nothing(prepare, monkeypatch):
    training = prepare()
    good, terms = state(training.painter), training.perception.terms
    broken = lambda painted, photos: {  # noqa: E731
        **terms(painted, photos),
        "root": (painted - painted).square().sum().sqrt(),
    }
    object.__setattr__(training.perception, "terms", broken)
    with pytest.raises(FloatingPointError, match="'gradient' became nan at step 1;"):
        training.advance(1)
    assert equal(training.painter.state_dict(), good)


def test_a_network_to_go_on_from_stays_as_it_is(prepare):
    start = new_network(**TINY)
    before = state(start)
    prepare(start=start).advance(2)
    assert equal(start.state_dict(), before)


def test_a_checkpoint_of_a_training_of_another_length_is_refused(prepare, tmp_path):
    path = prepare(steps=4).save(tmp_path / "run")
    with pytest.raises(ValueError, match="of a training of 4 steps, this one has 8"):
        prepare(steps=8).load(path)


def test_a_checkpoint_that_lacks_something_is_refused(tmp_path):
    torch.save({"nstlib": 1, "painter": {}}, tmp_path / "run")
    with pytest.raises(ValueError, match="lacks generator, number"):
        read_checkpoint(tmp_path / "run")
