"""`redrive check`: what people paid for, found in a template or in what is running."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import click

from redrive.cli.asking import print_json
from redrive.cli.client import Client, NoServer, Refusal, find_place
from redrive.cli.findings import as_json, as_sarif, tell
from redrive.cli.live_picture import live_picture
from redrive.cli.project import Project, find_template, stack_name_of
from redrive.cli.template_picture import expand, template_picture
from redrive.config import ConfigError, load_config
from redrive.core.lessons.catalogue import IDS, at_least, find
from redrive.core.lessons.graph import Graph
from redrive.core.lessons.rule import LEVELS, Level
from redrive.services.stacks.model import TemplateError, World

NEVER = "never"
CANNOT_LOOK = 2  # as click's own exit code for words that it does not understand


class _NotLooked(click.ClickException):
    """There is nothing to look at."""

    exit_code = CANNOT_LOOK


@click.command(epilog="Example:  redrive check template.yaml --sarif > redrive.sarif")
@click.argument("template", required=False)
@click.option(
    "--parameter",
    "-p",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value for a parameter of the template; what hangs on others is not judged.",
)
@click.option("--live", is_flag=True, help="Look at a running server, also where a template is.")
@click.option("--endpoint", metavar="URL", help="The server to look at; means --live.")
@click.option("--data", help="Its data directory.  [default: .redrive]")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--sarif", "is_sarif", is_flag=True, help="Print SARIF 2.1.0, for code scanning.")
@click.option(
    "--fail-on",
    type=click.Choice([*LEVELS, NEVER]),
    default="error",
    show_default=True,
    help="The least level of a finding that makes the exit code 1.",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="RULE",
    help="A rule to leave out, as RD011; may be repeated.",
)
def check(
    template: str | None,
    parameters: tuple[str, ...],
    live: bool,
    endpoint: str | None,
    data: str | None,
    is_json: bool,
    is_sarif: bool,
    fail_on: Level | str,
    ignored: tuple[str, ...],
) -> None:
    """Look for what has cost others messages in TEMPLATE and in the code of its functions.

    Without TEMPLATE it is template.yaml, template.yml or template.json in this folder; where there
    is none, or with --live, what is running on a server. docs/check.md lists the rules. To silence
    one for a resource: `Metadata: {Redrive: {Ignore: [RD011]}}`. The exit code is 1 when something
    is found at the level of --fail-on or above, and 2 when there is nothing that can be looked at.
    """
    is_live = live or endpoint is not None
    if is_live and template is not None:
        raise click.UsageError("a template or a running server, not both")
    if is_json and is_sarif:
        raise click.UsageError("--json or --sarif, not both")
    unknown = [name for name in ignored if name not in IDS]
    if unknown:
        raise click.BadParameter(f"there is no rule {unknown[0]}", param_hint="--ignore")
    try:
        graph = _picture(template, values_of(parameters), is_live, endpoint, data, is_sarif)
    except TemplateError as error:
        _refuse(error)
    except (NoServer, Refusal, ConfigError, FileNotFoundError) as error:
        raise _NotLooked(str(error)) from None
    findings = find(graph, ignored)
    if is_sarif:
        print_json(as_sarif(findings))
    elif is_json:
        print_json(as_json(findings, graph))
    else:
        tell(findings, graph)
    failing = frozenset() if fail_on == NEVER else at_least(_level(fail_on))
    sys.exit(1 if any(finding.rule.level in failing for finding in findings) else 0)


def _picture(
    template: str | None,
    parameters: Mapping[str, str],
    is_live: bool,
    endpoint: str | None,
    data: str | None,
    is_sarif: bool,
) -> Graph:
    """Return the picture of what is asked for. Raises TemplateError, NoServer, Refusal."""
    folder = Path(load_config(Path.cwd(), os.environ, {"data": data}).data)
    place = find_place(os.environ, folder, endpoint)
    if not is_live:
        try:
            path = find_template(template, Path.cwd())
        except FileNotFoundError as error:
            if template is not None:
                raise
            missing = str(error)
        else:
            world = World.named(place.account, place.region, stack_name_of(path))
            project = Project(path, parameters, world, folder / "packages")
            document = expand(project.read(), parameters, place.region)
            return template_picture(document, path, parameters, world)
    if is_sarif:
        raise click.UsageError("SARIF names lines of files: it needs a template; see --json")
    if parameters:
        raise click.UsageError("--parameter is for a template")
    client = Client(place)
    try:
        return live_picture(client)
    except NoServer as error:
        raise NoServer(str(error) if is_live else f"{missing}; and {error}") from None
    finally:
        client.close()


def values_of(parameters: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=VALUE options as a mapping. Raises BadParameter."""
    values = {}
    for given in parameters:
        name, is_pair, value = given.partition("=")
        if not is_pair or not name:
            raise click.BadParameter(f"{given!r} is not NAME=VALUE", param_hint="--parameter")
        values[name] = value
    return values


def _level(name: str) -> Level:
    return next(level for level in LEVELS if level == name)


def _refuse(error: TemplateError) -> NoReturn:
    """Tell why a template cannot be read, and end with exit code 2."""
    for problem in error.problems:
        click.secho(str(problem), fg="red", err=True)
    sys.exit(CANNOT_LOOK)
