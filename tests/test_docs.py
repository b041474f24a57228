"""The pages in docs/: what they link to and name exists, what they compute is right."""

import ast
import functools
import importlib
import re
import shlex
from pathlib import Path

import nbformat
import pytest
import torch

from nstlib import feedforward, losses, recipes, synthesis
from nstlib.__main__ import _parser
from nstlib.features import load_network

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SYMPTOMS = ROOT / "docs" / "when_it_goes_wrong.md"
GLOSSARY = ROOT / "docs" / "glossary.md"
NO_TERMS = {  # bold in a chapter's text, and no term: emphasis, buttons
    "pause",
    "run",
    "several styles without masks",
    "small",
    "smaller painting",
    "stop",
    "that fails",
    "train",
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def text_of(page):
    """A page without its comments."""
    return re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.S)


def prose_of(page):
    """A page without its comments and code blocks."""
    return re.sub(r"^```.*?^```", "", text_of(page), flags=re.S | re.M)


def code_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", text_of(page), flags=re.S | re.M)


def code_spans(page):
    return re.findall(r"`([^`\n]+)`", prose_of(page))


def headings(page):
    return [
        (len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", prose_of(page), re.M)
    ]


def anchor(title):
    """What GitHub and the book make of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@functools.cache
def parameters():
    """The names of all parameters of nstlib's functions."""
    trees = [ast.parse(path.read_text()) for path in (ROOT / "nstlib").rglob("*.py")]
    given = [node.args for tree in trees for node in ast.walk(tree) if hasattr(node, "args")]
    given = [one for one in given if isinstance(one, ast.arguments)]
    return {entry.arg for one in given for entry in (*one.args, *one.kwonlyargs)}


# Every page


def test_there_are_pages():
    assert {page.stem for page in PAGES} >= {
        "glossary",
        "other_weights",
        "teachers_guide",
        "when_it_goes_wrong",
        "where_we_differ",
    }


@each_page
def test_headings_are_in_order(page):
    levels = [level for level, _ in headings(page)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    steps = [after - before for before, after in zip(levels, levels[1:], strict=False)]
    assert max(steps, default=0) <= 1
    titles = [anchor(title) for _, title in headings(page)]
    assert len(titles) == len(set(titles))


@each_page
def test_links_resolve(page):
    links = re.findall(r"\]\(([^)\s]+)\)", prose_of(page))
    for link in links:
        if link.startswith("https://"):
            continue
        place, _, part = link.partition("#")
        file = (page.parent / place).resolve() if place else page
        assert file.is_file(), f"{page.name}: {link}"
        assert file.is_relative_to(ROOT)
        if part:
            assert part in [anchor(title) for _, title in headings(file)], f"{page.name}: {link}"


@each_page
def test_pictures_have_alt_text(page):
    assert all(len(alt) > 20 for alt in re.findall(r"!\[([^\]]*)\]", text_of(page)))


@each_page
def test_what_is_named_in_nstlib_exists(page):
    for name in re.findall(r"nstlib(?:\.\w+)+", text_of(page)):
        parts = name.split(".")
        found = importlib.import_module(".".join(parts[:2]))
        for place in range(2, len(parts)):
            assert hasattr(found, parts[place]), f"{page.name}: {name}"
            found = getattr(found, parts[place])


@each_page
def test_options_exist(page):
    named = {name for span in code_spans(page) for name in re.findall(r"^(\w+)=", span)}
    named -= {name for name in named if name.isupper()}  # environment variables
    assert named <= parameters(), page.name


@each_page
def test_environment_variables_exist(page):
    source = "".join(path.read_text() for path in (ROOT / "nstlib").rglob("*.py"))
    assert all(name in source for name in re.findall(r"NSTLIB_[A-Z]+", text_of(page)))


@each_page
def test_commands_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for span in code_spans(page):
        if span.startswith("make "):
            assert span.split()[1] in targets, f"{page.name}: {span}"
        if span.startswith("python -m nstlib"):
            _parser().parse_args(shlex.split(span)[3:])


@each_page
def test_code_runs(page, monkeypatch):
    transfer = recipes.transfer

    def quick(content, *arguments, **options):
        options |= {"size": 64, "iterations": 1, "evaluations": 2, "progress": False}
        return transfer(content[..., :64, :64], *arguments, **options)

    monkeypatch.setattr(recipes, "transfer", quick)
    for block in code_blocks(page):
        exec(compile(block, page.name, "exec"), {})


# When it goes wrong


def test_every_cause_has_a_test_and_every_test_a_cause():
    tree = ast.parse((ROOT / "tests" / "test_symptoms.py").read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    tests = [name for name in functions if name.startswith("test_")]
    causes = [title for level, title in headings(SYMPTOMS) if level == 3]
    assert tests == ["test_" + anchor(title).replace("-", "_") for title in causes]


def test_every_cause_has_a_remedy_and_a_row():
    causes = re.split(r"^### ", text_of(SYMPTOMS), flags=re.M)[1:]
    assert all(cause.count("**Remedy.**") == 1 for cause in causes)
    rows = re.findall(r"\(#([\w-]+)\)", text_of(SYMPTOMS))
    assert rows == [anchor(cause.splitlines()[0]) for cause in causes]


def test_the_defaults_are_as_said():
    page = text_of(SYMPTOMS)
    said = {
        "`tv_weight=10` is the default": recipes.TV_WEIGHT == 10,
        "Lower `content_weight`; the default is 0.3": recipes.CONTENT_WEIGHT == 0.3,
        "the default of `nstlib.feedforward.train` is 1.5e-3": feedforward.training.RATE == 1.5e-3,
        "A run of more than 3 seconds says so": synthesis.ANNOUNCE_FROM == 3,
    }
    assert all(sentence in page for sentence in said)
    assert all(said.values())


def test_the_quoted_memory_error_is_the_real_one(monkeypatch):
    monkeypatch.setattr("nstlib.devices.free_memory", lambda device: 300_000_000)
    with pytest.raises(MemoryError) as caught:
        load_network(device="cpu").check_memory((1, 3, 1500, 2000), ["block5_conv1"])
    assert f"`MemoryError: {caught.value}`" in text_of(SYMPTOMS)


# Glossary


def one_form(term):
    """Singular and plural, capital or not, on one line or two: one term."""
    return " ".join(word.removesuffix("s") for word in term.lower().split())


def terms_of(chapter):
    """Terms that a chapter prints in bold: up to three words, no sentence, before its exercises."""
    cells = [
        cell.source for cell in nbformat.read(chapter, 4).cells if cell.cell_type == "markdown"
    ]
    text = "\n\n".join(cells).partition("## Exercises")[0]
    text = text.replace("**What you will learn**", "")
    bold = [" ".join(words.split()) for words in re.findall(r"\*\*(.+?)\*\*", text, re.S)]
    terms = [words for words in bold if len(words.split()) <= 3 and not re.search(r"[.?!:]", words)]
    return [term for term in terms if term.lower() not in NO_TERMS]


def glossary():
    entries = re.findall(r"^- \*\*(.+?)\*\*: (.+)$", text_of(GLOSSARY), re.M)
    assert len(entries) == text_of(GLOSSARY).count("\n- ")
    return {one_form(term): words for term, words in entries}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_every_bold_term_is_in_the_glossary(chapter):
    assert {one_form(term) for term in terms_of(chapter)} <= set(glossary())


def test_the_glossary_names_the_chapter_that_introduces_a_term():
    entries, seen = glossary(), set()
    for chapter in CHAPTERS:
        for term in map(one_form, terms_of(chapter)):
            if term not in seen:
                assert chapter.name in entries[term], f"{term} is first bold in {chapter.name}"
            seen.add(term)


def test_the_glossary_is_sorted():
    terms = re.findall(r"^- \*\*(.+?)\*\*", text_of(GLOSSARY), re.M)
    assert terms == sorted(terms, key=str.lower)


# Other tutorials' weights in ours


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 1, 5, 6, 7, generator=generator).unbind()  # ours and the target's


def products(features):
    rows = features[0].flatten(1)
    return rows @ rows.T


C, N, S = 5, 6 * 7, 30 * 40
STYLE_LOSSES = {  # as in the page's table: their loss from D, and the factor
    "mean of $(D / CN)^2$": (lambda d: (d / (C * N)).square().mean(), "1", 1),
    r"$\sum (D / CN)^2$": (lambda d: (d / (C * N)).square().sum(), "C^2", C**2),
    "mean of $(D / N)^2$": (lambda d: (d / N).square().mean(), "C^2", C**2),
    r"$\sum D^2 / (4 C^2 N^2)$": (
        lambda d: d.square().sum() / (4 * C**2 * N**2),
        "C^2 / 4",
        C**2 / 4,
    ),
    r"$\sum D^2 / (36\, S^2)$, with $S$ pixels in the picture": (
        lambda d: d.square().sum() / (4 * 3**2 * S**2),
        r"C^4 N^2 / (36\, S^2)",
        C**4 * N**2 / (36 * S**2),
    ),
}
CONTENT_LOSSES = {
    "mean of $(F - P)^2$": (lambda d: d.square().mean(), "1", 1),
    r"$\sum (F - P)^2$": (lambda d: d.square().sum(), "C N", C * N),
    r"$\tfrac{1}{2} \sum (F - P)^2$": (lambda d: d.square().sum() / 2, "C N / 2", C * N / 2),
}


@pytest.mark.parametrize("row", STYLE_LOSSES)
def test_style_factor(features, row):
    theirs, formula, factor = STYLE_LOSSES[row]
    found, target = features
    ours = losses.style_loss({"layer": found}, {"layer": losses.gram_matrix(target)})
    # their weight x their loss = (their weight x factor) x our loss
    torch.testing.assert_close(theirs(products(found) - products(target)), factor * ours)
    assert f"| {row} | ${formula}$ |" in text_of(ROOT / "docs" / "other_weights.md")


@pytest.mark.parametrize("row", CONTENT_LOSSES)
def test_content_factor(features, row):
    theirs, formula, factor = CONTENT_LOSSES[row]
    ours = losses.content_loss(*features)
    torch.testing.assert_close(theirs(features[0] - features[1]), factor * ours)
    assert f"| {row} | ${formula}$ |" in text_of(ROOT / "docs" / "other_weights.md")


@pytest.mark.parametrize("half", [1, 0.5])
def test_total_variation_factor(half):
    side, top = 9, 255
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    seen = top * image
    theirs = half * sum(seen.diff(dim=dim).square().sum() for dim in (2, 3))
    factor = half * 3 * side * (side - 1) * top**2
    torch.testing.assert_close(theirs, factor * losses.total_variation(image))


def test_rescaled_layers_change_content_by_the_square_and_style_by_the_fourth_power(photo):
    before, now = (load_network("random", rescaled=r, device="cpu") for r in (False, True))
    layer = "block3_conv1"
    found, target = photo, photo.flip(3)

    def measure(network):
        seen, wanted = (network(image, [layer]) for image in (found, target))
        gram = {layer: losses.gram_matrix(wanted[layer])}
        content = losses.content_loss(seen[layer], wanted[layer])
        return content, losses.style_loss(seen, gram), seen[layer].mean()

    content, style, mean = (a / b for a, b in zip(measure(before), measure(now), strict=True))
    assert not 0.5 < mean < 2
    torch.testing.assert_close(content, mean**2, rtol=1e-3, atol=0)
    torch.testing.assert_close(style, mean**4, rtol=1e-3, atol=0)


def test_the_example_gives_the_papers_objective(monkeypatch, photo):
    """The page's code, on a network that was rescaled, against the paper's equations 1, 4 and 5."""
    (block,) = code_blocks(ROOT / "docs" / "other_weights.md")
    published = load_network("random", device="cpu")
    painting, image = photo.flip(2), photo.flip(3)
    asked, given = block.replace('"pocket"', '"random"'), {}
    asked = asked.replace("network, published = load_network(NAME)", "network, published = OURS")
    monkeypatch.setattr("nstlib.images.load_image", lambda *_, **__: photo)
    monkeypatch.setattr(recipes, "transfer", lambda *_, **options: given.update(options))
    exec(asked, {"OURS": load_network("random", rescaled=True, device="cpu")})
    options = {key: value for key, value in given.items() if key != "start"}
    ours = sum(recipes.transfer_objective(photo, painting, **options)[1](image).values())
    layers = [*recipes.STYLE_LAYERS, "block4_conv2"]
    seen, content, style = (published(one, layers) for one in (image, photo, painting))
    theirs = 1e-3 * (seen[layers[-1]] - content[layers[-1]]).square().sum() / 2
    for layer in recipes.STYLE_LAYERS:
        d, positions = products(seen[layer]) - products(style[layer]), seen[layer][0, 0].numel()
        theirs = theirs + d.square().sum() / (4 * d.shape[0] ** 2 * positions**2) / 5
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=0)


# Where we differ


def test_the_numbers_of_parameters_are_right():
    page = ROOT / "docs" / "where_we_differ.md"
    settings = {"widths": (32, 64, 128), "blocks": 5}
    settings |= {"normalization": "batch", "upsampling": "transposed"}
    for network in (feedforward.new_network(), feedforward.new_network(**settings)):
        count = sum(parameter.numel() for parameter in network.parameters())
        assert f"{count:,}" in text_of(page)


def test_root_and_square_pull_equally_hard_where_the_page_says():
    root, square = feedforward.training.STYLE_WEIGHT, recipes.STYLE_WEIGHT
    (said,) = re.findall(r"\\sqrt\{e\} = ([\d.]+)", text_of(ROOT / "docs" / "where_we_differ.md"))
    error = torch.tensor(float(said) ** 2, requires_grad=True)
    slopes = [torch.autograd.grad(loss, error)[0] for loss in (root * error.sqrt(), square * error)]
    torch.testing.assert_close(*slopes)
