"""`python -m bench`: run the workloads, print the report, keep the figures as JSON when asked."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from bench.plan import GROUPS, Options, run_all
from bench.report import render, targets
from bench.servers import PEERS, Redrive, Server


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--peers", default="", help=f"comma-separated, of: {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="one short turn of each workload")
    parser.add_argument("--only", default="", help=f"comma-separated, of: {', '.join(GROUPS)}")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument(
        "--subject", default="redrive", choices=["redrive", *PEERS], help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    peers = _chosen(parser, arguments.peers, tuple(PEERS))
    only = _chosen(parser, arguments.only, GROUPS)
    subject: type[Server] = PEERS.get(arguments.subject, Redrive)
    results = run_all(
        Options(
            peers=tuple(PEERS[name] for name in peers),
            subject=subject,
            quick=arguments.quick,
            only=frozenset(only),
        )
    )
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores\n")
    print(render(results, subject.name), end="")
    if arguments.json:
        verdicts = {target.what: target.figure(results) for target in targets(subject.name)}
        arguments.json.write_text(json.dumps({"results": results, "targets": verdicts}, indent=1))


def _chosen(parser: argparse.ArgumentParser, text: str, known: tuple[str, ...]) -> list[str]:
    names = [name for name in text.replace(" ", ",").split(",") if name]
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is not one of {', '.join(known)}")
    return names


if __name__ == "__main__":
    main()
