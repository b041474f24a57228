"""Points for what a class has handed in: `python -m grading.points FOLDER`.

Runs every notebook in the folder, and in the folders in it, with otter-grader and the hidden tests,
one after the other, and writes a line about each into points.csv in that folder. A notebook that
cannot be graded gets a remark there, and the others go on.
"""

import argparse
import csv
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import nbformat

from grading import otter_recipe, rooms
from grading.exercises import find_exercises
from grading.handout import find_sources

WORK = rooms.ROOT / "build" / "grading" / "points"
LIMIT = 300  # seconds for one notebook


@dataclass
class Row:
    """A line of the table.

    Attributes:
        file: of the notebook, below the folder.
        learner: the first folder, or the file's name where there is none.
        exercises: whose answers it holds, such as 02_exercises.
        points: that it got.
        possible: points that it could have got.
        not_yet: the functions that are missing or wrong.
        remark: why it could not be graded; empty if it was.
    """

    file: str
    learner: str = ""
    exercises: str = ""
    points: float = 0
    possible: int = 0
    not_yet: str = ""
    remark: str = ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds the notebooks, in any order")
    parser.add_argument(
        "--limit", type=int, default=LIMIT, help="seconds for one notebook (%(default)s)"
    )
    given = parser.parse_args()
    folder = given.folder.expanduser()
    if not folder.is_dir():
        parser.error(f"there is no folder {folder}")
    notebooks = find_notebooks(folder)
    if not notebooks:
        parser.error(f"there is no notebook in {folder}")
    rows = grade_all(notebooks, folder, given.limit)
    table = folder / "points.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Row.__dataclass_fields__)
        writer.writerows(vars(row).values() for row in rows)
    print(f"{len(rows)} notebooks: {table}")


def find_notebooks(folder):
    """List the notebooks in a folder and in the folders in it, without Jupyter's own copies."""
    found = sorted(folder.rglob("*.ipynb"))
    return [path for path in found if ".ipynb_checkpoints" not in path.parts]


def grade_all(notebooks, folder, limit):
    """Grade notebooks that lie in a folder; print and return a row for each."""
    grader, rows = Grader(limit), []
    for path in notebooks:
        file = path.relative_to(folder)
        rows.append(grader.grade(path, Row(file.as_posix(), learner_of(file, grader.sources))))
        print(sentence(rows[-1]), flush=True)
    return rows


def sentence(row):
    if row.remark:
        return f"{row.file}: {row.remark}"
    not_yet = f"; not yet: {row.not_yet}" if row.not_yet else ""
    return f"{row.file}: {row.points:g} of {row.possible}{not_yet}"


class Grader:
    """otter-grader and, once they are needed, its tests for each source notebook."""

    def __init__(self, limit):
        self.limit = limit
        self.commands = rooms.make_room(otter_recipe.ROOM, otter_recipe.REQUIREMENTS)
        self.course = rooms.empty(WORK)
        self.sources = {path.stem: path for path in find_sources()}
        self.made = {}

    def grade(self, path, row):
        """Grade one notebook; fill in and return its row."""
        try:
            notebook = nbformat.read(path, 4)
        except Exception:  # whatever somebody hands in under this name
            row.remark = "this is no notebook"
            return row
        row.exercises = name_of(notebook, path, self.sources)
        if not row.exercises:
            row.remark = f"neither file nor notebook names any of {', '.join(self.sources)}"
            return row
        source = self.sources[row.exercises]
        row.possible = sum(one.points for one in find_exercises(nbformat.read(source, 4).cells))
        try:
            tests = self.run_tests(notebook, source)
        except subprocess.TimeoutExpired:
            row.remark = f"stopped after {self.limit} s: an endless loop?"
        except rooms.CommandFailed as error:
            row.remark = str(error).strip().splitlines()[-1]
        else:
            row.points = sum(test["score"] for test in tests)
            wrong = [test["name"] for test in tests if test["score"] < test["max_score"]]
            row.not_yet = " ".join(wrong)
        return row

    def run_tests(self, notebook, source):
        """Let otter-grader run a notebook; see `otter_recipe.run_tests`."""
        name = source.stem
        if name not in self.made:
            self.made[name] = otter_recipe.assign(self.commands, self.course, source)
        notebook.metadata["otter"] = {"assignment_name": name}
        submission = rooms.empty(self.course / "one") / source.name
        nbformat.write(notebook, submission)
        made = self.made[name]
        return otter_recipe.run_tests(self.commands, made, submission, limit=self.limit)


def learner_of(file, names):
    """Name a learner after the first folder, or else the file, but for the exercises' name."""
    pattern = "|".join(map(re.escape, names))
    left = (re.sub(pattern, "", part).strip(" _-.") for part in file.with_suffix("").parts)
    return next(filter(None, left), "")


def name_of(notebook, path, names):
    """Tell whose answers a notebook holds: its metadata say it, or else its path; "" if neither."""
    said = notebook.metadata.get("otter", {}).get("assignment_name")
    if said in names:
        return said
    return next((name for name in names if name in path.as_posix()), "")


if __name__ == "__main__":
    main()
