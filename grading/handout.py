"""Write what a class gets and what the teacher keeps: `python -m grading.handout`, or `make class`.

Each source notebook becomes a student's (in notebooks/exercises, without the solutions and the
hidden tests) and a solution (in notebooks/solutions, whole, without the markers). A student's
notebook that somebody has run stays as it is.
"""

import re
from pathlib import Path

import nbformat

from grading.exercises import BEGIN, BEGIN_HIDDEN, END, END_HIDDEN, split_hidden
from grading.formats import clear

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOURCES = NOTEBOOKS / "exercises" / "source"
STUDENTS = SOURCES.parent
SOLUTIONS = NOTEBOOKS / "solutions"
MARKERS = (BEGIN, END, BEGIN_HIDDEN, END_HIDDEN)
PROMPT = "# your lines here"


def find_sources():
    """List the source notebooks, in the order of the chapters."""
    return sorted(SOURCES.glob("*.ipynb"))


def student(notebook, name):
    """Take the solutions and the hidden tests out of a source notebook, in place.

    Its metadata get the name of the exercises, in otter-grader's words: a file may be renamed.
    """
    notebook.metadata["otter"] = {"assignment_name": name}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = split_hidden(cell.source)[0] if BEGIN_HIDDEN in cell.source else cell.source
            cell.source = without_solutions(shown)
    return clear(notebook)


def without_solutions(source):
    """Put what runs and does nothing where a solution was."""
    pattern = re.compile(rf"^( *){BEGIN}\n.*?^ *{END}$", re.MULTILINE | re.DOTALL)
    return pattern.sub(lambda match: match[1] + ("...  " if match[1] else "") + PROMPT, source)


def solution(notebook):
    """Take the markers out of a source notebook, in place; the hidden tests stay."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = cell.source.splitlines()
            cell.source = "\n".join(line for line in lines if line.strip() not in MARKERS)
    return clear(notebook)


def was_run(path):
    """Tell whether there is a notebook that somebody has run, so that it may hold answers."""
    if not path.exists():
        return False
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return any(cell.execution_count or cell.outputs for cell in cells)


def main():
    SOLUTIONS.mkdir(exist_ok=True)
    for path in find_sources():
        nbformat.write(solution(nbformat.read(path, 4)), SOLUTIONS / path.name)
        given = STUDENTS / path.name
        if was_run(given):
            print(f"{shown(given)} was run and stays as it is; move it away to get it anew")
        else:
            nbformat.write(student(nbformat.read(path, 4), path.stem), given)
    print(f"{len(find_sources())} notebooks for students in {shown(STUDENTS)}", end=", ")
    print(f"their solutions in {shown(SOLUTIONS)}")


def shown(folder):
    return folder.relative_to(NOTEBOOKS.parent)


if __name__ == "__main__":
    main()
