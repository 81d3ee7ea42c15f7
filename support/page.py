"""A page as a list of parts, written as Markdown for terminals and as HTML for a browser."""

import base64
import html
import re
from collections import namedtuple

from support.process import printable
from support.typeset import raise_powers

STYLE = """
:root { color-scheme: light dark }
body { max-width: 60rem; margin: auto; padding: 1rem; font: 1.05rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.2rem; margin-top: 1.5rem }
.strong { font-weight: 600 }
.scroll { overflow-x: auto; background:
          linear-gradient(90deg, Canvas 30%, transparent) 0 0 / 2.5rem 100% no-repeat local,
          linear-gradient(270deg, Canvas 30%, transparent) 100% 0 / 2.5rem 100% no-repeat local,
          linear-gradient(90deg, #8888, transparent) 0 0 / .8rem 100% no-repeat scroll,
          linear-gradient(270deg, #8888, transparent) 100% 0 / .8rem 100% no-repeat scroll }
pre { overflow-x: auto; padding: .5rem 1rem; margin: .5rem 0; border: 1px solid #8886 }
.formula { font: 1.15rem/1.5 "Cambria Math", "Latin Modern Math", "STIX Two Math", serif }
div.formula { margin: .5rem 1rem; overflow-x: auto }
div.large { font-size: 1.5rem; padding: .5rem 1rem; margin: .5rem 0;
            border-left: .3rem solid #0072B2; background: #0072B21F }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; white-space: nowrap;
         border-bottom: 1px solid #8886 }
details { margin: .7rem 0 } summary { cursor: pointer; font-weight: 600 }
img { max-width: min(100%, 44rem); max-height: 30rem; background: white } figure { margin: 1rem 0 }
"""
# The page takes nothing from elsewhere, whatever stands in its text.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


# The parts of a page. A Formula is one formula a line, large for the finding of the page; Code is
# lines to copy; a row of a Table may be shorter than the first, its head, and a cell a Formula; a
# Picture is named by its file beside the page; Details are parts that a reader unfolds.
Heading = namedtuple("Heading", "text level", defaults=[1])
Text = namedtuple("Text", "text strong", defaults=[False])
Formula = namedtuple("Formula", "text large", defaults=[False])
Code = namedtuple("Code", "text")
Table = namedtuple("Table", "rows")
Picture = namedtuple("Picture", "name caption")
Details = namedtuple("Details", "summary parts")


# ---------------------------------------------------------------------------------------- Markdown

def markdown(parts):
    """The page as Markdown, which reads well on a terminal too."""
    return "\n\n".join("\n".join(markdown_lines(part)) for part in parts) + "\n"


def markdown_lines(part):
    """The lines of one part."""
    if isinstance(part, Heading):
        return [f"{'#' * part.level} {in_line(part.text)}"]
    if isinstance(part, (Formula, Code)):
        return [f"    {line}" for line in printable(part.text).splitlines()]
    if isinstance(part, Table):
        return table(*part.rows)
    if isinstance(part, Picture):
        return [f"![{in_line(part.caption)}]({part.name})"]
    if isinstance(part, Details):
        return [f"## {in_line(part.summary)}\n", markdown(part.parts).rstrip("\n")]
    return [f"**{in_line(part.text)}**" if part.strong else in_line(part.text)]


def in_line(text):
    """Text in one line, in which < opens no element of HTML."""
    return re.sub(r"<(?=[A-Za-z/!?])", r"\\<", printable(text).replace("\n", " "))


def table(*rows):
    """Lines of a Markdown table, its columns aligned; the first row is the head."""
    # A | in a cell, as in |B|², is no border.
    rows = [[in_line(cell_text(cell)).replace("|", "\\|") for cell in row]
            + [""] * (len(rows[0]) - len(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def cell_text(cell):
    """The text of a cell, without a negative zero."""
    return re.sub(r"^-(0\.0+)$", r"\1", cell.text if isinstance(cell, Formula) else str(cell))


# -------------------------------------------------------------------------------------------- HTML

def as_html(parts, pictures):
    """The page as one HTML file, with its pictures, {name: content}, inside, and no script."""
    title = next((part.text for part in parts if isinstance(part, Heading)), "")
    body = "\n".join(element(part, pictures) for part in parts)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n")


def escape(text):
    """Text in HTML."""
    return html.escape(printable(text))


def element(part, pictures):
    """One part in HTML."""
    if isinstance(part, Heading):
        return f"<h{part.level}>{escape(part.text)}</h{part.level}>"
    if isinstance(part, Formula):
        lines = "<br>".join(map(in_print, part.text.splitlines()))
        return f'<div class="formula{" large" if part.large else ""}">{lines}</div>'
    if isinstance(part, Code):
        return f"<pre>{escape(part.text)}</pre>"
    if isinstance(part, Table):
        rows = ["".join(f"<{tag}>{cell_in_html(cell)}</{tag}>" for cell in row)
                for tag, row in zip(["th"] + ["td"] * len(part.rows), part.rows)]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f'<div class="scroll"><table>{body}</table></div>'
    if isinstance(part, Picture):
        if part.name not in pictures:
            return ""
        inside = base64.b64encode(pictures[part.name]).decode()
        return (f'<figure><img alt="{escape(part.caption)}" src="data:image/png;base64,{inside}">'
                f"<figcaption>{escape(part.caption)}</figcaption></figure>")
    if isinstance(part, Details):
        inside = "\n".join(element(each, pictures) for each in part.parts)
        return f"<details><summary>{escape(part.summary)}</summary>\n{inside}\n</details>"
    return f'<p{" class=strong" if part.strong else ""}>{escape(part.text)}</p>'


def cell_in_html(cell):
    """A cell of a table in HTML."""
    text = cell_text(cell)
    is_formula = isinstance(cell, Formula)
    return f'<span class="formula">{in_print(text)}</span>' if is_formula else escape(text)


def in_print(formula):
    """A formula in HTML, with powers of one digit raised."""
    return escape(raise_powers(formula)).replace("*", "\u2009")      # a thin space
