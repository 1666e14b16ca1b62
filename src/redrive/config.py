"""One frozen Config: redrive.toml, then the environment (REDRIVE_PORT=…), then flags; later wins.

Each default has its reason beside it. A key that nobody knows is an error, in every source.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any

PREFIX = "REDRIVE_"
FILE = "redrive.toml"


class ConfigError(Exception):
    """A setting that is unknown or cannot be honoured; the text says which and where."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a person may decide about a server."""

    host: str = "127.0.0.1"  # loopback: nobody else can call it, so no keys are needed
    port: int = 4566  # where tools for local AWS look by custom; 0 takes a free one
    data: str = ".redrive"  # beside the template that it serves
    allow_reset: bool = False  # a test suite's wish; in production one wrong call would empty it
    drain_s: float = 10.0  # longer than most invocations, shorter than a service manager's patience
    log_format: str = "auto"  # text on a terminal, JSON lines elsewhere
    allowed_hosts: tuple[str, ...] = ()  # beyond loopback names: none can be guessed safely
    allowed_origins: tuple[str, ...] = ()  # no web page is let in by itself

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port {self.port} is not between 0 and 65535")
        if self.log_format not in ("auto", "text", "json"):
            raise ConfigError(f"log_format {self.log_format!r} is not auto, text or json")
        if not 0 <= self.drain_s < inf:
            raise ConfigError(f"drain_s {self.drain_s} is not a length of time")
        if self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError(
                f"host {self.host!r} is not a loopback address: binding beyond loopback requires"
                " keys,"
                " and this version does not verify signatures yet"
            )


def load_config(folder: Path, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Config:
    """Merge the three sources. Raises ConfigError for unknown keys and unfit values."""
    merged: dict[str, Any] = {}
    path = folder / FILE
    if path.exists():
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"{path}: {error}") from error
        for name, value in table.items():
            merged[name] = _fit(name, value, str(path))
    for key, text in environment.items():
        if key.startswith(PREFIX):
            name = key.removeprefix(PREFIX).lower()
            merged[name] = _fit(name, text, f"environment variable {key}")
    for name, value in flags.items():
        if value is not None:
            merged[name] = _fit(name, value, f"--{name.replace('_', '-')}")
    return Config(**merged)


_KINDS: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(Config)}


def _fit(name: str, value: Any, where: str) -> Any:
    """Return a value in the type of its setting; text is read, as the environment only has text."""
    kind = _KINDS.get(name)
    if kind is None:
        known = ", ".join(sorted(_KINDS))
        raise ConfigError(f"{where}: {name!r} is not a setting; there are {known}")
    try:
        if kind is bool and isinstance(value, str):
            return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
        if kind is tuple:
            items = value.split(",") if isinstance(value, str) else value
            if not all(isinstance(item, str) for item in items):
                raise TypeError
            return tuple(item.strip() for item in items if item.strip())
        if kind in (int, float) and isinstance(value, bool):
            raise TypeError
        if isinstance(value, kind) or (kind is float and isinstance(value, int)):
            return kind(value)
        if isinstance(value, str):
            return kind(value)
    except (KeyError, ValueError, TypeError):
        pass
    raise ConfigError(f"{where}: {value!r} does not fit {name} ({kind.__name__})")
