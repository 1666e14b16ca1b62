"""`python -m bench`: run the workloads, print the report, keep the figures as JSON when asked."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from bench.plan import GROUPS, run_all
from bench.report import render
from bench.servers import COMPILED, PACKAGES, PEERS, Redrive, Server
from bench.targets import targets
from bench.turns import Options


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
    options = Options(
        peers=tuple(PEERS[name] for name in peers),
        subject=subject,
        quick=arguments.quick,
        only=frozenset(only),
    )
    run = {
        "kind": "compiled" if PACKAGES == COMPILED else "interpreted",
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "quick": options.quick,
        "large": options.large,
    }
    results = run_all(options)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    print(
        f"Redrive {run['kind']}, Python {run['python']}, {run['machine']}, {run['cores']} cores"
        + (f"; quick: one turn each, a large store of {options.large:,}" if options.quick else "")
        + "\n"
    )
    print(render(results, subject.name, options.large), end="")
    if arguments.json:
        verdicts = [
            {
                "what": target.what,
                "wanted": target.wanted,
                "measured": (figure := target.figure(results)),
                "is_met": None if figure is None else target.is_met(figure),
            }
            for target in targets(subject.name, options.large)
        ]
        found = {"run": run, "results": results, "targets": verdicts}
        arguments.json.write_text(json.dumps(found, indent=1))


def _chosen(parser: argparse.ArgumentParser, text: str, known: tuple[str, ...]) -> list[str]:
    names = [name for name in text.replace(" ", ",").split(",") if name]
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is not one of {', '.join(known)}")
    return names


if __name__ == "__main__":
    main()
