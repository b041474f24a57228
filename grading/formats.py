"""A source notebook in the words of each grader: `to_nbgrader` and `to_otter`.

Neither changes its argument, and both give the same cells, ids included, each time.
"""

import copy
import textwrap

import nbformat

from grading.exercises import (
    BEGIN,
    END,
    assert_verdicts,
    find_exercises,
    free_names,
    split_hidden,
)


def shares(points, parts):
    """Share out whole points: 5 over 2 checks are 3 and 2.

    Raises:
        ValueError: if a check would get none.
    """
    if parts > points:
        raise ValueError(f"{points} points for {parts} checks; give at least one point a check")
    return [points // parts + (number < points % parts) for number in range(parts)]


def to_nbgrader(notebook):
    """Add what nbgrader wants to know: which cells are answers, which grade, for how much."""
    notebook = copy.deepcopy(notebook)
    for exercise in find_exercises(notebook.cells):
        answer = notebook.cells[exercise.answer]
        answer.metadata["nbgrader"] = marks(exercise.name, solution=True)
        points = shares(exercise.points, len(exercise.checks)) if exercise.checks else []
        for number, (check, share) in enumerate(zip(exercise.checks, points, strict=True), 1):
            cell = notebook.cells[check]
            cell.source = assert_verdicts(cell.source)
            name = f"{exercise.name}_check_{number}"
            cell.metadata["nbgrader"] = marks(name, grade=True, locked=True, points=share)
    return clear(notebook)


def marks(grade_id, *, solution=False, grade=False, locked=False, **points):
    """Metadata of a cell, in nbgrader's schema 3."""
    return {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        **points,
    }


def clear(notebook):
    """Drop the outputs, in place: nobody is to start with somebody's results."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def to_otter(notebook, name):
    """Write a notebook in Otter Assign's format: raw cells around questions, answers and tests."""
    notebook = clear(copy.deepcopy(notebook))
    around = {}  # {number of a cell: the cells that stand for it}
    for exercise in find_exercises(notebook.cells):
        around.update(question(exercise, notebook.cells))
    cells = [raw(f"# ASSIGNMENT CONFIG\nname: {name}\n{CONFIG}")]
    for number, cell in enumerate(notebook.cells):
        cells += around.get(number, [cell])
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    notebook.cells, notebook.nbformat_minor = cells, 5
    return notebook


CONFIG = """\
init_cell: true
export_cell: false
check_all_cell: true
tests:
  ok_format: false
generate: true"""


def question(exercise, cells):
    """Give the cells that stand for an answer and, after it, those for its checks."""
    answer = cells[exercise.answer]
    answer.source = answer.source.replace(BEGIN, BEGIN[2:]).replace(END, END[2:])
    kind = f"points: {exercise.points}" if exercise.checks else "manual: true"
    begin = raw(f"# BEGIN QUESTION\nname: {exercise.name}\n{kind}")
    before = [begin, raw("# BEGIN SOLUTION"), answer, raw("# END SOLUTION")]
    if not exercise.checks:
        return {exercise.answer: [*before, raw("# END QUESTION")]}
    tests = tests_of(exercise, [cells[number].source for number in exercise.checks])
    after = [raw("# BEGIN TESTS"), *tests, raw("# END TESTS"), raw("# END QUESTION")]
    dropped = {number: [] for number in exercise.checks[1:]}
    return {exercise.answer: before, exercise.checks[0]: after, **dropped}


def tests_of(exercise, sources):
    """Write each check as a test that learners see and one that they do not."""
    points = shares(exercise.points, len(sources))
    for number, (source, share) in enumerate(zip(sources, points, strict=True), 1):
        shown, hidden = map(assert_verdicts, split_hidden(source))
        name = f"test_{exercise.name}_{number}"
        if shown:
            yield test_cell(name, shown, 0 if hidden else share, hidden=False)
        if hidden:  # it may use what the shown part has made
            whole = f"{shown}\n{hidden}".strip()
            yield test_cell(f"{name}_hidden", whole, share, hidden=True)


def test_cell(name, source, points, *, hidden):
    """Write a test as a function of the names that it takes from the learner's notebook."""
    settings = f'""" # BEGIN TEST CONFIG\nhidden: {str(hidden).lower()}\npoints: {points}\n'
    function = f"def {name}({', '.join(free_names(source))}):\n{textwrap.indent(source, '    ')}"
    return nbformat.v4.new_code_cell(f'{settings}""" # END TEST CONFIG\n\n{function}')


def raw(source):
    return nbformat.v4.new_raw_cell(source)
