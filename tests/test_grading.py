"""From a plain source notebook to what nbgrader and otter-grader read."""

import copy
import json
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grading import formats, nbgrader_recipe, otter_recipe, rooms
from grading.exercises import (
    assert_verdicts,
    find_exercises,
    free_names,
    is_check,
    solution,
    split_hidden,
    wrong,
)

ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
CHECK = """\
checks.double(double)
three = 3
### BEGIN HIDDEN TESTS
assert double(three) == 6
### END HIDDEN TESTS"""


@pytest.fixture
def example():
    return nbformat.read(rooms.EXAMPLE, 4)


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def marks(notebook):
    return [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]


def test_exercises_are_answers_with_the_checks_that_follow(example):
    found = find_exercises(example.cells)
    assert [one.name for one in found] == ["gram_matrix", "content_loss", "answer"]
    assert [one.points for one in found] == [2, 1, 0]
    assert [len(one.checks) for one in found] == [1, 1, 0]
    assert all(one.answer < number for one in found for number in one.checks)


def test_two_answers_of_one_name_are_told_apart():
    cells = [new_code_cell(ANSWER) for _ in range(3)]
    assert [one.name for one in find_exercises(cells)] == ["double", "double_2", "double_3"]


def test_only_asserts_and_verdicts_check():
    assert is_check("x = 1\nassert x")
    assert is_check("checks.double(double)")
    assert not is_check("checks.double.exercise")
    assert is_check("right = checks.double(double)")
    assert not is_check("right = double(3)")
    assert not is_check("plots.show_images(image)")
    assert not is_check("%pip install this")


def test_a_verdict_alone_becomes_an_assert():
    assert assert_verdicts("a = 1\nchecks.double(\n    double\n)\nplot(a)") == (
        "a = 1\nassert checks.double(\n    double\n)\nplot(a)"
    )
    assert assert_verdicts("right = checks.double(\n    double\n)\nright") == (
        "right = checks.double(\n    double\n)\nassert right\nright"
    )
    assert assert_verdicts("assert checks.double(double)") == "assert checks.double(double)"


def test_hidden_lines_are_taken_out_of_what_is_shown():
    assert split_hidden(CHECK) == ("checks.double(double)\nthree = 3", "assert double(three) == 6")
    assert split_hidden("assert True") == ("assert True", "")


def test_free_names_are_those_that_the_code_does_not_make():
    code = "import torch as t\ny = t.ones(n)\nassert sum(double(i) for i in y) == len(y)"
    assert free_names(code) == ["double", "n"]


def test_right_and_wrong_answers():
    given = {}
    exec(solution(ANSWER), given)
    assert given["double"](4) == 8
    exec(wrong(ANSWER), given)
    assert given["double"](4) == 16


def test_nbgrader_marks_answers_and_checks(example):
    before = copy.deepcopy(example)
    made = formats.to_nbgrader(example)
    assert example == before
    nbformat.validate(made)
    found = {one.grade_id: one for one in marks(made)}
    assert len(found) == len(marks(made)) == 5
    assert {name for name, one in found.items() if one.solution} == {
        "gram_matrix",
        "content_loss",
        "answer",
    }
    assert found["gram_matrix_check_1"].points == 2
    assert found["content_loss_check_1"].points == 1
    assert all(one.locked == one.grade != one.solution for one in found.values())
    assert all(one.schema_version == 3 for one in found.values())
    assert all("points" not in one for one in found.values() if one.solution)


def test_nbgrader_cannot_be_passed_by_a_verdict_that_nobody_reads():
    notebook = new_notebook(cells=[new_code_cell(ANSWER), new_code_cell("checks.double(double)")])
    made = formats.to_nbgrader(notebook)
    assert made.cells[1].source == "assert checks.double(double)"


def test_points_are_shared_out_whole():
    assert formats.shares(5, 2) == [3, 2]
    assert formats.shares(1, 1) == [1]
    with pytest.raises(ValueError, match="1 points for 2 checks"):
        formats.shares(1, 2)


def test_otter_gets_its_blocks_in_order(example):
    before = copy.deepcopy(example)
    made = formats.to_otter(example, "two_losses")
    assert example == before
    nbformat.validate(made)
    first, *blocks = sources(made, "raw")
    assert first.startswith("# ASSIGNMENT CONFIG\nname: two_losses")
    whole = ["BEGIN QUESTION", "BEGIN SOLUTION", "END SOLUTION", "BEGIN TESTS", "END TESTS"]
    one, rest = [*whole, "END QUESTION"], [*whole[:3], "END QUESTION"]
    assert [block.splitlines()[0][2:] for block in blocks] == [*one, *one, *rest]
    assert blocks[0] == "# BEGIN QUESTION\nname: gram_matrix\npoints: 2"
    assert blocks[12].endswith("manual: true")
    assert "###" not in "".join(sources(made, "code"))


def test_otter_tests_are_functions_of_the_learners_names():
    cells = [new_code_cell(ANSWER, metadata={"points": 3}), new_code_cell(CHECK)]
    made = formats.to_otter(new_notebook(cells=[new_markdown_cell("# A"), *cells]), "a")
    shown, hidden = (source for source in sources(made, "code") if "TEST CONFIG" in source)
    assert "hidden: false\npoints: 0" in shown
    assert "def test_double_1(checks, double):\n    assert checks.double(double)" in shown
    assert "hidden: true\npoints: 3" in hidden
    given, checks = {}, SimpleNamespace(double=lambda _: True)
    exec(hidden, given)
    given["test_double_1_hidden"](checks, lambda x: 2 * x)
    with pytest.raises(AssertionError):
        given["test_double_1_hidden"](checks, lambda x: x)


@pytest.mark.parametrize("convert", [formats.to_nbgrader, lambda one: formats.to_otter(one, "a")])
def test_the_same_notebook_each_time_and_no_outputs(convert, example):
    example.cells[1].outputs = [nbformat.v4.new_output("stream", text="old")]
    assert convert(example) == convert(example)
    assert not any(cell.get("outputs") for cell in convert(example).cells)


def test_a_student_writes_into_the_answer_cells_only(example, tmp_path):
    made = formats.to_nbgrader(example)
    for cell in made.cells:
        if nbgrader_recipe.is_answer(cell):
            cell.source = "raise NotImplementedError()"
    nbformat.write(made, tmp_path / "handed_out.ipynb")
    right, wrong_ones = (rooms.answers(example, student) for student in rooms.STUDENTS)
    assert right[1:] == wrong_ones[1:]
    assert right[0] != wrong_ones[0]
    to = tmp_path / "back.ipynb"
    rooms.hand_in(tmp_path / "handed_out.ipynb", right, nbgrader_recipe.is_answer, to)
    back = nbformat.read(to, 4)
    changed = [new for old, new in zip(made.cells, back.cells, strict=True) if old != new]
    assert [cell.source for cell in changed] == right


def test_a_solution_that_was_handed_out_is_noticed(example, tmp_path):
    nbformat.write(formats.to_nbgrader(example), tmp_path / "leak.ipynb")
    right = rooms.answers(example, "right")
    with pytest.raises(ValueError, match="solution"):
        rooms.hand_in(tmp_path / "leak.ipynb", right, nbgrader_recipe.is_answer, tmp_path / "x")


@pytest.mark.parametrize("totals", [(3, 3), (2, 1), (1, 3)])
def test_totals_that_are_not_right_fail(totals):
    with pytest.raises(SystemExit, match="not right"):
        rooms.report("g", dict(zip(rooms.STUDENTS, totals, strict=True)), 3, 0)


def test_totals_are_read_from_the_graders_own_files(tmp_path):
    table = tmp_path / "grades.csv"
    table.write_text("assignment,student_id,score\nexercises,right,3.0\nexercises,wrong,1.0\n")
    assert nbgrader_recipe.read_totals(table) == {"right": 3, "wrong": 1}
    results = tmp_path / "results.json"
    tests = [{"name": "Public Tests", "output": ""}, {"score": 2.0, "max_score": 2}, {"score": 0}]
    results.write_text(json.dumps({"tests": tests}))
    assert otter_recipe.read_results(results) == tests[1:]
