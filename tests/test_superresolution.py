import copy
import math
import time

import pytest
import torch
import torch.nn.functional as F

from nstlib import data, images, superresolution
from nstlib.crops import Crops
from nstlib.superresolution import (
    Judge,
    UpscaleNet,
    measure,
    new_network,
    shrink,
    train,
    upscale,
)

SIZES = [(1, 1), (1, 40), (2, 3), (5, 7), (33, 70), (513, 777)]
TINY = {"channels": 4, "depth": 1}


@pytest.fixture(scope="module")
def pictures():
    return [images.load_image(data.path(name), size=64) for name in ("coffee", "rocket")]


@pytest.fixture
def run(pictures, network):
    """Begin a small run of `train`."""

    def begin(loss="pixels", **changes):
        usual = {"factor": 2, "steps": 6, "batch": 2, "size": 32, "report": 3, "network": network}
        usual |= {"start": new_network(changes.get("factor", 2), **TINY)}
        return train(loss, pictures, **(usual | changes))

    return begin


def state(network) -> dict:
    return copy.deepcopy(network.state_dict())


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(map(torch.equal, first.values(), second.values()))


def talking(factor: int = 2, **settings) -> UpscaleNet:
    """An untrained network whose last layer says something."""
    network = new_network(factor, **(TINY | settings))
    with torch.no_grad():
        network.end.weight.uniform_(-2, 2, generator=torch.Generator().manual_seed(1))
    return network


def fail_at(monkeypatch, number: int, value: float):
    """Let the pixels of the `number`-th comparison from now on be `value`."""
    terms, calls = Judge.terms, []

    def broken(*args):
        calls.append(args)
        found = terms(*args)
        return found | {"pixels": found["pixels"] * value} if len(calls) == number else found

    monkeypatch.setattr(Judge, "terms", broken)


# The network


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("shape", SIZES)
def test_an_enlarged_image_has_exactly_factor_times_its_size(factor, shape):
    larger = upscale(talking(factor), torch.rand(1, 3, *shape))
    assert larger.shape == (1, 3, factor * shape[0], factor * shape[1])
    assert larger.isfinite().all()
    assert 0 <= larger.min() <= larger.max() <= 1


@pytest.mark.parametrize("factor", [2, 4])
def test_a_new_network_is_bicubic(factor, photo):
    height, width = photo.shape[2:]
    bicubic = images.resize_image(photo, (factor * height, factor * width))
    assert torch.equal(upscale(new_network(factor), photo), bicubic)


def test_details_are_laid_out_as_in_shi_and_added_to_bicubic():
    network, image = talking(2), torch.rand(1, 3, 6, 8)
    with torch.no_grad():
        x = F.relu(network.start(image - 0.5))
        for layer in network.middle:
            x = x + F.relu(layer(x))
        small = 0.1 * network.end(x)  # (1, 12, 6, 8)
        found = network(image) - images.resize_image(image, (12, 16))
    for row in range(2):
        for column in range(2):
            part = small[:, 2 * row + column :: 4]  # of red, green and blue
            assert torch.allclose(found[..., row::2, column::2], part, atol=1e-5)


def test_a_shifted_image_is_enlarged_alike():
    network, image = talking(2), torch.rand(1, 3, 24, 24)
    whole, part = upscale(network, image), upscale(network, image[..., 3:, 5:])
    assert torch.allclose(whole[..., 26:-4, 30:-4], part[..., 20:-4, 20:-4], atol=1e-5)


def test_borders_are_reflected():
    flat = torch.full((1, 3, 12, 12), 0.4)
    details = upscale(talking(2), flat) - flat[..., :1, :1]
    assert torch.allclose(details[..., ::2, ::2], details[..., 12:13, 12:13], atol=1e-6)
    assert details.abs().max() > 1e-3


def test_a_batch_may_be_enlarged_and_pictures_do_not_see_each_other():
    network, batch = talking(2), torch.rand(3, 3, 9, 11)
    with torch.no_grad():
        together = network(batch)
        alone = torch.cat([network(one[None]) for one in batch])
    assert torch.allclose(together, alone, atol=1e-5)


def test_an_enlarged_image_is_cut_to_what_can_be_shown():
    network = talking(2)
    torch.nn.init.constant_(network.end.bias, 50.0)
    assert torch.equal(upscale(network, torch.rand(1, 3, 5, 5)), torch.ones(1, 3, 10, 10))


def test_an_enlarged_image_may_be_optimised_further():
    larger = upscale(talking(2), torch.rand(1, 3, 5, 5)).requires_grad_()
    larger.square().sum().backward()
    assert larger.grad.abs().max() > 0


@pytest.mark.parametrize("factor", [0, 1, 5, -2, 2.5, "2", None])
def test_another_factor_is_refused(factor):
    for call in (UpscaleNet, lambda factor: shrink(torch.rand(1, 3, 60, 60), factor)):
        with pytest.raises(ValueError, match=f"factor is {factor!r}; choose one of 2, 3, 4"):
            call(factor)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match="expected one RGB image"):
        upscale(new_network(2), torch.rand(3, 8, 8))
    with pytest.raises(ValueError, match="not finite"):
        upscale(new_network(2), torch.full((1, 3, 8, 8), math.nan))


def test_a_seed_gives_the_same_new_network_and_leaves_the_global_one():
    before = torch.get_rng_state()
    first, second, other = (new_network(2, seed=seed).state_dict() for seed in (3, 3, 4))
    assert equal(first, second)
    assert not equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


# Shrinking


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_shrunk_image_is_smaller_by_the_factor(factor):
    assert shrink(torch.rand(2, 3, 24, 36), factor).shape == (2, 3, 24 // factor, 36 // factor)


def test_shrinking_loses_what_is_finer_than_a_new_pixel():
    board = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).tile(8, 8).expand(1, 3, -1, -1)
    inside = shrink(board, 2)[..., 2:-2, 2:-2]
    assert torch.allclose(inside, torch.full_like(inside, 0.5), atol=0.02)


@pytest.mark.parametrize("shape", [(33, 50), (33, 48), (32, 50)])
def test_an_image_that_cannot_be_shrunk_wholly_says_how_to_cut_it(shape):
    words = f"4 does not divide {shape[0]}x{shape[1]} px; cut the image to 32x48 px"
    with pytest.raises(ValueError, match=words):
        shrink(torch.rand(1, 3, *shape), 4)


def test_shrinking_and_enlarging_a_flat_image_changes_nothing():
    flat = torch.full((1, 3, 16, 16), 0.3)
    assert torch.allclose(upscale(new_network(2), shrink(flat, 2)), flat, atol=1e-6)


# Judging


def test_the_truth_has_no_loss(network, photo):
    for judge in (Judge(None), Judge(network)):
        assert sum(term.item() for term in judge.terms(photo, photo).values()) == 0


def test_terms_are_what_they_are_called(network, photo):
    other = (photo * 0.9).clone()
    pixels = (other - photo).square().mean()
    layers = [network(one, ["block1_conv2"])["block1_conv2"] for one in (other, photo)]
    assert Judge(None, pixel_weight=7).terms(other, photo) == {"pixels": pixels}
    terms = Judge(network, "block1_conv2", 3.0).terms(other, photo)
    assert terms.keys() == {"features", "pixels"}
    assert torch.allclose(terms["features"], (layers[0] - layers[1]).square().mean())
    assert torch.allclose(terms["pixels"], 3 * pixels)


def test_no_gradient_is_followed_to_the_truth(network, photo):
    truth = photo.clone().requires_grad_()
    enlarged = (photo * 0.9).requires_grad_()
    Judge(network).terms(enlarged, truth)["features"].backward()
    assert truth.grad is None
    assert enlarged.grad.abs().max() > 0


def test_equal_images_measure_best(network, photo):
    found = measure(photo, photo, network)
    assert found == {"PSNR": math.inf, "SSIM": pytest.approx(1), "feature distance": 0}


def test_measures_equal_independent_ones(network, photo):
    from skimage import metrics

    other = images.blur_image(photo, 1.0)
    found = measure(other, photo, network)
    pixels = [image[0].permute(1, 2, 0).double().numpy() for image in (photo, other)]
    psnr = metrics.peak_signal_noise_ratio(*pixels, data_range=1)
    ssim = metrics.structural_similarity(*pixels, data_range=1, channel_axis=2)
    deep = [network(image, ["block4_conv2"])["block4_conv2"] for image in (other, photo)]
    assert found["PSNR"] == pytest.approx(psnr, abs=1e-3)
    assert found["SSIM"] == pytest.approx(ssim, abs=1e-4)
    assert found["feature distance"] == pytest.approx((deep[0] - deep[1]).square().mean().item())


def test_a_worse_image_measures_worse(network, photo):
    near, far = (measure(images.blur_image(photo, s), photo, network) for s in (0.6, 2.0))
    assert near["PSNR"] > far["PSNR"]
    assert near["SSIM"] > far["SSIM"]
    assert near["feature distance"] < far["feature distance"]


@pytest.mark.parametrize("shapes", [((30, 40), (30, 41)), ((6, 40), (6, 40))])
def test_images_that_cannot_be_compared_are_refused(network, shapes):
    first, second = (torch.rand(1, 3, *shape) for shape in shapes)
    with pytest.raises(ValueError, match="cannot compare .*give images of the same size"):
        measure(first, second, network)


# Training


@pytest.fixture
def fixed(pictures, monkeypatch):
    """Let every batch be the same."""
    truth = Crops(pictures, size=32).batch(4, torch.Generator().manual_seed(5))
    monkeypatch.setattr(Crops, "batch", lambda *args: truth)


@pytest.mark.parametrize("loss", ["pixels", "features"])
@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.usefixtures("fixed")
def test_one_step_lowers_the_loss_of_a_fixed_batch(run, loss, factor):
    first, before, after = run(loss, factor=factor, steps=2, report=1, rate=3e-4)
    assert before.total == pytest.approx(first.total)
    assert after.total < before.total


@pytest.mark.parametrize(("loss", "share"), [("pixels", 0.95), ("features", 0.8)])
@pytest.mark.usefixtures("fixed")
def test_thirty_steps_lower_the_loss_of_a_fixed_batch(run, loss, share):
    first, *_, last = run(loss, steps=31, report=1, start=None)
    print("RATIO", loss, last.total / first.total)
    assert last.total < share * first.total


def test_the_first_report_is_bicubics_loss(run, pictures):
    truth = Crops(pictures, size=32).batch(2, torch.Generator().manual_seed(0))
    bicubic = images.resize_image(shrink(truth, 2), (32, 32))
    first = next(run())
    assert first.losses["pixels"] == pytest.approx((bicubic - truth).square().mean().item())


def test_reports_come_at_once_then_at_every_report_and_at_the_end(run):
    steps = list(run("features", steps=5, report=2))
    assert [step.number for step in steps] == [0, 2, 4, 5]
    for step in steps:
        assert set(step.losses) == {"features", "pixels"}
        assert step.total == pytest.approx(sum(step.losses.values()))


def test_a_report_is_the_mean_of_its_steps(run):
    single = [step.losses["pixels"] for step in run(report=1)][1:]
    together = [step.losses["pixels"] for step in run(report=3)][1:]
    means = [sum(single[:3]) / 3, sum(single[3:]) / 3]
    assert together == pytest.approx(means)


def test_the_same_seed_gives_the_same_network(run):
    first, second, other = (
        [*run(steps=2, seed=seed, start=None)][-1].network.state_dict() for seed in (0, 0, 1)
    )
    assert equal(first, second)
    assert not equal(first, other)


def test_both_losses_see_the_same_crops(run, monkeypatch):
    seen, batch = {}, Crops.batch
    for loss in superresolution.LOSSES:
        cut = seen[loss] = []
        monkeypatch.setattr(Crops, "batch", lambda *args: cut.append(batch(*args)) or cut[-1])  # noqa: B023
        list(run(loss, steps=2))
    assert all(map(torch.equal, *seen.values()))
    assert not torch.equal(seen["pixels"][1], seen["pixels"][2])


def test_another_seed_gives_other_crops(run):
    one, other = ([*run(steps=1, seed=seed)][1].losses for seed in (0, 1))  # from one start
    assert one != other


def test_the_rate_falls_to_nothing(run):
    states = [state(step.network) for step in run(steps=40, report=1)]
    moves = [
        sum((one[name] - other[name]).abs().sum() for name in one)
        for one, other in ((states[1], states[2]), (states[-2], states[-1]))
    ]
    assert moves[1] < moves[0] / 10


def test_a_network_to_go_on_from_stays_as_it_is(run):
    start = new_network(2, **TINY)
    before = state(start)
    *_, last = run(start=start)
    assert equal(start.state_dict(), before)
    assert not equal(last.network.state_dict(), before)


def test_a_network_may_learn_from_a_folder_from_crops_or_from_the_built_in_photos(
    tmp_path, pictures
):
    images.save_image(pictures[0], tmp_path / "one.png")
    options = {"factor": 2, "steps": 1, "batch": 1, "size": 16, "start": new_network(2, **TINY)}
    for source in (tmp_path, Crops(pictures, size=16), None):
        assert [step.number for step in train("pixels", source, **options)] == [0, 1]


def test_features_may_be_those_of_a_network_by_name_and_layer(run):
    named, given = (
        next(run("features", **options)).losses for options in ({"network": "pocket"}, {})
    )
    other = next(run("features", layer="block1_conv1", pixel_weight=0.0)).losses
    assert named == given
    assert other["features"] != given["features"]
    assert other["pixels"] == 0


def test_pixels_need_no_feature_network(run, monkeypatch):
    monkeypatch.setattr(superresolution, "load_network", None)
    assert set(next(run(network="gone")).losses) == {"pixels"}


@pytest.mark.parametrize("name", ["steps", "batch", "size", "report"])
@pytest.mark.parametrize("number", [0, -1, 2.0, True])
def test_bad_numbers_are_named(run, name, number):
    with pytest.raises(ValueError, match=f"{name} is {number!r}; give a whole number"):
        next(run(**{name: number}))


def test_bad_wishes_are_named(run, tmp_path):
    with pytest.raises(ValueError, match="no loss 'both'; choose one of pixels, features"):
        next(run("both"))
    with pytest.raises(ValueError, match="the start enlarges by 4, not by 2"):
        next(run(start=new_network(4, **TINY)))
    with pytest.raises(ValueError, match="no layer 'block9'; choose one of"):
        next(run("features", layer="block9"))
    with pytest.raises(ValueError, match="4 does not divide 30x30 px"):
        next(run(factor=4, size=30))
    with pytest.raises(ValueError, match="no picture"):
        next(train("pixels", tmp_path, factor=2))


# Stopping, and losses that are not finite


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


def test_a_closed_run_leaves_its_network(run):
    begun = run(report=1)
    next(begun)
    step = next(begun)
    kept = state(step.network)
    begun.close()
    assert equal(step.network.state_dict(), kept)
    with pytest.raises(StopIteration):
        next(begun)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights(run, monkeypatch, value):
    *_, twin = run(steps=6, report=2)
    good = [state(step.network) for step in run(steps=6, report=2)][1]
    begun = run(steps=6, report=2)
    next(begun)
    step = next(begun)
    fail_at(monkeypatch, 1, value)
    with pytest.raises(FloatingPointError, match=f"'pixels' became {value} at step 3; lower"):
        next(begun)
    assert equal(step.network.state_dict(), good)
    assert not equal(step.network.state_dict(), twin.network.state_dict())


def test_a_gradient_that_is_not_finite_changes_nothing(run, monkeypatch):
    terms = Judge.terms

    def broken(judge, enlarged, truth):
        root = (enlarged - enlarged).square().sum().sqrt()  # whose slope at 0 is none
        return {**terms(judge, enlarged, truth), "root": root}

    begun = run()
    step = next(begun)
    good = state(step.network)
    monkeypatch.setattr(Judge, "terms", broken)
    with pytest.raises(FloatingPointError, match="'gradient' became nan at step 1;"):
        next(begun)
    assert equal(step.network.state_dict(), good)
