import hashlib
import io
import os
import pickle
import re
import shutil
import subprocess
import sys
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import h5py
import pytest
import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import save_file

from nstlib import checkpoints, downloads, pretrained
from nstlib.__main__ import main

SMALL = "squeezenet1_1"
READ_ONLY_IS_IGNORED = hasattr(os, "geteuid") and os.geteuid() == 0
ON_THE_WEB, IN_TORCH = 1, 2  # seeds of the two published files of SMALL


@cache
def shapes_of(network):
    """Ask torchvision for the names and shapes of a network's convolutions."""
    with torch.device("meta"):
        state = getattr(torchvision.models, network)(weights=None).state_dict()
    return {name: tuple(v.shape) for name, v in state.items() if name.startswith("features")}


@cache
def tensors_of(network, seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = shapes_of(network).values()
    return tuple(0.01 * torch.randn(shape, generator=generator) for shape in shapes)


def state_of(network=SMALL, seed=0):
    """Make a state dict as torchvision's, whose classifier must be ignored."""
    state = dict(zip(shapes_of(network), tensors_of(network, seed), strict=True))
    return state | {"classifier.0.weight": torch.full((2, 3), torch.nan)}


def expected(network=SMALL, seed=0):
    return dict(zip(checkpoints.shapes(network), tensors_of(network, seed), strict=True))


def pth(content, *, old=True):
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


@cache
def original(seed=0, network=SMALL):
    """Make a file as torchvision's, in the old form that the real VGG files have."""
    return pth(state_of(network, seed))


def write(file, content):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def own_file(file, seed, network=SMALL):
    weights = pretrained.Weights(network, expected(network, seed), "imagenet", f"seed {seed}")
    pretrained.save(weights, file)
    return file


def write_keras(file, network, *, kernel, bias):
    """Write VGG's weights as Keras does: (H, W, in, out), the first kernel for BGR."""
    tensors = expected(network)
    with h5py.File(file, "w") as content:
        for layer in checkpoints.layers(network):
            weight = tensors[f"{layer}.weight"]
            weight = weight[:, [2, 1, 0]] if layer == "block1_conv1" else weight
            content[kernel.format(layer)] = weight.permute(2, 3, 1, 0).numpy()
            content[bias.format(layer)] = tensors[f"{layer}.bias"].numpy()
        content.create_group("block1_pool")
        content.attrs["layer_names"] = [layer.encode() for layer in checkpoints.layers(network)]
    return file


def same(found, wanted):
    return list(found) == list(wanted) and all(torch.equal(found[n], wanted[n]) for n in wanted)


def holds(weights, seed, network=SMALL):
    return weights.network == network and same(weights.tensors, expected(network, seed))


def entry(web, file, content, network=SMALL, normalization="imagenet"):
    checksum = "sha256:" + hashlib.sha256(content).hexdigest()
    return pretrained.Published(network, file, web.address + file, checksum, normalization, 5)


def publish(monkeypatch, *entries):
    monkeypatch.setattr(pretrained, "PUBLISHED", entries)


@pytest.fixture(autouse=True)
def web(tmp_path, monkeypatch):
    """Publish two files of SMALL on a server of our own; no test sees the real home or net."""
    files, requests = {"on_the_web.pth": original(ON_THE_WEB)}, []
    served = SimpleNamespace(files=files, requests=requests, seconds=0.0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path[1:])
            content = files.get(self.path[1:])
            if content is None:
                return self.send_error(404)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for part in range(10):
                first, last = (len(content) * n // 10 for n in (part, part + 1))
                self.wfile.write(content[first:last])
                time.sleep(served.seconds / 10)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}/"
    publish(
        monkeypatch,
        entry(served, "on_the_web.pth", original(ON_THE_WEB)),
        entry(served, "in_torch.pth", original(IN_TORCH)),
        entry(served, "no_such_vgg16.pth", b"none", "vgg16"),
        entry(served, "no_such_vgg19.pth", b"none", "vgg19"),
    )
    for name, place in {"NSTLIB_CACHE": "cache", "TORCH_HOME": "torch", "HOME": "home"}.items():
        monkeypatch.setenv(name, str(tmp_path / place))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("NSTLIB_WEIGHTS", raising=False)
    monkeypatch.delenv("TORCH_HUB", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(downloads, "WAIT", 0.0)
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
    shutil.rmtree(tmp_path)  # dozens of megabytes


@pytest.fixture
def cached(tmp_path):
    """Name the file of SMALL in nstlib's cache."""
    return tmp_path / "cache" / "weights" / f"{SMALL}.safetensors"


@pytest.fixture
def in_torch(tmp_path):
    """Name the published file of SMALL that is looked for in torch's cache."""
    return tmp_path / "torch" / "hub" / "checkpoints" / "in_torch.pth"


@pytest.fixture(scope="session")
def vgg16_files(tmp_path_factory):
    """Make one set of weights of VGG-16 as torchvision and as Keras publish them."""
    folder = tmp_path_factory.mktemp("vgg16")
    named = {"kernel": "{0}/{0}_W_1:0", "bias": "{0}/{0}_b_1:0"}
    nested = {"kernel": "{0}/{0}/kernel:0", "bias": "{0}/{0}/bias:0"}
    yield {
        "torchvision": write(folder / "vgg16.pth", original(network="vgg16")),
        "keras": write_keras(folder / "vgg16.h5", "vgg16", **named),
        "newer keras": write_keras(folder / "newer.h5", "vgg16", **nested),
    }
    shutil.rmtree(folder)


# Names and shapes


def test_layers_are_listed_shallow_to_deep():
    assert checkpoints.layers(SMALL) == ("conv1", *(f"fire{n}" for n in range(2, 10)))
    assert checkpoints.layers("vgg16")[:3] == ("block1_conv1", "block1_conv2", "block2_conv1")
    assert checkpoints.layers("vgg16")[-1] == "block5_conv3"
    assert checkpoints.layers("vgg19")[-2:] == ("block5_conv3", "block5_conv4")
    assert [len(checkpoints.layers(name)) for name in ("vgg16", "vgg19")] == [13, 16]


@pytest.mark.parametrize("network", checkpoints.NAMES)
def test_shapes_are_torchvisions(network):
    assert list(checkpoints.shapes(network).values()) == list(shapes_of(network).values())


@pytest.mark.parametrize(
    "function",
    [
        checkpoints.layers,
        checkpoints.shapes,
        pretrained.load,
        pretrained.find,
        pretrained.downloaded,
    ],
)
def test_an_unknown_network_is_answered_with_the_choices(function, web):
    with pytest.raises(ValueError, match="'vgg11'.*vgg16, vgg19, squeezenet1_1"):
        function("vgg11")
    assert web.requests == []


@pytest.mark.parametrize(
    ("network", "theirs", "ours"),
    [
        ("vgg16", "features.0.weight", "block1_conv1.weight"),
        ("vgg16", "features.14.bias", "block3_conv3.bias"),
        ("vgg16", "features.28.weight", "block5_conv3.weight"),
        ("vgg19", "features.16.weight", "block3_conv4.weight"),
        ("vgg19", "features.19.bias", "block4_conv1.bias"),
        ("vgg19", "features.34.weight", "block5_conv4.weight"),
        (SMALL, "features.0.bias", "conv1.bias"),
        (SMALL, "features.3.squeeze.weight", "fire2.squeeze.weight"),
        (SMALL, "features.7.expand1x1.bias", "fire5.expand1x1.bias"),
        (SMALL, "features.12.expand3x3.weight", "fire9.expand3x3.weight"),
    ],
)
def test_torchvisions_names_become_ours(network, theirs, ours):
    names = dict(zip(shapes_of(network), checkpoints.shapes(network), strict=True))
    assert names[theirs] == ours


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("network", checkpoints.NAMES)
def test_torchvisions_file_is_read_with_our_names(tmp_path, network, old):
    file = write(tmp_path / "some.pth", pth(state_of(network), old=old))
    weights = pretrained.read(file, normalization="caffe")
    assert holds(weights, 0, network)
    assert weights.normalization == "caffe"
    assert weights.source == f"some.pth sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def test_parameters_half_precision_and_other_memory_formats_become_plain_tensors(tmp_path, cached):
    state = state_of()
    first, second = "features.0.weight", "features.3.squeeze.weight"
    state[first] = torch.nn.Parameter(state[first].contiguous(memory_format=torch.channels_last))
    state[second] = state[second].half()
    file = write(tmp_path / "some.pth", pth(state))
    tensors = pretrained.import_file(file, normalization="imagenet").tensors
    assert not any(tensor.requires_grad for tensor in tensors.values())
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    wanted = expected() | {"fire2.squeeze.weight": state[second].float()}
    assert same(tensors, wanted)
    assert same(pretrained.read(cached).tensors, wanted)


# Keras


@pytest.mark.parametrize("form", ["keras", "newer keras"])
def test_keras_weights_equal_torchvisions(vgg16_files, form):
    found = pretrained.read(vgg16_files[form], normalization="keras").tensors
    wanted = pretrained.read(vgg16_files["torchvision"], normalization="imagenet").tensors
    assert same(found, wanted)
    assert same(found, expected("vgg16"))


def test_keras_published_file_is_known_by_its_md5(vgg16_files, monkeypatch):
    checksum = "md5:" + hashlib.md5(vgg16_files["keras"].read_bytes()).hexdigest()
    known = pretrained.Published("vgg16", "name.h5", "http://x.invalid", checksum, "keras", 59)
    publish(monkeypatch, known)
    weights = pretrained.read(vgg16_files["keras"])
    assert (weights.network, weights.normalization) == ("vgg16", "keras")


def test_without_h5py_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match="pip install h5py"):
        pretrained.read(write(tmp_path / "some.h5", b"x"), normalization="keras")


def text_for_keras(file):
    file.write_text("<html>Please log in</html>")


def truncated_keras(file):
    with h5py.File(file, "w") as content:
        content["block1_conv1/block1_conv1_b_1:0"] = torch.zeros(64).numpy()
    file.write_bytes(file.read_bytes()[:-100])


def words_in_keras(file):
    with h5py.File(file, "w") as content:
        content["block1_conv1/block1_conv1_b_1:0"] = b"words"


@pytest.mark.parametrize("make", [text_for_keras, truncated_keras, words_in_keras])
def test_a_damaged_keras_file_is_named(tmp_path, make):
    make(tmp_path / "some.h5")
    with pytest.raises(ValueError, match="some.h5' is damaged or no HDF5 file: "):
        pretrained.read(tmp_path / "some.h5", normalization="keras")


def test_a_keras_file_of_another_network_holds_none(tmp_path):
    with h5py.File(tmp_path / "some.h5", "w") as content:
        content["conv_1/kernel:0"] = torch.zeros(3, 3, 3, 8).numpy()
    with pytest.raises(ValueError, match="some.h5' holds none of vgg16, vgg19, squeezenet1_1"):
        pretrained.read(tmp_path / "some.h5", normalization="keras")


# The order of places

PLACES = ("given", "file", "folder", "cache", "torch", "web")


def fill(place, tmp_path, monkeypatch):
    """Put weights in a place; return their seed and what `load` is to be told."""
    seed = 10 + PLACES.index(place)
    if place == "given":
        return seed, own_file(tmp_path / "given" / "any.safetensors", seed)
    if place == "file":
        file = own_file(tmp_path / "single" / f"{SMALL}.safetensors", seed)
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(file))
    elif place == "folder":
        folder = own_file(tmp_path / "folder" / f"{SMALL}.safetensors", seed).parent
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(folder))
    elif place == "cache":
        own_file(pretrained.cache_path(SMALL), seed)
    elif place == "torch":
        seed = IN_TORCH
        write(tmp_path / "torch" / "hub" / "checkpoints" / "in_torch.pth", original(seed))
    else:
        seed = ON_THE_WEB
    return seed, None


@pytest.mark.parametrize("place", PLACES)
def test_the_first_place_that_has_weights_is_taken(tmp_path, monkeypatch, web, place):
    for later in reversed(PLACES[PLACES.index(place) :]):
        seed, given = fill(later, tmp_path, monkeypatch)
    assert holds(pretrained.load(SMALL, given, progress=False), seed)
    assert len(web.requests) == (1 if place == "web" else 0)


@pytest.mark.parametrize("place", PLACES)
def test_find_names_the_file_that_load_would_take(tmp_path, monkeypatch, place):
    for later in reversed(PLACES[max(1, PLACES.index(place)) :]):
        fill(later, tmp_path, monkeypatch)
    file = pretrained.find(SMALL)
    wanted = {"folder": "folder", "cache": "weights", "torch": "checkpoints", "web": None}
    assert (file and file.parent.name) == wanted.get(place, "single")


def test_torchs_folder_may_be_chosen_in_python(tmp_path):
    torch.hub.set_dir(str(tmp_path / "elsewhere"))
    write(tmp_path / "elsewhere" / "checkpoints" / "in_torch.pth", original(IN_TORCH))
    assert holds(pretrained.load(SMALL), IN_TORCH)


@pytest.mark.parametrize("name", ["on_the_web.pth", "in_torch.pth"])
def test_a_published_file_is_found_in_the_given_folder_or_as_the_given_file(
    tmp_path, monkeypatch, web, name
):
    seed = {"on_the_web.pth": ON_THE_WEB, "in_torch.pth": IN_TORCH}[name]
    file = write(tmp_path / "stick" / name, original(seed))
    for place in (file, file.parent):
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(place))
        assert holds(pretrained.load(SMALL), seed)
    assert web.requests == []


def test_a_given_place_with_another_network_is_passed_by(tmp_path, monkeypatch, web):
    file = own_file(tmp_path / "stick" / f"{SMALL}.safetensors", 0)
    for place in (file, file.parent):
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(place))
        with pytest.raises(ConnectionError):
            pretrained.load("vgg19", progress=False)
    assert set(web.requests) == {"no_such_vgg19.pth"}


@pytest.mark.parametrize("function", [pretrained.load, pretrained.find])
def test_a_given_place_that_does_not_exist_is_named(tmp_path, monkeypatch, web, function):
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError, match="NSTLIB_WEIGHTS names .*gone'"):
        function(SMALL)
    assert web.requests == []


def test_a_given_file_that_does_not_exist_is_named(tmp_path, web):
    with pytest.raises(FileNotFoundError, match="no file .*gone.pth'"):
        pretrained.load(SMALL, tmp_path / "gone.pth")
    assert web.requests == []


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    own_file(tmp_path / "home" / f"{SMALL}.safetensors", 3)
    monkeypatch.setenv("NSTLIB_WEIGHTS", "~")
    assert holds(pretrained.load(SMALL), 3)
    assert holds(pretrained.load(SMALL, f"~/{SMALL}.safetensors"), 3)


# What is kept


def test_a_download_is_kept_reduced_and_the_second_load_asks_nobody(web, cached):
    first = pretrained.load(SMALL, progress=False)
    second = pretrained.load(SMALL)
    assert web.requests == ["on_the_web.pth"]
    assert holds(second, ON_THE_WEB)
    assert (second.source, second.normalization) == (first.source, first.normalization)
    assert second.source.startswith("on_the_web.pth sha256:")
    left = [file.name for file in cached.parent.iterdir() if file.suffix != ".lock"]
    assert left == [cached.name]


def test_what_torchs_cache_has_is_kept_reduced_and_torchs_file_stays(in_torch, cached, web):
    write(in_torch, original(IN_TORCH))
    pretrained.load(SMALL)
    assert holds(pretrained.read(cached), IN_TORCH)
    assert in_torch.read_bytes() == original(IN_TORCH)
    in_torch.unlink()
    assert holds(pretrained.load(SMALL), IN_TORCH)
    assert web.requests == []


def test_a_given_file_is_not_kept(tmp_path, monkeypatch, cached):
    file = own_file(tmp_path / "stick" / f"{SMALL}.safetensors", 0)
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(file))
    pretrained.load(SMALL)
    pretrained.load(SMALL, file)
    assert not cached.exists()


def test_an_import_replaces_what_is_in_the_cache(tmp_path, cached):
    own_file(cached, 0)
    file = write(tmp_path / "stick.pth", original(IN_TORCH))
    assert holds(pretrained.import_file(file), IN_TORCH)
    assert holds(pretrained.load(SMALL), IN_TORCH)
    assert file.exists()


def test_a_failed_save_leaves_nothing(tmp_path):
    in_the_way = tmp_path / "folder" / "own.safetensors"
    in_the_way.mkdir(parents=True)
    with pytest.raises(OSError, match="own.safetensors"):
        own_file(in_the_way, 0)
    assert list((tmp_path / "folder").iterdir()) == [in_the_way]


def test_a_full_disk_is_gone_without_in_a_load_but_not_in_an_import(
    monkeypatch, capsys, in_torch, cached
):
    def refuse(*args, **kwargs):
        raise SafetensorError("No space left on device")

    write(in_torch, original(IN_TORCH))
    monkeypatch.setattr(pretrained, "save_file", refuse)
    with pytest.warns(UserWarning, match="not kept in the cache: .*No space left"):
        assert holds(pretrained.load(SMALL), IN_TORCH)
    assert main(["weights", "import", str(in_torch)]) == 2
    message = f"nstlib: cannot write {str(cached)!r}: No space left on device\n"
    assert capsys.readouterr().err == message


@pytest.mark.skipif(READ_ONLY_IS_IGNORED, reason="root may write to any folder")
def test_a_read_only_cache_is_gone_without(tmp_path, in_torch, cached):
    write(in_torch, original(IN_TORCH))
    cached.parent.mkdir(parents=True)
    cached.parent.chmod(0o500)
    try:
        with pytest.warns(UserWarning, match="not kept in the cache: .*Permission denied"):
            assert holds(pretrained.load(SMALL), IN_TORCH)
    finally:
        cached.parent.chmod(0o700)
    assert not cached.exists()


def test_a_cache_that_cannot_be_a_folder_is_gone_without(tmp_path, in_torch):
    write(in_torch, original(IN_TORCH))
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.warns(UserWarning, match="not kept in the cache"):
        assert holds(pretrained.load(SMALL), IN_TORCH)


# Downloads that fail


def test_a_wrong_download_is_an_error_and_nothing_is_kept(web, cached):
    web.files["on_the_web.pth"] = b"<html>Please log in</html>"
    found = hashlib.sha256(web.files["on_the_web.pth"]).hexdigest()
    with pytest.raises(ValueError, match=f"not the file that was published.*{found}"):
        pretrained.load(SMALL, progress=False)
    assert {file.suffix for file in cached.parent.iterdir()} <= {".lock"}


def test_a_checksum_may_be_known_by_its_first_digits_only(web, monkeypatch):
    whole = pretrained.PUBLISHED[0]
    short = pretrained.Published(
        SMALL, whole.file, whole.url, whole.checksum[: len("sha256:") + 8], "caffe", 5
    )
    publish(monkeypatch, short)
    weights = pretrained.load(SMALL, progress=False)
    assert holds(weights, ON_THE_WEB)
    assert weights.normalization == "caffe"
    web.files.clear()
    assert pretrained.load(SMALL).normalization == "caffe"


def no_such_file(web, monkeypatch):
    web.files.clear()
    return web.address


def no_server(web, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        web.address = f"http://127.0.0.1:{closed.server_port}/"
    publish(monkeypatch, entry(web, "on_the_web.pth", original(ON_THE_WEB)))
    return web.address


@pytest.mark.parametrize(("make", "reason"), [(no_such_file, "404"), (no_server, "refused")])
def test_a_download_that_cannot_be_says_how_to_go_on(web, monkeypatch, make, reason):
    address = make(web, monkeypatch)
    with pytest.raises(ConnectionError) as caught:
        pretrained.load(SMALL, progress=False)
    message = str(caught.value)
    command = "python -m nstlib weights import on_the_web.pth"
    for part in (reason, f"{address}on_the_web.pth", command, "NSTLIB_WEIGHTS", '"pocket"'):
        assert part in message, part


LOAD = """
import sys
from nstlib import pretrained
pretrained.PUBLISHED = (pretrained.Published("squeezenet1_1", *sys.argv[1:], "imagenet", 5),)
print("ready", flush=True)
sys.stdin.readline()
print(pretrained.load("squeezenet1_1", progress=False).source)
"""


def test_of_two_processes_one_downloads_and_both_get_the_weights(web, cached):
    web.seconds = 1.0
    first = pretrained.PUBLISHED[0]
    command = [sys.executable, "-c", LOAD, first.file, first.url, first.checksum]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    other = subprocess.Popen(command, text=True, env=environment, **pipes)
    try:
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        here = pretrained.load(SMALL, progress=False)
        answer = other.communicate(timeout=60)
    finally:
        other.kill()
    assert answer == (f"on_the_web.pth {first.checksum}\n", "")
    assert holds(here, ON_THE_WEB)
    assert web.requests == ["on_the_web.pth"]
    assert holds(pretrained.read(cached), ON_THE_WEB)


# Damaged files


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1000])


def change_a_byte(file):
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)


def empty(file):
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, change_a_byte, empty])
@pytest.mark.parametrize("next_place", ["torch", "web"])
def test_a_damaged_file_in_the_cache_is_passed_over_and_replaced(
    tmp_path, monkeypatch, cached, damage, next_place
):
    damage(own_file(cached, 0))
    seed, _ = fill(next_place, tmp_path, monkeypatch)
    with pytest.warns(UserWarning, match=f"passed over: .*{cached.name}' is damaged") as caught:
        assert holds(pretrained.load(SMALL, progress=False), seed)
    assert len(caught) == 1
    assert holds(pretrained.read(cached), seed)


@pytest.mark.parametrize("damage", [truncate, change_a_byte, empty])
def test_a_wrong_file_in_torchs_cache_is_passed_over_and_stays(in_torch, web, damage):
    damage(write(in_torch, original(IN_TORCH)))
    content = in_torch.read_bytes()
    with pytest.warns(UserWarning, match="passed over: .*in_torch.pth' is damaged or unknown"):
        assert holds(pretrained.load(SMALL, progress=False), ON_THE_WEB)
    assert in_torch.read_bytes() == content


def test_a_published_file_under_another_ones_name_is_taken_for_what_it_is(in_torch, web):
    write(in_torch, original(ON_THE_WEB))
    assert holds(pretrained.load(SMALL), ON_THE_WEB)
    assert web.requests == []


def test_a_file_in_torchs_cache_that_may_not_be_read_is_passed_over(in_torch, monkeypatch):
    def refuse(file, kind="sha256", read=downloads.checksum):
        if file == in_torch:
            raise PermissionError("may not be read")
        return read(file, kind)

    write(in_torch, original(IN_TORCH))
    monkeypatch.setattr(downloads, "checksum", refuse)
    with pytest.warns(UserWarning, match="passed over: may not be read"):
        assert holds(pretrained.load(SMALL, progress=False), ON_THE_WEB)


@pytest.mark.parametrize("damage", [truncate, change_a_byte, empty])
def test_a_damaged_given_file_is_an_error(tmp_path, monkeypatch, web, damage):
    file = own_file(tmp_path / f"{SMALL}.safetensors", 0)
    damage(file)
    with pytest.raises(ValueError, match=f"{file.name}' is damaged"):
        pretrained.load(SMALL, file)
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(file))
    with pytest.raises(ValueError, match=f"{file.name}' is damaged"):
        pretrained.load(SMALL)
    assert web.requests == []


def test_both_checksums_of_changed_tensors_are_named(tmp_path):
    file = own_file(tmp_path / "own.safetensors", 0)
    change_a_byte(file)
    with pytest.raises(ValueError, match="SHA-256 is [0-9a-f]{64}, it should be [0-9a-f]{64}"):
        pretrained.read(file)


def test_a_safetensors_file_of_others_is_refused(tmp_path):
    save_file(expected(), tmp_path / "other.safetensors")
    save_file(expected(), tmp_path / "about.safetensors", metadata={"network": SMALL})
    for name in ("other", "about"):
        with pytest.raises(ValueError, match=f"{name}.safetensors' was not written by .*nstlib"):
            pretrained.read(tmp_path / f"{name}.safetensors")


def test_own_files_in_half_precision_are_read_as_single(tmp_path):
    halves = {name: tensor.bfloat16() for name, tensor in expected().items()}
    pretrained.save(pretrained.Weights(SMALL, halves, "caffe", "x"), tmp_path / "own.safetensors")
    tensors = pretrained.read(tmp_path / "own.safetensors").tensors
    assert same(tensors, {name: tensor.float() for name, tensor in halves.items()})
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "vgg11"}, "no network 'vgg11'"),
        ({"normalization": "imagenette"}, "no normalization 'imagenette'"),
        ({"tensors": {"conv1.weight": torch.zeros(64, 3, 3, 3)}}, "conv1.bias is missing"),
        ({"tensors": expected() | {"conv1.bias": torch.full((64,), torch.inf)}}, "not finite"),
    ],
)
def test_own_files_are_checked_beyond_their_checksum(tmp_path, change, message):
    sound = {"network": SMALL, "tensors": expected(), "normalization": "caffe", "source": "x"}
    pretrained.save(pretrained.Weights(**sound | change), tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match=message):
        pretrained.read(tmp_path / "own.safetensors")


# Files that hold something else


def test_an_unknown_file_needs_its_normalization(tmp_path):
    file = write(tmp_path / "some.pth", original())
    digits = hashlib.sha256(original()).hexdigest()
    with pytest.raises(ValueError, match=f"some.pth' .*{digits}.*--normalization") as caught:
        pretrained.read(file)
    assert all(name in str(caught.value) for name in pretrained.NORMALIZATIONS)
    assert holds(pretrained.read(file, normalization="imagenet"), 0)
    with pytest.raises(ValueError, match="'none'; choose one of imagenet, caffe, keras"):
        pretrained.read(file, normalization="none")


def test_a_known_file_keeps_its_own_normalization(tmp_path):
    file = write(tmp_path / "some.pth", original(IN_TORCH))
    assert pretrained.read(file, normalization="caffe").normalization == "imagenet"


@pytest.mark.parametrize("form", ["own", "known", "unknown"])
def test_a_file_of_another_network_is_an_error(tmp_path, monkeypatch, web, form):
    file = tmp_path / ("vgg19.safetensors" if form == "own" else "vgg19.pth")
    if form == "own":
        own_file(file, 0)
    else:
        write(file, original(IN_TORCH if form == "known" else 0))
    normalization = "imagenet" if form == "unknown" else None
    with pytest.raises(ValueError, match="holds? (squeezenet1_1, not vgg19|vgg19: block1_conv1)"):
        pretrained.read(file, network="vgg19", normalization=normalization)
    if form != "unknown":
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(file))
        with pytest.raises(ValueError, match="holds squeezenet1_1, not vgg19"):
            pretrained.load("vgg19")
    assert web.requests == []


LAST = "features.12.expand3x3.bias"
UNSOUND = {
    "missing": (lambda value: None, "fire9.expand3x3.bias is missing, it should be .256,"),
    "shape": (lambda value: value[:9], r"fire9.expand3x3.bias is \(9,\), it should be \(256,\)"),
    "nan": (lambda value: value * torch.nan, "damaged: fire9.expand3x3.bias is not finite"),
    "infinite": (lambda value: value / 0, "damaged: fire9.expand3x3.bias is not finite"),
    "sparse": (lambda value: value.to_sparse(), "no state dict of a network"),
    "without values": (lambda value: value.to("meta"), "no state dict of a network"),
    "number": (lambda value: 1.0, "no state dict of a network"),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_unsound_tensors_are_named(tmp_path, cached, case):
    change, message = UNSOUND[case]
    state = state_of()
    state[LAST] = change(state[LAST])
    if state[LAST] is None:
        del state[LAST]
    file = write(tmp_path / "some.pth", pth(state))
    with pytest.raises(ValueError, match=message) as caught:
        pretrained.import_file(file, network=SMALL, normalization="imagenet")
    assert str(file) in str(caught.value)
    assert not cached.exists()


OTHERS = {
    "an incomplete network": {k: v for k, v in state_of().items() if k != LAST},
    "nothing": {},
    "other names": {"conv.weight": torch.zeros(2)},
    "features without a number": {"features": torch.zeros(2), "features.x.bias": torch.zeros(2)},
}


@pytest.mark.parametrize("case", OTHERS)
def test_tensors_of_no_network_are_refused(tmp_path, case):
    file = write(tmp_path / "some.pth", pth(OTHERS[case]))
    with pytest.raises(ValueError, match="some.pth' holds none of vgg16, vgg19, squeezenet1_1"):
        pretrained.read(file, normalization="imagenet")


@pytest.mark.parametrize("content", [[1, 2], {0: torch.zeros(2)}, {"a": {"b": torch.zeros(2)}}])
@pytest.mark.parametrize("old", [True, False])
def test_other_content_is_no_state_dict(tmp_path, content, old):
    file = write(tmp_path / "some.pth", pth(content, old=old))
    with pytest.raises(ValueError, match="some.pth' holds no state dict"):
        pretrained.read(file, normalization="imagenet")


@pytest.mark.parametrize("old", [True, False])
def test_no_damage_to_a_file_raises_anything_but_a_clear_error(tmp_path, old):
    whole = pth({"features.0.weight": torch.ones(2), "features.0.bias": torch.ones(3)}, old=old)
    generator = torch.Generator().manual_seed(0)
    refused = []
    for round_ in range(200):
        content = bytearray(whole)
        places = torch.randint(min(700, len(content)), (3,), generator=generator).tolist()
        for place in places:
            content[place] = (content[place] + 1 + round_) % 256
        file = write(tmp_path / "some.pth", content[: -places[0]] if round_ % 4 == 0 else content)
        try:
            checkpoints.read_torchvision(file)
        except ValueError as error:
            refused.append(str(error))
    assert len(refused) > 100
    known = ("some.pth' is damaged", "some.pth' holds no state dict")
    assert [message for message in refused if not any(part in message for part in known)] == []


# Files that would run code


class Planted:
    """Unpickled by a careless reader, it makes a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


FORMS = {
    "old": lambda planted: pth(state_of() | {LAST: planted}),
    "new": lambda planted: pth(state_of() | {LAST: planted}, old=False),
    "bare": lambda planted: pth(planted, old=False),
    "pickle": lambda planted: pickle.dumps(planted, protocol=2),
    "newer pickle": lambda planted: pickle.dumps({"features.0.weight": planted}),
}


@pytest.fixture(params=FORMS)
def planted(request, tmp_path, monkeypatch, web):
    """Make a file that would run code, published as in_torch.pth: the worst case."""
    marker = tmp_path / "marker"
    content = FORMS[request.param](Planted(marker))
    first = entry(web, "on_the_web.pth", original(ON_THE_WEB))
    publish(monkeypatch, first, entry(web, "in_torch.pth", content))
    yield SimpleNamespace(content=content, marker=marker)
    assert not marker.exists()


NOT_RUN = "is damaged or holds more than plain tensors; nothing in it was run"


@pytest.mark.parametrize("form", FORMS)
def test_a_careless_reader_would_run_the_planted_code(tmp_path, form):
    content = io.BytesIO(FORMS[form](Planted(tmp_path / "marker")))
    if "pickle" in form:
        pickle.load(content)
    else:
        torch.load(content, weights_only=False)
    assert (tmp_path / "marker").is_dir()


def test_planted_code_in_torchs_cache_is_passed_over(planted, in_torch):
    write(in_torch, planted.content)
    with pytest.warns(UserWarning, match=f"passed over: .*in_torch.pth' {NOT_RUN}"):
        assert holds(pretrained.load(SMALL, progress=False), ON_THE_WEB)
    assert in_torch.exists()


def test_planted_code_in_the_given_place_is_an_error(planted, tmp_path, monkeypatch):
    file = write(tmp_path / "stick" / "in_torch.pth", planted.content)
    for place in (file, file.parent):
        monkeypatch.setenv("NSTLIB_WEIGHTS", str(place))
        with pytest.raises(ValueError, match=f"in_torch.pth' {NOT_RUN}"):
            pretrained.load(SMALL)


def test_planted_code_in_a_given_file_is_an_error(planted, tmp_path):
    file = write(tmp_path / "some.pth", planted.content)
    with pytest.raises(ValueError, match=f"some.pth' {NOT_RUN}"):
        pretrained.load(SMALL, file)


def test_planted_code_of_unknown_checksum_is_not_even_looked_at(planted, tmp_path, monkeypatch):
    file = write(tmp_path / "some.pth", planted.content)
    publish(monkeypatch, pretrained.PUBLISHED[0])
    with pytest.raises(ValueError, match="is damaged or unknown"):
        pretrained.load(SMALL, file)


def test_planted_code_that_is_downloaded_is_an_error(planted, monkeypatch, web, cached):
    publish(monkeypatch, pretrained.PUBLISHED[1])
    web.files["in_torch.pth"] = planted.content
    with pytest.raises(ValueError, match=f"in_torch.pth' {NOT_RUN}"):
        pretrained.load(SMALL, progress=False)
    assert not cached.exists()


def test_planted_code_under_our_own_ending_is_an_error(planted, cached):
    write(cached, planted.content)
    with pytest.raises(ValueError, match=f"{cached.name}' is damaged"):
        pretrained.import_file(cached)
    with pytest.warns(UserWarning, match=f"passed over: .*{cached.name}' is damaged"):
        assert holds(pretrained.load(SMALL, progress=False), ON_THE_WEB)


def test_planted_code_is_not_imported(planted, tmp_path, capsys, cached):
    file = write(tmp_path / "some.pth", planted.content)
    for name in ("some.pth", "some.h5"):
        write(tmp_path / name, file.read_bytes())
        arguments = ["--network", SMALL, "--normalization", "imagenet"]
        assert main(["weights", "import", str(tmp_path / name), *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(f"nstlib: .*{name}' is damaged or .*\n", err)
    assert not cached.exists()


# The command line


def test_the_list_says_where_weights_are_or_how_to_get_them(capsys, cached):
    own_file(cached, 0)
    assert main(["weights", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pocket: in nstlib",
        "vgg16: not here; `weights get vgg16` downloads 5 MB",
        "vgg19: not here; `weights get vgg19` downloads 5 MB",
        f"{SMALL}: {cached}",
    ]


def test_get_downloads_once(capsys, web, cached):
    for _ in range(2):
        assert main(["weights", "get", SMALL]) == 0
        digits = hashlib.sha256(original(ON_THE_WEB)).hexdigest()
        wanted = f"{SMALL}: on_the_web.pth sha256:{digits}, normalization imagenet\n"
        assert capsys.readouterr().out == wanted
    assert web.requests == ["on_the_web.pth"]
    assert holds(pretrained.read(cached), ON_THE_WEB)


def test_a_get_that_fails_is_a_line_of_reason_and_one_of_advice(capsys, web):
    assert main(["weights", "get", "vgg16"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    reason, advice = err.splitlines()
    address = f"{web.address}no_such_vgg16.pth"
    assert reason.startswith(f"nstlib: could not download {address}: the server answered 404")
    assert "weights import no_such_vgg16.pth" in advice


def test_import_brings_a_published_file_into_the_cache(tmp_path, capsys, cached, web):
    file = write(tmp_path / "stick" / "renamed.pth", original(IN_TORCH))
    assert main(["weights", "import", str(file)]) == 0
    assert capsys.readouterr().out == f"{SMALL}: {cached}\n"
    assert holds(pretrained.load(SMALL), IN_TORCH)
    assert web.requests == []


@pytest.mark.parametrize("network", [[], ["--network", SMALL]])
def test_import_takes_an_unknown_file_whose_normalization_is_said(tmp_path, cached, network):
    file = write(tmp_path / "some.pth", original())
    arguments = ["weights", "import", str(file), "--normalization", "caffe", *network]
    assert main(arguments) == 0
    weights = pretrained.read(cached)
    assert holds(weights, 0)
    assert weights.normalization == "caffe"


def test_import_takes_our_own_form(tmp_path, cached):
    file = own_file(tmp_path / "stick" / "any.safetensors", 4)
    assert main(["weights", "import", str(file)]) == 0
    assert holds(pretrained.read(cached), 4)
    assert pretrained.read(cached).source == "seed 4"


def test_verify_tells_whole_files(capsys, cached, in_torch):
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr().out == "pocket: as published\n"
    own_file(cached, 7)
    assert main(["weights", "verify"]) == 0
    wanted = f"pocket: as published\n{SMALL}: whole, from seed 7\n"
    assert capsys.readouterr().out == wanted


@pytest.mark.parametrize("damage", [truncate, change_a_byte, empty])
def test_verify_exits_with_one_where_a_file_is_damaged(capsys, cached, web, damage):
    damage(own_file(cached, 0))
    assert main(["weights", "verify"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == "pocket: as published"
    assert re.match(f"{SMALL}: .*{cached.name}' is damaged", out.splitlines()[1])
    assert err == ""
    assert web.requests == []


def test_verify_goes_on_after_a_damaged_file(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path / "stick"))
    own_file(tmp_path / "stick" / f"{SMALL}.safetensors", 7)
    empty(own_file(tmp_path / "stick" / "vgg16.safetensors", 0))
    assert main(["weights", "verify"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["pocket", "vgg16", SMALL]
    assert lines[2] == f"{SMALL}: whole, from seed 7"


BAD = {
    "missing file": (["import", "gone.pth"], "no file 'gone.pth'"),
    "unknown file": (["import", "some.pth"], "its SHA-256 is"),
    "text": (["import", "text.pth", "--normalization", "keras"], "more than plain tensors"),
    "unknown normalization": (["import", "some.pth", "--normalization", "x"], "'x'; choose one"),
    "wrong network": (
        ["import", "some.pth", "--normalization", "caffe", "--network", "vgg16"],
        "does not hold vgg16: block1_conv1.weight is missing",
    ),
    "unknown network to import": (
        ["import", "some.pth", "--normalization", "caffe", "--network", "vgg11"],
        "no network 'vgg11'",
    ),
    "unknown network": (["get", "pocket"], "no network 'pocket'"),
    "place that is gone": (["list"], "NSTLIB_WEIGHTS names 'gone', which does not exist"),
    "place to verify that is gone": (["verify"], "NSTLIB_WEIGHTS names 'gone'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line(tmp_path, monkeypatch, capsys, web, case):
    monkeypatch.chdir(tmp_path)
    write(Path("some.pth"), original())
    write(Path("text.pth"), b"<html>Please log in</html>")
    arguments, message = BAD[case]
    if "gone" in case and case.startswith("place"):
        monkeypatch.setenv("NSTLIB_WEIGHTS", "gone")
    assert main(["weights", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("nstlib: ")
    assert err.count("\n") == 1
    assert message in err
    assert web.requests == []


def test_a_missing_h5py_is_one_clear_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "h5py", None)
    file = write(tmp_path / "some.h5", b"x")
    assert main(["weights", "import", str(file), "--normalization", "keras"]) == 2
    assert capsys.readouterr().err == "nstlib: to read .h5 files, run `pip install h5py`\n"


@pytest.mark.parametrize("arguments", [[], ["fetch"], ["get"], ["import"]])
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["weights", *arguments])
    assert caught.value.code == 2
    assert "usage: python -m nstlib weights" in capsys.readouterr().err
