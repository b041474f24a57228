"""Put the book together: read the sources, make the pages, write them."""

import shutil
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import jinja2
import nbformat
from bs4 import BeautifulSoup
from PIL import Image

from book import cells, links, prose, search
from book.sources import ROOT, find_sources

HERE = Path(__file__).parent
DESCRIPTION = 160  # characters of a page that search engines and previews show


@dataclass
class Page:
    """A page of the book before it is laid out."""

    file: str  # it was made from, in the repository
    group: str
    name: str
    title: str
    soup: BeautifulSoup

    @property
    def parts(self):
        """The sections for the contents: (anchor, title)."""
        return [(heading["id"], heading.get_text()) for heading in self.soup.find_all("h2")]

    @property
    def description(self):
        """The first words of the page."""
        texts = (search.plain(paragraph) for paragraph in self.soup.find_all("p"))
        return next(filter(None, texts), self.title)[:DESCRIPTION]


def build(folder, root=ROOT):
    """Write the book into a folder and return its pages.

    Args:
        folder: is made anew, if it holds a book or nothing.
        root: where notebooks/, docs/ and README.md lie.

    Raises:
        ValueError: for a folder of other things, a broken link, an unknown formula.
    """
    root = root.resolve()
    sources = find_sources(root)
    names = {source.path: source.name for source in sources}
    empty(folder)
    pages = [read_page(source, names, folder, root) for source in sources]
    write_pages(pages, folder)
    found = [part for page in pages for part in search.sections(page.soup, page.name, page.title)]
    (folder / "search_index.js").write_text(search.script(found), encoding="utf-8")
    return pages


def empty(folder):
    """Make room, but never delete what is no book."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "book.css").exists():
        raise ValueError(f"{folder} holds something else than a book; choose an empty folder")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    for name in ("book.css", "book.js"):
        shutil.copy(HERE / name, folder)


def read_page(source, names, folder, root):
    """Convert one file; write its pictures."""
    drawn = {}
    soup = BeautifulSoup(to_html(source, drawn), "html.parser")
    for name, content in drawn.items():
        (folder / "pictures" / name).write_bytes(content)
    for copy, path in links.copied_pictures(soup, source.path, root).items():
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / copy)
    links.name_headings(soup)
    links.settle_links(soup, source.path, names)
    dress(soup, folder)
    title = soup.h1.get_text() if soup.h1 else source.path.stem
    return Page(source.path.relative_to(root).as_posix(), source.group, source.name, title, soup)


def to_html(source, pictures):
    if source.path.suffix == ".ipynb":
        return cells.to_html(nbformat.read(source.path, 4), source, pictures)
    return prose.to_html(source.path.read_text(encoding="utf-8"))


def dress(soup, folder):
    """Say how large pictures are, so that text does not jump; wrap and mend tables."""
    for number, image in enumerate(soup.find_all("img")):
        with Image.open(folder / image["src"]) as picture:
            image["width"], image["height"] = map(str, picture.size)
        if number:
            image["loading"] = "lazy"
    for table in soup.find_all("table"):
        table.wrap(soup.new_tag("div", attrs={"class": "table"}))  # which scrolls
        for blank in (head for head in table.find_all("th") if not head.get_text(strip=True)):
            blank.name = "td"  # a heading that says nothing is none


def write_pages(pages, folder):
    """Lay the pages out, each with the contents and its neighbours."""
    loader = jinja2.FileSystemLoader(HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    template = environment.get_template("page.html.jinja")
    groups = [(key, list(group)) for key, group in groupby(pages, lambda page: page.group)]
    for page, before, after in zip(pages, [None, *pages], [*pages[1:], None], strict=False):
        html = template.render(page=page, groups=groups, before=before, after=after)
        (folder / page.name).write_text(html, encoding="utf-8")
