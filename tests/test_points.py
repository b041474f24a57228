"""Points for what a class has handed in: what is graded, what is not, and why."""

import csv
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from grading import handout, otter_recipe, points, rooms

NAME = "07_exercises"


@pytest.fixture
def handed_in(tmp_path):
    """A folder to hand notebooks in: (file, notebook) -> None."""

    def put(file, notebook):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)

    put.folder = tmp_path
    return put


@pytest.fixture
def no_grader(monkeypatch, tmp_path_factory):
    """Instead of otter-grader, a function: submission -> its results."""
    monkeypatch.setattr(points, "WORK", tmp_path_factory.mktemp("work"))
    monkeypatch.setattr(rooms, "make_room", lambda folder, requirements: folder)
    monkeypatch.setattr(otter_recipe, "assign", lambda commands, course, path: path)

    def answer(function):
        def run_tests(commands, made, submission, *, limit):
            return function(nbformat.read(submission, 4))

        monkeypatch.setattr(otter_recipe, "run_tests", run_tests)

    answer(lambda notebook: [])
    return answer


def grade(folder):
    return points.grade_all(points.find_notebooks(folder), folder, 9)


def student(name=NAME):
    source = handout.SOURCES / f"{name}.ipynb"
    return handout.student(nbformat.read(source, 4), name)


def test_each_notebook_says_whose_answers_it_holds_whatever_its_file_is_called(handed_in):
    for path in handout.find_sources():
        given = nbformat.read(handout.STUDENTS / path.name, 4)
        assert points.name_of(given, handed_in.folder / "mine (2).ipynb", [path.stem]) == path.stem
    copied = new_notebook()
    assert points.name_of(copied, handed_in.folder / f"anna_{NAME}.ipynb", [NAME]) == NAME
    assert points.name_of(copied, handed_in.folder / NAME / "anna.ipynb", [NAME]) == NAME
    assert points.name_of(copied, handed_in.folder / "anna.ipynb", [NAME]) == ""


def test_a_learner_is_named_by_a_folder_or_a_file():
    files = ["anna/x.ipynb", "anna/7/x.ipynb", f"anna_{NAME}.ipynb", "anna.ipynb"]
    files += [f"anna/{NAME}.ipynb", f"{NAME}/anna.ipynb", f"anna_{NAME}/{NAME}.ipynb"]
    assert {points.learner_of(Path(file), [NAME]) for file in files} == {"anna"}
    assert points.learner_of(Path(f"{NAME} (2).ipynb"), [NAME]) == "(2)"


def test_points_are_added_up_and_the_missing_ones_named(handed_in, no_grader):
    given = ["psnr", "add_detail", "pixel_shuffle", "best_guess"]
    no_grader(
        lambda notebook: [{"name": n, "score": n == "psnr", "max_score": 1} for n in given[:2]]
    )
    handed_in("anna/x.ipynb", student())
    (row,) = grade(handed_in.folder)
    assert row == points.Row("anna/x.ipynb", "anna", NAME, 1, len(given), "add_detail")
    assert points.sentence(row) == "anna/x.ipynb: 1 of 4; not yet: add_detail"


def test_a_notebook_is_run_under_its_exercises_name(handed_in, no_grader):
    seen = []
    no_grader(lambda notebook: seen.append(notebook) or [])
    copied = new_notebook(cells=[new_code_cell("x = 1")])
    handed_in(f"{NAME} of ben.ipynb", copied)
    grade(handed_in.folder)
    assert seen[0].metadata["otter"] == {"assignment_name": NAME}
    assert seen[0].cells[0].source == "x = 1"


def test_one_that_cannot_be_graded_gets_a_remark_and_the_others_go_on(handed_in, no_grader):
    def fail(notebook):
        if "loop" in notebook.cells[0].source:
            raise subprocess.TimeoutExpired("otter", 9)
        if "crash" in notebook.cells[0].source:
            raise rooms.CommandFailed("otter run failed:\nTraceback\nValueError: odd\n")
        return [{"name": "psnr", "score": 1, "max_score": 1}]

    no_grader(fail)
    for word in ("crash", "loop", "right"):
        notebook = student()
        notebook.cells[0].source = word
        handed_in(f"{word}.ipynb", notebook)
    handed_in("stray.ipynb", new_notebook())
    (handed_in.folder / "text.ipynb").write_text("no json")
    rows = grade(handed_in.folder)
    assert [row.remark for row in rows[:3]] == [
        "ValueError: odd",
        "stopped after 9 s: an endless loop?",
        "",
    ]
    assert rows[2].points == 1
    assert rows[3].remark.startswith("neither file nor notebook names any of 01_exercises, 02_")
    assert rows[4].remark == "this is no notebook"
    assert points.sentence(rows[4]) == "text.ipynb: this is no notebook"
    assert [row.points for row in rows] == [0, 0, 1, 0, 0]


def test_a_folder_without_notebooks_is_refused(handed_in, no_grader, monkeypatch, capsys):
    handed_in(".ipynb_checkpoints/a.ipynb", student())
    for folder, said in ((".", "no notebook in"), ("elsewhere", "no folder")):
        monkeypatch.setattr(sys, "argv", ["points", str(handed_in.folder / folder)])
        with pytest.raises(SystemExit):
            points.main()
        assert said in capsys.readouterr().err
    assert not (handed_in.folder / "points.csv").exists()


@pytest.mark.skipif(
    not (otter_recipe.ROOM / "ready").exists(), reason="otter-grader is not here; see .ci/optional"
)
def test_a_class_is_graded_from_end_to_end(handed_in):
    source = nbformat.read(handout.SOURCES / f"{NAME}.ipynb", 4)
    handed_in("nothing.ipynb", student())
    for who in rooms.STUDENTS:
        notebook = student()
        written = rooms.answers(source, who)
        for one, text in zip(points.find_exercises(source.cells), written, strict=True):
            notebook.cells[one.answer].source = text
        if who == "wrong":
            notebook.cells.append(new_code_cell("1 / 0"))
        handed_in(f"{who}.ipynb", notebook)
    endless = student()
    endless.cells.insert(1, new_code_cell("while True: pass"))
    handed_in("endless.ipynb", endless)
    command = [sys.executable, "-m", "grading.points", handed_in.folder, "--limit", "60"]
    subprocess.run(command, check=True, cwd=rooms.ROOT)
    with open(handed_in.folder / "points.csv", encoding="utf-8") as table:
        rows = {row["file"]: row for row in csv.DictReader(table)}
    found = {name: (float(row["points"]), row["not_yet"].split()) for name, row in rows.items()}
    assert found.pop("endless.ipynb") == (0, [])
    assert "endless loop" in rows["endless.ipynb"]["remark"]
    names = ["add_detail", "best_guess", "pixel_shuffle", "psnr"]
    assert found == {
        "nothing.ipynb": (0, names),
        "right.ipynb": (4, []),
        "wrong.ipynb": (3, ["pixel_shuffle"]),
    }
