"""One environment: a process just forked from the warm parent that imports a handler and serves it.

It speaks over one socket (see `runtime/frames.py`, which holds the same layouts) and writes its
output into one pipe. It trusts the server and is not trusted by it: the function may do anything in
here.

Its modules are loaded by path and are not in sys.modules. The handler's exceptions are told as
Lambda's own Python runtime tells them: the trace begins with the handler's frame and holds the
paths at which the code really lies.
"""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123, PTH208, BLE001 - pathlib costs start time; what a
# handler raises is caught here, once. This file must run on Python 3.8.

from __future__ import annotations

import atexit
import gc
import importlib
import importlib.util
import json
import logging
import math
import os
import random
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

TO_CHILD = struct.Struct("!cIII")
TO_SERVER = struct.Struct("!cIIII")
CONFIGURE, INVOKE = b"C", b"I"
READY, INIT_ERROR, RESPONSE, FAILURE, TOO_LARGE = b"R", b"X", b"O", b"E", b"L"
RESPONSE_BYTES_MAX = 6_291_556

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

HERE = os.path.dirname(os.path.abspath(__file__))


class Request:
    """The invocation that is being served; the log handler reads its id."""

    id = ""


class CognitoIdentity:
    """AWS: Lambda context object in Python, `identity`."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self) -> None:
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class Client:
    """AWS: Lambda context object in Python, `client_context.client`."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name",
                 "installation_id")  # fmt: skip

    def __init__(self, values: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))


class ClientContext:
    """AWS: Lambda context object in Python, `client_context`."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, values: dict[str, Any]) -> None:
        self.custom = values.get("custom")
        self.env = values.get("env")
        client = values.get("client")
        self.client = Client(client) if isinstance(client, dict) else None


class LambdaContext:
    """What a handler gets beside its event. AWS: "AWS Lambda context object in Python"."""

    def __init__(self, config: dict[str, Any], head: dict[str, Any], ends: float) -> None:
        self.aws_request_id = head["id"]
        self.log_group_name = config["log_group"]
        self.log_stream_name = config["stream"]
        self.function_name = config["function_name"]
        self.memory_limit_in_mb = str(config["memory_mb"])
        self.function_version = config["version"]
        self.invoked_function_arn = head.get("arn") or config["function_arn"]
        client = head.get("client")
        parsed = json.loads(client) if client else None
        self.client_context = ClientContext(parsed) if isinstance(parsed, dict) else None
        self.identity = CognitoIdentity()
        self.tenant_id = None
        self._ends = ends

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left before the timeout, never less than 0."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


class Fault(Exception):
    """An error of init that has one of AWS's own types."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


def install_log_handler() -> None:
    """Give the root logger the handler that Lambda's runtime gives it. Once, in the parent."""
    root = logging.getLogger()
    root.addHandler(LogHandler())


class LogHandler(logging.Handler):
    """AWS: "Log and monitor Python Lambda functions": [LEVEL], time, request id and message."""

    def __init__(self) -> None:
        super().__init__()
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s\n"
        formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            record.aws_request_id = Request.id
            sys.stdout.write(self.format(record))
        except Exception:
            self.handleError(record)


class Channel:
    """The socket to the server, in whole frames."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()

    def receive(self) -> tuple[bytes, int, dict[str, Any], bytes]:
        """Wait for a frame; end the process when the server has gone."""
        head_size = TO_CHILD.size
        self._fill(head_size)
        kind, seq, head_length, body_length = TO_CHILD.unpack_from(self._buffer)
        middle, end = head_size + head_length, head_size + head_length + body_length
        self._fill(end)
        view = memoryview(self._buffer)
        head = json.loads(bytes(view[head_size:middle]))
        body = bytes(view[middle:end])
        view.release()
        del self._buffer[:end]
        return kind, seq, head, body

    def send(self, kind: bytes, seq: int, duration_us: int, payload: bytes) -> None:
        """Send a frame, or the word that its payload is too large."""
        if len(payload) > RESPONSE_BYTES_MAX:
            kind, payload = TOO_LARGE, b""
        memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        head = TO_SERVER.pack(kind, seq, min(duration_us, 2**32 - 1), memory_kb, len(payload))
        self._sock.sendall(head + payload)

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            data = self._sock.recv(max(65536, size - len(self._buffer)))
            if not data:
                os._exit(0)
            self._buffer += data


def run(
    sock: socket.socket,
    log_fd: int,
    parent_pid: int,
    prctl: Callable[[int, int], None],
    confine: Callable[[dict[str, Any], int], None],
    base_modules: frozenset[str],
    base_path: list[str],
) -> NoReturn:
    """Be an environment until the end. Called right after the fork; never returns."""
    status = 1
    try:
        become_environment(log_fd, parent_pid, prctl)
        channel = Channel(sock)
        _, seq, config, _ = channel.receive()
        started = time.perf_counter()
        confine(config["sandbox"], data_bytes())
        take_config(config, base_modules, base_path)
        handler = init_or_tell(channel, seq, config, started)
        if handler is not None:
            serve(channel, config, handler)
    except SystemExit as stop:
        status = exit_status(stop)
    except BaseException:
        traceback.print_exc()
    end(status)


def become_environment(log_fd: int, parent_pid: int, prctl: Callable[[int, int], None]) -> None:
    """Leave the parent's session, die with it, and write into the log pipe."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    if os.getppid() != parent_pid:
        os._exit(1)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(log_fd)
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    gc.enable()


def take_config(config: dict[str, Any], base_modules: frozenset[str], path: list[str]) -> None:
    """Put variables, working directory and path in place."""
    os.environ.clear()
    os.environ.update(config["variables"])
    time.tzset()
    extra = [each for each in os.environ.get("PYTHONPATH", "").split(":") if each]
    sys.path[:] = [*config["paths"], *extra, *path]
    forget_shadowed([*config["paths"], *extra], base_modules, config.get("packages") or "")
    os.chdir(config["code_path"])
    if "REDRIVE_SOURCE" in os.environ or "REDRIVE_DEBUG" in os.environ:
        load_beside("debugging").begin(config["code_path"])


def load_beside(name: str) -> Any:
    """Load a file that lies beside this one, without leaving a name in sys.modules."""
    spec = importlib.util.spec_from_file_location(
        f"_redrive_{name}", os.path.join(HERE, f"{name}.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def forget_shadowed(folders: list[str], base_modules: frozenset[str], packages: str) -> None:
    """Unload what the parent imported from elsewhere and the function brings a module of its own
    for.

    What the bootstrap itself uses stays, as on Lambda, whose runtime has loaded it first too; and
    so does what lies in `packages`, whose files are those of the first folder.
    """
    own: dict[str, str] = {}
    for folder in folders:
        try:
            for name in os.listdir(folder):
                own.setdefault(name.split(".", 1)[0], folder)
        except OSError:
            continue
    for name in list(sys.modules):
        top = name.split(".", 1)[0]
        if top not in own or top in base_modules:
            continue
        roots = [own[top] + "/"]
        if packages and own[top] == folders[0]:
            roots.append(packages + "/")
        places = places_of(sys.modules[name])
        if not places or not all(place.startswith(tuple(roots)) for place in places):
            del sys.modules[name]


def places_of(module: Any) -> list[str]:
    """Return the file of a module, or the folders of a package that has none; else nothing."""
    file = getattr(module, "__file__", None)
    found = [file] if file else getattr(module, "__path__", ())
    try:
        return [str(each) for each in found]
    except Exception:  # a package may put anything into sys.modules
        return []


def data_bytes() -> int:
    """Return how much private memory the process has asked for so far."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 0


def init_or_tell(
    channel: Channel, seq: int, config: dict[str, Any], started: float
) -> Callable[[Any, Any], Any] | None:
    """Import the handler and say that it is ready, or say what went wrong and return None."""
    try:
        handler = load_handler(config["handler"])
    except Fault as fault:
        body = error_body(fault.message, fault.kind, fault.trace, "")
    except Exception as error:
        body = error_body(str(error), type(error).__name__, trace_of(error), "")
    else:
        flush_output()
        channel.send(READY, seq, elapsed_us(started), b"")
        return handler
    log_error(body)
    flush_output()
    channel.send(INIT_ERROR, seq, elapsed_us(started), encode(body))
    return None


def load_handler(name: str) -> Callable[[Any, Any], Any]:
    """Import `package/module.function`. Raises Fault in Lambda's words."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", message)
    if module_name in sys.builtin_module_names:
        message = f"Cannot use built-in module {module_name} as a handler module"
        raise Fault("Runtime.BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message) from error
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}\n'
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, [line]) from error
    try:
        handler: Callable[[Any, Any], Any] = getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from None
    return handler


def serve(channel: Channel, config: dict[str, Any], handler: Callable[[Any, Any], Any]) -> NoReturn:
    """Answer one invocation after the other."""
    own_pid = os.getpid()
    base_data = data_bytes()
    while True:
        _, seq, head, event = channel.receive()
        started = time.perf_counter()
        Request.id = head["id"]
        if head.get("trace"):
            os.environ["_X_AMZN_TRACE_ID"] = head["trace"]
        else:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        ends = time.monotonic() + head["remaining_ms"] / 1000
        kind, payload = invoke(config, handler, head, event, ends, base_data)
        if (
            os.getpid() != own_pid
        ):  # the handler forked and returned twice; the copy has nothing to say
            end(0)
        flush_output()
        channel.send(kind, seq, elapsed_us(started), payload)
        del event, payload


def invoke(
    config: dict[str, Any],
    handler: Callable[[Any, Any], Any],
    head: dict[str, Any],
    event: bytes,
    ends: float,
    base_data: int,
) -> tuple[bytes, bytes]:
    """Call the handler; return the kind of frame and its payload."""
    request_id = head["id"]
    try:
        parsed = json.loads(event)
    except ValueError as error:
        message = f"Unable to unmarshal input: {error}"
        return told(error_body(message, "Runtime.UnmarshalError", [], request_id))
    try:
        value = handler(parsed, LambdaContext(config, head, ends))
    except MemoryError as error:
        if data_bytes() - base_data > config["memory_mb"] * 1024 * 1024:
            flush_output()
            os.kill(
                os.getpid(), signal.SIGKILL
            )  # as the kernel would have, with less memory at hand
        return told(error_body(str(error), "MemoryError", trace_of(error), request_id))
    except Exception as error:
        return told(error_body(str(error), type(error).__name__, trace_of(error), request_id))
    try:
        return RESPONSE, to_json(value, sys.version_info < (3, 12))
    except Exception as error:
        message = f"Unable to marshal response: {error}"
        return told(error_body(message, "Runtime.MarshalError", [], request_id))


def told(body: dict[str, Any]) -> tuple[bytes, bytes]:
    """Write an error into the log and return it as a frame."""
    log_error(body)
    return FAILURE, encode(body)


def to_json(value: Any, ensure_ascii: bool) -> bytes:
    """Write a response. AWS: from Python 3.12 on, other characters than ASCII stay as they are."""
    text = json.dumps(value, ensure_ascii=ensure_ascii, default=number_of)
    return text.encode()


def number_of(value: Any) -> Any:
    """Return a Decimal as the number that it is, as Lambda's runtime does; refuse all else."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return math.nan if value.is_nan() else float(value)
        return int(value) if str(value).lstrip("-").isdigit() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def error_body(message: str, kind: str, trace: list[str], request_id: str) -> dict[str, Any]:
    """Return AWS's error body, its members in AWS's order."""
    return {"errorMessage": message, "errorType": kind, "requestId": request_id,
            "stackTrace": trace}  # fmt: skip


def encode(body: dict[str, Any]) -> bytes:
    """Write an error body; lone surrogates in a message must not hide the error itself."""
    return json.dumps(body).encode("ascii")


def trace_of(error: BaseException) -> list[str]:
    """Return the formatted frames below ours, without the column marks of later Pythons."""
    frames = traceback.extract_tb(error.__traceback__)
    first = 0
    while first < len(frames) and os.path.dirname(frames[first].filename) == HERE:
        first += 1
    plain = [(each.filename, each.lineno or 0, each.name, each.line) for each in frames[first:]]
    return traceback.format_list(plain)


def log_error(body: dict[str, Any]) -> None:
    """Write an error into the log as Lambda's runtime does."""
    try:
        head = f"[ERROR] {body['errorType']}: {body['errorMessage']}\n"
        sys.stdout.write(f"{head}Traceback (most recent call last):\n{''.join(body['stackTrace'])}")
        if not body["stackTrace"]:
            sys.stdout.write("\n")
    except Exception:  # the function may have closed or replaced sys.stdout
        return


def flush_output() -> None:
    """Push what was printed into the pipe, so that it is there before the answer is."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # the function may have closed or replaced it
            continue


def elapsed_us(started: float) -> int:
    """Return the microseconds since `started`."""
    return int((time.perf_counter() - started) * 1_000_000)


def exit_status(stop: SystemExit) -> int:
    """Return the exit code that the interpreter would give; print the message if there is one."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    sys.stderr.write(f"{stop.code}\n")
    return 1


def end(status: int) -> NoReturn:
    """Leave as an interpreter does, without the parent's frames below us."""
    try:
        atexit._run_exitfuncs()
        flush_output()
    finally:
        os._exit(status)
