"""The measures of benchmarks/pocket.py, on images whose answer is known."""

import pytest
import torch

from benchmarks import pocket


def test_share_is_0_for_the_target_and_1_for_nothing():
    target = torch.tensor([3.0, 4.0])
    assert pocket.share(target, target) == 0
    assert pocket.share(torch.zeros(2), target) == 1


def test_grain_is_0_on_a_ramp_and_known_on_a_chequerboard():
    ramp = torch.linspace(0, 1, 16).expand(1, 3, 16, 16)
    assert pocket.grain(ramp) == pytest.approx(0, abs=1e-6)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    board = ((rows + columns) % 2).float().expand(1, 3, 16, 16)
    assert pocket.grain(board) == pytest.approx(8**0.5)  # 2 each way, squared, summed, rooted


def test_frame_is_1_for_even_grain_and_more_for_a_rough_border():
    noise = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert pocket.frame(noise) == pytest.approx(1, abs=0.05)
    calm = noise.clone()
    calm[:, :, 6:-6, 6:-6] = 0.5 + 0.1 * noise[:, :, 6:-6, 6:-6]
    assert pocket.frame(calm) > 3


def test_a_networks_own_optimum_is_judged_best_by_itself(network, photo):
    painting = photo.flip(2).roll(1, 1)
    objective = pocket.transfer_losses(network, photo, painting)
    start = objective(photo)
    assert float(start["content"]) == 0
    judged = pocket.judged(network, photo, painting, photo)
    assert judged["style"] == pytest.approx(float(start["style"]), rel=1e-4)
    assert judged["style"] > 0.01
