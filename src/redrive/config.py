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

from redrive.core.keys import Key
from redrive.core.spans import CLOCK_LAST_MS, parse_instant
from redrive.core.time import Millis, seconds
from redrive.runtime.sandbox import AUTO, LEVELS
from redrive.services.identity.keyfile import KeyFileError, read_keys
from redrive.services.queues.fair import Fairness

PREFIX = "REDRIVE_"
FILE = "redrive.toml"


class ConfigError(Exception):
    """A setting that is unknown or cannot be honoured; the text says which and where."""


_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that mean all of this machine's, and which of these reaches it from itself."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a person may decide about a server."""

    host: str = "127.0.0.1"  # loopback: nobody else can call it, so no keys are needed
    keys_file: str = ""  # who may ask; without it callers are whom they say they are
    authorisation: str = "off"  # policies bind other accounts only; on: everybody
    port: int = 4566  # where tools for local AWS look by custom; 0 takes a free one
    data: str = ".redrive"  # beside the template that it serves
    durability: str = "full"  # each reply waits for its sync; relaxed: it does not
    sync_ms: int = 100  # with relaxed durability, how much a loss of power may take
    encryption: str = "off"  # on: bodies are sealed; who has the key file beside them reads them
    encryption_key_file: str = ""  # redrive.key in the data directory; better kept elsewhere
    http_private: bool = False  # whoever sets an endpoint would reach what only this machine can
    allow_reset: bool = False  # a test suite's wish; in production one wrong call would empty it
    drain_s: float = 10.0  # longer than most invocations, shorter than a service manager's patience
    log_format: str = "auto"  # text on a terminal, JSON lines elsewhere
    allowed_hosts: tuple[str, ...] = ()  # beyond loopback names: none can be guessed safely
    allowed_origins: tuple[str, ...] = ()  # no web page is let in by itself
    sandbox: str = "rlimits"  # how functions are confined; auto: as well as this machine can
    clock: str = "system"  # manual: it stands still until somebody moves it
    clock_start: str = ""  # of a manual clock, an instant; now, as nothing else is known
    node_sdk: str = ""  # nothing of npm's is ours to find: a folder with @aws-sdk is named
    environments_max: int = 1_000  # processes of functions; as many as an account's concurrency
    # When a message group of a standard queue is noisy (services/queues/fair has the sources)
    fair_share: float = 0.1  # of in flight or of processing time; AWS's figure; 1: nobody ever is
    fair_in_flight_min: int = 30  # messages; AWS's figure
    fair_processing_s_min: float = 30.0  # ours: thirty in flight for a second
    fair_window_s: float = 300.0  # how long processing time is recent; ours: as the silence
    fair_silence_s: float = 300.0  # after which it is quiet again; AWS's figure

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"port {self.port} is not between 0 and 65535")
        if self.log_format not in ("auto", "text", "json"):
            raise ConfigError(f"log_format {self.log_format!r} is not auto, text or json")
        if not 0 <= self.drain_s < inf:
            raise ConfigError(f"drain_s {self.drain_s} is not a length of time")
        if self.durability not in ("full", "relaxed"):
            raise ConfigError(f"durability {self.durability!r} is not full or relaxed")
        if not 1 <= self.sync_ms <= 60_000:
            raise ConfigError(f"sync_ms {self.sync_ms} is not between 1 and 60000 milliseconds")
        self._check_fairness()
        if self.sandbox not in (AUTO, *LEVELS):
            raise ConfigError(f"sandbox {self.sandbox!r} is not {AUTO}, {', '.join(LEVELS)}")
        if not 1 <= self.environments_max <= 10_000:
            raise ConfigError(f"environments_max {self.environments_max} is not 1 to 10000")
        self._check_clock()
        if self.encryption not in ("off", "on"):
            raise ConfigError(f"encryption {self.encryption!r} is not off or on")
        if self.authorisation not in ("off", "on"):
            raise ConfigError(f"authorisation {self.authorisation!r} is not off or on")
        if self.host not in _LOOPBACK and not self.keys_file:
            raise ConfigError(
                f"host {self.host!r} is not a loopback address: binding beyond loopback requires"
                " keys, so that not everybody who reaches it may use it: set keys_file"
            )

    def _check_clock(self) -> None:
        if self.clock not in ("system", "manual"):
            raise ConfigError(f"clock {self.clock!r} is not system or manual")
        if self.clock_start and self.clock != "manual":
            raise ConfigError("clock_start is for a clock that stands still: set clock to manual")
        try:
            start_ms = self.clock_start_ms
        except ValueError as error:
            raise ConfigError(f"clock_start: {error}") from None
        if start_ms is not None and start_ms > CLOCK_LAST_MS:
            raise ConfigError("clock_start: the clock ends with the year 2199")

    @property
    def clock_start_ms(self) -> Millis | None:
        """Return where a manual clock starts; None: at the machine's present instant."""
        return parse_instant(self.clock_start) if self.clock_start else None

    def _check_fairness(self) -> None:
        if not 0 <= self.fair_share <= 1:
            raise ConfigError(f"fair_share {self.fair_share} is not between 0 and 1")
        if self.fair_in_flight_min < 1:
            raise ConfigError(f"fair_in_flight_min {self.fair_in_flight_min} is less than 1")
        for name in ("fair_processing_s_min", "fair_window_s", "fair_silence_s"):
            length_s = getattr(self, name)
            if not 0.001 <= length_s < inf:
                raise ConfigError(f"{name} {length_s} is not a length of time from 0.001 on")

    @property
    def fairness(self) -> Fairness:
        """Return when a message group of a standard queue is noisy."""
        return Fairness(
            self.fair_share,
            self.fair_in_flight_min,
            seconds(self.fair_processing_s_min),
            seconds(self.fair_window_s),
            seconds(self.fair_silence_s),
        )

    @property
    def local_host(self) -> str:
        """Where this machine itself reaches the server."""
        return _EVERYWHERE.get(self.host, self.host)

    @property
    def public_host(self) -> str:
        """Where queue URLs say that the server is: the first of allowed_hosts when host means all
        addresses.
        """
        if self.host in _EVERYWHERE and self.allowed_hosts:
            return self.allowed_hosts[0]
        return self.local_host


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


def load_keys(config: Config) -> dict[str, Key]:
    """Return the keys of keys_file by their ids, none when it is not set. Raises ConfigError."""
    if not config.keys_file:
        return {}
    try:
        keys = read_keys(Path(config.keys_file))
    except KeyFileError as error:
        raise ConfigError(f"keys_file: {error}") from None
    for key in keys.values():
        if key.policy is not None and config.authorisation == "off":
            raise ConfigError(
                f"keys_file: {key.id} has a policy, which binds nobody while authorisation is off"
            )
    return keys


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
