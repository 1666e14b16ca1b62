"""What a rule, an operation or a worker wants to happen next, as values.

    operation -> result | Wait | Ask         worker.step, worker.done -> Step

Whoever holds the loop (`services/dispatch`, driven by the shell or by the simulator) carries them
out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from redrive.core.errors import ServiceError, Unavailable
from redrive.core.grants import Grant
from redrive.core.policies import Policy
from redrive.core.time import Millis

# The wire's values: what JSON can say, plus bytes for blobs. The TypedDicts of each service narrow
# them.
Params = Mapping[str, Any]
Result = Mapping[str, Any]


class Session(NamedTuple):
    """What a caller brings along to be judged by.

    policy: the identity's own, None when it may do everything in its account. facts: condition keys
    of the request, in lower case, such as aws:sourceip. bounds limit what the policy allows, each
    by its name in AWS's errors: a session policy, a permissions boundary.
    """

    policy: Policy | None
    facts: Mapping[str, str | tuple[str, ...]]
    bounds: tuple[tuple[str, Policy], ...] = ()


class Caller(NamedTuple):
    """Who asks, and for which corner of the world.

    account: twelve digits, from the access key (AWS: a real key maps to its account; ours is the
    key itself when it is twelve digits, else 000000000000). region: the credential scope's.
    """

    account: str
    region: str
    principal: str  # an ARN, for policies: arn:aws:iam::<account>:root, or a user's; or the
    # name of an AWS service that asks on the account's behalf, such as events.amazonaws.com
    sender_id: str  # what SQS shows as SenderId: the account, or a user's unique id
    session: Session | None = None  # None: not judged in its own account (authorisation is off)
    grant: Grant | None = None  # what a temporary key was lent for
    source: str = ""  # the ARN on whose behalf an AWS service asks: aws:SourceArn


class Context(NamedTuple):
    """What an operation may know besides its parameters and the tables.

    now_ms is the instant of this attempt; arrived_ms that of the first, so that a long poll that is
    tried again still ends on time. origin is where clients reach us (`http://127.0.0.1:4566`):
    queue URLs begin with it.
    """

    caller: Caller
    now_ms: Millis
    arrived_ms: Millis
    request_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Call:
    """Ask a service for an operation, after the present transaction has committed.

    reply_to is handed back with the reply; it means something to the asker only. request_id is the
    id that the operation runs under, when the asker must know it (an invocation's); None: a new
    one.
    """

    service: str
    operation: str
    params: Params
    caller: Caller
    reply_to: Any = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Hand an event to a function: what the shell gives to the runtime and the simulator to its
    scripts.

    on_chunk, on_head: set when the caller can take the response in pieces. A function that streams
    (Runtime API: Lambda-Runtime-Function-Response-Mode: streaming) is then heard as it goes: first
    on_head, once, with the Content-Type of its response, then on_chunk with each piece, none of
    them empty, in order and from the reactor; its Ran is `streamed` and holds no payload. A
    function that does not stream never calls them, nor does one that fails before its first piece.
    """

    environment: Environment
    request_id: str
    event: bytes  # JSON text
    deadline_ms: Millis
    reply_to: Any = None
    client_context: bytes | None = None
    trace: str | None = None
    invoked_arn: str | None = None  # as the caller named the function; None: the environment's
    on_chunk: Callable[[bytes], None] | None = None
    on_head: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """All that makes one execution environment unlike another. Equal values may share processes.

    Paths are absolute. `variables` are the user's; the runtime adds AWS's own.
    """

    function_arn: str  # of $LATEST unqualified, of a published version with its number
    function_name: str
    version: str
    revision: str  # changes with code or configuration, so that old processes are not used again
    runtime: str  # AWS's identifier, such as python3.12
    handler: str
    code_path: str
    timeout_ms: Millis
    memory_mb: int
    account: str
    region: str
    variables: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    debug: str = ""  # debugpy:<port> or inspect:<port>: then there is one at a time
    packages: str = ""  # a folder with what of the code's own is the same in other versions of it


@dataclass(frozen=True, slots=True)
class Ran:
    """How one invocation ended.

    payload: the response as JSON text, or AWS's error body when `error` is set ("Unhandled").
    error: None for a normal return. status says which way it ended, for logs and life-lines:
    "ok" | "error" | "timeout" | "exit" | "init-error" | "too-large".
    log_tail: at most the last 4 KiB of what the invocation wrote (AWS: X-Amz-Log-Result).
    streamed: the response went to Run.on_chunk; payload is b"", or with `error`, of a stream that
    broke off, AWS's error body.
    """

    payload: bytes
    error: str | None = None
    status: str = "ok"
    log_tail: bytes = b""
    duration_ms: float = 0.0
    init_ms: float | None = None
    memory_mb: int = 0
    streamed: bool = False


class Sink(Protocol):
    """Takes an answer whose pieces leave before its operation ends: an operation that can answer so
    finds one under the parameter `Sink`. What is begun ends with the operation's result.
    """

    def begin(self, head: Any) -> None:
        """Take what comes before the first piece, once; its form is the operation's."""
        ...

    def write(self, piece: Any) -> None:
        """Take the next piece; one for a client that has gone is dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """Slow work on files that would keep others waiting: done beside the loop, one at a time.

    It touches no table; ServiceError and Unavailable are its ways to fail.
    """

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Ask an HTTP server of somebody else. It is asked once, and redirects are not followed.

    url: http or https. headers: in order; Host and Content-Length are added. What goes wrong before
    there is a response is an error of the Reply: ServiceError with the code "FetchRefused" for an
    address that may not be reached and for a URL that cannot be asked, "FetchTimeout" when there is
    no whole response in time, "FetchFailed" for all else (no such host, refused, broken off).
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_ms: int = 5_000
    body_bytes_max: int = 1_048_576  # of the response; the rest is not read


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response, whatever its status. headers: names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Reply(NamedTuple):
    """The answer to a Call, a Run, a Job or a Fetch: exactly one of the five is set."""

    result: Result | None = None
    error: ServiceError | Unavailable | AssertionError | None = None
    ran: Ran | None = None
    made: Any = None  # what a Job returned
    fetched: Fetched | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to return yet: try again at at_ms, or sooner when one of the topics is woken.

    Waiters of a topic are tried in the order of their arrival. `alike` says that all of them look
    for the same thing, so that the first to find nothing spares the others the search.
    """

    at_ms: Millis
    topics: tuple[str, ...]
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """The operation has committed and answers when someone else has.

    resume runs in a transaction of its own: (tx, reply, now_ms) -> result | Ask | Wait. It lives in
    memory and dies with its connection or with the process.
    """

    effect: Call | Run | Job | Fetch
    resume: Callable[[Any, Reply, Millis], Result | Ask | Wait]


@dataclass(frozen=True, slots=True)
class Step:
    """What a worker wants: calls to make, when to be stepped again, topics that step it sooner.

    cancels names reply_to values of calls that still wait (a long poll) and shall not be answered.
    """

    calls: tuple[Call, ...] = ()
    next_ms: Millis | None = None
    topics: tuple[str, ...] = ()
    cancels: tuple[Any, ...] = field(default=())


class Worker(Protocol):
    """Something that goes on by itself, one step at a time. It never blocks and never sleeps."""

    name: str

    def step(self, now_ms: Millis) -> Step:
        """Go on; called at its next_ms, when a topic is woken, and once at the start."""
        ...

    def done(self, reply_to: Any, reply: Reply, now_ms: Millis) -> Step:
        """Take the answer to one of its calls."""
        ...

    def drain(self, now_ms: Millis) -> Step:
        """Begin nothing new from now on, but settle what is under way; cancel what only waits."""
        ...


class Chance(Protocol):
    """Where randomness comes from: the operating system's in the server, the seed's in the
    simulator.
    """

    def token(self, count: int) -> bytes:
        """Return `count` random bytes."""
        ...
