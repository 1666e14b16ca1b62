"""The environment variables of a function: AWS's own, the user's, and nothing else of the server's.

AWS: Lambda Developer Guide, "Defined runtime environment variables". The user's variables never
replace a reserved one (the API refuses such names); those that AWS lets a user replace are set
before the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redrive.core.effects import Environment
from redrive.core.keys import Key
from redrive.runtime.layers import folders_in, library_folders

Lend = Callable[[str], Key]

INHERITED = ("PATH", "HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that a function sees of the server's environment: where programs, libraries and the machine's
certificates are. Proxies are left out: they would swallow calls to AWS_ENDPOINT_URL."""


def log_group(function_name: str) -> str:
    """Return the log group of a function."""
    return f"/aws/lambda/{function_name}"


def function_variables(
    environment: Environment,
    *,
    endpoint_url: str,
    stream: str,
    inherited: Mapping[str, str],
    runtime_dir: str,
    lend: Lend | None = None,
    tmp: str = "",
) -> dict[str, str]:
    """Return all variables of one environment.

    lend gives the key with which an account's functions call back; without it the access key is the
    account, which a server without keys takes at its word. tmp: the folder for temporary files,
    where that is not /tmp itself.
    """
    key = Key(environment.account, "redrive", environment.account, token="redrive")
    if lend is not None:
        key = lend(environment.account)
    values = {name: inherited[name] for name in INHERITED if name in inherited}
    values |= {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if environment.runtime.startswith("python"):
        values["PYTHONUNBUFFERED"] = "1"
    if tmp:
        values["TMPDIR"] = tmp
    layers = environment.layers
    libraries = library_folders(environment.code_path, layers)
    for name, folders in (("PATH", folders_in(layers, "bin")), ("LD_LIBRARY_PATH", libraries)):
        if folders:
            before = [values[name]] if values.get(name) else []
            values[name] = ":".join([*before, *folders])
    values.update(environment.variables)
    values |= {
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SESSION_TOKEN": key.token or "",
        "AWS_REGION": environment.region,
        "AWS_DEFAULT_REGION": environment.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{environment.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": environment.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": environment.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(environment.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(environment.function_name),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": environment.code_path,
        "LAMBDA_RUNTIME_DIR": runtime_dir,
        "_HANDLER": environment.handler,
    }
    # AWS lets a user set this one, for a function that shall call real AWS.
    values.setdefault("AWS_ENDPOINT_URL", endpoint_url)
    return values


def child_config(
    environment: Environment,
    *,
    variables: Mapping[str, str],
    folders: Sequence[str],
    stream: str,
) -> dict[str, Any]:
    """Return all that a child must know before it imports the handler."""
    return {
        "variables": dict(variables),
        "paths": [environment.code_path, *folders],
        "code_path": environment.code_path,
        "packages": environment.packages,
        "handler": environment.handler,
        "memory_mb": environment.memory_mb,
        "function_name": environment.function_name,
        "function_arn": environment.function_arn,
        "version": environment.version,
        "log_group": log_group(environment.function_name),
        "stream": stream,
    }
