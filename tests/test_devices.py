import re

import pytest
import torch

from nstlib import devices
from nstlib.features import load_network


@pytest.fixture
def machine(monkeypatch):
    def has(*, cuda=False, mps=False):
        monkeypatch.delenv("NSTLIB_DEVICE", raising=False)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: int(cuda))
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return has


def test_cuda_is_chosen_where_it_works(machine, monkeypatch):
    machine(cuda=True)
    asked, zeros = [], torch.zeros
    monkeypatch.setattr(torch, "zeros", lambda *s, device: asked.append(device) or zeros(*s))
    assert devices.device() == torch.device("cuda")
    assert asked == ["cuda"]


def test_a_card_that_torch_cannot_use_is_passed_over_with_a_warning(machine, monkeypatch):
    machine(cuda=True)

    def fail(*shape, device):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(torch, "zeros", fail)
    with pytest.warns(UserWarning, match="CUDA cannot be used.*no kernel image"):
        assert devices.device() == torch.device("cpu")


def test_mps_must_be_asked_for(machine, monkeypatch):
    machine(mps=True)
    assert devices.device() == torch.device("cpu")
    assert devices.device("mps") == torch.device("mps")
    monkeypatch.setenv("NSTLIB_DEVICE", "mps")
    assert devices.device() == torch.device("mps")


def test_a_device_that_is_not_there_is_refused(machine):
    machine()
    for name in ("cuda", "cuda:1", "mps"):
        with pytest.raises(ValueError, match=f"no {name} device; cpu would do"):
            load_network(device=name)


@pytest.mark.parametrize("name", ["gpu9", "meta", ""])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(ValueError, match=f"no device '{name}'; choose cpu, cuda or mps"):
        load_network(device=name)


def test_the_cpu_can_be_chosen_where_something_better_is_there(machine):
    machine(cuda=True)
    assert load_network(device="cpu").scale.device.type == "cpu"


def test_a_run_that_does_not_fit_is_refused_with_the_size_that_fits(monkeypatch):
    network, layers = load_network(device="cpu"), ["block5_conv1"]
    monkeypatch.setattr(devices, "free_memory", lambda device: 200_000_000)
    with pytest.raises(MemoryError, match=r"1500x2000 px needs about .* GB with pocket") as caught:
        network.check_memory((1, 3, 1500, 2000), layers)
    fitting = int(re.search(r"a longer side of (\d+) px would fit", str(caught.value))[1])
    assert 300 < fitting < 2000
    network.check_memory((1, 3, fitting * 3 // 4, fitting), layers)
    with pytest.raises(MemoryError):
        network.check_memory((1, 3, fitting * 9 // 8, fitting * 3 // 2), layers)


def test_the_network_itself_refuses_before_it_computes(monkeypatch):
    network = load_network(device="cpu")
    monkeypatch.setattr(devices, "free_memory", lambda device: 1_000_000)
    monkeypatch.setattr(torch.nn.functional, "conv2d", lambda *a: pytest.fail("it computed"))
    with pytest.raises(MemoryError, match="128x128 px"):
        network(torch.rand(1, 3, 128, 128, requires_grad=True), ["block1_conv1"])


def test_features_alone_need_less_memory_than_their_way_back():
    network = load_network(device="cpu")
    needs = [network.memory((1, 3, 256, 256), network.layers, gradient=g) for g in (False, True)]
    assert needs[0] < needs[1] < 20 * needs[0]


def test_memory_grows_with_the_pixels_and_the_batch():
    network = load_network(device="cpu")
    small, large, both = (
        network.memory(shape, ["block3_conv1"], gradient=True)
        for shape in ((1, 3, 64, 64), (1, 3, 128, 128), (2, 3, 128, 128))
    )
    assert large == 4 * small
    assert both == 2 * large


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000\ninactive_file 400000\n")
    monkeypatch.setattr(devices, "CGROUP", tmp_path)
    assert devices.free_memory(torch.device("cpu")) == 2_400_000


@pytest.mark.parametrize("limit", ["max\n", None])
def test_without_a_containers_limit_the_systems_free_memory_counts(tmp_path, monkeypatch, limit):
    if limit:
        (tmp_path / "memory.max").write_text(limit)
    monkeypatch.setattr(devices, "CGROUP", tmp_path)
    free = devices.free_memory(torch.device("cpu"))
    assert 1e8 < free < 1e14


def test_after_helpers_were_let_go_computing_goes_on_as_before():
    image = torch.rand(1, 16, 200, 200)
    weight = torch.rand(16, 16, 3, 3)
    before = torch.nn.functional.conv2d(image, weight)
    devices.release_threads()
    assert torch.equal(torch.nn.functional.conv2d(image, weight), before)


def test_where_there_is_no_gnu_openmp_nothing_is_let_go(monkeypatch):
    def missing(name, mode):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(devices.ctypes, "CDLL", missing)
    devices.release_threads()
