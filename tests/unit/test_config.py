"""Settings: three sources, one order, no unknown keys, no unfit values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from redrive.config import Config, ConfigError, load_config


def test_defaults(tmp_path: Path) -> None:
    """Without any source the server is on loopback, at the customary port, and resets nothing."""
    config = load_config(tmp_path, {"HOME": "/", "redrive_port": "1"}, {"port": None})
    assert config == Config()
    assert (config.host, config.port, config.allow_reset) == ("127.0.0.1", 4566, False)


def test_later_sources_win(tmp_path: Path) -> None:
    """redrive.toml < environment < flags, setting by setting."""
    (tmp_path / "redrive.toml").write_text(
        'port = 1\ndata = "file"\ndrain_s = 3\nallowed_hosts = ["a", " b "]\nallow_reset = true\n'
    )
    environment = {"REDRIVE_PORT": "2", "REDRIVE_DATA": "env", "REDRIVE_ALLOW_RESET": "False"}
    config = load_config(tmp_path, environment, {"port": 3, "data": None})
    assert (config.port, config.data, config.drain_s) == (3, "env", 3.0)
    assert (config.allowed_hosts, config.allow_reset) == (("a", "b"), False)


def test_environment_values_are_read(tmp_path: Path) -> None:
    """Text becomes the setting's type; lists are separated by commas."""
    environment = {
        "REDRIVE_DRAIN_S": "2.5",
        "REDRIVE_ALLOWED_ORIGINS": "http://a, http://b,,",
        "REDRIVE_ALLOW_RESET": "1",
        "REDRIVE_LOG_FORMAT": "json",
    }
    config = load_config(tmp_path, environment, {})
    assert config.allowed_origins == ("http://a", "http://b")
    assert (config.drain_s, config.allow_reset, config.log_format) == (2.5, True, "json")


@pytest.mark.parametrize(
    ("table", "environment", "flags", "complaint"),
    [
        ("prot = 1", {}, {}, r"redrive\.toml: 'prot' is not a setting; there are allow_reset, "),
        ("", {"REDRIVE_PROT": "1"}, {}, "environment variable REDRIVE_PROT: 'prot' is not a"),
        ("", {}, {"log_form": "x"}, "--log-form: 'log_form' is not a setting"),
        ("port = ", {}, {}, r"redrive\.toml: "),
        ("[port]\nx = 1", {}, {}, "does not fit port"),
        ('port = "x"', {}, {}, r"redrive\.toml: 'x' does not fit port \(int\)"),
        ("port = true", {}, {}, "True does not fit port"),
        ("port = 1.5", {}, {}, "1.5 does not fit port"),
        ("data = 5", {}, {}, "5 does not fit data"),
        ("allowed_hosts = [1]", {}, {}, "does not fit allowed_hosts"),
        ("", {"REDRIVE_PORT": ""}, {}, "'' does not fit port"),
        ("", {"REDRIVE_ALLOW_RESET": "yes"}, {}, "'yes' does not fit allow_reset"),
        ("port = 65536", {}, {}, "port 65536 is not between"),
        ("port = -1", {}, {}, "port -1 is not between"),
        ("drain_s = -1", {}, {}, "drain_s -1.0 is not a length of time"),
        ("drain_s = nan", {}, {}, "drain_s nan is not a length of time"),
        ("drain_s = inf", {}, {}, "drain_s inf is not a length of time"),
        ('log_format = "xml"', {}, {}, "log_format 'xml' is not auto, text or json"),
        ('host = "0.0.0.0"', {}, {}, "host '0.0.0.0' is not a loopback address"),
    ],
)
def test_what_is_refused(
    tmp_path: Path,
    table: str,
    environment: dict[str, str],
    flags: dict[str, Any],
    complaint: str,
) -> None:
    """The text says which setting, and where it was found."""
    (tmp_path / "redrive.toml").write_text(table)
    with pytest.raises(ConfigError, match=complaint):
        load_config(tmp_path, environment, flags)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = \x00"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    """Whatever its bytes."""
    (tmp_path / "redrive.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"redrive\.toml"):
        load_config(tmp_path, {}, {})


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    """What cannot be read is told, not raised as it is."""
    (tmp_path / "redrive.toml").mkdir()
    with pytest.raises(ConfigError, match=r"redrive\.toml.*directory"):
        load_config(tmp_path, {}, {})
