"""VGG-16, VGG-19 and SqueezeNet against torchvision's own forward pass, with seeded weights."""

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.vgg import cfgs, make_layers

from nstlib import checkpoints, data, images, pretrained, recipes
from nstlib.features import load_network

NORMALIZATION = {"vgg16": "caffe", "vgg19": "imagenet", "squeezenet1_1": "imagenet"}
ENUMS = {
    "vgg16": models.VGG16_Weights.IMAGENET1K_FEATURES,
    "vgg19": models.VGG19_Weights.IMAGENET1K_V1,
    "squeezenet1_1": models.SqueezeNet1_1_Weights.IMAGENET1K_V1,
}


def torchvision_features(name):
    """Build torchvision's own convolutions with seeded weights that keep the signal alive."""
    generator = torch.Generator().manual_seed(7)
    if name == "squeezenet1_1":
        features = models.squeezenet1_1(weights=None).features
    else:
        features = make_layers(cfgs["D" if name == "vgg16" else "E"])
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.uniform_(module.bias, -0.1, 0.1, generator=generator)
    return features.requires_grad_(False)


@pytest.fixture(scope="module", params=checkpoints.NAMES)
def published(request, tmp_path_factory):
    """A network's name and torchvision's features, whose weights lie in nstlib's cache."""
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    features = torchvision_features(name)
    file = folder / "made.pth"
    torch.save({f"features.{key}": value for key, value in features.state_dict().items()}, file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NSTLIB_CACHE", str(folder))
        patch.delenv("NSTLIB_WEIGHTS", raising=False)
        pretrained.import_file(file, normalization=NORMALIZATION[name])
        yield name, features


def load(name, **options):
    return load_network(name, device="cpu", **options)


def with_pooling(features, pooling):
    """Copy torchvision's layers, with every pooling replaced where asked."""
    if pooling == "max":
        return features
    changed = [
        nn.AvgPool2d(m.kernel_size, m.stride, ceil_mode=m.ceil_mode)
        if isinstance(m, nn.MaxPool2d)
        else m
        for m in features
    ]
    return nn.Sequential(*changed)


def hooked(features, x):
    """Run torchvision's forward pass; collect what each convolution or Fire gives after ReLU."""
    seen, handles = [], []

    def keep(module, inputs, output):
        seen.append(output.clone())

    for module in features:
        if isinstance(module, nn.ReLU) or type(module).__name__ == "Fire":
            handles.append(module.register_forward_hook(keep))
    features(x)
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize("pooling", ["average", "max"])
def test_every_layer_equals_torchvisions(published, pooling):
    name, features = published
    image = torch.rand(2, 3, 75, 98, generator=torch.Generator().manual_seed(1))
    transforms = ENUMS[name].transforms()
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (transforms.mean, transforms.std))
    expected = hooked(with_pooling(features, pooling), (image - mean) / std)
    network = load(name, pooling=pooling, rescaled=False)
    ours = network(image, network.layers)
    assert len(expected) == len(ours) == len(checkpoints.layers(name))
    for (layer, value), reference in zip(ours.items(), expected, strict=True):
        assert value.shape == reference.shape, layer
        error = (value - reference).abs().max() / reference.abs().max()
        assert error < 1e-5, (layer, float(error))


def test_the_gradient_to_the_image_equals_torchvisions(published):
    name, features = published
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    transforms = ENUMS[name].transforms()
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in (transforms.mean, transforms.std))
    network = load(name, pooling="max", rescaled=False)
    ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    network(ours, network.layers[-1:])[network.layers[-1]].square().mean().backward()
    hooked(features, (theirs - mean) / std)[-1].square().mean().backward()
    error = (ours.grad - theirs.grad).abs().max() / theirs.grad.abs().max()
    assert error < 1e-4


def test_rescaled_layers_have_a_mean_activation_of_1_over_the_builtin_pictures(published):
    name, _ = published
    network = load(name)
    pictures = [*data.names("photo"), *data.names("painting")]
    seen = [network(images.load_image(data.path(p), size=160), network.layers) for p in pictures]
    for layer in network.layers:
        mean = sum(float(features[layer].mean()) for features in seen) / len(seen)
        assert 0.8 < mean < 1.25, layer  # those of load_network are squares, of the same pictures


def test_rescaling_changes_numbers_by_one_factor_per_layer(published, photo):
    name, _ = published
    plain, rescaled = load(name, rescaled=False), load(name)
    before, after = plain(photo, plain.layers), rescaled(photo, plain.layers)
    for layer in plain.layers:
        factor = float(after[layer].sum() / before[layer].sum())
        torch.testing.assert_close(
            after[layer], before[layer] * factor, rtol=1e-3, atol=1e-4 * float(after[layer].max())
        )


def test_the_smallest_image_of_a_layer_works_and_one_pixel_less_is_refused(published):
    name, _ = published
    network = load(name, rescaled=False)
    for layer in (network.layers[0], network.layers[len(network.layers) // 2], network.layers[-1]):
        smallest = next(side for side in range(1, 64) if works(network, side, layer))
        assert network(torch.rand(1, 3, smallest, 70), [layer])[layer].numel() > 0
        for side in range(1, smallest):
            with pytest.raises(ValueError, match=f"{layer}; each side needs at least {smallest} p"):
                network(torch.rand(1, 3, side, 70), [layer])


def works(network, side, layer):
    try:
        network(torch.rand(1, 3, side, 70), [layer])
    except ValueError:
        return False
    return True


def test_an_unknown_layer_is_answered_with_the_networks_own_choices(published, photo):
    name, _ = published
    network, names = load(name, rescaled=False), checkpoints.layers(name)
    with pytest.raises(ValueError, match=f"'relu9'.*{names[0]} ... {names[-1]}"):
        network(photo, ["relu9"])


def test_the_three_recipes_run_with_their_default_layers(published, photo):
    name, _ = published
    network, run = load(name), {"iterations": 1, "evaluations": 3, "progress": False}
    painting = photo.flip(3)
    for result in (
        recipes.reconstruct_content(photo, network=network, **run),
        recipes.reconstruct_style(painting, network=network, **run),
        recipes.transfer(photo, painting, network=network, start="noise", **run),
    ):
        first, last = (sum(terms.values()) for terms in (result.history[0], result.history[-1]))
        assert last < first


@pytest.mark.parametrize("name", checkpoints.NAMES)
def test_what_is_downloaded_is_torchvisions_file_with_its_normalization(name):
    published, enum = pretrained.downloaded(name), ENUMS[name]
    mean, std = pretrained.NORMALIZATIONS[published.normalization]
    assert published.url == enum.url
    assert published.file.rpartition("-")[2].removesuffix(".pth") in published.checksum
    assert tuple(enum.transforms().mean) == pytest.approx(mean)
    assert tuple(enum.transforms().std) == pytest.approx(std)
    assert published.megabytes == pytest.approx(enum.meta["_file_size"] * 2**20 / 1e6, abs=1)


def test_networks_that_ship_with_nstlib_take_no_weights_file():
    with pytest.raises(ValueError, match="'pocket' takes no weights; vgg16, vgg19, squeezenet1_1"):
        load_network("pocket", weights="some.pth")


def test_style_weights_make_up_for_the_width(published, photo):
    name, _ = published
    network, run = load(name), {"iterations": 1, "evaluations": 1, "progress": False}
    given = recipes.transfer(photo, photo.flip(2), network=network, style_weight=1.0, **run)
    default = recipes.transfer(photo, photo.flip(2), network=network, **run)
    ratio = default.history[0]["style"] / given.history[0]["style"]
    assert ratio == pytest.approx(recipes.STYLE_WEIGHT * 16, rel=1e-3)
