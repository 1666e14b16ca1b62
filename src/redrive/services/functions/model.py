"""Rows of the functions service, and the targets that a function name can mean.

A function is Active from the transaction that creates it: its code is on disk before that
transaction commits (code.py). The answers to a creation and to an update say Pending and InProgress
all the same, as AWS's do, and whoever waits for the state sees it at the first look.
"""

from __future__ import annotations

from typing import NamedTuple

from redrive.core.arn import function_arn, layer_arn

LATEST = "$LATEST"


class Function(NamedTuple):
    """One version of a function: its row of `functions` ($LATEST), or one of `versions` with what
    all versions have in common beside it (tags, reserved, policy, recursion). The JSON columns hold
    objects as text.
    """

    account: str
    region: str
    name: str
    runtime: str  # AWS's identifier, such as python3.12
    handler: str
    role: str  # kept and shown; nothing is assumed with it
    description: str
    timeout_s: int
    memory_mb: int
    variables: str  # JSON object: the user's environment variables
    labels: str  # JSON object: members that are kept and echoed only (labels.py)
    tags: str  # JSON object
    code_hash: str  # sha256 in hex: the name of the directory in the code store
    code_bytes: int  # size of the package as it was uploaded
    revision: str  # changes with code and configuration
    modified_ms: int
    reserved: int | None  # reserved concurrency; None: takes part in the unreserved pool
    policy: str | None  # JSON list of statements; None: no policy has been attached
    policy_revision: str
    layers: str = "[]"  # JSON list of {"Arn", "CodeSize", "hash"} of layer versions, in their order
    dead_letter: str | None = None  # ARN of a queue or topic for asynchronous events that failed
    recursion: str = "Terminate"  # or Allow
    version: str = LATEST  # or a number

    @property
    def arn(self) -> str:
        """Return the unqualified ARN."""
        return function_arn(self.region, self.account, self.name)

    @property
    def version_arn(self) -> str:
        """Return the ARN of this version; that of $LATEST ends in :$LATEST."""
        return function_arn(self.region, self.account, self.name, self.version)


class Alias(NamedTuple):
    """One row of `aliases`: a name for a version, or for two that share its invocations."""

    account: str
    region: str
    name: str  # the function's
    alias: str
    version: str  # $LATEST or a number
    description: str
    weights: str  # JSON object: at most one further version and its share, over 0 and up to 1
    revision: str

    @property
    def arn(self) -> str:
        """Return the alias's ARN."""
        return function_arn(self.region, self.account, self.name, self.alias)


class Url(NamedTuple):
    """One row of `urls`: the address of a function or of an alias."""

    account: str
    region: str
    name: str  # the function's
    qualifier: str  # '' or an alias
    url_id: str  # 32 characters, in the whole server its own
    auth_type: str  # NONE or AWS_IAM
    invoke_mode: str  # BUFFERED or RESPONSE_STREAM
    cors: str | None  # JSON object: the Cors as it was given
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        """Return the ARN of what the URL invokes."""
        return function_arn(self.region, self.account, self.name, self.qualifier)

    @property
    def domain(self) -> str:
        """Return the host name of the URL, which names this machine wherever it is asked for."""
        return f"{self.url_id}.lambda-url.{self.region}.localhost"


class Policy(NamedTuple):
    """The resource policy of a version or an alias; that of the function is in its row."""

    policy: str  # JSON list of statements
    revision: str


class AsyncEvent(NamedTuple):
    """One row of `async_events`: an event that was answered with 202 and is not yet settled."""

    id: int
    function_arn: str  # unqualified
    payload: bytes  # JSON text
    request_id: str  # the same at each attempt (AWS: Developer Guide, "Asynchronous invocation")
    first_ms: int
    due_ms: int
    attempt: int  # how many attempts have ended in a function error
    throttles: int  # refusals in a row since the last attempt: the exponent of the back-off
    qualifier: str | None = None  # as the invocation named it


class InvokeConfig(NamedTuple):
    """One row of `invoke_configs`: how asynchronous events of one qualifier are treated.

    None stands for AWS's default, or for no destination.
    """

    account: str
    region: str
    name: str
    qualifier: str  # $LATEST, a number or an alias
    age_s: int | None
    retries: int | None
    on_success: str | None  # ARN
    on_failure: str | None  # ARN
    modified_ms: int

    @property
    def arn(self) -> str:
        """Return the ARN of what it holds for; that of $LATEST ends in :$LATEST."""
        return function_arn(self.region, self.account, self.name, self.qualifier)


class Layer(NamedTuple):
    """One row of `layer_versions`."""

    account: str
    region: str
    name: str
    version: int
    description: str
    license: str
    runtimes: str  # JSON list
    architectures: str  # JSON list
    code_hash: str
    code_bytes: int  # size of the package as it was uploaded
    created_ms: int
    policy: str  # JSON list of statements
    revision: str  # of the policy

    @property
    def arn(self) -> str:
        """Return the ARN of this version."""
        return layer_arn(self.region, self.account, self.name, self.version)


class Provisioned(NamedTuple):
    """One row of `provisioned`: environments kept warm for a version, perhaps through an alias."""

    account: str
    region: str
    name: str
    qualifier: str  # a number or an alias
    requested: int
    modified_ms: int


class Count(NamedTuple):
    """A single number."""

    value: int


class Usage(NamedTuple):
    """What an account uses in a region."""

    functions: int
    code_bytes: int
    reserved: int


class Hash(NamedTuple):
    """The name of a code directory that a row refers to."""

    code_hash: str


class Instant(NamedTuple):
    """When the next event falls due; None when there is none."""

    at_ms: int | None


class Target(NamedTuple):
    """What a function name in a request means."""

    account: str
    region: str
    name: str
    qualifier: (
        str | None
    )  # as it was given: None is not the same as "$LATEST" in answers and errors

    @property
    def arn(self) -> str:
        """Return the ARN with the qualifier, if one was given."""
        return function_arn(self.region, self.account, self.name, self.qualifier)

    @property
    def unqualified_arn(self) -> str:
        """Return the ARN without a qualifier."""
        return function_arn(self.region, self.account, self.name)
