"""Spreadsheets: texts that must not become formulas on the way out, and their way back.

A program that opens a file of ours runs a cell that begins with ``=``, ``+``, ``-``,
``@``, a tab or a return (pitfall 37). Such a text gets an apostrophe, which is how
spreadsheets themselves write "this is text"; coming in again it loses it.
"""

import re

FORMULA = re.compile(r"'*[=+\-@\t\r]")
WRITTEN = re.compile(r"'+[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula; numbers stay what they are."""
    if FORMULA.match(text) and not NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def meant(cell: str) -> str:
    """What a cell says that ``harmless`` wrote; every other is as it is."""
    return cell[1:] if WRITTEN.match(cell) else cell
