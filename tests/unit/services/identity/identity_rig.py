"""The front of a server with IAM, STS and queues on a real store, asked as botocore asks.

Time is virtual. With keys every request is signed, and signatures are checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sdk import Sdk

import redrive.services
from redrive.core.errors import ServiceError
from redrive.core.keys import Key, Keyring
from redrive.core.time import Millis
from redrive.services.dispatch import Dispatch
from redrive.services.identity.gate import Gate
from redrive.services.identity.operations import register as register_identity
from redrive.services.identity.room import open_room
from redrive.services.queues.operations import register as register_queues
from redrive.services.queues.room import Queues
from redrive.services.registry import Registry
from redrive.shell.front import Front
from redrive.shell.guard import Guard
from redrive.store.sqlite import SqliteStore
from redrive.store.statements import load_statements
from redrive.wire.endpoint import Endpoint
from redrive.wire.messages import Request, Response
from redrive.wire.signatures import Verifier, sign
from redrive.wire.sigv4 import Lent

SERVICES = Path(redrive.services.__file__).parent
STATEMENTS = ("queues/queues", "queues/fifo", "identity/identity")
T0 = 1_800_000_000_000
SECOND_MS = 1_000
REGION = "eu-west-1"
US, THEM = "111122223333", "444455556666"

TRUSTS_US = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS":'
    f' "arn:aws:iam::{US}:root"}}, "Action": "sts:AssumeRole"}}}}'
)
TRUSTS_LAMBDA = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service":'
    ' "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
)


class Count:
    """Bytes that differ from call to call."""

    def __init__(self, start: int) -> None:
        self._count = start

    def token(self, count: int) -> bytes:
        """Return bytes."""
        self._count += 1
        return self._count.to_bytes(max(count, 8), "big")[-count:]


class Refused(Exception):
    """An error as botocore understands it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.code = str(told["Error"]["Code"])
        self.text = str(told["Error"]["Message"])
        self.status = int(told["ResponseMetadata"]["HTTPStatusCode"])
        super().__init__(f"{self.status} {self.code}: {self.text}")


class Client(Sdk):
    """botocore of one service, signed with one key."""

    def __init__(self, rig: Rig, service: str, key: Key) -> None:
        super().__init__(service, self._ask, "json" if service == "sqs" else None, validates=False)
        self._rig, self._key = rig, key
        self._scope = "us-east-1" if service == "iam" else REGION, service

    def __call__(self, operation: str, **params: Any) -> Any:
        """Ask; return what botocore understands of the answer. Raises Refused."""
        told = super().__call__(operation, **params)
        if told["ResponseMetadata"]["HTTPStatusCode"] >= 300:
            raise Refused(told)
        return told

    def _ask(self, request: Request) -> Response:
        signature = sign(request, self._key, *self._scope, Millis(self._rig.now_ms))
        return self._rig.ask(request._replace(headers={**request.headers, **signature}))


class Rig:
    """One run of a server on the files of a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        keys: tuple[Key, ...] = (),
        is_judging: bool = False,
        now_ms: int = T0,
    ) -> None:
        self.now_ms = now_ms
        self.faults: list[BaseException] = []
        chance = Count(now_ms)
        files = [SERVICES / f"{name}.sql" for name in STATEMENTS]
        self.store = SqliteStore(str(folder / "redrive.db"), load_statements(files))
        self.registry = Registry(self.store)
        register_queues(self.registry, Queues(self.store, chance))
        keyring = Keyring(keys, b"seed") if keys else None
        room = open_room(self.store, chance, keyring)
        register_identity(self.registry, room)
        self.store.commit(self.clock())
        self.dispatch = Dispatch(
            self.registry,
            self.store,
            clock=self.clock,
            chance=chance,
            run=lambda _run, _done: pytest.fail("nothing runs functions here"),
            origin="http://localhost:4566",
            fault=self.faults.append,
        )
        lent = Lent(room.mint, self.clock)
        verifier = None if keyring is None else Verifier(keyring, self.clock, lent)
        self.front = Front(
            Endpoint(("sqs", "sts", "iam"), {}, verifier, is_judging=is_judging, lent=lent),
            self.dispatch,
            Guard(frozenset({"localhost"}), frozenset()),
            stir=lambda: None,
            health=dict,
            resets=("iam",),
            gate=Gate(self.store, self.clock, self.faults.append) if is_judging else None,
        )

    def clock(self) -> Millis:
        """Return the present instant."""
        return Millis(self.now_ms)

    def ask(self, request: Request) -> Response:
        """Return the answer to a request that is answered at once."""
        answers: list[Response] = []
        self.front.handle(request, answers.append)  # type: ignore[arg-type]
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        assert not self.faults, self.faults
        (answer,) = answers
        return answer

    def client(self, service: str, key: Key | str = US) -> Client:
        """Return a client with a key; a text is an account without keys."""
        return Client(self, service, Key(key, "any", key) if isinstance(key, str) else key)

    def internal(self, operation: str, **params: Any) -> Any:
        """Ask for an operation of IAM that has no wire form, as the account's root."""
        replies: list[Any] = []
        caller = Key("k", "s", US).caller(REGION)
        self.dispatch.enter("iam", operation, params, caller, replies.append)
        while not self.dispatch.is_idle:
            self.dispatch.settle()
        (reply,) = replies
        if isinstance(reply.error, ServiceError):
            raise reply.error
        return reply.result

    def close(self) -> None:
        """Stop, as a process does."""
        self.store.close()


def lent_key(answer: Mapping[str, Any]) -> Key:
    """Return the temporary key of an answer of STS."""
    told = answer["Credentials"]
    return Key(told["AccessKeyId"], told["SecretAccessKey"], "", token=told["SessionToken"])


@contextmanager
def refused(code: str, text: str = "", status: int | None = None) -> Iterator[None]:
    """Expect an error, by its code and a part of its text."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code, caught.value
    assert text in caught.value.text, caught.value
    assert status is None or caught.value.status == status, caught.value
