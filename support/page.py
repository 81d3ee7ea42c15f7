"""A page as a list of parts, written as Markdown for terminals and as HTML for a browser."""

import base64
import html
import re
from typing import NamedTuple

from support.process import printable

STYLE = """
:root { color-scheme: light dark }
body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 60rem;
       margin: 1rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem }
.strong { font-size: 1.15rem; padding: .7rem 1rem; border-left: .3rem solid #0072B2;
          background: color-mix(in srgb, #0072B2 12%, transparent) }
.scroll { overflow-x: auto } pre { overflow-x: auto; padding: .5rem 1rem; margin: .5rem 0;
          border: 1px solid color-mix(in srgb, currentColor 25%, transparent) }
.formula { font-family: "Cambria Math", "Latin Modern Math", "STIX Two Math", serif;
           font-size: 1.15rem } div.formula { margin: .5rem 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; white-space: nowrap;
         border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
img { max-width: min(100%, 48rem); height: auto; background: white } figure { margin: 1rem 0 }
"""


class Heading(NamedTuple):
    text: str
    level: int = 1


class Text(NamedTuple):
    """A paragraph; `formulas` are those of its words that are one each."""
    text: str
    strong: bool = False
    formulas: tuple = ()


class Formula(NamedTuple):
    text: str


class Code(NamedTuple):
    """Lines to copy: commands, or a formula for a program."""
    text: str


class Table(NamedTuple):
    """Rows of cells, the first being the head; a row may be shorter, a cell may be a Formula."""
    rows: tuple


class Picture(NamedTuple):
    """A figure beside the page, by its file name."""
    name: str
    caption: str


# ---------------------------------------------------------------------------------------- Markdown

def markdown(parts):
    """The page as Markdown, which reads well on a terminal too."""
    return printable("\n\n".join("\n".join(_lines(part)) for part in parts)) + "\n"


def _lines(part):
    if isinstance(part, Heading):
        return [f"{'#' * part.level} {part.text}"]
    if isinstance(part, (Formula, Code)):
        return [f"    {line}" for line in part.text.splitlines()]
    if isinstance(part, Table):
        return table(*part.rows)
    if isinstance(part, Picture):
        return [f"![{part.caption}]({part.name})"]
    return [f"**{part.text}**" if part.strong else part.text]


def table(*rows):
    """Lines of a Markdown table, its columns aligned; the first row is the head."""
    # A | in a cell, as in |B|², is no border.
    rows = [[_cell(cell).replace("|", "\\|") for cell in row] + [""] * (len(rows[0]) - len(row))
            for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cell(value):
    """A cell's text in one line, without a negative zero."""
    text = value.text if isinstance(value, Formula) else str(value)
    return re.sub(r"^-(0\.0+)$", r"\1", printable(text).replace("\n", " "))


# -------------------------------------------------------------------------------------------- HTML

def as_html(parts, pictures):
    """The page as one HTML file, with its pictures, {name: content}, inside, and no script."""
    title = next((part.text for part in parts if isinstance(part, Heading)), "")
    body = "\n".join(_element(part, pictures) for part in parts)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n")


def _escaped(text):
    """Text in HTML, with `words` of a program as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(printable(text)))


def _with_formulas(part):
    if not part.formulas:
        return _escaped(part.text)
    either = "|".join(map(re.escape, sorted(part.formulas, key=len, reverse=True)))
    pieces = re.split(f"({either})", part.text)         # every second one is a formula
    return "".join(_inline(piece) if i % 2 else _escaped(piece) for i, piece in enumerate(pieces))


def _inline(formula):
    return f'<span class="formula">{mathematics(formula)}</span>'


def _element(part, pictures):
    if isinstance(part, Heading):
        return f"<h{part.level}>{_escaped(part.text)}</h{part.level}>"
    if isinstance(part, Formula):
        lines = "<br>".join(map(mathematics, part.text.splitlines()))
        return f'<div class="formula">{lines}</div>'
    if isinstance(part, Code):
        return f"<pre>{_escaped(part.text)}</pre>"
    if isinstance(part, Table):
        lines = [_row(row, "td" if i else "th") for i, row in enumerate(part.rows)]
        return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"
    if isinstance(part, Picture):
        if part.name not in pictures:
            return ""
        caption, inside = _escaped(part.caption), base64.b64encode(pictures[part.name]).decode()
        return (f'<figure><img alt="{caption}" src="data:image/png;base64,{inside}">'
                f"<figcaption>{caption}</figcaption></figure>")
    start = '<p class="strong">' if part.strong else "<p>"
    return f"{start}{_with_formulas(part)}</p>"


def _row(cells, tag):
    shown = [_inline(_cell(cell)) if isinstance(cell, Formula) else _escaped(_cell(cell))
             for cell in cells]
    return "<tr>" + "".join(f"<{tag}>{each}</{tag}>" for each in shown) + "</tr>"


TOKEN = re.compile(r"[\d.]+e[-+]\d+|"                             # 1e-05, a number
                   r"([A-Za-zÀ-ÖØ-öø-ɏͰ-Ͽ]+)(?:_([^\W_²³⁴-⁹]+))?|"    # v_x, x below the line
                   r"\^(\d+)|.", re.DOTALL)
FUNCTIONS = "sqrt exp log sin cos tan arctan tanh abs".split()


def mathematics(text):
    """A formula in HTML: names in italics, what follows _ below the line, what follows ^ above."""
    return TOKEN.sub(_typeset, printable(text))


def _typeset(found):
    name, below, above = found.groups()
    if above:
        return f"<sup>{above}</sup>"
    if name is None or name in FUNCTIONS:
        return html.escape(found[0])
    return f"<i>{name}</i>" + (f"<sub>{below}</sub>" if below else "")
