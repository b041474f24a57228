"""The book: every page, link, formula and picture; then in a browser without internet."""

import itertools
import json
import re
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup
from lab import CHROMIUM, NOT_FOUND, watched_page
from PIL import Image

from book.build import build
from book.links import slug
from book.panels import LIMIT, NOTEBOOKS, PANELS
from book.prose import formula
from book.prose import to_html as prose_to_html
from book.search import plain

in_browser = pytest.mark.skipif(CHROMIUM is None, reason=NOT_FOUND)

LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
AXE_PAGES = {
    "light": ["04_better_transfers.html"],
    "dark": ["05_sketch_to_painting.html", "04_exercises.html", "model_card.html"],
}
GROUND = "getComputedStyle(document.body).backgroundColor"
WHITE = "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build") / "book"
    build(folder)
    return folder


@pytest.fixture(scope="module")
def soups(folder):
    """The pages in the order in which Next visits them."""
    found, name = {}, "index.html"
    while name:
        found[name] = BeautifulSoup((folder / name).read_text(encoding="utf-8"), "html.parser")
        forward = found[name].find("a", rel="next")
        name = forward and forward["href"]
        assert name not in found
    return found


@pytest.fixture
def small(tmp_path):
    """A repository of one chapter, one exercise and two pages."""
    (tmp_path / "notebooks" / "exercises").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    live = nbformat.v4.new_output(
        "execute_result", data={"text/plain": "A live panel: run this cell to use it."}
    )
    cells = [
        nbformat.v4.new_markdown_cell("# One\n\n[a](#Two-words) [g](../docs/g.md#the-end)"),
        nbformat.v4.new_code_cell("panel", outputs=[live]),
        nbformat.v4.new_markdown_cell("## Two words\n\n## Two words"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "01_one.ipynb")
    exercise = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Try one")])
    nbformat.write(exercise, tmp_path / "notebooks" / "exercises" / "01_one.ipynb")
    (tmp_path / "docs" / "exercises.md").write_text("# More")
    (tmp_path / "docs" / "g.md").write_text("# G\n\n[r](../code.py)\n\n## The end\n\n")
    (tmp_path / "code.py").touch()
    (tmp_path / "README.md").write_text("# Start\n\n[one](notebooks/01_one.ipynb)")
    return tmp_path


def test_every_notebook_and_document_is_a_page_in_order(soups):
    chapters = [f"{path.stem}.html" for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))]
    documents = sorted((NOTEBOOKS.parent / "docs").glob("*.md"))
    assert list(soups)[: len(chapters) + 2] == ["index.html", *chapters, "studio.html"]
    exercises = sorted((NOTEBOOKS / "exercises").glob("*.ipynb"))
    rest = [f"{path.stem}.html" for path in exercises]
    rest += [f"{path.stem}.html" for path in documents]
    assert list(soups)[len(chapters) + 2 :] == [*rest, "model_card.html"]


def test_a_new_file_finds_its_place_and_names_do_not_collide(small):
    pages = build(small / "book", small)
    names = ["index", "01_one", "exercises_01_one", "exercises", "g"]
    assert [page.name for page in pages] == [f"{name}.html" for name in names]
    assert [page.title for page in pages] == ["Start", "One", "Try one", "More", "G"]
    assert pages[1].parts == [("two-words", "Two words"), ("two-words-1", "Two words")]


def test_links_between_files_become_links_between_pages(small):
    _, chapter, *_, document = build(small / "book", small)
    assert [a["href"] for a in chapter.soup.find_all("a")] == ["#two-words", "g.html#the-end"]
    assert not document.soup.find_all("a")  # code.py is no page
    assert document.soup.span.get_text() == "r"


def test_a_link_to_nothing_is_an_error(small):
    (small / "docs" / "g.md").write_text("# G\n\n[x](gone.md)")
    with pytest.raises(ValueError, match=r"g\.md points to gone\.md"):
        build(small / "book", small)


def test_a_folder_of_other_things_is_left_alone(small):
    (small / "mine").mkdir()
    (small / "mine" / "diary.txt").touch()
    with pytest.raises(ValueError, match="something else than a book"):
        build(small / "mine", small)
    assert (small / "mine" / "diary.txt").exists()
    build(small / "book", small)
    (small / "book" / "old.html").touch()
    build(small / "book", small)
    assert not (small / "book" / "old.html").exists()


def test_a_panel_without_a_picture_says_how_to_run_it(small):
    chapter = build(small / "book", small)[1].soup
    said = "type make lab (in a bundle: python start.py) and run the notebook 01_one.ipynb"
    assert said in " ".join(chapter.find("figure", class_="panel").get_text().split())
    assert "run this cell" not in chapter.get_text()


def test_previous_and_next_agree(soups):
    names = list(soups)
    for before, name in itertools.pairwise(names):
        assert soups[name].find("a", rel="prev")["href"] == before
    assert soups[names[0]].find("a", rel="prev") is None


def test_each_page_has_its_frame(soups):
    titles = [soup.title.get_text() for soup in soups.values()]
    assert len(set(titles)) == len(titles)
    for name, soup in soups.items():
        assert soup.html["lang"] == "en"
        assert soup.main["id"] == soup.find("a", class_="skip")["href"][1:]
        contents = soup.find("nav", id="contents")
        assert contents.find(attrs={"aria-current": "page"})["href"] == name
        linked = [link["href"] for link in contents.find_all("a")]
        assert [href for href in linked if href[0] != "#"] == list(soups)
        parts = [heading["id"] for heading in soup.main.find_all("h2")]
        assert [href[1:] for href in linked if href[0] == "#"] == parts


def test_headings_are_in_order(soups):
    for name, soup in soups.items():
        levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
        assert levels[0] == 1, name
        assert levels.count(1) == 1, name
        steps = itertools.pairwise(levels)
        assert all(after <= before + 1 for before, after in steps), name


def test_every_picture_has_its_alt_text(soups):
    for name, soup in soups.items():
        for image in soup.find_all("img"):
            assert len(image.get("alt", "")) > 20, f"{name}: {image}"


def test_an_outputs_alt_text_arrives(soups):
    notebook = nbformat.read(NOTEBOOKS / "01_content_reconstruction.ipynb", 4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    stored = [o.metadata["image/jpeg"]["alt"] for o in outputs if "image/jpeg" in o.get("data", {})]
    shown = [image["alt"] for image in soups["01_content_reconstruction.html"].find_all("img")]
    assert len(stored) >= 5
    assert [alt for alt in shown if alt in stored] == stored


def test_local_links_and_pictures_exist(folder, soups):
    anchors = {name: {tag["id"] for tag in soup.find_all(id=True)} for name, soup in soups.items()}
    for name, soup in soups.items():
        ids = [tag["id"] for tag in soup.find_all(id=True)]
        assert len(ids) == len(set(ids)), name
        for link in soup.find_all("a", href=True):
            parts = urlsplit(link["href"])
            if parts.scheme:
                assert parts.scheme == "https"
                continue
            assert (parts.path or name) in soups, f"{name}: {link}"
            assert not parts.fragment or unquote(parts.fragment) in anchors[parts.path or name]
        for image in soup.find_all("img"):
            with Image.open(folder / image["src"]) as picture:
                assert (int(image["width"]), int(image["height"])) == picture.size


def test_nothing_is_loaded_from_elsewhere(folder, soups):
    for soup in soups.values():
        for tag in soup.find_all(list(LOADS)):
            address = tag.get(LOADS[tag.name], "")
            assert address.startswith("data:,") or not urlsplit(address).scheme
            assert not address.startswith("//")
    for name in ("book.css", "book.js"):
        assert not re.search(r"https?:|url\(|@import", (folder / name).read_text(encoding="utf-8"))


def test_formulas_became_mathml(soups):
    formulas = {
        path.stem: sum(cell.source.count("$$") for cell in nbformat.read(path, 4).cells) // 2
        for path in NOTEBOOKS.glob("[0-9]*.ipynb")
    }
    assert sum(formulas.values()) > 10
    for stem, count in formulas.items():
        assert len(soups[f"{stem}.html"].select("math[display=block]")) == count
    for name, soup in soups.items():
        for code in soup.find_all(["code", "pre", "script"]):
            code.decompose()
        assert not re.search(r"\$|\\[a-zA-Z]{2,}", soup.main.get_text()), name


def test_formulas_are_written_as_tex_would():
    bars = formula(r"\Big\lVert \frac{a}{b} \Big\rVert", "block")
    assert bars.count("‖</mo>") == 2
    assert 'rspace="0.17em">sin</mo>' in formula(r"\sin\theta", "inline")
    assert 'rspace="0em">mean</mo>' in formula(r"\operatorname{mean}(x)", "inline")
    least = formula(r"\theta^* = \arg\min_\theta L", "block")
    assert re.search(r"arg</mo><munder><mo[^>]*>min</mo>", least)
    for unknown in (r"\nosuchthing", r"\begin{aligned} a &= b \end{aligned}"):
        with pytest.raises(ValueError, match="no MathML for"):
            formula(unknown, "block")


def test_hidden_blocks_and_tables_keep_their_markdown():
    html = prose_to_html("<details>\n<summary>Answer</summary>\n\n**6** is $x^2$\n\n</details>")
    details = BeautifulSoup(html, "html.parser").details
    assert details.summary.get_text() == "Answer"
    assert details.strong.get_text() == "6"
    assert details.math
    assert "<table>" in prose_to_html("| a | b |\n|---|---|\n| 1 | 2 |")


def test_tables_have_no_empty_headings(soups):
    heads = [head for soup in soups.values() for head in soup.find_all("th")]
    assert len(heads) > 10
    assert all(head.get_text(strip=True) for head in heads)


def test_anchors_of_github_and_jupyterlab_lead_to_the_same_heading():
    heading = "1.4 The loop, by hand"
    assert slug(heading) == slug("1.4-The-loop,-by-hand") == slug("14-the-loop-by-hand")


def test_the_index_finds_gram_in_its_chapter(folder):
    script = (folder / "search_index.js").read_text(encoding="utf-8")
    index = json.loads(script.removeprefix("window.searchIndex = ").rstrip().removesuffix(";"))
    found = [address for address, *_, text in index if "Gram" in text]
    assert any(address.startswith("02_style_reconstruction.html#") for address in found)


def test_the_index_holds_words_apart_and_no_formulas():
    html = prose_to_html("a | b\n-|-\nc | d\n\nsince $x^2 = y$ holds\n\n- e\n- `f`")
    texts = [plain(element) for element in BeautifulSoup(html, "html.parser").find_all(True)]
    assert texts[0] == "a b c d"
    assert "since … holds" in texts
    assert "e f" in texts


def test_panels_have_small_pictures(soups):
    for stem, panels in PANELS.items():
        figures = soups[f"{stem}.html"].find_all("figure", class_="panel")
        assert [figure.img["alt"] for figure in figures] == [alt for _, alt in panels]
        for name, _ in panels:
            assert (NOTEBOOKS / "figures" / f"{name}.jpg").stat().st_size < LIMIT


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    """A page without internet, which must ask for nothing and report no error."""
    page, problems = watched_page(browser, offline=True, **getattr(request, "param", {}))
    page.on("requestfailed", lambda asked: problems.append(f"failed: {asked.url}"))
    page.on("request", lambda asked: check_local(asked.url, problems))
    yield page
    page.close()
    assert not problems


def check_local(url, problems):
    if not url.startswith(("file:", "data:,")):
        problems.append(f"asked for {url}")


def visit(page, folder, name):
    page.goto((folder / name).as_uri())


@in_browser
def test_every_page_opens_and_fits_a_telephone(page, folder, soups):
    page.set_viewport_size({"width": 400, "height": 800})
    for name in soups:
        visit(page, folder, name)
        page.evaluate("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
        page.wait_for_function("[...document.images].every(one => one.complete)")
        assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)"), name
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, name


@in_browser
def test_formulas_are_drawn(page, folder):
    visit(page, folder, "02_style_reconstruction.html")
    gram = page.locator("math[display=block]").first.bounding_box()
    assert gram["height"] > 30  # a fraction: two lines


@in_browser
def test_search_with_the_keyboard(page, folder):
    visit(page, folder, "index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("Gram matrices")
    results = page.locator("#search li a")
    results.first.wait_for()
    assert re.match(r"\d+ places found", page.get_by_role("status").inner_text())
    assert page.locator("#search mark").first.inner_text().lower() in ("gram", "matrices")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    wanted = results.first.get_attribute("href")
    assert page.evaluate("document.activeElement.getAttribute('href')") == wanted
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{wanted}")


@in_browser
def test_search_finds_nothing_and_closes(page, folder):
    visit(page, folder, "index.html")
    page.get_by_role("button", name="Search").click()
    page.keyboard.type("xylophone (")
    page.get_by_text("No places found").wait_for()
    page.keyboard.press("Escape")
    page.locator("#search").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "search-button"


@in_browser
def test_the_theme_is_remembered(page, folder):
    visit(page, folder, "index.html")
    button = page.get_by_role("button", name="Dark")
    assert page.evaluate(GROUND) == WHITE
    button.click()
    dark = page.evaluate(GROUND)
    assert dark != WHITE
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/01_*")
    assert page.evaluate(GROUND) == dark
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    page.reload()
    assert page.evaluate(GROUND) == WHITE


@in_browser
@pytest.mark.parametrize("page", [{"color_scheme": "dark"}], indirect=True)
def test_print_is_the_text_alone_on_white(page, folder):
    visit(page, folder, "04_better_transfers.html")
    assert page.evaluate(GROUND) != WHITE
    page.set_viewport_size({"width": 700, "height": 1000})  # a sheet's width
    page.emulate_media(media="print")
    assert page.evaluate(GROUND) == WHITE
    for hidden in ("header", "#contents", ".turn"):
        assert not page.locator(hidden).is_visible()
    wide = "[...document.querySelectorAll('pre')].some(one => one.scrollWidth > one.clientWidth)"
    assert not page.evaluate(wide)


@in_browser
@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_reading_needs_no_script(page, folder):
    visit(page, folder, "index.html")
    assert page.locator("#contents").is_visible()
    assert not page.get_by_role("button", name="Search").is_visible()


@in_browser
def test_the_first_tab_skips_to_the_text(page, folder):
    visit(page, folder, "01_content_reconstruction.html")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "MAIN"


@in_browser
@pytest.mark.parametrize(
    ("page", "name"),
    [({"color_scheme": scheme}, name) for scheme, names in AXE_PAGES.items() for name in names],
    indirect=["page"],
)
def test_axe_finds_nothing_serious(page, folder, name):
    visit(page, folder, name)
    assert serious_findings(page) == []


@in_browser
@pytest.mark.parametrize("page", [{"color_scheme": s} for s in ("light", "dark")], indirect=True)
def test_axe_finds_nothing_serious_on_a_telephone(page, folder):
    page.set_viewport_size({"width": 400, "height": 800})
    visit(page, folder, "index.html")  # whose code is wider than this
    page.get_by_role("button", name="Contents").click()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Search").click()
    page.keyboard.type("gram")
    page.locator("#search li a").first.wait_for()
    assert serious_findings(page) == []


def serious_findings(page):
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "preload": False}  # it would fetch the style sheet
    found = Axe().run(page, options=options).response["violations"]
    return [
        (finding["id"], [node["target"] for node in finding["nodes"]])
        for finding in found
        if finding["impact"] in ("serious", "critical")
    ]
