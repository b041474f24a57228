"""otter-grader from end to end, with files only: `python -m grading.otter_recipe [NOTEBOOK ...]`.

Writes each source notebook in Otter Assign's format, makes what is handed out and the autograder
from it, hands in right and wrong answers, and grades both without containers.
"""

import json
import sys
import time
from pathlib import Path

import nbformat

from grading import rooms
from grading.exercises import find_exercises
from grading.formats import to_otter

REQUIREMENTS = ("otter-grader==7.0.0", "ipykernel>=6.29")
ROOM = rooms.ROOT / "build" / "grading" / "otter"


def main(paths):
    started = time.perf_counter()
    commands = rooms.make_room(ROOM, REQUIREMENTS)
    course = rooms.empty(rooms.ROOT / "build" / "grading" / "otter-course")
    totals, full = dict.fromkeys(rooms.STUDENTS, 0), 0
    for path in map(Path, paths):
        made = assign(commands, course, path)
        full += sum(one.points for one in find_exercises(nbformat.read(path, 4).cells))
        for student in rooms.STUDENTS:
            totals[student] += grade(commands, made, path, student)
    rooms.report("otter", totals, full, started)


def assign(commands, course, path):
    """Make `student` (to hand out) and `autograder` (to keep) from a source notebook."""
    master = course / path.name
    nbformat.write(to_otter(nbformat.read(path, 4), path.stem), master)
    made = course / path.stem
    rooms.run(commands, "otter", "assign", "--no-pdfs", master, made, cwd=course)
    return made


def grade(commands, made, path, student):
    """Hand in a student's answers and return their points."""
    folder = made / student
    folder.mkdir()
    written = rooms.answers(nbformat.read(path, 4), student)
    rooms.hand_in(made / "student" / path.name, written, is_answer, folder / path.name)
    results = run_tests(commands, made, folder / path.name)
    return sum(test["score"] for test in results)


def run_tests(commands, made, submission, *, limit=None):
    """Run a notebook and its tests, hidden ones too, for at most `limit` seconds.

    Returns:
        A dict for each exercise that is worth points: its "name", "score" and "max_score".
    """
    (autograder,) = (made / "autograder").glob("*.zip")
    folder = submission.parent
    words = ("run", "--no-logo", "-a", autograder, "-o", folder, submission)
    rooms.run(commands, "otter", *words, cwd=folder, limit=limit)
    return read_results(folder / "results.json")


def is_answer(cell):
    return "otter_answer_cell" in cell.metadata.get("tags", [])


def read_results(file):
    """Read the exercises and their points from otter's results."""
    return [test for test in json.loads(file.read_text())["tests"] if "score" in test]


if __name__ == "__main__":
    main(sys.argv[1:] or [rooms.EXAMPLE])
