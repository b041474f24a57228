"""Write what a class gets and what the teacher keeps: `python -m grading.handout`, or `make class`.

Each source notebook becomes a student's (in notebooks/exercises, without the solutions and the
hidden tests) and a solution (in notebooks/solutions, whole, without the markers). A student's
notebook that somebody has written into stays as it is.
"""

import hashlib
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

    Its metadata get the name of the exercises, in otter-grader's words, as a file may be renamed,
    and a checksum that tells whether somebody has written into it.
    """
    notebook.metadata["otter"] = {"assignment_name": name}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            shown = split_hidden(cell.source)[0] if BEGIN_HIDDEN in cell.source else cell.source
            cell.source = without_solutions(shown)
    notebook.metadata["nstlib"] = {"handed_out": checksum(notebook)}
    return clear(notebook)


def checksum(notebook):
    """Sum up the text of all cells."""
    text = "\0".join(cell.source for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_written_into(path):
    """Tell whether there is a student's notebook whose text is not as it was handed out."""
    if not path.exists():
        return False
    notebook = nbformat.read(path, 4)
    return notebook.metadata.get("nstlib", {}).get("handed_out") != checksum(notebook)


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


def main():
    SOLUTIONS.mkdir(exist_ok=True)
    for path in find_sources():
        nbformat.write(solution(nbformat.read(path, 4)), SOLUTIONS / path.name)
        given = STUDENTS / path.name
        if is_written_into(given):
            print(f"{shown(given)} was changed and stays as it is; move it away to get it anew")
        else:
            nbformat.write(student(nbformat.read(path, 4), path.stem), given)
    print(f"{len(find_sources())} notebooks for students in {shown(STUDENTS)}", end=", ")
    print(f"their solutions in {shown(SOLUTIONS)}")


def shown(folder):
    return folder.relative_to(NOTEBOOKS.parent)


if __name__ == "__main__":
    main()
