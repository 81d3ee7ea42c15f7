"""A page as a list of parts, and how it is written: as Markdown for terminals, as HTML for a browser."""

import base64
import html
import re
from dataclasses import dataclass

STYLE = """
:root { color-scheme: light dark }
body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem }
.strong { font-size: 1.15rem; padding: .7rem 1rem; border-left: .3rem solid #0072B2;
          background: color-mix(in srgb, #0072B2 12%, transparent) }
.scroll { overflow-x: auto } pre { overflow-x: auto; padding: .5rem 1rem; margin: .5rem 0;
          border: 1px solid color-mix(in srgb, currentColor 25%, transparent) }
.formula { font-family: "Cambria Math", "Latin Modern Math", "STIX Two Math", serif;
           font-size: 1.15rem; margin: .5rem 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top; white-space: nowrap;
         border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
img { max-width: min(100%, 48rem); height: auto; background: white } figure { margin: 1rem 0 }
"""


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 1


@dataclass(frozen=True)
class Text:
    text: str
    strong: bool = False


@dataclass(frozen=True)
class Formula:
    text: str


@dataclass(frozen=True)
class Code:
    """Lines to copy: commands, or a formula for a program."""
    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first row being the head; a row may be shorter than the head."""
    rows: tuple


@dataclass(frozen=True)
class Picture:
    """A figure beside the page, by its file name."""
    name: str
    caption: str


# ---------------------------------------------------------------------------------------- Markdown

def markdown(parts):
    """The page as Markdown, which reads well on a terminal too."""
    return "\n\n".join("\n".join(_lines(part)) for part in parts) + "\n"


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
    """Lines of a Markdown table, its columns aligned for the terminal; the first row is the head."""
    # A | in a cell, as in |B|², is no border.
    rows = [[_cell(cell).replace("|", "\\|") for cell in row] + [""] * (len(rows[0]) - len(row))
            for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cell(value):
    """A cell's text, without a negative zero."""
    return re.sub(r"^-(0\.0+)$", r"\1", str(value))


# -------------------------------------------------------------------------------------------- HTML

def as_html(parts, pictures):
    """The page as one HTML file, with its pictures, {name: content}, inside, and no script."""
    title = next((part.text for part in parts if isinstance(part, Heading)), "")
    body = "\n".join(_element(part, pictures) for part in parts)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n{body}\n</body>\n</html>\n")


def _element(part, pictures):
    if isinstance(part, Heading):
        return f"<h{part.level}>{html.escape(part.text)}</h{part.level}>"
    if isinstance(part, Formula):
        lines = "<br>".join(mathematics(line) for line in part.text.splitlines())
        return f'<div class="formula">{lines}</div>'
    if isinstance(part, Code):
        return f"<pre>{html.escape(part.text)}</pre>"
    if isinstance(part, Table):
        head, *rows = [[html.escape(_cell(cell)) for cell in row] for row in part.rows]
        lines = ["<tr><th>" + "<th>".join(head) + "</tr>"]
        lines += ["<tr><td>" + "<td>".join(row) + "</tr>" for row in rows]
        return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"
    if isinstance(part, Picture):
        if part.name not in pictures:
            return ""
        content = base64.b64encode(pictures[part.name]).decode("ascii")
        return (f'<figure><img alt="{html.escape(part.caption)}" src="data:image/png;base64,{content}">'
                f"<figcaption>{html.escape(part.caption)}</figcaption></figure>")
    start = '<p class="strong">' if part.strong else "<p>"
    return f"{start}{html.escape(part.text)}</p>"


def mathematics(text):
    """A formula in HTML: names in italics, what follows _ below and what follows ^ above the line."""
    functions = "sqrt|exp|log|sin|cos|tan|arctan|tanh|abs|amp|lt|gt|quot"
    text = html.escape(text)
    name = rf"(?<![A-Za-z&])(?!(?:{functions})\b)([A-Za-z\u0370-\u03ff]+)(?:_([^\W_]+))?"
    text = re.sub(name, lambda found: f"<i>{found[1]}</i>" + (f"<sub>{found[2]}</sub>" if found[2]
                                                              else ""), text)
    return re.sub(r"\^(\d+)", r"<sup>\1</sup>", text)
