"""An SVG, written piece by piece: a title, a map, a legend, a line that names the source."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

# All numbers are tenths of a pixel, so that whole ones are exact enough.
WIDTH, MARGIN = 7000, 200
HEADER, FOOTER = 720, 340
_ROW, _SWATCH = 240, 140
_TEXT, _GREY, _PAPER, _FRAME = "#1a1a1a", "#595959", "#ffffff", "#d0d0d0"
_LETTER = 0.56  # width of a letter of a sans-serif face, in its size


class Entry(NamedTuple):
    """A line of the legend; a `mark` is the SVG of a symbol around (0, 0) in place of a coloured box."""

    label: str
    fill: str
    mark: str = ""


@dataclass
class Drawing:
    """A picture in the making; `height` is that of the map between title and legend."""

    title: str
    description: str
    height: int
    source: str
    pieces: list[str] = field(default_factory=list)
    legend: Sequence[Entry] = ()

    def add(self, *pieces: str) -> None:
        """Draw over what there is."""
        self.pieces += pieces

    def text(self) -> str:
        """Return the file."""
        rows = _legend_rows(self.legend)
        bottom = HEADER + self.height + 160
        whole = bottom + len(rows) * _ROW + FOOTER
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH // 10}" height="{whole // 10}"'
            f' viewBox="0 0 {WIDTH} {whole}" role="img" font-family="Helvetica, Arial, sans-serif">'
        )
        frame = f'<rect width="{WIDTH}" height="{whole}" rx="60" fill="{_PAPER}" stroke="{_FRAME}"/>'
        lines = [
            head,
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.description)}</desc>",
            frame,
            label(MARGIN, 340, self.title, size=180, weight="bold"),
            label(MARGIN, 560, self.description, size=130, fill=_GREY),
            *self.pieces,
        ]
        for number, row in enumerate(rows):
            lines += [_entry(x, bottom + number * _ROW, entry) for x, entry in row]
        lines += [label(MARGIN, whole - 140, self.source, size=110, fill=_GREY), "</svg>", ""]
        return "\n".join(lines)


def label(
    x: float,
    y: float,
    words: str,
    size: int = 120,
    fill: str = _TEXT,
    weight: str = "",
    anchor: str = "",
) -> str:
    """Return a line of text."""
    more = f' font-weight="{weight}"' if weight else ""
    more += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}"{more}>{escape(words)}</text>'


def path(data: str, **style: str | int) -> str:
    """Return a path; an underscore in a name of a style stands for a hyphen."""
    return f'<path d="{data}"{_attributes(style)}/>'


def group(pieces: Iterable[str], **style: str | int) -> str:
    """Return pieces that share a style."""
    return "\n".join((f"<g{_attributes(style)}>", *pieces, "</g>"))


def circle(x: float, y: float, radius: float, **style: str | int) -> str:
    """Return a disc."""
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}"{_attributes(style)}/>'


def _attributes(style: dict[str, str | int]) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(str(value))}" for name, value in style.items())


def _legend_rows(entries: Sequence[Entry]) -> list[list[tuple[int, Entry]]]:
    """Set the entries one after the other, in as many rows as they need."""
    rows: list[list[tuple[int, Entry]]] = []
    x = WIDTH
    for entry in entries:
        width = 2 * _SWATCH + int(len(entry.label) * 125 * _LETTER) + 120
        if x + width > WIDTH - MARGIN:
            rows.append([])
            x = MARGIN
        rows[-1].append((x, entry))
        x += width
    return rows


def _entry(x: int, y: int, entry: Entry) -> str:
    middle = y + _SWATCH // 2
    if entry.mark:
        mark = f'<g transform="translate({x + _SWATCH // 2} {middle})">{entry.mark}</g>'
    else:
        mark = (
            f'<rect x="{x}" y="{y}" width="{_SWATCH}" height="{_SWATCH}" fill="{entry.fill}"'
            ' stroke="#8c8c8c" stroke-width="6"/>'
        )
    return mark + label(x + _SWATCH + 70, middle + 44, entry.label, size=125)
