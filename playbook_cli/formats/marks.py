"""What commas and dots mean in numbers written as text, inferred from the numbers that are unambiguous."""

from __future__ import annotations

import re

_SHAPES = {
    "plain": re.compile(r"[-+]?\d+([eE][-+]?\d+)?"),
    "dot?": re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}"),
    "comma?": re.compile(r"[-+]?[1-9]\d{0,2},\d{3}"),
    "dot": re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]?\d+)?|[-+]?[1-9]\d{0,2}((,\d{3}){2,}|(,\d{3})+\.\d*)"),
    "comma": re.compile(r"[-+]?(\d+,\d+|,\d+)([eE][-+]?\d+)?|[-+]?[1-9]\d{0,2}(\.\d{3})+,\d+"),
}
"""`1,234` and `1.234` can be thousands; a mark after a 0, or not followed by three digits, is a decimal mark."""
_ENDS = ",;:%)]}"
_TEXT_NUMBERS = frozenset({"nan", "inf", "-inf", "+inf", "infinity", "-infinity"})


def shape(cell: str) -> str:
    """How a cell is written: "plain", "dot", "comma", "dot?", "comma?" as above, "" if empty, else "text"."""
    text = cell.strip().rstrip(_ENDS)
    if not text or text.lower() in _TEXT_NUMBERS:
        return "" if not text else "plain"
    return next((name for name, pattern in _SHAPES.items() if pattern.fullmatch(text)), "text")


def with_dot(cell: str) -> str:
    """A number whose decimal mark is a comma, as Python writes it."""
    return cell.replace(".", "").replace(",", ".") if "," in cell.strip().rstrip(_ENDS) else cell


def unclear(name: str, cell: str) -> str:
    """The message about a number that can be read two ways."""
    whole, _, rest = cell.strip().rstrip(_ENDS).replace(",", ".").partition(".")
    return f"{name} is {cell.strip()!r}, which could mean {whole}{rest} or {whole}.{rest}"


class Marks:
    """Reads numbers one after another, as a program prints them; the first unambiguous ones decide the rest."""

    def __init__(self, *, comma: bool = False) -> None:
        self.problem: str | None = None
        """The message about the first number that could be read two ways; None if there is none."""
        self._comma = comma
        """Whether commas are decimal marks if nothing else decides."""
        self._seen: set[str] = set()

    def read(self, cells: dict[str, str], steps: str) -> dict[str, str]:
        """The cells of one row or line, with dots; a whole number of `steps` is always unambiguous."""
        shapes = {name: shape(cell) for name, cell in cells.items() if name != steps}
        self._seen.update(shapes.values())
        return {name: self._read(name, cell, shapes.get(name, "")) for name, cell in cells.items()}

    def _read(self, name: str, cell: str, how: str) -> str:
        commas, dots = "comma" in self._seen, "dot" in self._seen
        if how == "comma" or (how == "comma?" and not dots and (commas or self._comma)):
            return with_dot(cell)
        if (how == "comma?" and commas == dots) or (how == "dot?" and commas and not dots):
            self.problem = self.problem or unclear(name, cell)
        return cell


def settled(columns: dict[str, list[str]], separator: str) -> tuple[dict[str, list[str]], str | None]:
    """The columns of a whole table with dots, and a message about the first ambiguous number.

    Columns that also hold other text are left unchanged; so are lists such as 64,64 in comma-separated tables.
    """
    shapes = {name: {shape(cell) for cell in cells} for name, cells in columns.items()}
    numeric = {name: kinds for name, kinds in shapes.items() if "text" not in kinds}
    seen = {kind for kinds in numeric.values() for kind in kinds}
    found = dict(columns)
    for name, kinds in numeric.items():
        said = kinds & {"comma", "dot"} or seen & {"comma", "dot"}
        first = {kind: next(cell for cell in columns[name] if shape(cell) == kind) for kind in kinds}
        if "comma" in kinds and "dot" in kinds:
            return found, f"{name} has both {first['dot']} and {first['comma']}, so the decimal mark is unclear"
        if (
            separator == ","
            and "comma" in kinds
            and not any(cell.strip("-+ ").startswith("0,") for cell in columns[name])
        ):
            continue
        if said == {"comma"} or (separator == ";" and not said):
            if "dot?" in kinds and "comma" in seen:
                return found, unclear(name, first["dot?"])
            if separator == "," and "comma" not in kinds and "comma?" in kinds:
                return found, unclear(name, first["comma?"])
            found[name] = [with_dot(cell) for cell in columns[name]]
        elif "comma?" in kinds and (len(said) == 2 or (not said and separator != ",")):
            return found, unclear(name, first["comma?"])
    return found, _mixed(columns, numeric)


def _mixed(columns: dict[str, list[str]], numeric: dict[str, set[str]]) -> str | None:
    """A message about the first column that mixes percentages and plain numbers; None if there is none."""
    for name in numeric:
        percent = [cell for cell in columns[name] if cell.strip().endswith("%")]
        other = [cell for cell in columns[name] if shape(cell) and not cell.strip().endswith("%")]
        bare = [cell for cell in other if cell.strip().lower() not in _TEXT_NUMBERS]
        if percent and bare:
            return f"{name} has both {percent[0]} and {bare[0]}, so it is unclear whether it is a percentage"
    return None
