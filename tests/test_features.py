import hashlib
import json
import shutil

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from torchvision.models.vgg import make_layers

from nstlib import data, images
from nstlib.features import load_network

NAMES = [
    *("block1_conv1", "block1_conv2"),
    *("block2_conv1", "block2_conv2"),
    *("block3_conv1", "block3_conv2", "block3_conv3"),
    *("block4_conv1", "block4_conv2", "block4_conv3"),
    *("block5_conv1", "block5_conv2", "block5_conv3"),
]
WIDTHS = {1: 16, 2: 32, 3: 64, 4: 128, 5: 128}
PLAN = [16, 16, "M", 32, 32, "M", 64, 64, 64, "M", 128, 128, 128, "M", 128, 128, 128]


def reference(photo: torch.Tensor, pooling: str) -> dict[str, torch.Tensor]:
    weights = load_file(data.weights("pocket"))
    names, features = iter(NAMES), {}
    x = photo * 255 - torch.tensor([123.0, 117.0, 104.0]).reshape(1, 3, 1, 1)
    for module in make_layers(PLAN):
        if isinstance(module, nn.Conv2d):
            name = next(names)
            state = {part: weights[f"{name}.{part}"].float() for part in ("weight", "bias")}
            module.load_state_dict(state)
            module.padding_mode = "reflect"
        elif isinstance(module, nn.ReLU):
            module.inplace = False
        elif pooling == "average":
            module = nn.AvgPool2d(2, 2)
        with torch.no_grad():
            x = module(x)
        if isinstance(module, nn.ReLU):
            features[name] = x
    return features


def count_convolutions(monkeypatch) -> list:
    calls, convolve = [], F.conv2d
    monkeypatch.setattr(F, "conv2d", lambda *args: calls.append(args) or convolve(*args))
    return calls


def test_layers_are_named_by_block_and_convolution(network):
    assert list(network.layers) == NAMES


@pytest.mark.parametrize("name", ["pocket", "random"])
@pytest.mark.parametrize("size", [(64, 48), (37, 55)])
def test_sides_halve_at_each_block_rounded_down(name, size):
    features = load_network(name)(torch.rand(2, 3, *size), NAMES)
    for layer, value in features.items():
        block = int(layer[5])
        sides = [side // 2 ** (block - 1) for side in size]
        assert value.shape == (2, WIDTHS[block], *sides), layer


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_every_layer_matches_a_reference_built_by_torchvision(photo, pooling):
    ours = load_network(pooling=pooling)(photo, NAMES)
    expected = reference(photo, pooling)
    assert list(expected) == NAMES
    for layer, value in expected.items():
        tolerance = 1e-4 * value.abs().max().item()
        torch.testing.assert_close(ours[layer], value, rtol=1e-4, atol=tolerance, msg=layer)


def test_features_are_values_after_the_relu(network, photo):
    for layer, value in network(photo, NAMES).items():
        assert value.min() == 0, layer
        assert value.max() > 0, layer


def test_later_layers_do_not_overwrite_earlier_ones(network, photo):
    deep = network(photo, NAMES)
    for layer in NAMES:
        assert torch.equal(deep[layer], network(photo, [layer])[layer]), layer


def test_features_come_in_the_order_asked_for(network, photo):
    order = ["block3_conv2", "block1_conv1", "block2_conv2"]
    assert list(network(photo, order)) == order


def test_a_batch_gives_each_image_its_own_features(network, photo):
    batch = torch.cat([photo, photo.flip(3)])
    together = network(batch, NAMES)
    for layer in NAMES:
        for i in range(2):
            alone = network(batch[i : i + 1], [layer])[layer]
            tolerance = 1e-5 * alone.max().item()
            torch.testing.assert_close(together[layer][i : i + 1], alone, rtol=1e-4, atol=tolerance)


@pytest.mark.parametrize(("layer", "convolutions"), [("block1_conv1", 1), ("block3_conv2", 6)])
def test_one_pass_stops_at_the_deepest_layer(network, photo, monkeypatch, layer, convolutions):
    calls = count_convolutions(monkeypatch)
    network(photo, [layer, "block1_conv1"])
    assert len(calls) == convolutions


def test_pooling_changes_features_from_the_second_block_on(photo):
    average = load_network(pooling="average")(photo, NAMES)
    maximum = load_network(pooling="max")(photo, NAMES)
    for layer in NAMES:
        same = torch.equal(average[layer], maximum[layer])
        assert same == layer.startswith("block1"), layer


def test_the_network_is_frozen_and_the_gradient_reaches_the_image(network, photo):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    image = photo.clone().requires_grad_()
    network(image, ["block5_conv1"])["block5_conv1"].square().mean().backward()
    assert image.grad.abs().sum() > 0
    assert not any(tensor.requires_grad for tensor in [*network.parameters(), *network.buffers()])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_random_weights_follow_the_seed(photo):
    first, again, other = (
        load_network("random", seed=seed)(photo, ["block2_conv1"])["block2_conv1"]
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_random_weights_keep_the_signal_alive_through_all_layers(photo):
    features = load_network("random")(photo, NAMES)
    spread = [value.std().item() for value in features.values()]
    assert max(spread) / min(spread) < 20


def test_every_pocket_channel_fires_on_some_picture(network):
    strongest = {layer: torch.zeros(1) for layer in NAMES}
    for name in (*data.names("photo"), *data.names("painting")):
        image = images.load_image(data.path(name), size=192)
        for layer, value in network(image, NAMES).items():
            strongest[layer] = torch.maximum(strongest[layer], value.amax((0, 2, 3)))
    dead = {layer: int((value <= 0).sum()) for layer, value in strongest.items()}
    assert not any(dead.values()), dead


def test_every_pocket_layer_has_a_mean_activation_near_1(network):
    pictures = [*data.names("photo"), *data.names("painting")]
    seen = [network(images.load_image(data.path(name), size=192), NAMES) for name in pictures]
    for layer in NAMES:
        mean = sum(features[layer].mean().item() for features in seen) / len(seen)
        assert 0.5 < mean < 2, layer


def test_shipped_weights_say_what_they_are_and_where_they_come_from():
    file = data.weights("pocket")
    entry = json.loads((data.WEIGHTS / "manifest.json").read_text())["pocket"]
    with safe_open(file, "pt") as opened:
        about = opened.metadata()
    assert file.stat().st_size <= 2_500_000
    for key in ("version", "teacher", "data", "licence", "credits"):
        assert about[key] == entry[key]
        assert about[key]
    assert (data.PACKAGE.parent / about["card"]).is_file()


def test_a_changed_weights_file_is_refused_with_both_checksums(tmp_path, monkeypatch):
    shutil.copytree(data.WEIGHTS, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(data, "WEIGHTS", tmp_path)
    load_network()
    published = json.loads((tmp_path / "manifest.json").read_text())["pocket"]["sha256"]
    file = tmp_path / "pocket.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="pocket.safetensors") as caught:
        load_network()
    assert published in str(caught.value)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)


def test_a_missing_weights_file_is_named(tmp_path, monkeypatch):
    shutil.copy(data.WEIGHTS / "manifest.json", tmp_path)
    monkeypatch.setattr(data, "WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match="pocket.safetensors"):
        load_network()


def test_an_unknown_layer_is_answered_with_the_choices(network, photo):
    with pytest.raises(ValueError, match="'conv9'.*block1_conv1 ... block5_conv3"):
        network(photo, ["block1_conv1", "conv9"])


def test_an_unknown_network_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'alexnet'.*pocket, random"):
        load_network("alexnet")


def test_an_unknown_pooling_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'median'.*average, max"):
        load_network(pooling="median")


def test_an_empty_list_of_layers_is_refused(network, photo):
    with pytest.raises(ValueError, match="at least one"):
        network(photo, [])


@pytest.mark.parametrize(
    ("layer", "smallest"), [("block1_conv2", 2), ("block3_conv1", 8), ("block5_conv3", 32)]
)
def test_an_image_below_the_minimum_is_refused_and_the_minimum_works(network, layer, smallest):
    with pytest.raises(ValueError, match=rf"40x{smallest - 1} px.*{layer}.*at least {smallest} px"):
        network(torch.rand(1, 3, 40, smallest - 1), [layer])
    assert torch.isfinite(network(torch.rand(1, 3, smallest, smallest), [layer])[layer]).all()


@pytest.mark.parametrize("shape", [(1, 1, 40, 40), (1, 4, 40, 40), (3, 40, 40)])
def test_images_without_three_channels_are_refused(network, shape):
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\)"):
        network(torch.rand(shape), ["block1_conv1"])


def test_what_is_no_tensor_is_refused(network):
    with pytest.raises(ValueError, match="expected images.*str"):
        network("chelsea.png", ["block1_conv1"])
