"""What a request may set on a pipe, and what is refused. Pure.

An option is honoured, refused or a label, never ignored; LABELS are shown in docs/compat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redrive.core.arn import Arn, parse_arn
from redrive.core.effects import Params
from redrive.core.patterns import PatternError, compile_pattern
from redrive.services.pipes.payloads import kind_of
from redrive.services.pipes.refusals import invalid
from redrive.services.pipes.templates import path_problem, template_problem

SETTINGS = (
    "Description",
    "Source",
    "SourceParameters",
    "Enrichment",
    "EnrichmentParameters",
    "Target",
    "TargetParameters",
    "RoleArn",
    "LogConfiguration",
    "KmsKeyIdentifier",
)
"""Members of CreatePipe that are kept and shown as they were given."""

LABELS = (
    ("LogConfiguration", "kept", "Shown; executions are counted, and not written to a log."),
    ("KmsKeyIdentifier", "kept", "Shown; settings are stored unencrypted."),
)

_BATCH_DEFAULT = 10
_FIFO_BATCH_MAX = 10

Offers = Callable[[str, str], bool]


def given_settings(params: Params) -> dict[str, Any]:
    """Return what a request describes, without the members that it leaves out or empties."""
    return {name: params[name] for name in SETTINGS if params.get(name) not in (None, "", {})}


def merged(before: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """Return settings after an UpdatePipe: members that it names replace what was there.

    Of parameters the inner structures are replaced one by one; an empty text takes a member away.
    AWS: API_UpdatePipe.
    """
    after = dict(before)
    for name in SETTINGS:
        value = params.get(name)
        if value is None or name == "Source":
            continue
        if name in ("SourceParameters", "EnrichmentParameters", "TargetParameters"):
            value = {**before.get(name, {}), **value}
            value = {key: member for key, member in value.items() if member not in (None, "")}
        if value in ("", {}):
            after.pop(name, None)
        else:
            after[name] = value
    return after


def check_settings(given: Mapping[str, Any], offers: Offers) -> None:
    """Refuse what this server cannot do as it is asked. Raises ServiceError ValidationException."""
    source = _arn(given["Source"], "Source")
    if source.service != "sqs":
        raise invalid(f"Sources of {source.service or 'this kind'} are not offered: {_SOURCES}")
    _check_source(source, given.get("SourceParameters") or {})
    enrichment = given.get("Enrichment")
    if enrichment and _arn(enrichment, "Enrichment").service != "lambda":
        raise invalid("An enrichment is a Lambda function here; others are not offered.")
    parameters = given.get("EnrichmentParameters") or {}
    if parameters.get("HttpParameters"):
        raise invalid("HttpParameters do not apply to an enrichment by a Lambda function.")
    _check_template(parameters.get("InputTemplate"), "EnrichmentParameters.InputTemplate")
    _check_target(_arn(given["Target"], "Target"), given.get("TargetParameters") or {}, offers)


_SOURCES = "a pipe reads from an Amazon SQS queue."


def _arn(text: str, member: str) -> Arn:
    arn = parse_arn(text)
    if arn is None:
        raise invalid(f"{member} {text} is not an ARN that can be used here.")
    return arn


def _check_source(source: Arn, parameters: Mapping[str, Any]) -> None:
    for name in parameters:
        if name not in ("FilterCriteria", "SqsQueueParameters"):
            raise invalid(f"{name} does not apply to an Amazon SQS source.")
    for pattern in filter_patterns(parameters):
        try:
            compile_pattern(pattern)
        except PatternError as error:
            raise invalid(f"Event pattern is not valid. Reason: {error}") from None
    size, window_s = batching({"SourceParameters": parameters})
    if source.resource.endswith(".fifo"):
        if size > _FIFO_BATCH_MAX:
            raise invalid(f"BatchSize of a FIFO queue is at most {_FIFO_BATCH_MAX}.")
        if window_s:
            raise invalid("MaximumBatchingWindowInSeconds does not apply to a FIFO queue.")
    if size > _BATCH_DEFAULT and not window_s:
        raise invalid(
            "MaximumBatchingWindowInSeconds must be at least 1 when BatchSize is greater than 10."
        )


def filter_patterns(parameters: Mapping[str, Any]) -> list[str]:
    """Return the patterns of SourceParameters."""
    filters = (parameters.get("FilterCriteria") or {}).get("Filters") or ()
    return [one["Pattern"] for one in filters if one.get("Pattern")]


def batching(given: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size of batches and the window in seconds."""
    found = (given.get("SourceParameters") or {}).get("SqsQueueParameters") or {}
    size = found.get("BatchSize") or _BATCH_DEFAULT
    return size, found.get("MaximumBatchingWindowInSeconds") or 0


def _check_target(target: Arn, parameters: Mapping[str, Any], offers: Offers) -> None:
    kind = kind_of(target)
    if kind is None or not offers(kind.service, kind.operation):
        raise invalid(f"{target} is not a target that this server delivers to.")
    for name in parameters:
        if name not in ("InputTemplate", kind.parameters):
            raise invalid(f"{name} does not apply to this target.")
    _check_template(parameters.get("InputTemplate"), "TargetParameters.InputTemplate")
    own = parameters.get(kind.parameters) or {}
    is_fifo = target.resource.endswith(".fifo")
    if target.service == "sqs" and is_fifo and not own.get("MessageGroupId"):
        raise invalid("MessageGroupId is required for a target that is a FIFO queue.")
    if own.get("EndpointId"):
        raise invalid("Global endpoints are not offered.")
    if target.service == "sns" and is_fifo:
        raise invalid("A FIFO topic cannot be a target: there is no parameter for its group.")
    if target.service == "logs" and not own.get("LogStreamName"):
        raise invalid("LogStreamName is required for a target that is a log group.")
    for name, value in own.items():
        for text in _texts(value):
            problem = path_problem(text) if text[:1] == "$" else None
            if problem is not None:
                raise invalid(f"{name} is not valid: {problem}")


def _texts(value: Any) -> list[str]:
    """Return the texts of a parameter: its own, those of a list, the values of a mapping."""
    if isinstance(value, Mapping):
        value = list(value.values())
    return [each for each in (value if isinstance(value, list) else [value]) if type(each) is str]


def _check_template(template: str | None, member: str) -> None:
    problem = template_problem(template) if template else None
    if problem is not None:
        raise invalid(f"{member} is not valid: {problem}")
