"""The expansion of `Transform: AWS::Serverless-2016-10-31`, by AWS's own aws-sam-translator.

Importing that library takes half a second, so nothing imports this module but the composition root,
which does it by `importlib.import_module("redrive.services.stacks.sam")` once it has seen that a
template needs it (`template.is_sam`). All else about SAM is in `serverless`, which is cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from redrive.services.stacks.model import Json, Path, Problem, TemplateError
from redrive.services.stacks.serverless import (
    check_serverless,
    expanded_document,
    hide_local_code,
    origin,
    show_local_code,
)
from redrive.services.stacks.template import Document


class _Session:
    """The one thing that the library asks of an AWS session."""

    def __init__(self, region: str) -> None:
        self.region_name = region


def expand_document(
    document: Document,
    parameters: Mapping[str, str],
    region: str,
    hashes: Mapping[str, str] | None = None,
) -> Document:
    """Return a SAM document as a plain CloudFormation document that keeps its lines.

    hashes: see `serverless.hide_local_code`.

    Raises TemplateError with all that is not supported or not understood, by logical id and line.
    """
    if problems := check_serverless(document):
        raise TemplateError(problems)
    try:
        body = expand(document.body, parameters, region, hashes)
    except TemplateError as error:
        raise TemplateError(
            document.problem(
                problem.message,
                origin(document, problem.logical_id) if problem.logical_id else problem.path,
            )
            for problem in error.problems
        ) from error
    return expanded_document(document, body)


def expand(
    template: Mapping[str, Json],
    parameters: Mapping[str, str],
    region: str,
    hashes: Mapping[str, str] | None = None,
) -> dict[str, Json]:
    """Return the CloudFormation template that a SAM template means. Works without account or
    network.

    Local code paths come out as `Code: <path>`. Raises TemplateError; its problems have paths, no
    lines.
    """
    hidden = hide_local_code(template, hashes)
    translator = Translator(None, Parser(), boto_session=_Session(region))
    try:
        expanded: dict[str, Any] = translator.translate(
            hidden, parameter_values=dict(parameters), get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        raise TemplateError(map(_problem, error.causes)) from error
    finally:
        translator.metrics.publish()  # to nowhere; unpublished ones are complained of on stderr
    return show_local_code(expanded)


def _problem(cause: ExceptionWithMessage) -> Problem:
    """Return the library's message with the resource that it blames, where it names one."""
    named = getattr(cause, "_logical_id", None)
    path: Path = ("Resources", named) if isinstance(named, str) else ()
    message = str(cause.message).removeprefix(f"Resource with id [{named}] is invalid. ")
    return Problem(message, path)
