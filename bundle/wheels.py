"""Make wheels again from what is installed.

`pip download` would need a network, and keeping every wheel at installation doubles the disk that
everybody pays. An installed distribution has its RECORD, which names each file and its checksum:
enough to write the wheel that it came from, and to refuse one that was changed since.
"""

import base64
import hashlib
import os
import re
import sys
import sysconfig
import zipfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}  # pip writes them anew
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same wheel each time


def closure(name, extras=()):
    """Name all distributions that one needs here, without itself, in alphabetical order."""
    found, waiting = set(), [(name, frozenset(extras))]
    seen = set(waiting)
    while waiting:
        one, wanted = waiting.pop()
        found.add(canonicalize_name(one))
        for requirement in needs(one, wanted):
            entry = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if entry not in seen:
                seen.add(entry)
                waiting.append(entry)
    return sorted(found - {canonicalize_name(name)})


def needs(name, extras):
    """List what a distribution requires on this platform, with these extras."""
    for text in metadata.distribution(name).requires or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def repack(distribution, folder):
    """Write an installed distribution's wheel into a folder and return its path.

    Raises:
        ValueError: if it has no list of files, or a file is no longer what was installed.
    """
    if not distribution.files or distribution.read_text("WHEEL") is None:
        raise ValueError(f"{distribution.name} was not installed by pip; make .venv with `make`")
    wheel = folder / wheel_name(distribution)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        record = [add(archive, *one) for one in contents(distribution)]
        path = f"{stem(distribution)}.dist-info/RECORD"
        archive.writestr(entry(path), "\n".join([*record, f"{path},,", ""]))
    return wheel


def wheel_name(distribution):
    """Name the wheel, tags included: numpy-2.4.6-cp311-cp311-manylinux_2_27_x86_64.whl."""
    tags = re.findall(r"^Tag: (\S+)-(\S+)-(\S+)\s*$", distribution.read_text("WHEEL"), re.MULTILINE)
    parts = [".".join(dict.fromkeys(part)) for part in zip(*tags, strict=True)]
    return f"{stem(distribution)}-{'-'.join(parts)}.whl"


def stem(distribution):
    """Spell name and version as the dist-info folder does."""
    files = [one.parts for one in distribution.files if one.name == "METADATA"]
    (folder,) = {parts[0] for parts in files if len(parts) == 2}  # deeper ones are vendored
    return folder.removesuffix(".dist-info")


def contents(distribution):
    """Pair each file's path in the wheel with its bytes and whether it may be executed."""
    generated, data_folder = launchers(distribution), f"{stem(distribution)}.data"
    for file in distribution.files:
        own = file.parts[0].endswith(".dist-info") and file.name in LEFT_OUT
        if own or file.suffix == ".pyc":
            continue
        source = Path(os.path.abspath(distribution.locate_file(file)))
        inside = place(file, source, data_folder)
        script = inside.startswith(f"{data_folder}/scripts/")
        if script and source.name.removesuffix(".exe") in generated:
            continue
        data = read(source, file.hash)
        yield inside, portable(data) if script else data, os.access(source, os.X_OK)


def launchers(distribution):
    """Names of the commands that pip makes from entry points, so that no wheel has them."""
    names = {one.name for one in distribution.entry_points if one.group.endswith("_scripts")}
    if canonicalize_name(distribution.name) == "pip":
        names |= {"pip3", f"pip3.{sys.version_info.minor}"}
    return names


def place(file, source, data):
    """Where a file goes in the wheel: beside the packages, or under NAME.data by its kind."""
    if ".." not in file.parts:
        return file.as_posix()
    for kind, root in (("scripts", "scripts"), ("headers", "include"), ("data", "data")):
        home = Path(os.path.abspath(sysconfig.get_path(root)))
        home = home.parent / "site" / home.name if root == "include" else home
        if source.is_relative_to(home):
            inside = source.relative_to(home)
            inside = Path(*inside.parts[1:]) if root == "include" else inside
            return f"{data}/{kind}/{inside.as_posix()}"
    raise ValueError(f"{source} lies outside of the environment {sys.prefix}")


def read(source, checksum):
    """Read a file that is still what its RECORD says.

    Raises:
        ValueError: if it is not.
    """
    data = source.read_bytes()
    if checksum and digest(data, checksum.mode) != checksum.value:
        raise ValueError(f"{source} was changed since its installation; make .venv again")
    return data


def digest(data, mode="sha256"):
    """Checksum in RECORD's spelling: urlsafe base64 without padding."""
    return base64.urlsafe_b64encode(hashlib.new(mode, data).digest()).decode().rstrip("=")


def portable(script):
    """Put back the first line that pip replaced by this environment's Python."""
    return re.sub(rb"^#!.*python[^\r\n]*", b"#!python", script, count=1)


def add(archive, path, data, executable):
    """Add a file to a wheel and return its line of RECORD."""
    archive.writestr(entry(path, executable), data)
    path = f'"{path}"' if "," in path else path
    return f"{path},sha256={digest(data)},{len(data)}"


def entry(path, executable=False):
    """Describe a file in the archive, without the hour."""
    info = zipfile.ZipInfo(path, EPOCH)
    info.external_attr = (0o100755 if executable else 0o100644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
