import functools
import hashlib
import random
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import platformdirs
import pytest

from nstlib import data, downloads

CONTENT = random.Random(0).randbytes(150_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HALF = 60_000
TWO_AT_ONCE = """
import sys
from pathlib import Path
from nstlib import downloads
print("ready", flush=True)
input()
url, file, sha256 = sys.argv[1:]
print(downloads.fetch(url, Path(file), sha256=sha256, progress=False))
"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        self.server.ranges.append(self.headers["Range"])
        give = self.server.answers.pop(0) if self.server.answers else send
        give(self)

    def log_message(self, *args):
        pass  # standard error is for the bar


def answer(handler, status, body=b"", length=None, location=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    if location:
        handler.send_header("Location", location)
    handler.end_headers()
    handler.server.sent += len(body)
    handler.wfile.write(body)


def send(handler, most=None):
    """Answer as a good server does, but with no more than `most` bytes, whatever it announced."""
    wanted = handler.headers["Range"]
    start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
    rest = CONTENT[start:]
    if rest:
        answer(handler, 206 if wanted else 200, rest[:most], len(rest))
    else:
        answer(handler, 416)


def ignore_range(handler):
    answer(handler, 200, CONTENT)


def send_slowly(handler):
    answer(handler, 200, CONTENT[:1], len(CONTENT))
    for start in range(1, len(CONTENT), 15_000):
        time.sleep(0.08)
        handler.wfile.write(CONTENT[start : start + 15_000])


def stall(handler, most=HALF):
    send(handler, most)
    say_nothing(handler)


def say_nothing(handler):
    handler.server.closing.wait(10)


def refuse(status):
    return functools.partial(answer, status=status, body=b"<h1>no</h1>")


break_off = functools.partial(send, most=HALF)
redirect = functools.partial(answer, status=302, location="/elsewhere.bin")


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch, tmp_path):
    """Ask loopback itself, not a proxy; try again soon; leave the user's cache alone."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NSTLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "WAIT", 0.01)


@pytest.fixture
def server():
    """Serve CONTENT; `answers` says how the next requests are answered, after that all is well."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.url = f"http://127.0.0.1:{server.server_port}/painting.bin"
        server.answers, server.paths, server.ranges, server.sent = [], [], [], 0
        server.closing = threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def closed_port():
    with socket.socket() as taken:  # bound, so that nobody else can listen there
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "painting.bin"


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "painting.bin.partial"


def fetch(server, file, sha256=SHA256):
    return downloads.fetch(server.url, file, sha256=sha256, progress=False)


def is_whole(file):
    return file.read_bytes() == CONTENT and not file.with_name(file.name + ".partial").exists()


def test_a_file_is_downloaded_into_a_new_folder(server, tmp_path):
    file = tmp_path / "new" / "folder" / "painting.bin"
    assert fetch(server, file) == file
    assert is_whole(file)
    assert server.ranges == [None]


def test_the_first_digits_of_the_checksum_will_do(server, file):
    assert is_whole(fetch(server, file, SHA256[:8]))
    fetch(server, file, SHA256[:8])
    assert len(server.ranges) == 1


@pytest.mark.parametrize("have", [0, HALF])
def test_the_bar_names_the_file_and_gets_to_100_percent(server, file, partial, have, capsys):
    partial.write_bytes(CONTENT[:have])
    downloads.fetch(server.url, file, sha256=SHA256)
    output, bar = capsys.readouterr()
    assert output == ""
    assert "painting.bin: 100%" in bar


def test_without_progress_nothing_is_printed(server, file, capsys):
    downloads.fetch(server.url, file, sha256=SHA256, progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_slow_server_may_take_longer_than_the_timeout(server, file, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    server.answers = [send_slowly]
    started = time.monotonic()
    assert is_whole(fetch(server, file))
    assert time.monotonic() - started > downloads.TIMEOUT
    assert len(server.ranges) == 1


def test_after_a_broken_connection_only_the_missing_bytes_are_asked_for(server, file):
    server.answers = [break_off]
    assert is_whole(fetch(server, file))
    assert server.ranges == [None, f"bytes={HALF}-"]
    assert server.sent == len(CONTENT)


def test_a_connection_may_break_twice(server, file):
    server.answers = [break_off, break_off]
    assert is_whole(fetch(server, file))
    assert server.ranges == [None, f"bytes={HALF}-", f"bytes={2 * HALF}-"]


def test_what_came_before_a_server_fell_silent_is_kept(server, file, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    server.answers = [stall]
    assert is_whole(fetch(server, file))
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_what_an_earlier_run_left_is_continued(server, file, partial):
    partial.write_bytes(CONTENT[:1000])
    assert is_whole(fetch(server, file))
    assert server.ranges == ["bytes=1000-"]


def test_what_came_is_kept_for_the_next_run_if_all_tries_fail(server, file, partial):
    server.answers = [break_off, *[refuse(503)] * (downloads.TRIES - 1)]
    with pytest.raises(ConnectionError, match="503"):
        fetch(server, file)
    assert partial.read_bytes() == CONTENT[:HALF]
    assert not file.exists()
    assert is_whole(fetch(server, file))
    assert server.ranges[-1] == f"bytes={HALF}-"


def test_connections_that_always_break_are_reported(server, file):
    server.answers = [functools.partial(send, most=100)] * downloads.TRIES
    with pytest.raises(ConnectionError, match=f"broke after {100 * downloads.TRIES} bytes"):
        fetch(server, file)
    assert not file.exists()


def test_a_server_that_cannot_continue_sends_the_file_from_its_start(server, file):
    server.answers = [break_off, ignore_range]
    assert is_whole(fetch(server, file))
    assert server.ranges == [None, f"bytes={HALF}-"]


def test_what_was_left_of_another_file_is_thrown_away(server, file, partial):
    partial.write_bytes(b"x" * 1000)
    assert is_whole(fetch(server, file))
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more"], ids=["as long", "longer"])
def test_what_was_left_may_be_as_long_as_the_file_or_longer(server, file, partial, left):
    partial.write_bytes(left)
    assert is_whole(fetch(server, file))


@pytest.mark.parametrize("left", [b"", b"x" * 1000], ids=["nothing left", "something left"])
def test_a_wrong_file_is_refused_with_both_checksums_and_not_kept(server, file, partial, left):
    if left:
        partial.write_bytes(left)
    with pytest.raises(ValueError, match=f"(?s){server.url}.*{SHA256}.*{'0' * 64}"):
        fetch(server, file, "0" * 64)
    assert not file.exists()
    assert not partial.exists()
    assert server.sent < 2 * len(CONTENT)


@pytest.mark.parametrize("status", [404, 403, 416])
def test_a_missing_file_is_reported_at_once(server, file, status):
    server.answers = [refuse(status)] * 9
    with pytest.raises(ConnectionError, match=f"{server.url}.*{status}"):
        fetch(server, file)
    assert len(server.ranges) == 1
    assert not file.exists()


def test_a_server_in_trouble_is_asked_again(server, file):
    server.answers = [refuse(500), refuse(500)]
    assert is_whole(fetch(server, file))
    assert len(server.ranges) == 3


def test_a_server_that_stays_in_trouble_is_asked_no_more_than_so_often(server, file):
    server.answers = [refuse(500)] * 99
    with pytest.raises(ConnectionError, match=f"{server.url}.*500 Internal Server Error"):
        fetch(server, file)
    assert len(server.ranges) == downloads.TRIES


def test_a_redirect_is_followed_also_with_half_a_file(server, file):
    server.answers = [redirect, break_off, redirect]
    assert is_whole(fetch(server, file))
    assert server.paths == ["/painting.bin", "/elsewhere.bin"] * 2
    assert server.ranges == [None, None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_without_a_server_the_address_is_named_after_ever_longer_waits(
    closed_port, file, monkeypatch
):
    waits = []
    monkeypatch.setattr(downloads, "time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(downloads, "WAIT", 1.0)
    url = f"http://127.0.0.1:{closed_port}/painting.bin"
    with pytest.raises(ConnectionError, match=f"{url}: .*refused"):
        downloads.fetch(url, file, sha256=SHA256)
    assert waits == [1, 2, 4]
    assert len(waits) == downloads.TRIES - 1
    assert not file.exists()


def test_a_server_that_never_answers_is_given_up(server, file, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.1)
    server.answers = [say_nothing] * 99
    with pytest.raises(ConnectionError, match=f"{server.url}: .*timed out"):
        fetch(server, file)
    assert len(server.ranges) == downloads.TRIES


def test_a_file_that_is_there_is_not_asked_for(server, file):
    file.write_bytes(CONTENT)
    assert fetch(server, file) == file
    assert server.ranges == []


def test_a_damaged_file_is_fetched_again(server, file):
    file.write_bytes(CONTENT[:-1] + b"?")
    assert is_whole(fetch(server, file))
    assert server.ranges == [None]


def test_of_two_processes_one_downloads_and_the_other_waits(server, file):
    server.answers = [send_slowly]
    command = [sys.executable, "-c", TWO_AT_ONCE, server.url, str(file), SHA256]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as two:
        assert one.stdout.readline() == two.stdout.readline() == "ready\n"
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.flush()
        for process in (one, two):
            output, _ = process.communicate(timeout=30)
            assert output == f"{file}\n"
    assert is_whole(file)
    assert server.ranges == [None]


@pytest.mark.parametrize(
    ("kind", "digits"),
    [
        ("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
    ],
)
def test_checksums_are_the_known_ones(file, kind, digits):
    file.write_bytes(b"abc")
    assert downloads.checksum(file, kind) == digits


def test_the_cache_goes_where_the_user_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NSTLIB_CACHE", str(tmp_path / "mine"))
    assert downloads.cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NSTLIB_CACHE", "~/mine")
    assert downloads.cache_folder() == tmp_path / "mine"


def test_the_cache_is_in_the_systems_place_unless_the_user_chose_one(monkeypatch):
    monkeypatch.setenv("NSTLIB_CACHE", "")
    assert downloads.cache_folder() == platformdirs.user_cache_path("nstlib")
    monkeypatch.delenv("NSTLIB_CACHE")
    assert downloads.cache_folder() == platformdirs.user_cache_path("nstlib")


def test_a_famous_picture_is_downloaded_once(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(data.ON_THE_WEB["starry_night"], "url", server.url)
    monkeypatch.setitem(data.ON_THE_WEB["starry_night"], "sha256", SHA256)
    file = data.fetch("starry_night", progress=False)
    assert file == tmp_path / "cache" / "pictures" / "painting.bin"
    assert is_whole(file)
    assert data.fetch("starry_night") == file
    assert len(server.ranges) == 1
    assert capsys.readouterr() == ("", "")


def test_another_file_instead_of_a_famous_picture_is_refused(server, monkeypatch):
    entry = data.ON_THE_WEB["starry_night"]
    monkeypatch.setitem(entry, "url", server.url)
    with pytest.raises(ValueError, match=f"{SHA256}.*{entry['sha256']}"):
        data.fetch("starry_night", progress=False)


def test_without_the_internet_a_famous_picture_may_be_brought_or_another_one_used(
    closed_port, tmp_path, monkeypatch
):
    entry = data.ON_THE_WEB["starry_night"]
    url = f"http://127.0.0.1:{closed_port}/vangogh_starry_night.jpg"
    monkeypatch.setitem(entry, "url", url)
    monkeypatch.setitem(entry, "sha256", SHA256)
    file = tmp_path / "cache" / "pictures" / "vangogh_starry_night.jpg"
    with pytest.raises(ConnectionError) as caught:
        data.fetch("starry_night", progress=False)
    for told in (
        url,
        "refused",
        "'The Starry Night'",
        repr(str(file)),
        "painting 'swirling_night'",
    ):
        assert told in str(caught.value)
    file.write_bytes(CONTENT)
    assert data.fetch("starry_night") == file


@pytest.mark.parametrize("name", data.ON_THE_WEB)
def test_what_to_use_instead_is_built_in_and_of_the_same_kind(name):
    entry = data.ON_THE_WEB[name]
    assert entry["instead"] in data.names(entry["kind"])


def test_an_unknown_famous_picture_is_answered_with_the_choices():
    with pytest.raises(ValueError, match="'mona_lisa'.*starry_night, tuebingen"):
        data.fetch("mona_lisa")
