"""The figures as a person reads them: absolute, as ratios of the same run, beside their targets."""

from __future__ import annotations

from collections.abc import Iterator

from bench.crowd import describe
from bench.patterns import RULES
from bench.plan import CONNECTIONS
from bench.queues import BACKLOGS
from bench.servers import NARROW_FILES, Narrow, Redrive, Relaxed
from bench.stores import SMALL, backlog_name
from bench.targets import rate_ratio, targets
from bench.turns import Figures, Results


def render(results: Results, subject: str, large: int) -> str:
    """Return the whole report as plain text. large: messages in the large store."""
    parts = [
        *_queue_tables(results, subject),
        *_sync_note(results, subject),
        *_relaxed_note(results),
        *_longpoll_table(results, subject),
        *_store_tables(results, large),
        *_overload_note(results),
        *_function_table(results, subject),
        *_pattern_table(results),
        _target_table(results, subject, large),
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
        "fifo-send": "FIFO queue: SendMessage, 1 KiB, 100 message groups",
        "fifo-drain": "FIFO queue: ReceiveMessage(10) + DeleteMessageBatch(10), 100 message groups",
        "signed": "SendMessage, 1 KiB, every signature (SigV4) made and checked, beside unsigned",
        "relaxed": "!!! durability = relaxed: SendMessage, 1 KiB, NOT SYNCED BEFORE THE REPLY !!!",
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


def _sync_note(results: Results, subject: str) -> Iterator[str]:
    """Say what a single connection waits for, beside what the disk itself takes."""
    sync = results.get("sync", {}).get("this disk")
    alone = (results.get("send @1") or results.get("relaxed @1") or {}).get(subject)
    if sync is None:
        return
    append, overwrite = sync["append"], sync["overwrite"]
    disk = (
        f"On this disk, in the same directory, 4 KiB appended and synced (fdatasync) take\n"
        f"{append['p50']:.2f} ms (p99 {append['p99']:.2f}), 4 KiB overwritten and synced "
        f"{overwrite['p50']:.2f} ms (p99 {overwrite['p99']:.2f})."
    )
    if alone is None:
        yield disk
        return
    yield (
        "One connection waits for one sync per request: its message is on the disk before its\n"
        "reply leaves, and nobody else is there to share the sync. "
        f"{alone['per_second']:,.0f} sends a second are\n"
        f"{1_000 / alone['per_second']:.2f} ms each. {disk}\n"
        "Many connections share a sync, which is why they are so much faster together."
    )


def _relaxed_note(results: Results) -> Iterator[str]:
    if any(Relaxed.name in results.get(f"relaxed @{n}", {}) for n in CONNECTIONS):
        yield (
            "durability = relaxed is the other trade: the reply leaves BEFORE its message is on\n"
            "the disk, and a crash of the machine loses what was sent since the last sync. No\n"
            "target is judged by these rows."
        )


def _longpoll_table(results: Results, subject: str) -> Iterator[str]:
    rows = []
    for name, beside in (("longpoll", "alone"), ("longpoll loaded", "16 senders beside")):
        for server, figures in results.get(name, {}).items():
            lag, send = figures["lag_ms"], figures["send_ms"]
            load = figures.get("load_per_second")
            rows.append([
                beside,
                server,
                f"{lag['p50']:.2f}",
                f"{lag['p99']:.2f}",
                f"{lag['max']:.2f}",
                f"{send['p50']:.2f}",
                f"{send['p99']:.2f}",
                f"{lag['count']:,.0f}",
                "" if load is None else f"{load:,.0f}",
            ])  # fmt: skip
    if rows:
        head = ["", "server", "lag p50 ms", "p99 ms", "max ms", "send p50 ms", "p99 ms"]
        yield (
            "A parked long poll's answer after the send's own reply (the lag), one at a time\n"
            + _table([*head, "rounds", "sends/s beside"], rows)
        )


def _store_tables(results: Results, large: int) -> Iterator[str]:
    backlog = results.get("backlog", {})
    rows = []
    for count in (SMALL, large):
        name = backlog_name(count)
        if name in backlog:
            figures = backlog[name]
            ratio = rate_ratio(backlog, name, backlog_name(SMALL))
            rows.append([
                f"{count:,}",
                f"{figures['per_second']:,.0f}",
                "" if ratio is None or count == SMALL else f"{ratio:.2f}x",
                f"{figures['latency_ms']['receive']['p99']:.2f}",
                f"{figures['server_cpu_us_each']:.1f}",
            ])  # fmt: skip
    if rows:
        head = ["backlog", "messages/s", "to the small one", "receive p99 ms", "CPU us/message"]
        yield (
            "ReceiveMessage(10) + DeleteMessageBatch(10), 64 connections, a store each\n"
            + _table(head, rows)
        )
    opened = results.get("reopen", {}).get(Redrive.name)
    if opened is not None:
        ends = {
            "stopped": f"SIGTERM, which took {opened['stopping_s']:.1f} s",
            "killed": "kill -9 while messages are sent",
            "cold": "the same, nothing of the file in memory",
        }
        rows = [
            [text, f"{opened[f'{name}_s']:.3f}", f"{opened[f'{name}_max_s']:.3f}"]
            for name, text in ends.items()
        ]
        yield (
            f"A store of {opened['messages']:,} messages ({opened['file_mb']:,.0f} MB), from the"
            " start of the process to the first ReceiveMessage answered\n"
            + _table(["ended by", "median s", "max s"], rows)
        )


def _overload_note(results: Results) -> Iterator[str]:
    figures = results.get("overload", {}).get(Narrow.name)
    if figures is None:
        return
    lines = [f"Overload: a server that may open {NARROW_FILES} files"]
    for name, crowd in figures["crowds"].items():
        lines += [
            f"  {name}",
            f"      clients, by the worst that each heard: {describe(crowd['clients'])}",
            f"      requests: {describe(crowd['requests'])}",
            f"      {crowd['offered_mb']:,.0f} MB sent, {crowd['heard_mb']:,.0f} MB heard;"
            f" resident memory {crowd['before_mb']:,.0f} MB before,"
            f" {crowd['peak_mb']:,.0f} at the peak, {crowd['after_mb']:,.0f} after",
        ]
    lines += [
        f"  SendMessage at 16 connections: {figures['per_second_before']:,.0f}/s before,"
        f" {figures['per_second_after']:,.0f}/s after",
        f"  bugs that the server counted: {figures['faults']}",
    ]
    yield "\n".join(lines)


FUNCTIONS = (
    "invoke",
    "cold",
    "cold boto3",
    "latency",
    "mapping",
    "stream 10",
    "stream 100",
    "idle",
    "start",
    "up",
)


def _function_table(results: Results, subject: str) -> Iterator[str]:
    def lines(name: str, figures: Figures) -> Iterator[tuple[str, float, str]]:
        if name == "invoke":
            latency = figures["latency_ms"]["invoke"]
            yield "warm sync invoke p50", latency["p50"], "ms"
            yield "warm sync invoke p99", latency["p99"], "ms"
        elif name.startswith("cold"):
            what = "cold start" if name == "cold" else "cold start with a boto3 client"
            yield f"{what}, first of the server", figures["first_ms"], "ms"
            yield f"{what} p50", figures["p50_ms"], "ms"
        elif name == "latency":
            yield "send to handler p50", figures["p50_ms"], "ms"
            yield "send to handler p99", figures["p99_ms"], "ms"
        elif name == "mapping":
            yield "500 messages through a mapping, first", figures["first_s"], "s"
            yield "500 messages through a mapping, warm", figures["s"], "s"
        elif name.startswith("stream"):
            what = f"through a mapping at batch size {name.split()[1]}"
            yield what, figures["per_second"], "messages/s"
        elif name == "idle":
            yield f"each of {figures['functions']:,} idle functions", figures["mb_each"], "MB"
        elif name == "start":
            yield "serve healthy", figures["healthy_ms"], "ms"
            yield "serve idle memory", figures["idle_mb"], "MB"
        else:
            yield "up, requirements installed before", figures["up_s"], "s"

    rows = []
    for name in FUNCTIONS:
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


def _pattern_table(results: Results) -> Iterator[str]:
    rows = []
    for rules in RULES:
        figures = results.get(f"patterns {rules}", {}).get(Redrive.name)
        if figures is not None:
            rows.append([
                f"{rules:,}",
                f"{figures['per_second']:,.0f}",
                f"{figures['matching']:.1f}",
                f"{figures['strangers_per_second']:,.0f}",
                f"{figures['build_s']:.2f}",
            ])  # fmt: skip
    if rows:
        head = ["rules", "events/s/core", "rules matched", "that match none", "compiled in s"]
        yield "Events as JSON against the patterns of a bus\n" + _table(head, rows)


def _target_table(results: Results, subject: str, large: int) -> str:
    rows = []
    for target in targets(subject, large):
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
