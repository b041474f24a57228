"""Checks say what is wrong: every known mistake by its own hint, everything else in a sentence."""

import functools
import io
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from IPython.core.formatters import DisplayFormatter
from learners import RIGHT, WRONG, content_without_detach, loop, right_gram, texture

from nstlib import checks

CHECKS = {check.name: check for check in checks.ALL}
# a tensor, a scalar, a dict, a number, functions, an observed loop
KINDS = ("gram_matrix", "content_loss", "weigh", "psnr", "add_smoothing", "descend")


def hint_of(check, function):
    verdict = check(function)
    assert not verdict
    assert not verdict.right
    start = f"✗ {check.name}: not yet. "
    assert verdict.message.startswith(start)
    assert "\n" not in verdict.message
    return verdict.message.removeprefix(start)


def test_each_chapter_has_checks_for_three_exercises():
    chapters = [check.chapter for check in checks.ALL]
    assert all(chapters.count(chapter) >= 3 for chapter in range(1, 8))
    assert set(CHECKS) == set(RIGHT) == set(WRONG)
    assert all(getattr(checks, name) is check for name, check in CHECKS.items())


@pytest.mark.parametrize("name", CHECKS)
def test_right_answers_are_right(name):
    for function in (CHECKS[name].reference, *RIGHT[name]):
        verdict = CHECKS[name](function)
        assert verdict.message == f"✓ {name}: right"
        assert verdict


@pytest.mark.parametrize("name", CHECKS)
def test_each_mistake_has_its_own_hint(name):
    check = CHECKS[name]
    hints = {mistake.hint[0].upper() + mistake.hint[1:] for mistake in check.mistakes}
    assert len(hints) == len(check.mistakes)
    said = {part: hint_of(check, function) for part, function in WRONG[name].items()}
    assert all(part.lower() in hint.lower() for part, hint in said.items())
    assert set(said.values()) == hints


def test_a_missing_square_is_seen_whichever_is_subtracted():
    backwards = {
        "content_loss": lambda f, p: (p - f).mean(),
        "style_loss": lambda f, t: sum((t[n] - right_gram(f[n])).mean() for n in t),
        "total_variation": lambda x: (
            (x[:, :, :-1] - x[:, :, 1:]).mean() + (x[..., :-1] - x[..., 1:]).mean()
        ),
    }
    for name, function in backwards.items():
        assert "square is missing" in hint_of(CHECKS[name], function)


def test_numbers_of_colours_are_seen_as_such_with_and_without_their_distances():
    def distances(layout, colors):
        return (layout - colors[:, :, None, None]).pow(2).sum(1)

    check = CHECKS["region_masks"]
    assert "not masks" in hint_of(check, distances)
    assert "not masks" in hint_of(check, lambda *given: distances(*given).argmin(0))


@pytest.mark.parametrize("name", CHECKS)
def test_a_missing_return_is_named(name):
    assert "returns nothing: is `return` missing?" in hint_of(CHECKS[name], lambda *given: None)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "returns nothing"),
        ("a text", "str"),
        ([1, "two"], "list"),
        (float("nan"), ""),
        (float("inf"), ""),
        (3, ""),
        (True, "bool"),
        (torch.zeros(7, 1, 2), ""),
        (torch.zeros(0), ""),
        (torch.full((), float("nan")), ""),
        (torch.zeros(2, 2, dtype=torch.complex64), ""),
        (torch.zeros(2, 2, device="meta"), ""),
        (torch.zeros(2, 2).to_sparse(), ""),
        ({}, ""),
        ({"content": None, "style": "a text", 3: torch.zeros(2)}, ""),
        (object(), "object"),
        (Ellipsis, "ellipsis"),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_any_answer_gets_a_sentence(name, answer, said):
    check = CHECKS[name]
    hint = hint_of(check, functools.partial(lambda answer, *given: answer, answer))
    assert said in hint or name in ("descend", "add_smoothing")
    assert len(hint) < 400


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "error", [ValueError("too\nmany"), RecursionError(), SyntaxError("invalid"), MemoryError()]
)
def test_an_exception_gets_a_sentence_with_its_line(name, error):
    def answer(*given):
        raise error

    hint = hint_of(CHECKS[name], lambda *given: answer(*given))
    assert type(error).__name__ in hint
    assert "`raise error`" in hint
    assert "Traceback" not in hint
    assert "many" not in hint


def test_endless_recursion_gets_a_sentence():
    def answer(features):
        return answer(features)

    assert "RecursionError" in hint_of(checks.gram_matrix, answer)


def test_a_name_that_a_dict_lacks_gets_advice():
    hint = hint_of(checks.style_loss, lambda f, t: sum(f[n].sum() - t[n].sum() for n in f))
    assert "KeyError: 'unused'; that dict has no such name" in hint


def test_a_list_or_a_matrix_taken_for_a_dict_gets_advice():
    def by_name(features, targets, masks):
        return sum(features.mean() * masks[name].mean() for name, _ in targets.items())

    assert "it is not a dict" in hint_of(checks.region_loss, by_name)
    said = hint_of(checks.mix_targets, lambda one, other, share: {n: one[n] for n in one})
    assert "not a position" in said


def test_a_sparse_answer_can_be_read():
    assert checks.paste(
        lambda image, other, mask: RIGHT["paste"][1](image, other, mask).to_sparse()
    )


def test_a_gradient_in_a_dict_is_named():
    def half(features, targets):
        features = {**features, "second": features["second"].detach()}
        return RIGHT["style_loss"][0](features, targets)

    assert "no gradient reaches `features['second']`" in hint_of(checks.style_loss, half)


def test_a_long_error_is_cut():
    def answer(features):
        raise ValueError("x" * 5000)

    assert len(hint_of(checks.gram_matrix, answer)) < 300


def test_a_mistake_that_is_not_possible_on_an_example_is_passed_over():
    mistakes = [
        checks.Mistake("divided by 0", checks.gives(lambda number: number / 0)),
        checks.Mistake("halved", checks.gives(lambda number: number / 2)),
    ]
    same = checks.Check("same", ("number",), 0, "", float, [lambda: (4.0,)], mistakes)
    assert hint_of(same, lambda number: 2.0) == "Halved"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through(interrupt):
    def answer(features):
        raise interrupt

    with pytest.raises(interrupt):
        checks.gram_matrix(answer)


@pytest.mark.parametrize("name", CHECKS)
def test_the_wrong_number_of_arguments_shows_the_call(name):
    check = CHECKS[name]
    for function in (lambda: 0, lambda a, b, c, d, e, f, g: 0, lambda *, features: 0):
        assert f"`{check.usage}`" in hint_of(check, function)


def test_what_is_no_function_is_refused():
    for given in (None, 3, torch.zeros(2), "gram_matrix"):
        assert "`checks.gram_matrix(gram_matrix)`" in hint_of(checks.gram_matrix, given)


def test_functions_without_a_signature_can_be_checked():
    assert "no gradient" not in hint_of(checks.content_loss, torch.dist)
    assert "TypeError" in hint_of(checks.content_loss, int)


def test_an_input_that_is_changed_in_place_is_noticed():
    def add(one, other, share):
        for name in one:
            one[name].mul_(1 - share).add_(share * other[name])
        return one

    assert "changes `one` itself" in hint_of(checks.blend, add)

    def order_reversed(features, order):
        shuffled = RIGHT["shuffle_positions"][1](features, order)
        order.copy_(order.flip(0))
        return shuffled

    assert "changes `order` itself" in hint_of(checks.shuffle_positions, order_reversed)

    def emptied(one, other, share):
        mixed = RIGHT["blend"][0](one, other, share)
        other.clear()
        return mixed

    assert "changes `other` itself" in hint_of(checks.blend, emptied)


def test_changing_what_needs_a_gradient_gets_advice():
    def subtract(features, target):
        features -= target
        return features.square().mean()

    assert "instead of changing one" in hint_of(checks.content_loss, subtract)


def test_a_gradient_that_is_cut_off_is_noticed():
    cuts = [
        lambda f, p: F.mse_loss(f.detach(), p),
        lambda f, p: F.mse_loss(f.data, p),
        torch.no_grad()(lambda f, p: F.mse_loss(f, p)),
        torch.inference_mode()(lambda f, p: F.mse_loss(f, p)),
    ]
    for cut in cuts:
        assert "no gradient reaches `features`" in hint_of(checks.content_loss, cut)
    numbers = [lambda f, p: F.mse_loss(f, p).item(), lambda f, p: float(F.mse_loss(f, p))]
    for number in numbers:
        assert "plain number" in hint_of(checks.content_loss, number)


def test_a_gradient_that_is_cut_in_half_is_noticed():
    def half(features):
        rows = features.flatten(2)
        return rows @ rows.detach().mT / features[0].numel()

    assert "gradient of `features` is not" in hint_of(checks.gram_matrix, half)


def test_a_gradient_that_goes_to_the_wrong_places_is_noticed():
    def mirrored(features):
        value, other = (F.avg_pool2d(f, 2) for f in (features, features.flip(3)))
        return value.detach() + other - other.detach()

    assert "gradient of `features` is not" in hint_of(checks.average_pool, mirrored)


def test_a_target_that_is_not_detached_is_noticed():
    assert "forgot to detach" in hint_of(checks.content_objective, content_without_detach)
    kept = texture(right_gram, detach=False)
    assert "forgot to detach" in hint_of(checks.texture_objective, kept)


def test_shapes_come_with_their_likely_reason():
    said = {
        "`.mean()` or `.sum()`": (checks.content_loss, lambda f, p: (f - p) ** 2),
        "limited to some `dim`": (checks.content_loss, lambda f, p: ((f - p) ** 2).mean((2, 3))),
        "(3, 3) instead of (1, 3, 3)": (checks.gram_matrix, lambda f: right_gram(f)[0]),
        "one number; name the dimensions": (checks.gram_matrix, lambda f: f.mean()),
        "swapped": (checks.average_pool, lambda f: F.avg_pool2d(f, 2).mT),
        "`reshape` is missing": (checks.gram_matrix, lambda f: right_gram(f).flatten()),
        "`keepdim=True`": (checks.mean_color, lambda p, m: (p * m).sum((2, 3)) / m.sum()),
        "after each line": (checks.gram_matrix, lambda f: f[:, :2]),
    }
    for part, (check, function) in said.items():
        assert part in hint_of(check, function)


def test_an_unknown_factor_is_measured():
    assert "7 times too large" in hint_of(checks.gram_matrix, lambda f: 7 * right_gram(f))
    assert "7 times too small" in hint_of(checks.gram_matrix, lambda f: right_gram(f) / 7)
    assert "sign is turned" in hint_of(checks.gram_matrix, lambda f: -right_gram(f))
    thrice = hint_of(checks.content_loss, lambda f, p: 3 * F.mse_loss(f, p))
    assert "In each example it is 3 times too large" in thrice
    by_chance = hint_of(checks.content_loss, lambda f, p: (f - p).pow(4).mean())
    assert "times too" not in by_chance


def test_an_unknown_value_is_shown_with_its_place():
    def answer(features):
        gram = right_gram(features).clone()
        gram[0, 1, 2] = 5
        return gram

    hint = hint_of(checks.gram_matrix, answer)
    assert "1 of 9 values differ, such as [0, 1, 2]: 5 where" in hint
    assert "(Tried with features (1, 3, 4, 5).)" in hint


def test_values_that_are_not_finite_are_named():
    for bad in ("nan", "inf"):
        hint = hint_of(checks.gram_matrix, lambda f, bad=bad: right_gram(f) * float(bad))
        assert "not finite" in hint


def test_an_answer_from_another_cell_is_noticed():
    answer = right_gram(torch.ones(1, 3, 4, 5))
    hint = hint_of(checks.style_loss, lambda f, t: answer.sum() * f["first"].sum() ** 0)
    assert "same to different inputs" in hint


def test_names_in_a_dict_are_compared():
    def named(*names):
        return lambda objective, weight: lambda image: dict.fromkeys(names, image.mean())

    assert "lacks 'style'" in hint_of(checks.add_smoothing, named("content", "total variation"))
    extra = named("content", "style", "total variation", "sum")
    assert "also has 'sum'" in hint_of(checks.add_smoothing, extra)
    twice = hint_of(checks.weigh, lambda terms, w: {n: w[n] * t.exp() for n, t in terms.items()})
    assert "in the entry 'content'" in twice.lower()
    lists = hint_of(checks.weigh, lambda terms, weights: {n: [1] for n in terms})
    assert "of type list" in lists


def test_a_wrong_value_in_the_second_example_only_is_found():
    assert hint_of(checks.average_pool, lambda f: F.avg_pool2d(f, 2) * (1 + (len(f) - 1) * f.max()))
    only_one = hint_of(checks.gram_matrix, lambda f: right_gram(f[:1]))
    assert "(1, 4, 4) instead of (2, 4, 4)" in only_one


def test_warnings_are_not_shown():
    hint = hint_of(checks.content_loss, lambda f, p: F.mse_loss(f, p.mean()))
    assert "Warning" not in hint


def test_loops_get_their_advice():
    said = {
        "`return` missing": [("        return loss\n", "")],
        "`requires_grad_()` comes last": [
            ("start.clone().requires_grad_()", "start.requires_grad_().clone()")
        ],
        "a missing `requires_grad_()`": [(".requires_grad_()", "")],
        "add them up with": [("sum(objective(image).values())", "objective(image)")],
        "clamp inside the closure": [("objective(image)", "objective(image.clamp(0, 1))")],
        "it returns nothing": [("    return image.detach()\n", "")],
        "has not moved": [("return image.detach()", "return start.clone()")],
    }
    for part, changes in said.items():
        assert part.lower() in hint_of(checks.descend, loop(*changes)).lower()


def test_checks_leave_the_random_numbers_alone():
    before = torch.get_rng_state()
    checks.gram_matrix(right_gram)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_check_works_where_gradients_are_off():
    with torch.no_grad():
        assert checks.content_loss(F.mse_loss)
        cut = hint_of(checks.content_loss, lambda f, p: F.mse_loss(f.detach(), p))
    assert "no gradient reaches `features`" in cut


def test_complex_numbers_are_named():
    hint = hint_of(checks.paste, lambda image, other, mask: torch.complex(image, other))
    assert "complex numbers" in hint


def test_a_verdict_is_printed_once(capsys):
    verdict = checks.gram_matrix(right_gram)
    assert capsys.readouterr().out == "✓ gram_matrix: right\n"
    assert repr(verdict) == verdict.message == "✓ gram_matrix: right"
    assert DisplayFormatter().format(verdict) == ({}, {})
    assert capsys.readouterr().out == ""


def test_a_console_without_the_signs_gets_words(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", console)
    verdict = checks.gram_matrix(right_gram)
    console.flush()
    assert console.buffer.getvalue() == b"? gram_matrix: right\n"
    assert verdict.right


def test_help_shows_the_exercise():
    for check in checks.ALL:
        assert repr(check) == check.__doc__
        assert check.__doc__.startswith(f"Check `{check.usage}`.")
        assert check.exercise in check.__doc__
        assert f"`{check.usage}`" in check.exercise
        assert f"Taught in: chapter {check.chapter}." in check.__doc__


def test_nstlib_alone_imports_no_torch():
    code = "import sys, nstlib; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_checks_load_no_pretrained_network():
    code = (
        "import sys; from nstlib import checks; "
        "assert not {'torchvision', 'nstlib.features', 'nstlib.pretrained'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
