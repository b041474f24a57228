"""What a source notebook holds: answers between markers, and the cells that check them.

An answer is a code cell with `### BEGIN SOLUTION`; the code cells after it that hold an assert or
call `checks` are its checks, up to the next answer. Points: the answer's metadata, `{"points": 2}`,
or 1.
"""

import ast
import builtins
import re
from dataclasses import dataclass, field

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BEGIN_HIDDEN, END_HIDDEN = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


@dataclass
class Exercise:
    """An answer and its checks, as numbers of cells.

    Attributes:
        name: a word that no other exercise of the notebook has.
        answer: the number of the cell with the solution.
        points: what all checks together are worth; 0 where there are none.
        checks: the numbers of the cells that grade it; none in an open exercise.
    """

    name: str
    answer: int
    points: int
    checks: list[int] = field(default_factory=list)


def find_exercises(cells):
    """List the exercises among a notebook's cells, in their order."""
    found = []
    for number, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if BEGIN in cell.source:
            name = unique(exercise_name(cell.source), [one.name for one in found])
            found.append(Exercise(name, number, cell.metadata.get("points", 1)))
        elif found and is_check(cell.source):
            found[-1].checks.append(number)
    for one in found:
        one.points = one.points if one.checks else 0
    return found


def exercise_name(source):
    """Name an exercise after the first function that its answer defines, or `answer`."""
    match = re.search(r"^(?:def|class) (\w+)", source, re.MULTILINE)
    return match[1] if match else "answer"


def unique(name, taken):
    """Number a name that is taken: gram_matrix, gram_matrix_2, gram_matrix_3."""
    numbered = [name, *(f"{name}_{number}" for number in range(2, len(taken) + 2))]
    return next(one for one in numbered if one not in taken)


def is_check(source):
    """Whether a code cell grades: it asserts, or calls `checks.something(...)`."""
    statements = parse(source)
    return any(isinstance(node, ast.Assert) or is_verdict(node) for node in statements)


def parse(source):
    """List a cell's statements; a cell with %magics or without sense has none."""
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def is_verdict(node):
    """Whether a statement is `checks.something(...)` or `right = checks.something(...)`."""
    statement = isinstance(node, (ast.Expr, ast.Assign)) and isinstance(node.value, ast.Call)
    function = node.value.func if statement else None
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id == "checks"


def assert_verdicts(source):
    """Let a cell fail where `checks.something(...)` says no: a verdict alone would fail nobody."""
    lines = source.splitlines()
    for node in parse(source):
        if not is_verdict(node):
            continue
        if isinstance(node, ast.Expr):
            lines[node.lineno - 1] = "assert " + lines[node.lineno - 1]
        else:
            lines[node.end_lineno - 1] += f"\nassert {node.targets[0].id}"
    return "\n".join(lines)


def split_hidden(source):
    """Split a check into what learners see and what they do not, either may be empty."""
    pattern = rf"^{BEGIN_HIDDEN}\s*\n(.*?)^{END_HIDDEN}\s*$"
    hidden = re.findall(pattern, source, re.MULTILINE | re.DOTALL)
    shown = re.sub(pattern, "", source, flags=re.MULTILINE | re.DOTALL)
    return shown.strip(), "\n".join(hidden).strip()


def free_names(source):
    """List the names that a piece of code takes from elsewhere, builtins aside."""
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | imported(source)
    loaded = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    return sorted(loaded - stored - set(dir(builtins)))


def imported(source):
    """Names that the code's own imports give it."""
    kinds = (ast.Import, ast.ImportFrom)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return {(alias.asname or alias.name).split(".")[0] for node in nodes for alias in node.names}


def solution(source):
    """The right answer: the source without its markers."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def wrong(source):
    """A plausible wrong answer: what the right one gives, twice as large."""
    name = exercise_name(source)
    return (
        f"{solution(source)}\n\n\nright_{name} = {name}\n\n\n"
        f"def {name}(*given, **named):\n    return 2 * right_{name}(*given, **named)"
    )
