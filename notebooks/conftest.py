"""Make nbval compare what it leaves out: pictures, and anything but progress bars on stderr."""

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

THUMBNAIL = (48, 48)  # optimised pictures differ in their grain between processors
PROGRESS = re.compile(r"\d+%\|.*(iteration|step|frame)|^expected time: about \d+ s$")
TOLERANCE = 0.05  # root mean square of thumbnails, of a range of 1
OF_A_TRAINING = 0.12  # the same; another number of threads trains another network
TAG = "trained-here"  # of cells whose pictures come from a network that the chapter trains


def pytest_configure(config):
    if not hasattr(config.option, "nbval_sanitize_with"):
        return
    config.option.nbval_sanitize_with = str(Path(__file__).parent / "sanitize.cfg")
    from nbval.plugin import IPyNbCell

    compare_text = IPyNbCell.compare_outputs

    def compare_outputs(cell, test, ref, skip_compare=None):
        surprise = surprises(test)
        tolerance = OF_A_TRAINING if TAG in cell.cell.metadata.get("tags", []) else TOLERANCE
        problem = f"on stderr: {surprise}" if surprise else picture_problem(test, ref, tolerance)
        if problem:
            cell.comparison_traceback = [problem]
            return False
        test, ref = without_stderr(test), without_stderr(ref)
        return compare_text(cell, test, ref, skip_compare)

    IPyNbCell.compare_outputs = compare_outputs


def surprises(outputs):
    """Lines on stderr that are neither a progress bar nor the expected time."""
    texts = [output["text"] for output in outputs if output.get("name") == "stderr"]
    lines = [line.strip() for text in texts for line in text.replace("\r", "\n").split("\n")]
    return [line for line in lines if line and not PROGRESS.search(line)]


def without_stderr(outputs):
    return [output for output in outputs if output.get("name") != "stderr"]


def picture_problem(test, ref, tolerance=TOLERANCE):
    """Say in words how the pictures of two lists of outputs differ; None if they agree."""
    new, old = pictures(test), pictures(ref)
    if len(new) != len(old):
        return f"{len(old)} stored pictures, {len(new)} drawn now"
    for number, (now, stored) in enumerate(zip(new, old, strict=True), 1):
        if now.size != stored.size:
            return f"picture {number}: stored {stored.size} px, drawn now {now.size} px"
        error = np.sqrt(np.mean((thumbnail(now) - thumbnail(stored)) ** 2))
        if error > tolerance:
            return f"picture {number} differs: error {error:.3f} is over {tolerance}"
    return None


def pictures(outputs):
    data = [output.get("data", {}) for output in outputs]
    codes = [d[kind] for d in data for kind in ("image/png", "image/jpeg") if kind in d]
    return [Image.open(io.BytesIO(base64.b64decode(code))).convert("RGB") for code in codes]


def thumbnail(picture):
    return np.asarray(picture.resize(THUMBNAIL, Image.Resampling.BOX), float) / 255
