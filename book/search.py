"""What the search looks through: the text of each section, in a script that a page can load."""

import copy
import json

from book.links import HEADINGS

BLOCKS = ["p", "li", "td", "th", "pre", "summary", "figcaption", *HEADINGS]


def sections(soup, name, title):
    """Split a page at its headings into (address, page title, heading, text)."""
    found = [[name, title, title, ""]]
    for element in soup.find_all(recursive=False):
        if element.name in HEADINGS:
            address = name if element.name == "h1" else f"{name}#{element['id']}"
            found.append([address, title, element.get_text(), ""])
        else:
            found[-1][-1] += plain(element) + " "
    return [section for section in found if section[-1].strip()]


def plain(element):
    """Take the words of an element, without formulas and on one line."""
    element = copy.copy(element)
    for math in element.find_all("math"):
        math.replace_with("…")
    for block in element.find_all(BLOCKS):
        block.append(" ")
    return " ".join(element.get_text().split())


def script(found):
    """Write the index as JavaScript: a page on a disk may not read JSON files."""
    return f"window.searchIndex = {json.dumps(found, ensure_ascii=False)};\n"
