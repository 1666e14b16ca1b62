"""Orders fan out to two departments, one of which is down for a while. See it happen.

Ends with 0 when billing has every order and mail those of members, with 1 when not.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from pathlib import Path

import boto3
from botocore.config import Config
from rich.console import Console

from redrive.testing import template_up

TEMPLATE = Path(__file__).with_name("template.yaml")
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 60
_NEVER = threading.Event()


def lines(path: Path) -> list[str]:
    """Return a book's lines, none when there is no book yet."""
    return sorted(path.read_text().splitlines()) if path.exists() else []


def wait_for(path: Path, count: int) -> None:
    """Wait until a book has so many lines."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
        if len(lines(path)) >= count:
            return
        _NEVER.wait(LOOK_SECONDS)


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=30, help="every third is a member's")
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        parameters = {"Folder": text}
        with template_up(TEMPLATE, parameters=parameters, clock="system") as stack:
            sns = boto3.client("sns", **stack.settings, config=Config(proxies={}))
            (folder / "mail-down").touch()
            console.print(f"mail is down; {options.orders} orders are published")
            every, members = [], []
            for n in range(options.orders):
                kind = "member" if n % 3 == 0 else "guest"
                attribute = {"DataType": "String", "StringValue": kind}
                sns.publish(
                    TopicArn=stack.outputs["Topic"],
                    Message=f"order {n}",
                    MessageAttributes={"customer": attribute},
                )
                every.append(f"order {n}")
                members += [f"order {n}"] if kind == "member" else []
            wait_for(folder / "billing.txt", len(every))
            console.print(f"billing has {len(lines(folder / 'billing.txt'))}, mail none; it is up")
            (folder / "mail-down").unlink()
            wait_for(folder / "mail.txt", len(members))
        billing, mail = lines(folder / "billing.txt"), lines(folder / "mail.txt")
    console.print(f"billing {len(billing)} of {len(every)}, mail {len(mail)} of {len(members)}")
    is_right = (billing, mail) == (sorted(every), sorted(members))
    if options.json:
        print(json.dumps({"ok": is_right, "billing": len(billing), "mail": len(mail)}))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
