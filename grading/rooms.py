"""A grader's own environment under build/, which also sees this course's packages.

A grader pins what it needs without moving the course's versions: its packages come first, and
torch and nstlib are those of the environment that runs the recipe.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import nbformat

from grading.exercises import find_exercises, solution, wrong

ROOT = Path(__file__).parents[1]
EXAMPLE = Path(__file__).parent / "example" / "two_losses.ipynb"
STUDENTS = ("right", "wrong")


class CommandFailed(SystemExit):
    """A command of a room failed; its output is the message."""


def make_room(folder, requirements):
    """Make an environment with a grader's packages, once; return the folder of its commands."""
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    if (folder / "ready").exists():
        return commands
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python = commands / "python"
    call(python, "-m", "pip", "install", *requirements)
    purelib = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    pth = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (Path(purelib) / "course.pth").write_text(pth)
    (folder / "ready").touch()
    return commands


def run(commands, *words, cwd, limit=None, **environment):
    """Run a command of a room, for at most `limit` seconds; return its output."""
    room = commands.parent
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([str(commands), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(room / "jupyter"),
        "JUPYTER_DATA_DIR": str(room / "jupyter-data"),
        "IPYTHONDIR": str(room / "ipython"),
        **environment,
    }
    return call(commands / words[0], *words[1:], cwd=cwd, env=variables, timeout=limit)


def call(*words, **options):
    """Run a command and return its output; show all of it if the command fails."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode:
        raise CommandFailed(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def empty(folder):
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def answers(source, student):
    """List a student's answers to a source notebook; one of them has the first one wrong."""
    cells = [source.cells[one.answer].source for one in find_exercises(source.cells)]
    first = wrong(cells[0]) if student == "wrong" else solution(cells[0])
    return [first, *map(solution, cells[1:])]


def hand_in(handed_out, written, is_answer, to):
    """Write answers into the answer cells of a notebook that was handed out."""
    notebook = nbformat.read(handed_out, 4)
    cells = [cell for cell in notebook.cells if is_answer(cell)]
    for cell, text in zip(cells, written, strict=True):
        if "BEGIN SOLUTION" in cell.source:
            raise ValueError(f"{handed_out} was handed out with a solution:\n{cell.source}")
        cell.source = text
    nbformat.write(notebook, to)


def report(grader, totals, full, started):
    """Print the totals; fail unless the right answers got all points and the wrong ones fewer."""
    for student in STUDENTS:
        print(f"{grader}: {student} answers: {totals[student]:g} of {full} points")
    print(f"{grader}: {time.perf_counter() - started:.0f} s")
    if not totals["wrong"] < totals["right"] == full:
        raise SystemExit(f"{grader}: these totals are not right")
