"""Write requirements.lock: the versions installed here, of all that the course and its tests need.

`python -m bundle.lock`, in an environment that has just passed the tests. Without hashes, and
without what torch pins itself for graphics cards: so one list serves torch with CUDA and without.
"""

from importlib import metadata

from packaging.utils import canonicalize_name

from bundle import ROOT
from bundle.wheels import closure

LOCK = ROOT / "requirements.lock"
TORCHS_OWN = ("nvidia-", "cuda-", "triton")
HEAD = """\
# What passed the tests with Python 3.11 on Linux; `make lock` writes it anew.
# A room where all have the same: make lab LOCK=requirements.lock
"""


def pins():
    """List `name==version`, local parts such as +cpu aside."""
    for name in closure("nstlib", ("test",)):
        if not name.startswith(TORCHS_OWN):
            yield f"{canonicalize_name(name)}=={metadata.version(name).split('+')[0]}"


def main():
    lines = list(pins())
    LOCK.write_text(HEAD + "\n".join(lines) + "\n")
    print(f"{LOCK.name}: {len(lines)} pins")


if __name__ == "__main__":
    main()
