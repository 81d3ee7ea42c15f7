"""A page as a list of parts, and how it is written as Markdown, which also reads well on a terminal."""

import re
from dataclasses import dataclass


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
class Table:
    """Rows of cells, the first row being the head; a row may be shorter than the head."""
    rows: tuple


def markdown(parts):
    """The page as Markdown."""
    return "\n\n".join("\n".join(_lines(part)) for part in parts) + "\n"


def _lines(part):
    if isinstance(part, Heading):
        return [f"{'#' * part.level} {part.text}"]
    if isinstance(part, Formula):
        return [f"    {line}" for line in part.text.splitlines()]
    if isinstance(part, Table):
        return table(*part.rows)
    return [f"**{part.text}**" if part.strong else part.text]


def table(*rows):
    """Lines of a Markdown table, its columns aligned for the terminal; the first row is the head."""
    rows = [[_cell(cell) for cell in row] + [""] * (len(rows[0]) - len(row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cell(value):
    """A cell's text: no negative zero, and | in it, as in |B|², is no border."""
    return re.sub(r"^-(0\.0+)$", r"\1", str(value)).replace("|", "\\|")
