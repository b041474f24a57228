"""A check: examples, a function that is right on them, and the mistakes that it knows by sight."""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from nstlib.checks.answers import Trial, attempt, common_factor, find_problem, has_wrong_form, same


@dataclass(frozen=True)
class Verdict:
    """What a check found; true if the answer is right.

    Attributes:
        right: whether it is.
        message: one sentence, which the check has printed.
    """

    right: bool
    message: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.message

    def _ipython_display_(self) -> None:
        """Show nothing at the end of a cell: the check has printed it."""


@dataclass(frozen=True)
class Mistake:
    """A mistake that learners make.

    Attributes:
        hint: what is said to who makes it.
        seen: whether some trials show it; see `gives`.
    """

    hint: str
    seen: Callable[[Sequence[Trial]], bool]


def gives(*wrong: Callable) -> Callable[[Sequence[Trial]], bool]:
    """Recognise a mistake by its values: those of one of the functions that make it."""

    def seen(trials: Sequence[Trial]) -> bool:
        done = [trial for trial in trials if trial.error is None]
        if all(same(trial.found, trial.expected) for trial in done):
            return False
        return any(all(_same_as(one, trial) for trial in done) for one in wrong)

    return seen


def _same_as(wrong: Callable, trial: Trial) -> bool:
    try:
        return same(trial.found, trial.run(wrong))
    except Exception:  # a mistake need not be possible on every example
        return False


def call(function: Callable, *given: object) -> object:
    """Take what a function returns as its answer."""
    return function(*given)


@dataclass(frozen=True)
class Check:
    """Something to call with a learner's function: it prints a sentence and returns a Verdict.

    Attributes:
        name: of the function that the learner writes.
        parameters: the names of its arguments.
        chapter: where it is taught.
        exercise: the text of the exercise.
        reference: a function that is right.
        cases: each makes one example's arguments, the same ones at each call.
        mistakes: that get a hint of their own; the first one seen counts.
        observe: (function, *arguments) -> what counts as its answer.
    """

    name: str
    parameters: Sequence[str]
    chapter: int
    exercise: str
    reference: Callable
    cases: Sequence[Callable[[], tuple]]
    mistakes: Sequence[Mistake]
    observe: Callable = call

    def __post_init__(self):
        text = f"Check `{self.usage}`.\n\n{self.exercise}\n\nTaught in: chapter {self.chapter}."
        object.__setattr__(self, "__doc__", text)

    def __call__(self, function: Callable) -> Verdict:
        problem = judge(self, function)
        end = "right" if problem is None else f"not yet. {problem[0].upper()}{problem[1:]}"
        verdict = Verdict(problem is None, f"{'✗' if problem else '✓'} {self.name}: {end}")
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(verdict.message.encode(encoding, "replace").decode(encoding))
        return verdict

    def __repr__(self) -> str:
        return self.__doc__

    @property
    def usage(self) -> str:
        """The call, such as `gram_matrix(features)`."""
        return f"{self.name}({', '.join(self.parameters)})"


def judge(check: Check, function: Callable) -> str | None:
    """Find what is wrong with a learner's function; None if nothing is."""
    if problem := _uncallable(check, function):
        return problem
    trials = [
        attempt(
            function,
            check.reference,
            parameters=check.parameters,
            case=case,
            observe=check.observe,
        )
        for case in check.cases
    ]
    problems = [problem for trial in trials if (problem := find_problem(trial))]
    if not problems:
        return None
    hints = (mistake.hint for mistake in check.mistakes if mistake.seen(trials))
    return next(hints, None) or _unmoved(trials) or _one_factor(trials) or problems[0]


def _uncallable(check: Check, function: Callable) -> str | None:
    if not callable(function):
        return (
            f"give the function itself, without brackets behind it: "
            f"`checks.{check.name}({check.name})`; this is a {type(function).__name__}"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return None
    try:
        signature.bind(*check.parameters)
    except TypeError:
        return f"it is called as `{check.usage}`, but yours takes {signature}"
    return None


def _unmoved(trials: Sequence[Trial]) -> str | None:
    """Notice a function that answers the same to everything, though it should not."""
    first, *others = trials
    if any(has_wrong_form(trial) for trial in trials):
        return None
    constant = all(same(trial.found, first.found) for trial in others)
    if constant and not all(same(trial.expected, first.expected) for trial in others):
        return (
            "it answers the same to different inputs: does it use its arguments, or something "
            "from another cell?"
        )
    return None


def _one_factor(trials: Sequence[Trial]) -> str | None:
    """Notice a number that is wrong by the same factor in all examples."""
    numbers = [
        (torch.as_tensor(trial.found), trial.expected)
        for trial in trials
        if not has_wrong_form(trial) and not isinstance(trial.expected, dict)
    ]
    if len(numbers) < max(2, len(trials)):
        return None
    factors = {common_factor(found, torch.as_tensor(expected)) for found, expected in numbers}
    if len(factors) > 1 or factors == {None}:
        return None
    return f"in each example it is {factors.pop()}: look at what you divide or multiply by"
