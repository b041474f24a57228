import math

import numpy as np
import pytest
import torch

from nstlib.losses import content_loss, gram_matrix, style_loss, total_variation


def doubles(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def trainable(*shape: int, seed: int = 0) -> torch.Tensor:
    return doubles(*shape, seed=seed).requires_grad_()


def test_content_loss_of_a_small_example_by_hand():
    features = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 2, 2)
    target = torch.tensor([1.0, 0.0, 3.0, 1.0]).reshape(1, 1, 2, 2)
    assert content_loss(features, target).item() == (0 + 4 + 0 + 9) / 4


def test_content_loss_refuses_shapes_that_differ_even_if_they_broadcast():
    with pytest.raises(ValueError, match=r"\(1, 2, 3, 3\).*\(1, 2, 1, 3\).*same size"):
        content_loss(torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 1, 3))


def test_gram_matrix_of_two_channels_by_hand():
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [-1.0, 2.0]]])[None]
    products = torch.tensor([[1 + 4 + 9 + 16.0, 2 - 3 + 8.0], [2 - 3 + 8.0, 1 + 1 + 4.0]])
    assert torch.equal(gram_matrix(features), products[None] / 8)


def test_gram_matrix_is_symmetric_and_positive():
    gram = gram_matrix(doubles(1, 6, 5, 7))[0]
    torch.testing.assert_close(gram, gram.T, rtol=1e-12, atol=0)
    assert torch.linalg.eigvalsh(gram).min() > 0


def test_gram_matrix_forgets_positions():
    features = doubles(1, 4, 6, 5)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    shuffled = features.flatten(2)[..., order].reshape(1, 4, 5, 6)
    assert not torch.equal(shuffled.flatten(), features.flatten())
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features), rtol=1e-12, atol=1e-14)


def test_gram_matrix_keeps_the_images_of_a_batch_apart():
    features = doubles(3, 4, 5, 6)
    alone = torch.cat([gram_matrix(image[None]) for image in features])
    torch.testing.assert_close(gram_matrix(features), alone, rtol=1e-12, atol=1e-14)


def test_gram_matrix_is_independent_of_the_image_size():
    features = doubles(1, 4, 5, 6)
    torch.testing.assert_close(gram_matrix(features.tile(1, 1, 2, 3)), gram_matrix(features))


def test_gram_matrix_refuses_features_without_batch():
    with pytest.raises(ValueError, match=r"\(B, C, H, W\).*\(4, 5, 6\)"):
        gram_matrix(torch.zeros(4, 5, 6))


def guide(*sides: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 1, *sides, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("value", [1.0, 0.3])
def test_a_guide_that_lets_everything_in_alike_changes_nothing(value):
    features = doubles(2, 4, 5, 6)
    guided = gram_matrix(features, torch.full((1, 1, 5, 6), value, dtype=torch.float64))
    torch.testing.assert_close(guided, gram_matrix(features), rtol=1e-12, atol=1e-15)


def test_a_guide_of_zeros_and_ones_selects_positions():
    features, chosen = doubles(1, 4, 5, 6), guide(5, 6) > 0.6
    inside = features[0].flatten(1).numpy()[:, chosen.flatten().numpy()]
    expected = inside @ inside.T / inside.size
    found = gram_matrix(features, chosen.double())[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_guided_gram_matrix_weighs_positions_by_the_guide():
    features, weights = doubles(2, 3, 4, 5), guide(4, 5)
    expected = torch.einsum("bchw,bdhw,hw->bcd", features, features, weights[0, 0])
    expected = expected / (3 * weights.sum())
    torch.testing.assert_close(gram_matrix(features, weights), expected, rtol=1e-12, atol=1e-15)


def test_what_lies_outside_the_guide_does_not_count():
    features, weights = doubles(1, 3, 4, 6), guide(4, 6)
    weights[..., 3:] = 0
    other = torch.cat([features[..., :3], 100 * features[..., 3:]], 3)
    assert torch.equal(gram_matrix(other, weights), gram_matrix(features, weights))


def test_a_guide_pulls_only_where_it_lets_in():
    features, weights = trainable(1, 3, 4, 6), guide(4, 6)
    weights[..., 3:] = 0
    gram_matrix(features, weights).square().sum().backward()
    assert features.grad[..., 3:].abs().max() == 0
    assert features.grad[..., :3].abs().min() > 0


def test_gradient_of_the_guided_gram_matrix_matches_finite_differences():
    weights = guide(3, 4)
    weights[..., 0, 0] = 0
    assert torch.autograd.gradcheck(lambda x: gram_matrix(x, weights), trainable(2, 3, 3, 4))


@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (5, 6), (1, 3, 5, 6), (2, 1, 5, 6)])
def test_gram_matrix_refuses_a_guide_of_another_size(shape):
    with pytest.raises(ValueError, match=r"the guide.*does not fit.*scale the mask"):
        gram_matrix(doubles(2, 3, 5, 6), torch.ones(shape))


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_gram_matrix_refuses_a_guide_that_lets_nothing_in(value):
    with pytest.raises(ValueError, match="let something in"):
        gram_matrix(doubles(1, 3, 5, 6), torch.full((1, 1, 5, 6), value))


def test_style_loss_guides_the_layers_that_have_a_guide():
    features = {"a": doubles(1, 2, 3, 4), "b": doubles(1, 2, 2, 2, seed=1)}
    targets = {"a": gram_matrix(doubles(1, 2, 3, 3)), "b": gram_matrix(doubles(1, 2, 3, 3))}
    guided = style_loss(features, targets, None, {"a": guide(3, 4)})
    difference = gram_matrix(features["a"], guide(3, 4)) - targets["a"]
    rest = style_loss(features, {"b": targets["b"]})
    torch.testing.assert_close(guided, difference.square().mean() + rest)


def test_gradient_of_the_guided_style_loss_matches_finite_differences():
    targets = {"a": gram_matrix(doubles(1, 2, 3, 4, seed=2))}

    def loss(features):
        return style_loss({"a": features}, targets, None, {"a": guide(3, 4)})

    assert torch.autograd.gradcheck(loss, trainable(1, 2, 3, 4))


def test_style_loss_by_hand():
    features = {"a": torch.full((1, 1, 1, 2), 2.0), "b": torch.full((1, 1, 2, 2), 3.0)}
    targets = {"a": torch.full((1, 1, 1), 1.0), "b": torch.full((1, 1, 1), 4.0)}
    assert style_loss(features, targets).item() == (4 - 1) ** 2 + (9 - 4) ** 2
    assert style_loss(features, targets, {"a": 0.5, "b": 2.0}).item() == 0.5 * 9 + 2 * 25


def test_style_loss_counts_only_the_layers_of_its_targets():
    features = {"a": doubles(1, 2, 3, 3), "b": doubles(1, 2, 3, 3, seed=1)}
    targets = {"a": torch.zeros(1, 2, 2, dtype=torch.float64)}
    assert style_loss(features, targets) == style_loss({"a": features["a"]}, targets)


def test_style_loss_of_a_batch_is_the_mean_over_its_images():
    features, targets = doubles(3, 2, 4, 4), gram_matrix(doubles(3, 2, 4, 4, seed=1))
    alone = [style_loss({"a": features[i : i + 1]}, {"a": targets[i : i + 1]}) for i in range(3)]
    torch.testing.assert_close(style_loss({"a": features}, {"a": targets}), sum(alone) / 3)


def test_style_loss_refuses_empty_targets():
    with pytest.raises(ValueError, match="at least one layer"):
        style_loss({"a": doubles(1, 2, 3, 3)}, {})


def test_style_loss_names_the_layer_without_features():
    with pytest.raises(ValueError, match="'b'"):
        style_loss({"a": doubles(1, 2, 3, 3)}, {"b": torch.zeros(1, 2, 2)})


@pytest.mark.parametrize("weights", [{}, {"b": 1.0}])
def test_style_loss_names_the_layer_without_weight(weights):
    with pytest.raises(ValueError, match="'a'"):
        style_loss({"a": doubles(1, 2, 3, 3)}, {"a": torch.zeros(1, 2, 2)}, weights)


@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (2, 1, 5, 4)])
def test_total_variation_of_a_constant_image_is_zero(shape):
    assert total_variation(torch.full(shape, 0.7)).item() == 0


def test_total_variation_by_hand():
    image = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0]]).reshape(1, 1, 2, 3)
    rows, columns = (4 + 1 + 1) / 3, (1 + 4 + 0 + 0) / 4
    assert math.isclose(total_variation(image).item(), rows + columns, rel_tol=1e-6)


def test_gradient_of_the_content_loss_matches_finite_differences():
    target = doubles(1, 2, 3, 4, seed=1)
    assert torch.autograd.gradcheck(lambda x: content_loss(x, target), trainable(1, 2, 3, 4))


def test_gradient_of_the_style_loss_matches_finite_differences():
    targets = {"a": gram_matrix(doubles(1, 2, 3, 4, seed=2)), "b": gram_matrix(doubles(1, 3, 2, 2))}
    weights = {"a": 0.3, "b": 2.0}

    def loss(a, b):
        return style_loss({"a": a, "b": b}, targets, weights)

    assert torch.autograd.gradcheck(loss, (trainable(1, 2, 3, 4), trainable(1, 3, 2, 2, seed=3)))


def test_gradient_of_the_total_variation_matches_finite_differences():
    assert torch.autograd.gradcheck(total_variation, trainable(1, 2, 4, 3))


OTHERS = {  # the table in chapter 3: style loss of a layer from FFᵀ - AAᵀ, and the factor to ours
    "Gatys 2016": (lambda d, c, n, s: d.pow(2).sum() / (4 * c**2 * n**2), lambda c, n, s: c**2 / 4),
    "TensorFlow": (lambda d, c, n, s: (d / n).pow(2).mean(), lambda c, n, s: c**2),
    "CS231n": (lambda d, c, n, s: (d / (c * n)).pow(2).sum(), lambda c, n, s: c**2),
    "PyTorch": (lambda d, c, n, s: (d / (c * n)).pow(2).mean(), lambda c, n, s: 1),
    "Keras": (
        lambda d, c, n, s: d.pow(2).sum() / (4 * 3**2 * s**2),
        lambda c, n, s: c**4 * n**2 / (36 * s**2),
    ),
}


@pytest.mark.parametrize("tutorial", OTHERS)
def test_other_tutorials_style_losses_are_ours_times_a_factor(tutorial):
    loss, factor = OTHERS[tutorial]
    generator = torch.Generator().manual_seed(3)
    f, a = torch.rand(2, 1, 6, 4, 5, generator=generator)
    ours = style_loss({"layer": f}, {"layer": gram_matrix(a)})
    rows, others = f[0].flatten(1), a[0].flatten(1)
    theirs = loss(rows @ rows.T - others @ others.T, 6, 20, 80)
    torch.testing.assert_close(theirs, ours * factor(6, 20, 80))
