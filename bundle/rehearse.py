"""Install the bundle with the network off and use it: `python -m bundle.rehearse`.

Where Linux allows it, everything runs in a namespace of its own that has no network at all; else
every proxy points to nowhere.
"""

import os
import shutil
import subprocess
import sys
import time

from bundle import FOLDER, ROOT

ROOM = ROOT / "build" / "a room"  # with a space, as on a real desktop
COMMANDS = ROOM / ".venv" / ("Scripts" if os.name == "nt" else "bin")
NOWHERE = "http://127.0.0.1:9"
PROXIES = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
NAMESPACE = ("unshare", "--map-root-user", "--net")
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "ipycanvas", "anywidget")
TRANSFER = ("transfer", "chelsea", "woodcut_wave", "--size", "96", "--iterations", "2")
PHONE_HOME = "import socket; socket.create_connection(('192.0.2.1', 80), 3)"


def main():
    shutil.rmtree(ROOM, ignore_errors=True)
    shutil.copytree(FOLDER, ROOM, copy_function=link)
    off = isolation()
    print("the network is off" if off else "no namespace here: proxies that lead nowhere instead")
    started = time.perf_counter()
    print(call(*off, sys.executable, "install.py").strip())
    print(f"install.py: {time.perf_counter() - started:.0f} s")
    use(off)


def use(off):
    """Check the installation, its Jupyter extensions, and paint."""
    python = COMMANDS / "python"
    print(call(*off, python, "-m", "pip", "check").strip())
    print("jupyter lab", call(*off, python, "-m", "jupyterlab", "--version").strip())
    listed = call(*off, COMMANDS / "jupyter", "labextension", "list")
    missing = [name for name in EXTENSIONS if not is_enabled(name, listed)]
    assert not missing, f"JupyterLab lacks {missing}:\n{listed}"
    started = time.perf_counter()
    call(*off, python, "-m", "nstlib", *TRANSFER, "-o", "painted.png")
    assert (ROOM / "painted.png").stat().st_size > 1000
    print(f"a transfer of two iterations: {time.perf_counter() - started:.0f} s")


def isolation():
    """Words that put a command into a room without a network; none where that cannot be."""
    if not shutil.which("unshare"):
        return ()
    words = [*NAMESPACE, sys.executable, "-c", PHONE_HOME]
    done = subprocess.run(words, capture_output=True, text=True)
    return NAMESPACE if "Network is unreachable" in done.stderr else ()


def is_enabled(name, listed):
    lines = [line for line in listed.splitlines() if f" {name} v" in f" {line.strip()}"]
    return any("enabled" in line and "OK" in line for line in lines)


def link(source, target):
    """Save the disk a second copy, where it can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def call(*words):
    """Run a command in the room, without this checkout; return all it says."""
    outside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [str(word) for word in words]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(words, cwd=ROOM, env={**outside, **PROXIES}, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}")
    return done.stdout


if __name__ == "__main__":
    main()
