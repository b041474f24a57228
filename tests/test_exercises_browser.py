"""A learner's path in a real browser: an empty answer, a wrong one, a hint, the right one."""

import shutil

import nbformat
import pytest
from lab import CHROMIUM, IDLE, NOT_FOUND, notebook_page

from grading import handout
from grading.exercises import find_exercises

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

WRONG = {  # chapter: an answer to its first exercise, and what the hint must say
    1: (
        "def network_input(image, mean):\n    return 255 * image - mean",
        "mean.reshape(1, 3, 1, 1)",
    ),
    2: (
        "def gram_matrix(features):\n"
        "    rows = features.flatten(2)\n"
        "    return rows @ rows.transpose(1, 2)",
        "divide",
    ),
    3: ("def weigh(terms, weights):\n    return sum(terms.values())", "dict"),
    4: (
        "def mix_targets(one, other, share):\n    return share * one + (1 - share) * other",
        "swap",
    ),
    5: (
        "def region_masks(layout, colors):\n"
        "    equal = layout == colors[:, :, None, None]\n"
        "    return equal.all(1, keepdim=True).float()",
        "nearest",
    ),
    6: ("def enlarge(features):\n    return features.repeat(1, 1, 2, 2)", "side by side"),
    7: (
        "def pixel_shuffle(features, factor):\n"
        "    batch, channels, height, width = features.shape\n"
        "    return features.reshape(batch, -1, height * factor, width * factor)",
        "permute",
    ),
}


@pytest.fixture(params=WRONG)
def path(request, tmp_path):
    source = next(p for p in handout.find_sources() if int(p.stem[:2]) == request.param)
    (tmp_path / "root").mkdir()
    (tmp_path / "home").mkdir()
    shutil.copy(handout.STUDENTS / source.name, tmp_path / "root")
    with notebook_page(tmp_path / "root", source.name, tmp_path / "home") as (page, errors):
        yield page, request.param, nbformat.read(source, 4)
    assert not errors


def answer(page, name, text):
    """Write into the cell of an answer, as a learner does, and run it and its check."""
    cell = page.locator(".jp-CodeCell").filter(has_text=f"def {name}(").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")


def test_a_learner_is_led_from_nothing_to_the_solution(path):
    page, chapter, source = path
    page.wait_for_function(IDLE)
    exercise = find_exercises(source.cells)[0]
    said = page.locator(".jp-OutputArea-output").filter(has_text=f"{exercise.name}: ")
    page.get_by_text("✗", exact=False).last.wait_for()
    assert "not yet. It returns nothing" in said.inner_text()

    wrong, hint = WRONG[chapter]
    answer(page, exercise.name, wrong)
    page.wait_for_function(
        "hint => [...document.querySelectorAll('.jp-OutputArea-output')]"
        ".some(one => one.textContent.includes(hint))",
        arg=hint,
    )
    assert said.inner_text().startswith(f"✗ {exercise.name}: not yet.")

    right = handout.solution(source).cells[exercise.answer].source
    answer(page, exercise.name, right)
    page.get_by_text(f"✓ {exercise.name}: right").wait_for()

    folded = page.locator("details").first
    assert not folded.locator("p").is_visible()
    folded.locator("summary").click()
    folded.locator("p").first.wait_for()
