"""Fetch a file from the web so that it is whole, or say what to do."""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

import platformdirs
from filelock import FileLock
from tqdm import tqdm

TRIES = 4
WAIT = 1.0  # s before the second try, twice as long before each further one
TIMEOUT = 30.0  # s without an answer
CHUNK = 1 << 20  # bytes
BUSY = (408, 429)  # a server's answers that mean "later"


class _CannotWriteError(OSError):
    """The disk is full or closed to us: trying again does not help."""


def cache_folder() -> Path:
    """Name the folder of what nstlib fetched: NSTLIB_CACHE, or the system's place for caches."""
    chosen = os.environ.get("NSTLIB_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("nstlib")


def checksum(file: str | Path, kind: str = "sha256") -> str:
    """Compute a file's checksum, "sha256" or "md5", in hexadecimal digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def fetch(url: str, file: Path, *, sha256: str, progress: bool = True) -> Path:
    """Download a file unless it is there already.

    What a broken connection left is continued. The file appears under its name only when it is
    whole and its checksum right. Of several processes one downloads, the others wait for it.

    Args:
        url: its address.
        file: where it goes; folders are made.
        sha256: its checksum in hexadecimal digits, or the checksum's first digits.
        progress: show a bar.

    Raises:
        ConnectionError: it could not be downloaded; the message names address and reason.
        ValueError: what came is another file; both checksums are named, nothing is kept.
    """
    if file.is_file() and checksum(file).startswith(sha256):
        return file  # also where nothing can be written
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file.with_name(file.name + ".lock")):
        if file.is_file() and checksum(file).startswith(sha256):
            return file
        partial = file.with_name(file.name + ".partial")
        continued = partial.is_file()
        found = _download(url, partial, progress)
        if not found.startswith(sha256) and continued:  # what was left may be of another file
            partial.unlink()
            found = _download(url, partial, progress)
        if not found.startswith(sha256):
            partial.unlink()
            raise ValueError(
                f"{url} is not the file that was published: its SHA-256 is {found}, "
                f"it should be {sha256}; nothing was kept. Does the network ask for a login first?"
            )
        partial.replace(file)
    return file


def _download(url: str, partial: Path, progress: bool) -> str:
    """Download to `partial`, trying again where that may help; return its SHA-256."""
    for wait in (*(WAIT * 2**n for n in range(TRIES - 1)), None):
        try:
            _continue(url, partial, progress)
            return checksum(partial)
        except _CannotWriteError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if wait is None or _is_final(error):
                raise ConnectionError(f"could not download {url}: {_reason(error)}") from error
            time.sleep(wait)


def _continue(url: str, partial: Path, progress: bool) -> None:
    """Ask for what is missing of a file and append it."""
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if not have or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return  # all there, or longer than the file: the checksum decides
    with response:
        whole = response.status != http.HTTPStatus.PARTIAL_CONTENT
        have = 0 if whole else have
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with open(partial, "wb" if whole else "ab") as stream:
            _copy(response, stream, have, total, partial.stem if progress else None)
    if total is not None and partial.stat().st_size < total:
        raise ConnectionError(f"the connection broke after {partial.stat().st_size} bytes")


def _copy(response, stream, have: int, total: int | None, name: str | None) -> None:
    options = {"unit": "B", "unit_scale": True, "desc": name, "disable": name is None}
    with tqdm(initial=have, total=total, **options) as bar:
        while chunk := response.read1(CHUNK):  # what came is kept, even if no more comes
            try:
                stream.write(chunk)
                stream.flush()
            except OSError as error:
                raise _CannotWriteError(f"cannot write {stream.name!r}: {error}") from error
            bar.update(len(chunk))


def _is_final(error: Exception) -> bool:
    """Tell whether asking again would be answered the same: not there, not allowed."""
    if not isinstance(error, urllib.error.HTTPError):
        return False
    return error.code < 500 and error.code not in BUSY


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return str(getattr(error, "reason", error)) or type(error).__name__
