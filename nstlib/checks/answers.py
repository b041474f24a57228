"""Run a learner's function on small tensors; say in a sentence what is wrong with its answer."""

import inspect
import math
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

NEAR = 5e-4  # relative difference that is rounding, or where one puts a small epsilon
NEAR_ZERO = 1e-5  # the same, relative to the largest value of the answer
TINY = 1e-9  # a value that counts as 0
LONGEST = 160  # characters of an error's text that are shown
ADVICE = {  # what part of an error's text -> what to try
    "in-place operation": "make a new tensor, x = x + y, instead of changing one, x += y",
    "non-leaf": "`requires_grad_()` comes last, as in `start.clone().requires_grad_()`",
    "does not require grad": "the loss no longer depends on the image: `detach`, `.item()`, "
    "`.data` or a missing `requires_grad_()` cut it off",
    "grad can be implicitly created": "a loss is one number: is `.mean()` missing?",
    "'dict' object has no attribute 'backward'": "an objective returns a dict of terms; add them "
    "up with `sum(terms.values())`",
    "not 'NoneType'": "a function that is called in it returns nothing: is its `return` missing?",
    "has no attribute 'items'": "that argument has no names, it is not a dict: print its type",
    "tensors used as indices": "you index with something that is not a position; print its type",
    "is not defined": "use the arguments' names, or define this name in a cell above",
    "KeyError": "that dict has no such name; which of the dicts has the names that you need?",
    "NotImplementedError": "there is still something to write",
    "must match the size": "print the shapes of both tensors in that line",
    "shape '": "print the shape of the tensor before you reshape it",
    "is out of bounds": "print the shape, and see which dimension you index",
    "cannot be multiplied": "print the shapes of both factors; one may need `.transpose(1, 2)`",
    "Expected size for first two dimensions": "print the shapes of both factors; one may need "
    "`.transpose(1, 2)`",
}


@dataclass(frozen=True)
class Trial:
    """What a function did with one example.

    Attributes:
        parameters: the names of what it was given.
        case: makes the example anew.
        given: the example that the function had, as it left it.
        run: function -> what it does with a fresh example.
        expected, found: answers; found is None where there was an error.
        wanted_slopes, found_slopes: of the answers, by argument.
        error: the sentence about an exception, or None.
    """

    parameters: Sequence[str]
    case: Callable[[], tuple]
    given: tuple
    run: Callable[[Callable], object]
    expected: object
    found: object
    wanted_slopes: dict[str, Tensor | None]
    found_slopes: dict[str, Tensor | None]
    error: str | None


def attempt(
    function: Callable,
    reference: Callable,
    *,
    parameters: Sequence[str],
    case: Callable[[], tuple],
    observe: Callable,
) -> Trial:
    """Let a learner's function answer one example; nothing but an interrupt gets out.

    Args:
        function: the learner's.
        reference: one that is right.
        parameters: names of the arguments.
        case: makes the arguments, the same ones at each call.
        observe: (function, *arguments) -> what counts as its answer.
    """

    def run(candidate: Callable, given: tuple | None = None) -> tuple:
        given = case() if given is None else given
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")  # a hint follows, which says it better
            answer = observe(candidate, *given)
            return settle(answer), slopes(answer, dict(zip(parameters, given, strict=True)))

    given, error, found, found_slopes = case(), None, None, {}
    try:
        found, found_slopes = run(function, given)
    except Exception as problem:  # whatever a learner can do
        error = explain(problem, function)
    expected, wanted_slopes = run(reference)
    return Trial(
        parameters,
        case,
        given,
        lambda candidate: run(candidate)[0],
        expected,
        found,
        wanted_slopes,
        found_slopes,
        error,
    )


def settle(answer: object) -> object:
    """Turn an answer's tensors to constants in double precision, its numbers to floats."""
    if isinstance(answer, Tensor):
        answer = answer.detach().cpu().to_dense()
        return answer if answer.is_complex() else answer.double()
    if isinstance(answer, Real) and not isinstance(answer, bool):
        return float(answer)
    if isinstance(answer, dict):
        return {name: settle(value) for name, value in answer.items()}
    return answer


def slopes(answer: object, given: dict[str, object]) -> dict[str, Tensor | None]:
    """Follow an answer back: {name of a tensor that was given: its gradient, or None}."""
    leaves = {}
    for name, value in given.items():
        parts = value if isinstance(value, dict) else {}
        named = {name: value, **{f"{name}[{part!r}]": leaf for part, leaf in parts.items()}}
        leaves |= {n: t for n, t in named.items() if isinstance(t, Tensor) and t.requires_grad}
    ends = [end for end in tensors(answer) if end.requires_grad]
    if not ends or not leaves:
        return dict.fromkeys(leaves)
    ramps = [torch.linspace(0.5, 1.5, end.numel()).reshape(end.shape) for end in ends]
    total = sum((end * ramp).sum() for end, ramp in zip(ends, ramps, strict=True))
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {name: settle(slope) for name, slope in zip(leaves, found, strict=True)}


def tensors(value: object) -> Iterator[Tensor]:
    """Find the tensors in a value, through dicts, lists and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from tensors(part)


def explain(error: Exception, function: Callable) -> str:
    """Put an exception in a sentence, with the learner's line that it came from."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    where = f" in line {own[-1].lineno}, `{own[-1].line}`" if own and own[-1].line else ""
    lines = str(error).strip().splitlines() or [""]
    text = lines[0] if len(lines[0]) <= LONGEST else lines[0][:LONGEST] + "..."
    what = type(error).__name__ + (f": {text}" if text else "")
    advice = [advice for part, advice in ADVICE.items() if part in f"{what} {error}"]
    return "; ".join([f"it stops{where} with {what}", *advice[:1]])


def same(found: object, expected: object) -> bool:
    """Tell whether two settled answers agree, up to rounding."""
    if isinstance(expected, dict):
        alike = isinstance(found, dict) and set(found) == set(expected)
        return alike and all(same(found[name], expected[name]) for name in expected)
    if isinstance(expected, (list, tuple)):
        alike = isinstance(found, (list, tuple)) and len(found) == len(expected)
        return alike and all(map(same, found, expected))
    if not isinstance(expected, (Tensor, float)):
        return type(found) is type(expected) and bool(found == expected)
    if not isinstance(found, (Tensor, float)):
        return False
    found, expected = torch.as_tensor(found), torch.as_tensor(expected)
    return found.shape == expected.shape and bool(near(found, expected).all())


def near(found: Tensor, expected: Tensor) -> Tensor:
    """Tell for each value whether two tensors of one shape agree, up to rounding."""
    if found.is_complex():
        return torch.zeros_like(found, dtype=torch.bool)
    found, expected = found.double(), expected.double()
    finite = expected[expected.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    few = max(NEAR_ZERO * largest, TINY)
    return torch.isclose(found, expected, rtol=NEAR, atol=few, equal_nan=True)


def find_problem(trial: Trial) -> str | None:
    """Say what is wrong with an answer, without knowing the exercise; None if nothing is."""
    if trial.error is not None:
        return trial.error
    return (
        wrong_form(trial.found, trial.expected, gradient=bool(trial.wanted_slopes))
        or _changed(trial)
        or wrong_value(trial.found, trial.expected, _described(trial))
        or _wrong_slopes(trial)
    )


def has_wrong_form(trial: Trial) -> bool:
    """Tell whether there is no answer, or none that could be right for some example."""
    if trial.error is not None:
        return True
    return wrong_form(trial.found, trial.expected, gradient=bool(trial.wanted_slopes)) is not None


def wrong_form(found: object, expected: object, *, gradient: bool) -> str | None:
    """Say what is wrong with the type, the names or the shape of an answer."""
    if found is None:
        return "it returns nothing: is `return` missing?"
    if isinstance(expected, dict):
        return _wrong_names(found, expected, gradient)
    wanted = torch.as_tensor(expected)
    if isinstance(found, float) and not (gradient and isinstance(expected, Tensor)):
        found = torch.as_tensor(found)
    if isinstance(found, float):
        return (
            "it returns a plain number, which no gradient can follow; return a tensor, without "
            "`.item()` or `float()`"
        )
    if not isinstance(found, Tensor):
        return f"what it returns is of type {type(found).__name__}; return {_form(wanted)}"
    if found.is_complex():
        return "it returns complex numbers; a root of negative numbers, or a Fourier transform?"
    if found.shape != wanted.shape:
        return (
            f"its shape is {tuple(found.shape)} instead of {tuple(wanted.shape)}: "
            f"{shape_reason(found, wanted)}"
        )
    return None


def _wrong_names(found: object, expected: dict, gradient: bool) -> str | None:
    names = ", ".join(repr(name) for name in expected)
    if not isinstance(found, dict):
        kind = type(found).__name__
        return f"what it returns is of type {kind}; return a dict with the names {names}"
    if missing := [repr(name) for name in expected if name not in found]:
        return f"the dict that it returns lacks {', '.join(missing)}"
    if extra := [repr(name) for name in found if name not in expected]:
        return f"the dict that it returns also has {', '.join(extra)}; wanted are only {names}"
    for name, value in expected.items():
        if problem := wrong_form(found[name], value, gradient=gradient):
            return f"in the entry {name!r}, {problem}"
    return None


def _form(wanted: Tensor) -> str:
    return f"a tensor of shape {tuple(wanted.shape)}" if wanted.ndim else "a single number"


def shape_reason(found: Tensor, wanted: Tensor) -> str:
    """Guess how an answer got its shape."""
    if wanted.ndim == 0:
        return "one number is wanted; is `.mean()` or `.sum()` missing, or limited to some `dim`?"
    if found.ndim == 0:
        return "that is one number; name the dimensions to sum or average over"
    if [side for side in found.shape if side > 1] == [side for side in wanted.shape if side > 1]:
        return "a dimension of size 1 is missing or too many; `keepdim=True` or `[None]` keeps it"
    if sorted(found.shape) == sorted(wanted.shape):
        return "two dimensions are swapped"
    if found.numel() == wanted.numel():
        return "all values are there; a `reshape` is missing"
    return "print the shape after each line to see where it goes astray"


def wrong_value(found: object, expected: object, example: str) -> str | None:
    """Say where an answer of the right form differs, and by which factor if there is one."""
    if isinstance(expected, dict):
        pairs = ((name, wrong_value(found[name], expected[name], example)) for name in expected)
        wrong = [f"in the entry {name!r}, {problem}" for name, problem in pairs if problem]
        return wrong[0] if wrong else None
    found, expected = torch.as_tensor(found), torch.as_tensor(expected).double()
    wrong = ~near(found, expected)
    if not wrong.any():
        return None
    if not found.isfinite().all() and expected.isfinite().all():
        return (
            "it contains values that are not finite (NaN or infinity): is there a division by 0, "
            f"or a root or logarithm of something that is not above 0? {example}"
        )
    if found.ndim and (factor := common_factor(found, expected)):
        return f"it is right but for a factor: {factor}; look at what you divide by. {example}"
    place = tuple(wrong.nonzero()[0].tolist())
    first = f"{found[place]:.4g} where {expected[place]:.4g} is right"
    if not place:
        return f"it is {first}. {example}"
    count = f"{int(wrong.sum())} of {wrong.numel()} values differ"
    return f"{count}, such as {list(place)}: {first}. {example}"


def common_factor(found: Tensor, expected: Tensor) -> str | None:
    """Find the one factor between two tensors, in words; None if there is none."""
    here = expected.abs() > NEAR_ZERO * expected.abs().max()
    if not here.any() or not expected.isfinite().all():
        return None
    factor = float(found[here][0] / expected[here][0])
    usual = abs(factor) < NEAR_ZERO or abs(factor - 1) < NEAR or not math.isfinite(factor)
    if usual or not near(found, factor * expected).all():
        return None
    if abs(factor + 1) < NEAR:
        return "its sign is turned round"
    large = abs(factor) > 1
    return f"{factor:.4g} times too large" if large else f"{1 / factor:.4g} times too small"


def _described(trial: Trial) -> str:
    shapes = [
        f"{name} {tuple(value.shape)}"
        for name, value in zip(trial.parameters, trial.case(), strict=True)
        if isinstance(value, Tensor)
    ]
    return f"(Tried with {', '.join(shapes)}.)" if shapes else "(Tried with small tensors.)"


def _changed(trial: Trial) -> str | None:
    for name, left, made in zip(trial.parameters, trial.given, trial.case(), strict=True):
        if not same(*(list(map(settle, tensors(value))) for value in (left, made))):
            return (
                f"it changes `{name}` itself, which others still need; work on a new tensor, or on "
                f"`{name}.clone()`"
            )
    return None


def _wrong_slopes(trial: Trial) -> str | None:
    for name, wanted in trial.wanted_slopes.items():
        found = trial.found_slopes.get(name)
        if wanted is None and found is not None and found.abs().max() > TINY:
            return (
                f"the value is right, but a gradient flows into `{name}`: you forgot to detach the "
                "target, which is a constant"
            )
        if wanted is not None and found is None and wanted.abs().max() > TINY:
            return (
                f"the value is right, but no gradient reaches `{name}`: `detach`, `.data`, "
                "`.item()` or `no_grad` cuts it off"
            )
        if wanted is not None and found is not None and not same(found, wanted):
            return (
                f"the value is right, but the gradient of `{name}` is not: is a part of the "
                "formula detached?"
            )
    return None
