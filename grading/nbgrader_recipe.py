"""nbgrader from end to end: `python -m grading.nbgrader_recipe [NOTEBOOK ...]`.

Generates an assignment from source notebooks, releases it, fetches, solves and submits it as two
students (one has the first exercise of each notebook wrong), collects, grades, writes feedback and
exports the grades.
"""

import csv
import shutil
import sys
import time
from pathlib import Path

import nbformat

from grading import rooms
from grading.exercises import find_exercises
from grading.formats import to_nbgrader

REQUIREMENTS = ("nbgrader==0.9.6",)
ASSIGNMENT = "exercises"
CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "styles"
c.CourseDirectory.root = {course!r}
c.Exchange.root = {exchange!r}
c.ExchangeCollect.check_owner = False  # both students are one user of this computer
c.ExecutePreprocessor.timeout = 300
c.ClearSolutions.code_stub = {{"python": "# your code here\\nraise NotImplementedError()"}}
"""


def main(paths):
    started = time.perf_counter()
    commands = rooms.make_room(rooms.ROOT / "build" / "grading" / "nbgrader", REQUIREMENTS)
    course = make_course(rooms.empty(rooms.ROOT / "build" / "grading" / "nbgrader-course"), paths)
    rooms.run(commands, "nbgrader", "generate_assignment", ASSIGNMENT, cwd=course)
    rooms.run(commands, "nbgrader", "release_assignment", ASSIGNMENT, cwd=course)
    for student in rooms.STUDENTS:
        take_part(commands, course, student, paths)
    for step in ("collect", "autograde", "generate_feedback", "release_feedback"):
        rooms.run(commands, "nbgrader", step, ASSIGNMENT, cwd=course)
    rooms.run(commands, "nbgrader", "export", cwd=course)
    full = sum(one.points for path in paths for one in exercises(path))
    rooms.report("nbgrader", read_totals(course / "grades.csv"), full, started)


def exercises(path):
    return find_exercises(nbformat.read(path, 4).cells)


def make_course(course, paths):
    """Write the course's configuration, its exchange and the sources with nbgrader's marks."""
    exchange = course / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)  # nbgrader wants one that everybody may write to
    text = CONFIG.format(course=str(course), exchange=str(exchange))
    (course / "nbgrader_config.py").write_text(text)
    source = course / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    for path in paths:
        nbformat.write(to_nbgrader(nbformat.read(path, 4)), source / Path(path).name)
    return course


def take_part(commands, course, student, paths):
    """Fetch, solve and submit as a student."""
    home = course / "homes" / student
    home.mkdir(parents=True)
    shutil.copy(course / "nbgrader_config.py", home)  # a server has it in /etc/jupyter, for all
    rooms.run(commands, "nbgrader", "fetch_assignment", ASSIGNMENT, cwd=home)
    for path in paths:
        copy = home / ASSIGNMENT / Path(path).name
        written = rooms.answers(nbformat.read(path, 4), student)
        rooms.hand_in(copy, written, is_answer, copy)
    name = f"--CourseDirectory.student_id={student}"  # not said, it is the user's name
    rooms.run(commands, "nbgrader", "submit", ASSIGNMENT, name, cwd=home)


def is_answer(cell):
    return cell.metadata.get("nbgrader", {}).get("solution", False)


def read_totals(file):
    """Read each student's points from nbgrader's table."""
    with file.open(newline="") as lines:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(lines)}


if __name__ == "__main__":
    main(sys.argv[1:] or [rooms.EXAMPLE])
