"""What Redrive promises about speed, and where a run's figures say whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from bench.servers import Bare, Keyed, Narrow, Redrive
from bench.stores import SMALL, backlog_name
from bench.turns import Figures, Results

NOISE = 0.9
"""What overload leaves behind is judged by two loops some minutes apart, which differ by so much
anyway."""

OVERLOAD_MB_MAX = 1_024
"""A third of what a crowd sends, or asks for, and a server without bounds would keep."""

Figure = Callable[[Results], float | None]


class Target(NamedTuple):
    """One promise: where its figure comes from, and what it must reach."""

    what: str
    wanted: str
    figure: Figure
    is_met: Callable[[float], bool]
    form: str


def rate_ratio(by_server: dict[str, Figures], subject: str, other: str) -> float | None:
    """Return how many times faster the subject is: the median of the turns' own ratios.

    Each turn's servers ran one after the other, so what slows the machine for a minute slows both.
    """
    ours, theirs = by_server.get(subject), by_server.get(other)
    if not ours or not theirs:
        return None
    pairs = zip(ours["turns_per_second"], theirs["turns_per_second"], strict=False)
    return float(median(mine / other_s for mine, other_s in pairs))


def _ratio(workload: str, subject: str, other: str) -> Figure:
    return lambda results: rate_ratio(results.get(workload, {}), subject, other)


def _value(workload: str, subject: str, *path: str) -> Figure:
    def figure(results: Results) -> float | None:
        found: Any = results.get(workload, {}).get(subject)
        for key in path:
            found = found.get(key) if found else None
        return None if found is None else float(found)

    return figure


def _worst(*figures: Figure) -> Figure:
    """Return the largest; None unless all are there."""

    def figure(results: Results) -> float | None:
        found = [value for one in figures if (value := one(results)) is not None]
        return max(found) if len(found) == len(figures) else None

    return figure


def _above(ours: Figure, floor: Figure) -> Figure:
    """Return by how much ours is above a floor; None unless both are there."""

    def figure(results: Results) -> float | None:
        mine, least = ours(results), floor(results)
        return None if mine is None or least is None else mine - least

    return figure


def _recovery(results: Results) -> float | None:
    found = results.get("overload", {}).get(Narrow.name)
    return found["per_second_after"] / found["per_second_before"] if found else None


def _at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


def _below(limit: float) -> Callable[[float], bool]:
    return lambda value: value < limit


def _at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def targets(subject: str, large: int) -> list[Target]:
    """Return the promises in the order of the report. large: messages in the large store."""
    return [*_queues(subject), *_stores(large), *_functions(subject), *_patterns()]


def _queues(subject: str) -> list[Target]:
    peer = "ministack"
    return [
        Target("SendMessage, 64 connections, to ministack", ">= 8x",
               _ratio("send @64", subject, peer), _at_least(8), "{:.1f}x"),
        Target("SendMessage, 64 connections, to the bare server", ">= 45 %",
               _ratio("send @64", subject, "bare"), _at_least(0.45), "{:.1%}"),
        Target("SendMessageBatch(10), 64 connections, to ministack", ">= 3x",
               _ratio("send-batch @64", subject, peer), _at_least(3), "{:.1f}x"),
        Target("receive and delete, backlog 2,000, to ministack", ">= 15x",
               _ratio("drain 2000 @64", subject, peer), _at_least(15), "{:.1f}x"),
        Target("CPU per SendMessage, 64 connections", "<= 34 us",
               _value("send @64", subject, "server_cpu_us"), _at_most(34), "{:.1f} us"),
        Target("CPU per SendMessage, 64 connections, SigV4 checked", "<= 42 us",
               _value("signed @64", Keyed.name, "server_cpu_us"), _at_most(42), "{:.1f} us"),
        Target("long poll after the send's own reply, p99", "< 3 ms",
               _value("longpoll", subject, "lag_ms", "p99"), _below(3), "{:.2f} ms"),
        Target("the same beside 16 sending connections, p99", "< 3 ms",
               _value("longpoll loaded", subject, "lag_ms", "p99"), _below(3), "{:.2f} ms"),
    ]  # fmt: skip


def _stores(large: int) -> list[Target]:
    subject = Redrive.name
    return [
        Target(f"receive and delete, backlog {large:,} to {SMALL:,}", ">= 0.9x",
               _ratio("backlog", backlog_name(large), backlog_name(SMALL)), _at_least(0.9),
               "{:.2f}x"),
        Target(f"{large:,} messages opened again, to the first receive", "< 1 s",
               _worst(_value("reopen", subject, "stopped_s"),
                      _value("reopen", subject, "killed_s")), _below(1), "{:.2f} s"),
        Target("overload: clients not served that heard a 503", "100 %",
               _value("overload", Narrow.name, "retryable"), _at_least(1), "{:.1%}"),
        Target("overload: resident memory at the peak", f"< {OVERLOAD_MB_MAX:,} MB",
               _value("overload", Narrow.name, "peak_mb"), _below(OVERLOAD_MB_MAX), "{:,.0f} MB"),
        Target("overload: SendMessage's rate after to before", f">= {NOISE}x",
               _recovery, _at_least(NOISE), "{:.2f}x"),
    ]  # fmt: skip


def _functions(subject: str) -> list[Target]:
    return [
        Target("warm sync invoke over HTTP, p50 above the bare server's", "< 0.3 ms",
               _above(_value("invoke", subject, "latency_ms", "invoke", "p50"),
                      _value("invoke", Bare.name, "latency_ms", "invoke", "p50")),
               _below(0.3), "{:.2f} ms"),
        Target("cold start of a bare Python handler, p50", "< 10 ms",
               _value("cold", subject, "p50_ms"), _below(10), "{:.1f} ms"),
        Target("cold start of one that makes a boto3 client, p50", "< 25 ms",
               _value("cold boto3", subject, "p50_ms"), _below(25), "{:.1f} ms"),
        Target("500 messages through a mapping, batch size 10", "< 0.2 s",
               _value("mapping", subject, "s"), _below(0.2), "{:.3f} s"),
        Target("messages/s through a mapping, batch size 10", ">= 20,000",
               _value("stream 10", subject, "per_second"), _at_least(20_000), "{:,.0f}"),
        Target("messages/s through a mapping, batch size 100", ">= 30,000",
               _value("stream 100", subject, "per_second"), _at_least(30_000), "{:,.0f}"),
        Target("queue to handler on an idle server, p50", "< 3 ms",
               _value("latency", subject, "p50_ms"), _below(3), "{:.2f} ms"),
        Target("each of many idle functions, once warm", "< 5 MB",
               _value("idle", subject, "mb_each"), _below(5), "{:.2f} MB"),
        Target("`serve` healthy after", "< 300 ms",
               _value("start", subject, "healthy_ms"), _below(300), "{:.0f} ms"),
        Target("`serve` idle memory", "< 60 MB",
               _value("start", subject, "idle_mb"), _below(60), "{:.0f} MB"),
        Target("`up` on examples/orders, ready after", "< 1.5 s",
               _value("up", subject, "up_s"), _below(1.5), "{:.2f} s"),
    ]  # fmt: skip


def _patterns() -> list[Target]:
    return [
        Target("events/s/core against the patterns of 1,000 rules", ">= 50,000",
               _value("patterns 1000", Redrive.name, "per_second"), _at_least(50_000), "{:,.0f}"),
    ]  # fmt: skip
