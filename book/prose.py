"""Markdown to HTML, formulas to MathML, which browsers draw without a script."""

import re

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

BIG_BAR = re.compile(r"(\\[Bb]igg?[lr]?)\s*\\[lr]?([Vv]ert)\b")  # not known to latex2mathml there
ARG = re.compile(r"\\arg(?![A-Za-z])")  # not known to latex2mathml
BELOW = re.compile(r"\\(min|max)\s*_")
BARS = {"Vert": "‖", "vert": "|"}
# Of "mean(x)" and "sin x", MathML makes operators with space on both sides, or names with none.
NAMES = re.compile(r"<(m[io])>([A-Za-z]{2,})</\1>(<mo[^>]*>(?:\(|&#x00028;))?")
SLASH = "<mo>&#x0002F;</mo>"


class Renderer(IPythonRenderer):
    """nbconvert's renderer, but with finished formulas."""

    def block_math(self, body):
        return f'<span class="formula">{formula(body, "block")}</span>'

    def inline_math(self, body):
        return formula(body, "inline")

    def latex_environment(self, name, body):
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")


def to_html(markdown):
    """Render Markdown as the notebooks understand it: tables, HTML, formulas in dollars."""
    renderer = Renderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(markdown)


def formula(latex, display):
    """Turn LaTeX into MathML.

    Raises:
        ValueError: for a command that latex2mathml does not know.
    """
    latex = BIG_BAR.sub(lambda match: match[1] + BARS[match[2]], latex.strip())
    latex = ARG.sub(r"\\operatorname{arg}", latex)
    if display == "block":
        latex = BELOW.sub(r"\\\1\\limits_", latex)  # where TeX writes what is under min
    mathml = NAMES.sub(spaced, convert(latex, display=display))
    mathml = mathml.replace(SLASH, SLASH.replace("<mo>", '<mo lspace="0em" rspace="0em">'))
    if "\\" in mathml or "<mi>&</mi>" in mathml:
        raise ValueError(f"no MathML for {latex!r}: write it with other commands")
    return mathml


def spaced(name):
    """Set a function's name as TeX does: a thin space after it, none before a bracket."""
    after = "0em" if name[3] else "0.17em"
    return f'<mo lspace="0.1em" rspace="{after}">{name[2]}</mo>{name[3] or ""}'
