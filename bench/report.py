"""The figures as a person reads them: absolute, as ratios of the same run, beside their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any, NamedTuple

from bench.plan import CONNECTIONS, Figures, Results
from bench.queues import BACKLOGS

NOISE = 0.95
"""Two runs of the same thing differ by this much here; "no slower" means within it."""


class Target(NamedTuple):
    """One promise: where its figure comes from, and what it must reach."""

    what: str
    wanted: str
    figure: Callable[[Results], float | None]
    is_met: Callable[[float], bool]
    form: str


def _rate(results: Results, workload: str, server: str) -> float | None:
    found = results.get(workload, {}).get(server)
    return found["per_second"] if found else None


def _ratio(workload: str, subject: str, other: str) -> Callable[[Results], float | None]:
    return lambda results: rate_ratio(results.get(workload, {}), subject, other)


def rate_ratio(by_server: dict[str, Figures], subject: str, other: str) -> float | None:
    """Return how many times faster the subject is: the median of the turns' own ratios.

    Each turn's servers ran one after the other, so what slows the machine for a minute slows both.
    """
    ours, theirs = by_server.get(subject), by_server.get(other)
    if not ours or not theirs:
        return None
    pairs = zip(ours["turns_per_second"], theirs["turns_per_second"], strict=False)
    return float(median(mine / other_s for mine, other_s in pairs))


def _flatness(subject: str) -> Callable[[Results], float | None]:
    def figure(results: Results) -> float | None:
        small = _rate(results, f"drain {BACKLOGS[0]} @64", subject)
        large = _rate(results, f"drain {BACKLOGS[1]} @64", subject)
        return large / small if small and large else None

    return figure


def _value(workload: str, subject: str, *path: str) -> Callable[[Results], float | None]:
    def figure(results: Results) -> float | None:
        found: Any = results.get(workload, {}).get(subject)
        for key in path:
            found = found.get(key) if found else None
        return None if found is None else float(found)

    return figure


def targets(subject: str) -> list[Target]:
    """Return what Redrive promises about speed, in the order of the report."""

    def at_least(limit: float) -> Callable[[float], bool]:
        return lambda value: value >= limit

    def below(limit: float) -> Callable[[float], bool]:
        return lambda value: value < limit

    peer, drain = "ministack", f"drain {BACKLOGS[0]} @64"
    return [
        Target("SendMessage, 64 connections, to ministack", ">= 6x",
               _ratio("send @64", subject, peer), at_least(6), "{:.1f}x"),
        Target("SendMessage, 64 connections, to the bare server", ">= 40 %",
               _ratio("send @64", subject, "bare"), at_least(0.4), "{:.0%}"),
        Target("receive and delete, backlog 2,000, to ministack", ">= 10x",
               _ratio(drain, subject, peer), at_least(10), "{:.1f}x"),
        Target("receive and delete, backlog 200,000 to 2,000", "no slower",
               _flatness(subject), at_least(NOISE), "{:.2f}x"),
        Target("warm sync invoke over HTTP, p50", "< 1 ms",
               _value("invoke", subject, "latency_ms", "invoke", "p50"), below(1), "{:.2f} ms"),
        Target("cold start of a bare Python handler, p50", "< 20 ms",
               _value("cold", subject, "p50_ms"), below(20), "{:.1f} ms"),
        Target("500 messages through a mapping, batch size 10", "< 0.2 s",
               _value("mapping", subject, "s"), below(0.2), "{:.3f} s"),
        Target("`serve` healthy after", "< 300 ms",
               _value("start", subject, "healthy_ms"), below(300), "{:.0f} ms"),
        Target("`serve` idle memory", "< 60 MB",
               _value("start", subject, "idle_mb"), below(60), "{:.0f} MB"),
        Target("`up` on examples/orders, ready after", "< 1.5 s",
               _value("up", subject, "up_s"), below(1.5), "{:.2f} s"),
    ]  # fmt: skip


def render(results: Results, subject: str) -> str:
    """Return the whole report as plain text."""
    parts = [
        *_queue_tables(results, subject),
        *_function_table(results, subject),
        _target_table(results, subject),
        "A ratio above 1 says how many times faster ours is, in this run. CPU is that of the\n"
        "server's processes; * marks a row in which the generator used more CPU than the server,\n"
        "so that the rate is a lower bound.",
    ]
    return "\n\n".join(parts) + "\n"


def _queue_tables(results: Results, subject: str) -> Iterator[str]:
    titles = {
        "send": "SendMessage, 1 KiB",
        "send-batch": "SendMessageBatch(10), 1 KiB each",
        **{
            f"drain {backlog}": f"ReceiveMessage(10) + DeleteMessageBatch(10), backlog {backlog:,}"
            for backlog in BACKLOGS
        },
    }
    head = [
        "connections",
        "server",
        "messages/s",
        "ratio",
        "request p50 ms",
        "p99 ms",
        "CPU us/request",
        "us/message",
    ]
    for key, title in titles.items():
        rows = []
        for connections in CONNECTIONS:
            by_server = results.get(f"{key} @{connections}", {})
            for server, figures in by_server.items():
                latency = next(iter(figures["latency_ms"].values()))
                slow = figures["generator_cpu_us"] > figures["server_cpu_us"]
                ratio = rate_ratio(by_server, subject, server)
                rows.append([
                    str(connections),
                    server + ("*" if slow else ""),
                    f"{figures['per_second']:,.0f}",
                    "" if server == subject or ratio is None else f"{ratio:.2f}x",
                    f"{latency['p50']:.2f}",
                    f"{latency['p99']:.2f}",
                    f"{figures['server_cpu_us']:.1f}",
                    f"{figures['server_cpu_us_each']:.1f}",
                ])  # fmt: skip
        if rows:
            yield f"{title}\n{_table(head, rows)}"


def _function_table(results: Results, subject: str) -> Iterator[str]:
    def lines(name: str, figures: Figures) -> Iterator[tuple[str, float, str]]:
        if name == "invoke":
            latency = figures["latency_ms"]["invoke"]
            yield "warm sync invoke p50", latency["p50"], "ms"
            yield "warm sync invoke p99", latency["p99"], "ms"
        elif name == "cold":
            yield "cold start, first of the server", figures["first_ms"], "ms"
            yield "cold start p50", figures["p50_ms"], "ms"
        elif name == "latency":
            yield "send to handler p50", figures["p50_ms"], "ms"
            yield "send to handler p99", figures["p99_ms"], "ms"
        elif name == "mapping":
            yield "500 messages through a mapping, first", figures["first_s"], "s"
            yield "500 messages through a mapping, warm", figures["s"], "s"
        elif name == "start":
            yield "serve healthy", figures["healthy_ms"], "ms"
            yield "serve idle memory", figures["idle_mb"], "MB"
        else:
            yield "up, requirements installed before", figures["up_s"], "s"

    rows = []
    for name in ("invoke", "cold", "latency", "mapping", "start", "up"):
        by_server = results.get(name, {})
        ours = (
            {what: value for what, value, _ in lines(name, by_server[subject])}
            if subject in by_server
            else {}
        )
        for server, figures in by_server.items():
            for what, value, unit in lines(name, figures):
                ratio = f"{value / ours[what]:.2f}x" if server != subject and ours.get(what) else ""
                rows.append([what, server, f"{value:,.3f} {unit}", ratio])
    if rows:
        rows.sort(key=lambda row: row[0])
        yield "Functions and start\n" + _table(["what", "server", "figure", "ratio"], rows)


def _target_table(results: Results, subject: str) -> str:
    rows = []
    for target in targets(subject):
        value = target.figure(results)
        if value is None:
            rows.append([target.what, target.wanted, "-", "not measured"])
        else:
            met = "met" if target.is_met(value) else "NOT MET"
            rows.append([target.what, target.wanted, target.form.format(value), met])
    return "Targets\n" + _table(["what", "target", "measured", ""], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numeric = [
        all(cell == "" or cell[0].isdigit() or cell == "-" for cell in column[1:])
        for column in columns
    ]

    def line(cells: list[str]) -> str:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  " + "  ".join(padded).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])
