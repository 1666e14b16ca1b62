"""Where messages were over time, as a chart of characters and as an SVG file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

COLUMNS = 60
ROWS = 8
WIDTH, HEIGHT, MARGIN = 640, 220, 40
COLOURS = {"processed": "#2a9d5c", "waiting": "#c9ced6", "dead": "#d1495b"}
MARKS = {"processed": "[green]█[/]", "waiting": "[dim]░[/]", "dead": "[red]█[/]"}


class Sample(NamedTuple):
    """Where the messages are at one instant."""

    seconds: float
    processed: int
    waiting: int  # visible or in flight
    dead: int


def draw(samples: Sequence[Sample]) -> str:
    """Return a stacked chart in rich's markup: dead below, then processed, then waiting."""
    columns = _resampled(samples, COLUMNS)
    total = max(sum(each[1:]) for each in columns) or 1
    lines = []
    for row in range(ROWS, 0, -1):
        level = (row - 0.5) / ROWS * total
        lines.append("".join(MARKS[_at(each, level)] for each in columns))
    names = "  ".join(f"{MARKS[name]} {name}" for name in MARKS)
    return "\n".join([*lines, f"0 s{samples[-1].seconds:>{COLUMNS - 5}.0f} s", names])


def _at(sample: Sample, level: float) -> str:
    if level < sample.dead:
        return "dead"
    return "processed" if level < sample.dead + sample.processed else "waiting"


def _resampled(samples: Sequence[Sample], count: int) -> list[Sample]:
    last = len(samples) - 1
    return [samples[round(last * n / (count - 1))] for n in range(count)]


def write_svg(path: Path, charts: Mapping[str, Sequence[Sample]]) -> None:
    """Write charts below each other, on one scale of time."""
    seconds = max(samples[-1].seconds for samples in charts.values()) or 1.0
    parts = [
        _chart(title, samples, n * (HEIGHT + MARGIN), seconds)
        for n, (title, samples) in enumerate(charts.items())
    ]
    height = len(charts) * (HEIGHT + MARGIN) + MARGIN
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * MARGIN}" height="{height}"'
        f' font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


def _chart(title: str, samples: Sequence[Sample], top: int, seconds: float) -> str:
    total = max(sum(each[1:]) for each in samples) or 1
    base = top + MARGIN + HEIGHT - MARGIN // 2

    def point(sample: Sample, count: int) -> str:
        x = MARGIN + WIDTH * sample.seconds / seconds
        y = base - (HEIGHT - MARGIN) * count / total
        return f"{x:.1f},{y:.1f}"

    text = f'<text x="{MARGIN}" y="{top + MARGIN - 8}" font-weight="bold">{escape(title)}</text>\n'
    lower = [0] * len(samples)
    for name in ("dead", "processed", "waiting"):
        upper = [below + getattr(each, name) for below, each in zip(lower, samples, strict=True)]
        edge = [point(each, count) for each, count in zip(samples, upper, strict=True)]
        floor = [point(each, count) for each, count in zip(samples, lower, strict=True)]
        text += f'<polygon points="{" ".join(edge + floor[::-1])}" fill="{COLOURS[name]}"/>\n'
        lower = upper
    last = samples[-1]
    told = f"{last.processed} processed, {last.dead} dead after {last.seconds:.0f} s"
    return text + f'<text x="{MARGIN}" y="{base + 18}">{escape(told)}</text>\n'
