"""Install this folder without a network: `python install.py`. Needs nothing but Python."""

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
COMMANDS = HERE / ".venv" / ("Scripts" if os.name == "nt" else "bin")
TRIAL = "import nstlib; from nstlib import features; features.load_network(); print('it works')"


def main():
    contents = json.loads((HERE / "contents.json").read_text(encoding="utf-8"))
    problem = wrong_computer(contents) or damage(contents["wheels"])
    if problem:
        sys.exit(problem)
    python = str(COMMANDS / "python")
    make_environment()
    pip = [python, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-index", "--find-links", str(HERE / "wheels"), "nstlib"])
    run([python, "-c", TRIAL])
    print(f"installed; to start: {Path(sys.executable).name} start.py")


def wrong_computer(contents):
    """Say in a sentence that the bundle is for others, or nothing."""
    here = {"python": "{}.{}".format(*sys.version_info), "platform": sysconfig.get_platform()}
    if here["python"] == contents["python"] and kind(here) == kind(contents):
        return None
    return (
        f"this bundle is for Python {contents['python']} on {contents['platform']}, and this is "
        f"Python {here['python']} on {here['platform']}: start install.py with that Python, or "
        "make a bundle on a computer like this one (`make bundle`)"
    )


def kind(machine):
    """System and processor of a platform's name: macosx-14.0-arm64 is macosx, arm64."""
    system, *_, processor = machine["platform"].split("-")
    return system, processor


def damage(wheels):
    """Say which wheel is missing or broken, or nothing."""
    for name, expected in wheels.items():
        path = HERE / "wheels" / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            return f"wheels/{name} is missing or damaged: copy the bundle again"
    return None


def make_environment():
    """Make .venv; Debian's Python comes without what that needs."""
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(HERE / ".venv")])
    if made.returncode:
        sys.exit("Python could not make .venv; on Debian and Ubuntu install python3-venv first")


def run(words):
    """Run a command without pip's own settings, which may name places on the network."""
    done = subprocess.run(words, env={**os.environ, "PIP_CONFIG_FILE": os.devnull})
    if done.returncode:
        sys.exit("this did not work; the lines above say why")


if __name__ == "__main__":
    main()
