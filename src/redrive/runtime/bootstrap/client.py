"""A Python function as a client of the Runtime API: where extensions or a wrapper stand around it.

    python -I -S client.py <settings>

All that it does with a handler is child.py's; only the way of events and answers differs.
"""

# ruff: noqa: PTH100, PTH118, PTH120 - pathlib costs start time. This file must run on Python 3.8.

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import resource
import site
import sys
import time
from typing import Any, NoReturn

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = "/2018-06-01/runtime/"


def load_program(name: str) -> Any:
    """Load a file from beside this one without leaving a name in sys.modules."""
    spec = importlib.util.spec_from_file_location(
        f"_redrive_{name}", os.path.join(HERE, f"{name}.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Api:
    """One connection to the Runtime API."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = ""
    ) -> tuple[Any, bytes]:
        """Ask and return the headers and the body of the answer."""
        headers = {"Content-Type": "application/json"}
        if kind:
            headers["Lambda-Runtime-Function-Error-Type"] = kind
        self._connection.request(method, BASE + path, body, headers)
        answer = self._connection.getresponse()
        return answer.headers, answer.read()


def main() -> NoReturn:
    """Import the handler, and serve."""
    child = load_program("child")
    api = Api(os.environ["AWS_LAMBDA_RUNTIME_API"])
    settings = json.loads(sys.argv[1])
    base_path = list(sys.path[1:] if sys.path[:1] == [HERE] else sys.path)
    base_modules = frozenset(name.split(".", 1)[0] for name in sys.modules)
    if settings["offered_path"]:
        parent = load_program("parent")
        sys.meta_path.append(parent.Offered(settings["offered_path"], settings["offered"]))
    child.install_log_handler()
    site.setquit()
    site.sethelper()
    config = config_of(settings["folders"])
    child.take_config(config, base_modules, base_path)
    try:
        handler = child.load_handler(config["handler"])
    except child.Fault as fault:
        fail(child, api, child.error_body(fault.message, fault.kind, fault.trace, ""))
    except Exception as error:  # noqa: BLE001 - what an import raises is told
        trace = child.trace_of(error)
        fail(child, api, child.error_body(str(error), type(error).__name__, trace, ""))
    child.flush_output()
    while True:
        serve(child, api, config, handler)


def config_of(folders: list[str]) -> dict[str, Any]:
    """Return what child.py is told by frames, from the variables that AWS defines."""
    code_path = os.environ["LAMBDA_TASK_ROOT"]
    return {
        "variables": dict(os.environ),
        "paths": [code_path, *folders],
        "code_path": code_path,
        "handler": os.environ["_HANDLER"],
        "memory_mb": int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        "function_name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "function_arn": "",
        "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        "log_group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
    }


def fail(child: Any, api: Api, body: dict[str, Any]) -> NoReturn:
    """Tell that the handler cannot be imported, and end."""
    child.log_error(body)
    child.flush_output()
    api.ask("POST", "init/error", child.encode(body), body["errorType"])
    child.end(1)
    raise AssertionError


def serve(child: Any, api: Api, config: dict[str, Any], handler: Any) -> None:
    """Serve one invocation."""
    headers, event = api.ask("GET", "invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    child.Request.id = request_id
    trace = headers.get("Lambda-Runtime-Trace-Id")
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    head = {
        "id": request_id,
        "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
        "client": headers.get("Lambda-Runtime-Client-Context"),
    }
    left = int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    ends = time.monotonic() + left
    kind, payload = child.invoke(config, handler, head, event, ends, child.data_bytes())
    child.flush_output()
    way = "error" if kind == child.FAILURE else "response"
    name = json.loads(payload)["errorType"] if way == "error" else ""
    api.ask("POST", f"invocation/{request_id}/{way}", payload, name)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        main()
    except SystemExit as stop:
        load_program("child").end(stop.code if isinstance(stop.code, int) else 1)
