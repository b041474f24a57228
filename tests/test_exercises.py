"""The exercises: the student notebooks are current, the solutions are right, the empty are kind."""

import re
from pathlib import Path

import nbformat
import pytest
from matplotlib import pyplot as plt

from grading import handout
from grading.exercises import find_exercises
from nstlib import checks

SOURCES = handout.find_sources()
SMALL = {"SIZE": 64, "ITERATIONS": 1, "STEPS": 2}  # an experiment's settings, where it has them
FOLDED = re.compile(r"<details><summary>.+?</summary>\n\n.+?\n</details>", re.DOTALL)

each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, 4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def chapter(path):
    return int(path.stem[:2])


def run(notebook):
    """Run a notebook's code with small settings, as far as Python alone can."""
    names = {"__name__": "__main__", "display": lambda figure: figure.canvas.draw()}
    for cell in code_cells(notebook):
        source = cell.source
        if "parameters" in cell.metadata.get("tags", []):
            for name, value in SMALL.items():
                source = re.sub(rf"^{name} = .*", f"{name} = {value}", source, flags=re.MULTILINE)
        exec(compile(source, cell.id, "exec"), names)
    plt.close("all")


def said(capsys):
    """List what the checks said."""
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line[:1] in ("✓", "✗")]


def test_every_chapter_has_exercises_and_every_check_an_exercise():
    assert [chapter(path) for path in SOURCES] == [1, 2, 3, 4, 5, 6, 7]
    used = [
        name
        for path in SOURCES
        for cell in code_cells(read(path))
        for name in re.findall(r"\bchecks\.(\w+)\(", cell.source)
    ]
    assert sorted(used) == sorted(check.name for check in checks.ALL)


@each_source
def test_students_have_what_the_source_says(path):
    given = read(handout.STUDENTS / path.name)
    assert given == handout.student(read(path), path.stem), "run `make class`"
    code = "\n".join(cell.source for cell in code_cells(given))
    assert not any(marker in code for marker in handout.MARKERS)


@each_source
def test_there_are_two_quick_two_experiments_and_one_open(path):
    titles = re.findall(r"^## (\d+)\. .+ \((quick|experiment|open)\)$", text(read(path)), re.M)
    assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1))
    kinds = [kind for _, kind in titles]
    assert kinds.count("quick") >= 2
    assert kinds.count("experiment") >= 2
    assert kinds[-1] == "open"


@each_source
def test_a_prediction_is_asked_for_before_each_experiment_and_folded(path):
    for part in re.split(r"^## ", text(read(path)), flags=re.M):
        if "(experiment)" in part.split("\n")[0]:
            assert "**Predict first.**" in part
            assert FOLDED.search(part)


@each_source
def test_it_ends_with_questions_whose_answers_are_folded(path):
    questions = text(read(path)).split("\n## Questions\n")[1]
    asked = re.findall(r"^\*\*.+\?\*\*$", questions, re.M)
    assert len(asked) >= 5
    assert len(FOLDED.findall(questions)) == len(asked)


@each_source
def test_an_exercise_says_what_its_check_wants(path):
    own = [check for check in checks.ALL if check.chapter == chapter(path)]
    assert len(own) >= 3
    assert all(check.exercise in text(read(path)) for check in own)


@each_source
def test_each_answer_but_the_open_one_is_checked(path):
    found = find_exercises(read(path).cells)
    assert [bool(one.checks) for one in found] == [True] * (len(found) - 1) + [False]
    own = {check.name for check in checks.ALL if check.chapter == chapter(path)}
    assert {one.name for one in found[:-1]} == own


@each_source
def test_there_are_hidden_tests(path):
    code = [cell.source for cell in code_cells(read(path))]
    assert sum(handout.BEGIN_HIDDEN in source for source in code) >= 2


@each_source
def test_every_solution_passes_every_check(path, capsys):
    run(handout.solution(read(path)))
    verdicts = said(capsys)
    assert len(verdicts) == sum(check.chapter == chapter(path) for check in checks.ALL)
    assert all(verdict.startswith("✓") for verdict in verdicts)


@each_source
def test_an_empty_notebook_runs_and_its_checks_fail_kindly(path, capsys):
    run(read(handout.STUDENTS / path.name))
    verdicts = said(capsys)
    assert len(verdicts) == sum(check.chapter == chapter(path) for check in checks.ALL)
    assert all("not yet. It returns nothing" in verdict for verdict in verdicts)


def test_a_stub_stands_where_a_solution_was():
    source = (
        "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n\nf(1)"
    )
    stub = "def f(x):\n    ...  # your lines here\n\nf(1)"
    assert handout.without_solutions(source) == stub
    top = "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"
    assert handout.without_solutions(top) == "# your lines here"
    assert handout.without_solutions(f"{source}\n{top}") == f"{stub}\n# your lines here"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """One source notebook with an output, and its places in a folder of its own."""
    source = read(SOURCES[0])
    source.cells[1].outputs = [nbformat.v4.new_output("stream", text="seen")]
    (tmp_path / "source").mkdir()
    nbformat.write(source, tmp_path / "source" / "01.ipynb")
    monkeypatch.setattr(handout, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(handout, "SOURCES", tmp_path / "source")
    monkeypatch.setattr(handout, "STUDENTS", tmp_path)
    monkeypatch.setattr(handout, "SOLUTIONS", tmp_path / "solutions")
    monkeypatch.setattr(handout, "shown", Path)
    return tmp_path


def test_both_are_written_without_outputs(elsewhere):
    handout.main()
    for made in (elsewhere / "01.ipynb", elsewhere / "solutions" / "01.ipynb"):
        assert not any(cell.outputs for cell in code_cells(read(made)))
        assert "BEGIN" not in made.read_text()
    assert "parameters" in read(elsewhere / "01.ipynb").cells[3].metadata.tags


def test_a_notebook_that_somebody_has_written_into_is_not_overwritten(elsewhere, capsys):
    handout.main()
    given = elsewhere / "01.ipynb"
    fresh = given.read_text()
    written = read(given)
    written.cells[1].execution_count = 1
    nbformat.write(written, given)
    handout.main()
    assert given.read_text() == fresh, "only run, so there is nothing to lose"
    written = read(given)
    written.cells[5].source += "\n# my answer"
    nbformat.write(written, given)
    mine = given.read_text()
    capsys.readouterr()
    handout.main()
    assert "01.ipynb was changed and stays as it is" in capsys.readouterr().out
    assert given.read_text() == mine
    given.unlink()
    handout.main()
    assert given.read_text() == fresh
