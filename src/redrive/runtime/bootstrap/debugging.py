"""What an environment does for a person who develops its code. Loaded only when asked for.

REDRIVE_SOURCE=<folder>: modules whose source lies in that folder too are compiled under its names,
so that traces and breakpoints are those of the files that the person edits, though what runs is the
copy in the code store. `__file__` stays the copy's.

REDRIVE_DEBUG=debugpy:<port>: listen for a debugger there, and wait for it before the handler is
imported. REDRIVE_DEBUGPY=<folder> holds debugpy where the function does not bring it.
"""

# ruff: noqa: PTH113, PTH118 - pathlib costs start time. This file must run on Python 3.8.

from __future__ import annotations

import importlib
import os
import socket
import sys
import time
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import Any

HOST = "127.0.0.1"
LOOK_SECONDS = 0.02


def begin(code_path: str) -> None:
    """Do what the variables ask for."""
    source = os.environ.get("REDRIVE_SOURCE")
    if source:
        show_sources(code_path, source)
    kind, _, port = os.environ.get("REDRIVE_DEBUG", "").partition(":")
    if kind == "debugpy":
        wait_for_debugger(int(port), os.environ.get("REDRIVE_DEBUGPY", ""))


def show_sources(code_path: str, source: str) -> None:
    """Have modules below `code_path` compiled under their names in `source`."""

    class Loader(SourceFileLoader):
        """Compiles anew, since what is cached has the other name in it."""

        def get_code(self, fullname: str) -> Any:
            path = self.get_filename(fullname)
            shown = os.path.join(source, os.path.relpath(path, code_path))
            if not os.path.isfile(shown):  # it was installed into the package
                return super().get_code(fullname)
            return self.source_to_code(self.get_data(path), shown)

    make = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (Loader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )

    def hook(path: str) -> Any:
        if path != code_path and not path.startswith(code_path + "/"):
            raise ImportError("not the function's own code", path=path)
        return make(path)

    sys.path_hooks.insert(0, hook)
    for path in list(sys.path_importer_cache):
        if path == code_path or path.startswith(code_path + "/"):
            del sys.path_importer_cache[path]


def wait_for_debugger(port: int, folder: str) -> None:
    """Listen, say so in the log, and return when a debugger is there."""
    debugpy = find_debugger(folder)
    while not is_free(port):  # the environment before this one is about to end
        time.sleep(LOOK_SECONDS)
    debugpy.configure(subProcess=False)
    debugpy.listen((HOST, port))
    say(f"waiting for a debugger at {HOST}:{port}")
    debugpy.wait_for_client()
    say("a debugger is there")


def say(line: str) -> None:
    """Write a line into the function's log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def find_debugger(folder: str) -> Any:
    """Import the function's own debugpy, else the one of a folder that is not searched for more."""
    try:
        return importlib.import_module("debugpy")
    except ImportError:
        sys.path.append(folder)
        try:
            return importlib.import_module("debugpy")
        finally:
            sys.path.remove(folder)


def is_free(port: int) -> bool:
    """Tell whether a port can be listened at."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True
