"""Compiles the hot modules with mypyc where a C compiler and Python's headers are at hand.

One source, two ways to run it: what is not compiled is interpreted, and does the same. Editable
installations are interpreted, so that an edit counts. REDRIVE_NATIVE=0 never compiles, 1 fails
where it cannot; without it, what cannot be compiled is not. docs/adr/0006 has the measurements.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from setuptools import setup

HOT = (
    "core/patterns",
    "core/patterns_index",
    "core/patterns_operators",
    "core/patterns_reading",
    "core/patterns_select",
    "runtime/environment",
    "runtime/frames",
    "services/dispatch",
    "services/functions/operations/invocation",
    "services/mappings/batches",
    "services/mappings/poller",
    "services/mappings/pump",
    "services/mappings/records",
    "services/mappings/rules",
    "services/mappings/settlements",
    "services/queues/contents",
    "services/queues/handles",
    "services/queues/operations/fates",
    "services/queues/operations/receive",
    "services/queues/operations/records",
    "services/queues/operations/send",
    "services/queues/operations/settle",
    "services/queues/room",
    "services/queues/rules",
    "shell/clients",
    "shell/front",
    "shell/guard",
    "shell/http",
    "shell/sources",
    "store/sqlite",
    "wire/bindings",
    "wire/codecs/json",
    "wire/endpoint",
    "wire/routing",
    "wire/sigv4",
    "wire/validate",
)
"""Through these a SendMessage, ReceiveMessage or DeleteMessage passes, a message on its way to a
function, and an event on its way to the rules that it matches; nothing else is compiled."""


def can_compile() -> bool:
    """Tell whether there is a C compiler that works, with Python's headers: compile two lines."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    include = sysconfig.get_paths()["include"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.c")
        source.write_text("#include <Python.h>\nint tried;\n", encoding="utf-8")
        command += ["-I", include, "-c", str(source), "-o", str(source.with_suffix(".o"))]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def extensions() -> list:
    """Return what is to be compiled: nothing, or all of HOT."""
    wish = os.environ.get("REDRIVE_NATIVE", "auto")
    is_built = any(word in sys.argv for word in ("bdist_wheel", "build", "build_ext"))
    if wish == "0" or not is_built or (wish == "auto" and not can_compile()):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        if wish == "1":
            raise
        return []
    os.environ["MYPYPATH"] = "src"
    paths = [f"src/redrive/{name}.py" for name in HOT]
    return mypycify(
        ["--config-file=", "--ignore-missing-imports", *paths],
        opt_level="3",
        debug_level="0",
        target_dir="build/native",
    )


setup(ext_modules=extensions())
