"""Compiles the hot modules with mypyc where a C compiler and Python's headers are at hand.

One source, two ways to run it: what is not compiled is interpreted, and does the same. Editable
installations are interpreted, so that an edit counts. REDRIVE_NATIVE=0 never compiles, 1 fails
where it cannot; without it, what cannot be compiled is not. docs/adr/0006 has the measurements.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import setup

HOT = (
    "services/dispatch",
    "services/queues/contents",
    "services/queues/handles",
    "services/queues/operations/fates",
    "services/queues/operations/receive",
    "services/queues/operations/send",
    "services/queues/operations/settle",
    "services/queues/room",
    "services/queues/rules",
    "shell/front",
    "shell/guard",
    "shell/http",
    "store/sqlite",
    "wire/bindings",
    "wire/codecs/json",
    "wire/endpoint",
    "wire/routing",
    "wire/sigv4",
    "wire/validate",
)
"""Through these a SendMessage, ReceiveMessage or DeleteMessage passes; nothing else is compiled."""


def can_compile() -> bool:
    """Tell whether a C compiler and Python's headers are there."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    return shutil.which(compiler) is not None and headers.exists()


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
