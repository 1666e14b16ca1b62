"""One tenant floods a queue, and five others are served first: fair queues, seen and judged.

The same jobs go through two queues of one server: without MessageGroupId, and with it. Ends with 0
when the groups made the small tenants' jobs overtake the backlog, with 1 when they did not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from rich.console import Console
from rich.table import Table

from redrive.testing import HostError, Serving, serving

EXAMPLE = Path(__file__).resolve().parent
FLOOD = "megacorp"
SMALL = ("ada", "bob", "cyd", "dan", "eve")
JOBS_OF_SMALL = 10
JOBS_MIN = 200  # of the flood, so that there is a backlog behind what the worker holds


class DemoError(Exception):
    """The demo cannot go on."""


class Served(NamedTuple):
    """A job, in the order of service."""

    place: int
    tenant: str
    waited_ms: int


def send(sqs: Any, queue_url: str, jobs: int, *, with_groups: bool) -> None:
    """Send the flood, and behind it the jobs of the small tenants."""
    tenants = [FLOOD] * jobs + [tenant for _ in range(JOBS_OF_SMALL) for tenant in SMALL]
    for first in range(0, len(tenants), 10):
        entries = []
        for number, tenant in enumerate(tenants[first : first + 10]):
            entry = {"Id": str(number), "MessageBody": json.dumps({"tenant": tenant})}
            entries.append(entry | ({"MessageGroupId": tenant} if with_groups else {}))
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        if answer.get("Failed"):
            raise DemoError(f"not sent: {answer['Failed']}")


def serve_all(server: Serving, queue_url: str) -> list[Served]:
    """Let a worker, a process of its own, empty the queue; return what it served, in order."""
    command = [sys.executable, str(EXAMPLE / "worker.py"), server.url, queue_url]
    worker = subprocess.run(command, env=server.environment, capture_output=True, text=True)
    if worker.returncode != 0:
        raise DemoError(f"the worker ended with {worker.returncode}: {worker.stderr}")
    lines = [json.loads(line) for line in worker.stdout.splitlines()]
    return [Served(n, line["tenant"], line["waited_ms"]) for n, line in enumerate(lines, 1)]


def last_small(served: list[Served]) -> int:
    """Return the place at which the last job of a small tenant was served."""
    return max((job.place for job in served if job.tenant != FLOOD), default=0)


def judge(without: list[Served], with_groups: list[Served], jobs: int) -> str | None:
    """Return what is wrong, or None. Places are judged and not times, which are the machine's."""
    total = jobs + JOBS_OF_SMALL * len(SMALL)
    for name, served in (("without", without), ("with", with_groups)):
        if len(served) != total:
            return f"{len(served)} of {total} jobs were served {name} groups"
    if last_small(without) <= jobs:
        return "without groups the small tenants overtook the flood: nothing is shown"
    if last_small(with_groups) > total // 2:
        return f"with groups a small tenant's job still was number {last_small(with_groups)}"
    return None


def show(console: Console, title: str, served: list[Served]) -> None:
    """Print how long each tenant waited."""
    table = Table(title=title, title_justify="left")
    for heading in ("tenant", "jobs", "first at", "last at", "waited, median", "waited, longest"):
        table.add_column(heading, justify="left" if heading == "tenant" else "right")
    for tenant in (FLOOD, *SMALL):
        own = [job for job in served if job.tenant == tenant]
        waits = [job.waited_ms for job in own]
        places = (str(own[0].place), str(own[-1].place)) if own else ("-", "-")
        times = (f"{median(waits):.0f} ms", f"{max(waits)} ms") if own else ("-", "-")
        table.add_row(tenant, str(len(own)), *places, *times)
    console.print(table)


def run(jobs: int, share: float, console: Console) -> tuple[list[list[Served]], str | None]:
    """Play it without groups and with them; return both orders of service and what is wrong."""
    runs: list[list[Served]] = []
    with serving("--fair-share", str(share)) as server:
        sqs = boto3.client("sqs", **server.settings, config=Config(proxies={}))
        for title in ("Without MessageGroupId", "With the tenant as MessageGroupId"):
            queue_url = sqs.create_queue(
                QueueName=f"jobs-{len(runs)}", Attributes={"VisibilityTimeout": "600"}
            )["QueueUrl"]
            send(sqs, queue_url, jobs, with_groups=bool(runs))
            runs.append(serve_all(server, queue_url))
            show(console, title, runs[-1])
    return runs, judge(*runs, jobs)


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=3_000, help="of the flood (default: 3000)")
    parser.add_argument(
        "--share",
        type=float,
        default=0.1,
        help="the server's fair_share; with 1 nobody is ever noisy, and the demo fails",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    if given.jobs < JOBS_MIN:
        parser.error(f"--jobs is at least {JOBS_MIN}, so that there is a backlog")
    console = Console(stderr=given.json, highlight=False)
    try:
        runs, wrong = run(given.jobs, given.share, console)
    except (DemoError, HostError) as error:
        runs, wrong = [], str(error)
    except KeyboardInterrupt:
        return 130
    summary: dict[str, Any] = {"ok": wrong is None, "wrong": wrong, "jobs": given.jobs}
    if runs:
        without, with_groups = map(last_small, runs)
        summary |= {"last_small_without": without, "last_small_with": with_groups}
    if given.json:
        print(json.dumps(summary))
    if wrong is None:
        told = "The small tenants' last job was number {last_small_with} with groups, and"
        told += " {last_small_without} without."
        console.print(told.format(**summary))
    else:
        console.print(f"[bold red]Not fair:[/] {wrong}")
    return 0 if wrong is None else 1


if __name__ == "__main__":
    sys.exit(main())
