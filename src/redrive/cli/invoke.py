"""`redrive invoke` and `redrive events`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson

from redrive.cli.asking import asks, print_json
from redrive.cli.client import DEFAULT_ACCOUNT, DEFAULT_REGION, Client, Invoked
from redrive.cli.naming import function_named
from redrive.cli.samples import SAMPLES, NoSample, Sampler
from redrive.core.arn import parse_arn
from redrive.shell.sources import SystemChance, wall_ms

_QUEUES = ("sqs", "sqs-fifo")
_ALIASES = "/2015-03-31/functions/{}/aliases"
_MAPPINGS = "/2015-03-31/event-source-mappings/?FunctionName="


@click.command(epilog="Example:  redrive invoke orders-consumer --event sqs --body hello --log")
@click.argument("function")
@click.option(
    "-e",
    "--event",
    default="{}",
    show_default=True,
    metavar="NAME|FILE|JSON|-",
    help="The event: a sample's name (see `redrive events`), a file that holds it, JSON, or - for"
    " standard input.",
)
@click.option("--body", metavar="TEXT", help="The message, detail or request body of a sample.")
@click.option("--qualifier", metavar="NAME", help="A version or an alias to invoke.")
@click.option("--async", "is_async", is_flag=True, help="Hand the event over, and do not wait.")
@click.option("--log", "with_log", is_flag=True, help="Also print the end of its log, on stderr.")
@asks
def invoke(
    client: Client,
    as_json: bool,
    function: str,
    event: str,
    body: str | None,
    qualifier: str | None,
    is_async: bool,
    with_log: bool,
) -> None:
    """Invoke FUNCTION (a name, an ARN, or what a template calls it) and print its answer.

    A sample of sqs comes from the queue that the function is mapped to, if there is one. The exit
    code is 1 when the function failed; its error is then printed as Lambda tells it.
    """
    if is_async and with_log:
        raise click.UsageError("--log is the end of an invocation, which --async does not wait for")
    function = function_named(client, function)
    content = _event(client, function, event, body)
    answer = client.invoke(
        function, content, with_log=with_log, qualifier=qualifier, is_async=is_async
    )
    _print_answer(answer, as_json=as_json, is_async=is_async, with_log=with_log)
    sys.exit(1 if answer.error else 0)


def _print_answer(answer: Invoked, *, as_json: bool, is_async: bool, with_log: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"RequestId": answer.request_id}
        if not is_async:
            told |= {
                "ExecutedVersion": answer.version,
                "FunctionError": answer.error,
                "Payload": _value(answer.payload),
                "Log": answer.log if with_log else None,
            }
        print_json(told)
        return
    if is_async:
        click.echo(f"accepted as {answer.request_id}")
        return
    if with_log:
        click.echo(answer.log, err=True)
    click.echo(answer.payload.decode("utf-8", "replace"))


def _event(client: Client, function: str, given: str, body: str | None) -> bytes:
    """Return the event's JSON text. Raises BadParameter."""
    if given in SAMPLES:
        queue = _queue_of(client, function, given == "sqs-fifo") if given in _QUEUES else ""
        place = client.place
        return orjson.dumps(_sample(given, body, place.account, place.region, queue))
    if body is not None:
        raise click.BadParameter("only a sample has a body to be given", param_hint="--body")
    try:
        if given == "-":
            text = sys.stdin.buffer.read()
        elif given.startswith("@"):
            text = Path(given[1:]).read_bytes()
        elif given.endswith(".json"):
            text = Path(given).read_bytes()
        else:
            text = given.encode()
        orjson.loads(text)
    except OSError as error:
        name = given.removeprefix("@")
        raise click.BadParameter(f"{name}: {error.strerror}", param_hint="--event") from None
    except orjson.JSONDecodeError as error:
        known = f"neither a sample ({', '.join(SAMPLES)}) nor JSON"
        words = f"not JSON: {error}" if not given.isidentifier() else f"{given} is {known}"
        raise click.BadParameter(words, param_hint="--event") from None
    return text


def _queue_of(client: Client, function: str, is_fifo: bool) -> str:
    """Return the ARN of the first queue of a kind that is mapped to a function or to an alias of
    it, "" without one.
    """
    aliases = client.show(_ALIASES.format(quote(function, safe=""))) or {}
    names = [function, *(str(each["AliasArn"]) for each in aliases.get("Aliases", ()))]
    for name in names:
        told = client.show(_MAPPINGS + quote(name, safe="")) or {}
        for each in told.get("EventSourceMappings", ()):
            source = str(each.get("EventSourceArn"))
            arn = parse_arn(source)
            if arn is not None and arn.service == "sqs" and source.endswith(".fifo") == is_fifo:
                return source
    return ""


def _sample(name: str, body: str | None, account: str, region: str, queue_arn: str = "") -> Any:
    try:
        return Sampler(SystemChance(), wall_ms(), account, region, queue_arn).make(name, body)
    except NoSample as error:
        raise click.BadParameter(str(error), param_hint="--body" if body else None) from None


def _value(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")


@click.command(epilog="Example:  redrive events sqs --body hello > event.json")
@click.argument("name", required=False)
@click.option("--body", metavar="TEXT", help="The message, detail or request body.")
@click.option("--account", default=DEFAULT_ACCOUNT, show_default=True, help="In its ARNs.")
@click.option("--region", default=DEFAULT_REGION, show_default=True, help="In its ARNs.")
def events(name: str | None, body: str | None, account: str, region: str) -> None:
    """Print a sample event as AWS hands it to a function; without NAME, the names there are."""
    if name is None:
        for each in SAMPLES:
            click.echo(each)
        return
    print_json(_sample(name, body, account, region))
