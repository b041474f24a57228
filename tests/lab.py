"""JupyterLab on loopback in headless Chromium, for the browser tests."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOT_FOUND = "no Chromium; on Debian: apt-get install chromium"
IDLE = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status==='idle'"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def server(root, home):
    """Serve a folder with JupyterLab; yield its address and token."""
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    whole = home / "settings" / "@jupyterlab" / "notebook-extension"
    whole.mkdir()
    # else cells out of sight are not in the page at all
    (whole / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    folders = {"JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home}
    port, token = free_port(), secrets.token_hex(16)
    flags = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    flags += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"]
    flags += ["--allow-root", "--expose-app-in-browser"]
    environment = {**os.environ, **{name: str(path) for name, path in folders.items()}}
    with open(home / "lab.log", "w") as log:
        lab = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *flags], env=environment, stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}", token
    finally:
        lab.terminate()
        lab.wait(20)


def wait_for(url, token="", *, path="api/status", seconds=60):
    """Wait until the server answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{url}/{path}?token={token}", timeout=2)
        time.sleep(0.3)
    raise TimeoutError(f"{url} did not answer within {seconds} s")


def watched_page(browser, *, viewport=(1200, 1000), timeout=40_000, **options):
    """Open an empty page; return it and the list to which its console's errors will be added."""
    page = browser.new_page(viewport={"width": viewport[0], "height": viewport[1]}, **options)
    page.set_default_timeout(timeout)
    errors = []

    def log(message):
        if message.type == "error":
            errors.append(f"{message.text} {message.location}")

    page.on("console", log)
    page.on("pageerror", lambda error: errors.append(str(error) + (error.stack or "")))
    return page, errors


@contextlib.contextmanager
def notebook_page(root, notebook, home, *, viewport=(1200, 1000), timeout=40_000):
    """Open a notebook, run all its cells, yield the page and a list of the console's errors."""
    from playwright.sync_api import sync_playwright

    with server(root, home) as (url, token), sync_playwright() as playwright:
        wait_for(url, token)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        page, errors = watched_page(browser, viewport=viewport, timeout=timeout)
        page.goto(f"{url}/doc/tree/{notebook}?reset&token={token}")
        page.locator(".jp-Notebook").wait_for()
        page.wait_for_function(IDLE)
        page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        yield page, errors
        browser.close()
