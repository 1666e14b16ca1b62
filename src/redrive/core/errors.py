"""The three kinds of error, never mixed (ARCHITECTURE.md, "Errors").

ServiceError: the caller's mistake, with a code that exists for the operation.
Unavailable: the store could not commit; nothing happened; SDKs retry it.
AssertionError: ours. The transaction rolls back and the caller hears `InternalFailure`.
"""

from __future__ import annotations

from collections.abc import Mapping


class ServiceError(Exception):
    """A mistake of the caller's, told in AWS's words.

    `code` is the modelled shape name where the model has one (`QueueDoesNotExist`), else the
    literal code that AWS sends (`InvalidParameterValue`). `status` is only given where the model
    does not say. `extra` holds further members of the error's body, such as Lambda's `Type` and
    `Reason`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        extra: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class Unavailable(Exception):
    """The store lost a conflict, is full or is away: nothing was committed; retry."""
