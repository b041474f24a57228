"""The training of the pocket network, on a few drawn pictures and a small made-up teacher."""

import csv
import hashlib
import json

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from nstlib.features import LAYERS, pocket_network
from nstlib.feedforward import load_painter
from training import distill, painters, publish, teachers, visited
from training.distill import Settings
from training.fit import choose_channels, fit_layers
from training.measure import mean_activations, unexplained
from training.pictures import Pictures, vary
from training.student import Student, rescale

WIDTHS = (4, 4, 6, 6, 6)
FULL = {"1": 2, "2": 2, "3": 4, "4": 4, "5": 1}  # VGG-19's convolutions per block, up to conv5_1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def teacher_weights(dead=0):
    """Random weights in the layout of the compressed VGG-19; `dead` channels of conv4_1 silent."""
    weights, inputs, random = {}, 3, generator(1)

    def add(name, outputs, inputs, size):
        spread = (2 / (inputs * size**2)) ** 0.5
        weights[f"{name}.weight"] = torch.randn(outputs, inputs, size, size, generator=random).mul(
            spread
        )
        weights[f"{name}.bias"] = torch.rand(outputs, generator=random) * 0.1

    add("input", 3, 3, 1)
    for block, count in FULL.items():
        width = WIDTHS[int(block) - 1]
        for number in range(1, count + 1):
            add(f"conv{block}_{number}", width, inputs, 3)
            inputs = width
        add(f"head{block}_1", 2 * width, width, 1)
    weights["conv4_1.bias"][:dead] = -1e6
    return weights


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Eight pictures of coloured clouds, one of them held out, and its mirrored twin."""
    folder = tmp_path_factory.mktemp("pictures")
    names = [*(f"photo_{n}" for n in range(4)), "photo_507", "style_1", "style_2", "style_3"]
    for number, name in enumerate(names):
        small = torch.rand(3, 9, 7, generator=generator(number))
        pixels = F.interpolate(small[None], (72, 80), mode="bilinear")[0]
        pixels = (pixels * 255).byte().movedim(0, 2).numpy()
        Image.fromarray(pixels).save(folder / f"{name}.png")
    held_out = Image.open(folder / "photo_507.png")
    held_out.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "photo_twin.png")
    return folder


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_file(teacher_weights(dead=2), file)
    return file


@pytest.fixture(scope="session")
def teacher(teacher_file):
    return teachers.load_teacher(teacher_file)


@pytest.fixture(scope="session")
def pictures(folder):
    return Pictures(folder)


def settings(**changes):
    small = {"steps": 4, "size": 48, "large_size": 64, "batch": 4, "fit_batches": 2}
    return Settings(
        **{**small, "widths": WIDTHS, "warmup": 2, "in_progress": 2, "visited": 1, **changes}
    )


def trained(teacher, pictures, **changes):
    training = distill.Training(teacher, pictures, settings(**changes))
    training.fit()
    losses = list(training.run())
    return training, losses


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# teachers


def test_teacher_answers_as_its_layers_say(teacher):
    weights, image = teacher_weights(dead=2), torch.rand(1, 3, 64, 48, generator=generator())

    def conv(x, name, padding=1):
        padded = F.pad(x, [padding] * 4, mode="reflect") if padding else x
        return F.conv2d(padded, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = conv(image, "input", padding=0)
    first = conv(x, "conv1_1")
    x = F.max_pool2d(conv(first.relu(), "conv1_2").relu(), 2)
    second = conv(x, "conv2_1")
    answers = teacher(image)
    torch.testing.assert_close(answers["block1_conv1"], first, rtol=1e-3, atol=1e-4)
    own = answers["block2_conv1"][:, : WIDTHS[1]]
    torch.testing.assert_close(own, second, rtol=1e-3, atol=1e-4)
    head = conv(second.relu(), "head2_1", padding=0)
    torch.testing.assert_close(answers["block2_conv1"][:, WIDTHS[1] :], head, rtol=1e-3, atol=1e-4)
    measured = teacher.measured("block2_conv1", answers["block2_conv1"])
    torch.testing.assert_close(measured, head, rtol=1e-3, atol=1e-4)


def test_teacher_has_an_answer_for_every_layer_at_vgg16_sizes(teacher):
    answers = teacher(torch.rand(2, 3, 64, 48, generator=generator()))
    assert tuple(answers) == LAYERS
    for layer, answer in answers.items():
        shrunk = 2 ** (int(layer[5]) - 1)
        assert answer.shape[2:] == (64 // shrunk, 48 // shrunk)
    assert (answers["block5_conv3"] >= 0).all()  # an average after the ReLU


def test_chosen_channels_are_those_of_the_full_answer(teacher):
    image = torch.rand(1, 3, 48, 48, generator=generator())
    chosen = {layer: torch.tensor([0, 3]) for layer in LAYERS}
    chosen["block4_conv1"] = torch.tensor([3, 5, 8])  # 8 belongs to the head
    some, full = teacher(image, chosen), teacher(image)
    for layer, channels in chosen.items():
        torch.testing.assert_close(some[layer], full[layer][:, channels])


def test_teacher_features_are_its_own_channels_and_differentiable(teacher):
    image = torch.rand(1, 3, 48, 48, generator=generator()).requires_grad_()
    features = teacher.features(image, ["block4_conv1"])["block4_conv1"]
    assert features.shape == (1, 6, 6, 6)
    assert (features >= 0).all()
    features.sum().backward()
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_torchvision_teachers_are_read_layer_by_layer(name, monkeypatch):
    from torchvision import models
    from torchvision.models import vgg

    class Made:
        features = vgg.make_layers(vgg.cfgs["D" if name == "vgg16" else "E"])

    monkeypatch.setattr(models, "get_model", lambda *_, **__: Made)
    image = torch.rand(1, 3, 32, 32, generator=generator())
    answers = teachers.load_teacher(name)(image)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (image - mean.reshape(1, 3, 1, 1)) / std.reshape(1, 3, 1, 1)
    x = Made.features[0](x)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # torchvision pads with 0
    torch.testing.assert_close(answers["block1_conv1"][inside], x[inside], rtol=1e-3, atol=1e-4)
    assert answers["block4_conv3"].shape == (1, 512, 4, 4)


def test_pocket_as_the_teacher_answers_as_pocket(network):
    image = torch.rand(1, 3, 48, 48, generator=generator())
    seen, answers = network(image, LAYERS), teachers.load_teacher("pocket")(image)
    for layer in LAYERS:
        torch.testing.assert_close(answers[layer].relu(), seen[layer], rtol=1e-3, atol=1e-3)


def test_a_teacher_file_that_lacks_a_layer_is_named(tmp_path):
    weights, file = teacher_weights(), tmp_path / "teacher.safetensors"
    del weights["conv2_2.bias"]
    save_file(weights, file)
    with pytest.raises(ValueError, match=r"teacher.safetensors.*lacks conv2_2"):
        teachers.load_teacher(file)


def test_unknown_teacher_is_named():
    with pytest.raises(FileNotFoundError, match=r"no teacher 'vgg7'.*vgg16"):
        teachers.load_teacher("vgg7")


# pictures


def test_held_out_pictures_and_their_twins_are_not_trained_on(pictures):
    assert set(pictures.held_out) == {"photo_507"}
    assert "photo_twin" not in pictures.names
    assert len(pictures.names) == 7


def test_empty_folder_and_nothing_left_are_errors(tmp_path):
    with pytest.raises(ValueError, match="no pictures .*webp"):
        Pictures(tmp_path)
    with pytest.raises(ValueError, match="no pictures are left"):
        Pictures({"a": torch.zeros(3, 40, 40, dtype=torch.uint8)}, held_out="a")


def test_crops_are_from_paintings_as_often_as_asked():
    dark, light = torch.zeros(3, 64, 64), torch.full((3, 64, 64), 255)
    both = Pictures({"photo_1": dark.byte(), "style_1": light.byte()}, held_out="none")
    random = generator()
    from_paintings = [both.crops(1, 48, random, 1.0).mean().item() for _ in range(5)]
    assert from_paintings == pytest.approx([1] * 5)
    share = both.crops(400, 48, random, 0.5).mean().item()  # half of the others are light too
    assert share == pytest.approx(0.75, abs=0.07)


def test_crops_are_images_and_repeat_with_the_seed(pictures):
    crops = pictures.crops(5, 48, generator(3))
    assert crops.shape == (5, 3, 48, 48)
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert torch.equal(crops, pictures.crops(5, 48, generator(3)))
    assert not torch.equal(crops, pictures.crops(5, 48, generator(4)))


def test_variations_stay_images_and_change_about_half():
    images = torch.rand(1, 3, 16, 16, generator=generator()).expand(400, -1, -1, -1)
    varied = vary(images, generator(1))
    assert varied.shape == images.shape
    assert varied.min() >= 0
    assert varied.max() <= 1
    changed = (varied != images).flatten(1).any(1).float().mean()
    assert 0.35 < changed < 0.6  # 1 - 0.7 * 0.8 * 0.95 = 0.47


# the student


def test_exported_weights_are_the_same_network_in_nstlib():
    student, image = Student(WIDTHS), torch.rand(1, 3, 32, 40, generator=generator())
    network = pocket_network(student.exported(), name="student")
    wanted, found = student.features(image), network(image, LAYERS)
    for layer in LAYERS:
        torch.testing.assert_close(found[layer], wanted[layer].detach(), rtol=1e-3, atol=1e-5)


def test_whitening_changes_coordinates_and_not_the_function():
    student = Student(WIDTHS)
    layer = student.block2_conv1
    before = layer.plain().detach().clone()
    rows = torch.randn(500, before.shape[1], generator=generator(), dtype=torch.float64)
    rows[:, -1] = 1
    factor = torch.linalg.cholesky(rows.T @ rows / len(rows))
    layer.whiten(factor, torch.full((WIDTHS[1],), 3.0, dtype=torch.float64))
    assert not torch.allclose(layer.value, before)
    torch.testing.assert_close(layer.plain(), before, rtol=1e-4, atol=1e-5)
    # in the new coordinates the patches are uncorrelated and of size 1
    white = rows.float() @ layer.basis.T
    torch.testing.assert_close(
        white.T @ white / len(rows), torch.eye(white.shape[1]), rtol=0, atol=1e-3
    )


@pytest.fixture
def lively():
    """A student none of whose channels is ever silent."""
    student = Student(WIDTHS).requires_grad_(False)
    for layer in LAYERS:
        student.get_submodule(layer).value.abs_()[:, -1] += 3
    return student


def test_rescaled_layers_have_mean_activation_1_and_keep_their_pattern(lively, pictures):
    images = [pictures.crops(1, 48, generator(n)) for n in range(5)]
    before = lively.features(images[0])
    rescale(lively, images)
    after, means = lively.features(images[0]), mean_activations(lively.features, images)
    for layer in LAYERS:
        assert means[layer].mean().item() == pytest.approx(1, rel=1e-3)
        ratio = after[layer] / before[layer]
        assert ratio.max().item() == pytest.approx(ratio.min().item(), rel=1e-2)


def test_dead_layers_are_an_error(lively, pictures):
    lively.block3_conv1.value[:] = 0
    with pytest.raises(ValueError, match="block3_conv1 is dead"):
        rescale(lively, [pictures.crops(1, 48, generator())])


# the fit


def test_places_of_dead_channels_go_to_others(teacher, pictures):
    batches = [pictures.crops(4, 48, generator())]
    channels = choose_channels(teacher, WIDTHS, batches)["block4_conv1"]
    own = channels[channels < 6].tolist()
    assert not {0, 1} & set(own)
    assert len(channels) == 6
    assert (channels >= 6).sum() >= 2


def test_too_few_live_channels_are_an_error(pictures):
    teacher = teachers.load_teacher("pocket")
    batches = [pictures.crops(1, 48, generator())]
    with pytest.raises(ValueError, match="block1_conv1: the teacher has 16 live channels, not 32"):
        choose_channels(teacher, (32, 32, 64, 128, 128), batches)


def test_fit_finds_a_teacher_of_the_students_own_shape(pictures):
    teacher = teachers.load_teacher("pocket")
    student = Student()
    batches = [pictures.crops(4, 64, generator(n)) for n in range(2)]
    channels = {layer: torch.arange(student.widths[int(layer[5]) - 1]) for layer in LAYERS}
    lines = []
    fit_layers(student, teacher, channels, batches, generator(), lines.append)
    shares = [float(line.split()[1]) for line in lines]
    assert len(shares) == 13
    assert max(shares[:4]) < 0.02


# the loss


def test_disagreement_ignores_two_silent_answers_and_wakes_a_dead_one():
    answer = torch.tensor([-2.0, -2.0, 3.0, 1.0]).reshape(1, 1, 2, 2).requires_grad_()
    wanted = torch.tensor([-5.0, 1.0, -1.0, 1.0]).reshape(1, 1, 2, 2)
    loss = distill.disagreement(answer, wanted, torch.ones(1, 1, 1, 1))
    assert loss.item() == pytest.approx((0 + 1 + 9 + 0) / 4)
    loss.backward()
    assert answer.grad.flatten().tolist() == pytest.approx([0, -0.5, 1.5, 0])


# measures


def test_unexplained_is_0_for_the_teacher_and_1_for_noise(pictures):
    teacher = teachers.load_teacher("pocket")
    known = [pictures.crops(1, 64, generator(n)) for n in range(30)]
    held_out = [pictures.crops(1, 64, generator(n)) for n in range(30, 33)]

    def itself(image):
        return {layer: answer.relu() for layer, answer in teacher(image).items()}

    def noise(image):
        answers = teacher(image)
        return {
            layer: torch.rand(1, 2, *answer.shape[2:], generator=generator(5))
            for layer, answer in answers.items()
        }

    assert max(unexplained(itself, teacher, known, held_out).values()) < 0.01
    assert min(unexplained(noise, teacher, known, held_out).values()) > 0.9


# a whole run


def test_same_seed_same_weights(teacher, pictures):
    one, losses = trained(teacher, pictures)
    two, _ = trained(teacher, pictures)
    other, _ = trained(teacher, pictures, seed=1)
    assert len(losses) == 4
    assert tuple(losses[0]) == LAYERS
    assert same(one.state()["average"], two.state()["average"])
    assert not same(one.state()["average"], other.state()["average"])


def test_training_lowers_the_disagreement(pictures):
    half = settings(widths=(8, 16, 32, 64, 64), steps=30, visited=0, large_share=0)
    training = distill.Training(teachers.load_teacher("pocket"), pictures, half)
    training.fit()
    images = [pictures.crops(8, 48, generator(9))]
    before = sum(training._losses(images).values()).item()
    assert len(list(training.run())) == 30
    assert sum(training._losses(images).values()).item() < 0.9 * before


def test_checkpoint_of_another_teacher_or_other_pictures_is_refused(teacher, pictures):
    state = distill.Training(teacher, pictures, settings()).state()
    training = distill.Training(teacher, pictures, settings())
    with pytest.raises(ValueError, match="other pictures"):
        training.resume({**state, "pictures": ["a"]})
    channels = {layer: chosen + 1 for layer, chosen in state["channels"].items()}
    with pytest.raises(ValueError, match="another teacher"):
        training.resume({**state, "channels": channels})


@pytest.mark.parametrize("change", [{"size": 32}, {"steps": 0}, {"visited": 4}])
def test_settings_that_cannot_work_are_refused(change):
    with pytest.raises(ValueError, match="px or more|at least one step"):
        settings(**change)


def test_a_folder_with_nothing_held_out_is_refused(teacher_file, folder, tmp_path, capsys):
    command = [str(teacher_file), str(folder), "--output", str(tmp_path), "--held-out", "nothing"]
    with pytest.raises(SystemExit):
        distill.main(command)
    assert "--held-out" in capsys.readouterr().err


def test_interrupted_training_goes_on_as_if_it_had_not_been(
    teacher, pictures, tmp_path, monkeypatch
):
    monkeypatch.setattr(visited, "VISITS", 2)  # transfers start anew on both sides of the break
    whole = distill.Training(teacher, pictures, settings())
    distill.train(whole, tmp_path / "whole", save_every=2, progress=False)

    stopped = distill.Training(teacher, pictures, settings())
    run, kept = stopped.run, tmp_path / "stopped"

    def broken():
        for number, losses in enumerate(run(), 1):
            yield losses
            if number == 3:
                raise KeyboardInterrupt

    stopped.run = broken
    with pytest.raises(KeyboardInterrupt):
        distill.train(stopped, kept, save_every=2, progress=False)
    resumed = distill.Training(teacher, pictures, settings())
    distill.train(resumed, kept, save_every=2, progress=False)
    assert same(whole.state()["average"], resumed.state()["average"])
    assert same(whole.state()["student"], resumed.state()["student"])


def test_checkpoint_of_other_settings_is_refused(teacher, pictures):
    training = distill.Training(teacher, pictures, settings())
    other = distill.Training(teacher, pictures, settings(steps=9))
    with pytest.raises(ValueError, match="other settings"):
        other.resume(training.state())


def test_log_is_cut_at_the_checkpoint(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,loss\n50,2\n100,1\n150,0\n")
    distill._cut_log(log, 100)
    assert log.read_text() == "step,loss\n50,2\n100,1\n"


def test_command_leaves_log_plot_checkpoint_and_weights(
    teacher_file, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(distill, "LOG_EVERY", 2)
    monkeypatch.setattr(distill, "Settings", settings)
    options = ["--steps", "4", "--size", "48", "--large-size", "64", "--batch", "4"]
    command = [str(teacher_file), str(folder), "--output", str(tmp_path), *options]
    distill.main([*command, "--device", "cpu"])
    with (tmp_path / "log.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(float(row["block5_conv1"]) > 0 for row in rows)
    assert Image.open(tmp_path / "log.png").size[0] > 500
    assert (tmp_path / "checkpoint.pt").exists()
    weights = load_file(tmp_path / "pocket.safetensors")
    assert weights["block1_conv1.weight"].dtype == torch.float32
    network = pocket_network(weights, name="made")
    assert isinstance(network, nn.Module)
    assert "dead channels: " in capsys.readouterr().out


def test_published_weights_are_small_described_and_verified(tmp_path):
    made = tmp_path / "made.safetensors"
    save_file(Student().exported(), made, metadata={"settings": "{}"})
    (tmp_path / "manifest.json").write_text('{"pocket": {"sha256": "old"}, "other": {}}')
    file = publish.publish(made, tmp_path, version="7")
    entry = json.loads((tmp_path / "manifest.json").read_text())
    assert entry["pocket"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert entry["pocket"]["version"] == "7"
    assert entry["other"] == {}
    assert file.stat().st_size < 2_500_000
    with safe_open(file, "pt") as opened:
        assert opened.metadata()["version"] == "7"
        assert "CC BY 4.0" in opened.metadata()["credits"]
        assert opened.get_tensor("block3_conv1.weight").dtype == torch.float16


def test_weights_that_are_not_finite_or_too_large_are_not_published(tmp_path):
    made, weights = tmp_path / "made.safetensors", Student().exported()
    weights["block2_conv1.bias"][3] = 1e6  # over float16's range
    save_file(weights, made)
    with pytest.raises(ValueError, match="block2_conv1.bias"):
        publish.publish(made, tmp_path, version="7")
    assert not (tmp_path / "pocket.safetensors").exists()


def test_weights_of_another_teacher_are_not_published_under_this_ones_name(tmp_path):
    made = tmp_path / "made.safetensors"
    save_file(Student().exported(), made, metadata={"teacher": "vgg16=FILE.pth"})
    with pytest.raises(ValueError, match="not those of vgg16"):
        publish.publish(made, tmp_path, version="7")


def test_a_painter_is_trained_goes_on_and_is_published(tmp_path, capsys):
    photos = [torch.rand(1, 3, 48, 64, generator=generator(n)) for n in range(2)]
    numbers = {"steps": 2, "batch": 1, "size": 32}
    first = painters.train_painter("ink_mountains", photos, tmp_path / "a" / "one.st", **numbers)
    assert "0 steps" in capsys.readouterr().out
    again = painters.train_painter("ink_mountains", photos, first, **numbers)
    assert "0 steps" not in capsys.readouterr().out  # it goes on from its checkpoint
    second = painters.train_painter(
        "stained_glass", photos, tmp_path / "two.st", start=first, **numbers
    )
    (tmp_path / "manifest.json").write_text('{"pocket": {}}')
    published = painters.publish_painter("stained_glass", second, tmp_path)
    entries = json.loads((tmp_path / "manifest.json").read_text())
    assert list(entries) == ["pocket", "stained_glass"]
    assert entries["stained_glass"]["sha256"] == hashlib.sha256(published.read_bytes()).hexdigest()
    assert entries["stained_glass"]["style"] == "stained_glass"
    one, two = load_painter(again), load_painter(published)
    assert one.settings == two.settings
    near = [(a - b).abs().max() for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    assert 0 < max(near) < 0.02  # two steps away from where it started
