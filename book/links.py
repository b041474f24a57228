"""Links, pictures and anchors: from the repository's files to the book's."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def slug(text):
    """Make an anchor of a heading as GitHub does; JupyterLab's anchors give the same."""
    kept = re.sub(r"[^\w\s-]", "", unquote(text).strip().lower())
    return re.sub(r"\s", "-", kept)


def name_headings(soup):
    """Give each heading an anchor of its own."""
    taken = {}
    for heading in soup.find_all(HEADINGS):
        anchor = slug(heading.get_text())
        taken[anchor] = taken.get(anchor, -1) + 1
        heading["id"] = f"{anchor}-{taken[anchor]}" if taken[anchor] else anchor


def settle_links(soup, source, pages):
    """Point links to pages of the book; a link to another file becomes text.

    Args:
        soup: the page.
        source: the file it was made from.
        pages: {path of a file: name of its page}.

    Raises:
        ValueError: for a link to a file that is not there.
    """
    for link in soup.find_all("a", href=True):
        parts = urlsplit(link["href"])
        if parts.scheme:
            continue
        path = local_file(source, parts.path)
        name = pages.get(path)
        if name is None:
            link.name, link.attrs = "span", {}
            continue
        anchor = f"#{slug(parts.fragment)}" if parts.fragment else ""
        link["href"] = anchor if path == source and anchor else name + anchor


def copied_pictures(soup, source, root):
    """Point pictures to their copies in the book; return {name of the copy: file}."""
    copies = {}
    for image in soup.find_all("img"):
        if image["src"].startswith("pictures/"):
            continue  # an output's
        path = local_file(source, image["src"])
        copy = Path("pictures") / path.relative_to(root)
        image["src"] = copy.as_posix()
        copies[copy] = path
    return copies


def local_file(source, address):
    path = (source.parent / unquote(address)).resolve() if address else source
    if not path.exists():
        raise ValueError(f"{source.name} points to {address}, which is not there")
    return path
