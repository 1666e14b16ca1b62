"""What AWS has and a service here has not: members of requests that are kept and shown, or refused,
never ignored; operations that are refused, or answered with the truth, that there is nothing.

Each service has tables of its own, and docs/compat is generated from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.store.store import Tx

Operation = Callable[[Any, Tx, Params, Context], Result]
"""(the service's room, tx, params, context) -> result"""


class Label(NamedTuple):
    """One member or attribute, what is done with it, and why in one sentence."""

    member: str
    treatment: Literal["kept", "refused"]
    sentence: str


def refused(labels: Iterable[Label]) -> Mapping[str, str]:
    """Return the members that are refused, each with its sentence."""
    return {label.member: label.sentence for label in labels if label.treatment == "refused"}


def unsupported(what: str, why: str) -> str:
    """Return the text with which a member or an operation is refused."""
    return f"{what} is not supported by this server. {why}"


def refusing(
    unoffered: Mapping[str, str], error: Callable[[str], ServiceError]
) -> dict[str, Operation]:
    """Return operations that are refused whatever they are asked, from their names and why."""
    return {name: _refusal(unsupported(name, why), error) for name, why in unoffered.items()}


def _refusal(text: str, error: Callable[[str], ServiceError]) -> Operation:
    def refuse(_room: Any, _tx: Tx, _params: Params, _context: Context) -> Result:
        raise error(text)

    return refuse


def answering(result: Result) -> Operation:
    """Return an operation whose answer is true without anything behind it."""

    def answer(_room: Any, _tx: Tx, _params: Params, _context: Context) -> Result:
        return result

    return answer
