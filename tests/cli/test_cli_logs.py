"""`redrive logs`: one, several and all functions, against a live server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import click
import pytest
from click.testing import Result

from redrive.cli import logs
from redrive.cli.client import Client
from redrive.cli.logs import LogView, since_ms

Redrive = Callable[..., Result]

CODE = """
def handler(event, context):
    print("word", event)
    return {}
"""


@pytest.fixture(scope="module")
def stack(client: Client) -> Iterator[Client]:
    """Two functions, each of which has been invoked."""
    plan = {
        "Resources": {
            name.title(): {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "FunctionName": name,
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Role": "arn:aws:iam::000000000000:role/r",
                    "Code": {"ZipFile": CODE},
                },
            }
            for name in ("one", "second")
        }
    }
    told = client.call("redrive", "Deploy", StackName="logs", Plan=plan)
    assert told["Failures"] == []
    for number, name in enumerate(("one", "second", "one")):
        client.invoke(name, json.dumps(number).encode())
    yield client
    client.call("redrive", "DeleteStack", StackName="logs")


def words(text: str) -> list[str]:
    """Return the handlers' own lines."""
    return [line for line in text.splitlines() if "word" in line]


def test_one_function(stack: Client, redrive: Redrive) -> None:
    """Only its lines, as they are, with the platform's around them."""
    lines = redrive("logs", "one").stdout
    assert words(lines) == ["word 0", "word 2"]
    assert sum(line.startswith("REPORT RequestId:") for line in lines.splitlines()) == 2


@pytest.mark.parametrize("names", [(), ("one", "second")])
def test_several_functions(stack: Client, redrive: Redrive, names: tuple[str, ...]) -> None:
    """In the order of writing, with the time and whose each line is; all when none is named."""
    lines = [line.split("  ", 1) for line in words(redrive("logs", *names).stdout)]
    assert [" ".join(rest.split()) for _clock, rest in lines] == [
        "one word 0",
        "second word 1",
        "one word 2",
    ]
    assert all(len(clock) == len("09:30:00.123") for clock, _rest in lines)


def test_filter_since_and_json(stack: Client, redrive: Redrive) -> None:
    """Only lines that hold a text, only from an instant on, as objects."""
    assert len(redrive("logs", "--filter", "WORD 1").stdout.splitlines()) == 1
    assert redrive("logs", "--since", "2999-01-01T00:00:00Z").stdout == ""
    assert len(words(redrive("logs", "--since", "1h").stdout)) == 3
    pieces = redrive("logs", "one", "--filter", "word", "--json").stdout.splitlines()
    assert [json.loads(piece)["Text"] for piece in pieces] == ["word 0\n", "word 2\n"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["one", "nope"], "there is no function nope"),
        (["--since", "yesterday"], "yesterday is neither like 10m nor like"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_mistakes_are_told(stack: Client, redrive: Redrive, given: list[str], said: str) -> None:
    """In a line, with an exit code that is not 0."""
    result = redrive("logs", *given)
    assert result.exit_code in (1, 2)
    assert said in result.stderr


def test_following(stack: Client, redrive: Redrive, monkeypatch: pytest.MonkeyPatch) -> None:
    """--follow prints what comes, of all functions, and ends with Ctrl-C without a fault."""
    show, seen = LogView.show, list[bool]()

    def shown(view: LogView, pieces: list[dict[str, Any]]) -> None:
        show(view, pieces)
        if any("word 7" in piece["Text"] for piece in pieces):
            seen.append(True)
            raise KeyboardInterrupt

    monkeypatch.setattr(logs.LogView, "show", shown)
    monkeypatch.setattr(Client, "call", _invoking(Client.call, stack))
    result = redrive("logs", "--follow", "--filter", "word 7")
    assert result.exit_code == 0
    assert seen == [True]
    assert words(result.stdout)[0].endswith("second  word 7")


def _invoking(call: Callable[..., Any], stack: Client) -> Callable[..., Any]:
    """Return Client.call that invokes a function before the first long poll begins."""
    done: list[bool] = []

    def calling(client: Client, service: str, operation: str, **params: Any) -> Any:
        if "WaitSeconds" in params and not done:
            done.append(True)
            other = Client(stack.place)
            other.invoke("second", b"7")
            other.close()
        return call(client, service, operation, **params)

    return calling


def test_each_function_has_its_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one for all of its lines, another than its neighbour's; the platform's are dim."""
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(logs, "say", lambda *parts: said.append(parts))
    view = LogView((), as_json=False)
    for name, text in (("a", "x\n"), ("bb", "START RequestId: r\n"), ("a", "y\n")):
        view.show([{"FunctionName": name, "AtMs": 0, "Text": text}])
    names = [parts[1] for parts in said]
    assert [name.strip() for name, _colour in names] == ["a", "bb", "a"]
    assert names[0][1] == names[2][1] != names[1][1]
    assert said[1][2] == ("START RequestId: r", "dim")
    assert said[0][2] == "x"


@pytest.mark.parametrize("given", ["1x", "", "m", "-5m"])
def test_what_is_no_time(given: str) -> None:
    """It is refused."""
    with pytest.raises(click.BadParameter):
        since_ms(None, None, given)


def test_times() -> None:
    """ISO 8601 with a zone; so long ago."""
    assert since_ms(None, None, "1970-01-01T00:00:01Z") == 1_000
    now_ms, before_ms = since_ms(None, None, "0s"), since_ms(None, None, "2h")
    assert now_ms is not None
    assert before_ms is not None
    assert now_ms - before_ms == pytest.approx(2 * 3_600_000, abs=60_000)
    assert since_ms(None, None, None) is None
