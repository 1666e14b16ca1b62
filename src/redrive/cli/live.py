"""What happens, as it happens: live events and function logs as lines, or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redrive.cli.asking import print_json
from redrive.cli.client import Client
from redrive.cli.logs import is_platform_line
from redrive.cli.screen import Part, clock_time, duration, say

_ACTIONS = {
    "create": "created",
    "update": "updated",
    "replace": "replaced",
    "delete": "deleted",
    "retain": "left as it is",
}


class LiveView:
    """Follows a server from now on. names: physical ids to the names that a template gives."""

    def __init__(self, client: Client, as_json: bool) -> None:
        self._client = client
        self._listener = Client(client.place)  # it waits while the other asks for something
        self._as_json = as_json
        self._cursors = _cursors(client.call("redrive", "ReadEvents"))
        self.names: dict[str, str] = {}

    def show(self, wait_s: float) -> None:
        """Print what has come since the last time, or what comes first within some seconds."""
        self._print(self._client.call("redrive", "ReadEvents", **self._cursors, WaitSeconds=wait_s))

    def show_if_told(self, wait_s: float) -> None:
        """Print what has come, if the server has told of anything; it is left waiting for more.

        wait_s: how long one wait at the server may be.
        """
        if not self._listener.is_asking:
            params = {**self._cursors, "WaitSeconds": wait_s}
            self._listener.begin("redrive", "ReadEvents", params)
        elif self._listener.is_answered():
            self._print(self._listener.finish())

    def _print(self, told: Mapping[str, Any]) -> None:
        self._cursors = _cursors(told)
        items = [(event["AtMs"], 1, event) for event in told["Events"]]
        items += [(log["AtMs"], 0, log) for log in told["Logs"]]
        if told.get("Missed") and not self._as_json:
            say((f"({told['Missed']} events came too fast to be shown)", "dim"))
        for _at_ms, is_event, item in sorted(items, key=lambda item: item[:2]):
            if self._as_json:
                print_json(item if is_event else {"Kind": "log", **item}, indented=False)
                continue
            for line in self._event(item) if is_event else self._log(item):
                say((f"{clock_time(item['AtMs'])}  ", "dim"), *line)

    def _log(self, log: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
        name = self._name(log["FunctionName"])
        for line in log["Text"].splitlines():
            if line.strip() and not is_platform_line(line):
                yield ((f"{name}  ", "cyan"), line)

    def _event(self, event: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
        detail = event["Detail"]
        kind = event["Kind"]
        if kind == "invocation":
            yield self._invocation(detail)
        elif kind == "batch":
            yield self._batch(detail)
        elif kind == "buried":
            yield (
                (f"{self._name(detail['QueueName'])}  ", "magenta"),
                ("buried  ", "bold red"),
                f"{detail['MessageId']} in {self._name(detail['DeadLetterQueueName'])}",
                f" after {detail['ReceiveCount']} receives",
            )
        elif kind == "deployment":
            yield from deployment_lines(detail)

    def _invocation(self, detail: Mapping[str, Any]) -> tuple[Part, ...]:
        took = duration(detail.get("DurationMs", 0))
        if "InitMs" in detail:
            took += f" (init {duration(detail['InitMs'])})"
        name = (f"{self._name(detail['FunctionName'])}  ", "cyan")
        if detail["Status"] == "ok":
            return (name, ("ok  ", "green"), took)
        told = (detail.get("ErrorType"), detail.get("ErrorMessage"))
        error = [text.split("\n", 1)[0] for text in told if text]  # the log has the rest
        return (name, (f"{detail['Status']}  ", "bold red"), f"{took}  {': '.join(error)}")

    def _batch(self, detail: Mapping[str, Any]) -> tuple[Part, ...]:
        done, kept = detail["Deleted"], detail["Kept"]
        words: list[Part] = [(f"{self._name(detail['QueueName'])}  ", "magenta"), f"{done} done"]
        if kept:
            words += [", ", (f"{kept} to be retried", "yellow"), f" ({detail['Outcome']})"]
        return tuple(words)

    def _name(self, physical: str) -> str:
        return self.names.get(physical, physical)


def deployment_lines(detail: Mapping[str, Any]) -> Iterator[tuple[Part, ...]]:
    """Yield the line of one resource that was made, changed or unmade, or could not be."""
    what = f"{detail['LogicalId']}  "
    if detail.get("Status") == "failed":
        reason = f"  {detail.get('Reason', '')}"
        yield ((what, "bold"), (f"could not {detail['Action']}", "bold red"), reason)
    else:
        yield ((what, "bold"), (_ACTIONS.get(detail["Action"], detail["Action"]), "blue"))


def _cursors(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("Cursor", "LogCursor")}
