"""Amazon Resource Names, taken apart and put together."""

from __future__ import annotations

from typing import NamedTuple


class Arn(NamedTuple):
    """arn:partition:service:region:account:resource, the resource with its own colons kept."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    def __str__(self) -> str:
        return ":".join(("arn", *self))


def parse_arn(text: str) -> Arn | None:
    """Return the parts of an ARN, or None when the text is not one."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or not parts[2] or not parts[5]:
        return None
    return Arn(*parts[1:])


def queue_arn(region: str, account: str, name: str) -> str:
    """Return arn:aws:sqs:<region>:<account>:<name>."""
    return f"arn:aws:sqs:{region}:{account}:{name}"


def function_arn(region: str, account: str, name: str, qualifier: str | None = None) -> str:
    """Return arn:aws:lambda:<region>:<account>:function:<name>[:<qualifier>]."""
    tail = f":{qualifier}" if qualifier else ""
    return f"arn:aws:lambda:{region}:{account}:function:{name}{tail}"


def layer_arn(region: str, account: str, name: str, version: int | None = None) -> str:
    """Return arn:aws:lambda:<region>:<account>:layer:<name>[:<version>]."""
    tail = f":{version}" if version else ""
    return f"arn:aws:lambda:{region}:{account}:layer:{name}{tail}"
