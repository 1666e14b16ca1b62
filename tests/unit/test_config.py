"""Settings: three sources, one order, no unknown keys, no unfit values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from redrive.config import Config, ConfigError, load_config, load_keys
from redrive.services.queues.fair import FAIRNESS, Fairness


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
        ("fair_share = 1.1", {}, {}, "fair_share 1.1 is not between 0 and 1"),
        ("fair_share = nan", {}, {}, "fair_share nan is not between 0 and 1"),
        ("fair_in_flight_min = 0", {}, {}, "fair_in_flight_min 0 is less than 1"),
        ("fair_processing_s_min = 0", {}, {}, "fair_processing_s_min 0.0 is not a length of time"),
        ("fair_window_s = inf", {}, {}, "fair_window_s inf is not a length of time"),
        ("", {"REDRIVE_FAIR_SILENCE_S": "-1"}, {}, "fair_silence_s -1.0 is not a length of time"),
        ('log_format = "xml"', {}, {}, "log_format 'xml' is not auto, text or json"),
        ('host = "0.0.0.0"', {}, {}, "host '0.0.0.0' is not a loopback address.*keys_file"),
        ('authorisation = "maybe"', {}, {}, "authorisation 'maybe' is not off or on"),
        ("authorisation = true", {}, {}, "does not fit authorisation"),
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


def test_fairness_is_made_of_settings(tmp_path: Path) -> None:
    """Each figure of the rule has a setting; the defaults are the rule's own."""
    assert Config().fairness == FAIRNESS
    (tmp_path / "redrive.toml").write_text("fair_share = 0.5\nfair_in_flight_min = 2")
    environment = {"REDRIVE_FAIR_PROCESSING_S_MIN": "3", "REDRIVE_FAIR_WINDOW_S": "4.5"}
    config = load_config(tmp_path, environment, {"fair_silence_s": 5, "fair_share": 0.25})
    assert config.fairness == Fairness(0.25, 2, 3_000, 4_500, 5_000)


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


SECRET = "sixteen-or-more-characters"
POLICY = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


def test_keys(tmp_path: Path) -> None:
    """They are read from the named file; without one there are none, and none are asked for."""
    assert load_keys(Config()) == {}
    path = tmp_path / "keys.toml"
    path.write_text(f'[AKIA]\nsecret = "{SECRET}"\n')
    path.chmod(0o600)
    assert set(load_keys(Config(keys_file=str(path)))) == {"AKIA"}
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"keys_file: .*keys\.toml may be used by others"):
        load_keys(Config(keys_file=str(path)))


def test_a_policy_that_would_bind_nobody(tmp_path: Path) -> None:
    """An identity's policy is refused while authorisation is off."""
    path = tmp_path / "keys.toml"
    path.write_text(f"[AKIA]\nsecret = '{SECRET}'\nuser = 'a'\npolicy = '{POLICY}'\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="AKIA has a policy, which binds nobody"):
        load_keys(Config(keys_file=str(path)))
    assert load_keys(Config(keys_file=str(path), authorisation="on"))["AKIA"].policy


@pytest.mark.parametrize(
    ("host", "allowed", "local", "public"),
    [
        ("127.0.0.1", ("a.internal",), "127.0.0.1", "127.0.0.1"),
        ("192.168.1.5", (), "192.168.1.5", "192.168.1.5"),
        ("0.0.0.0", (), "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", ("a.internal", "b.internal"), "127.0.0.1", "a.internal"),
        ("::", ("a.internal",), "::1", "a.internal"),
    ],
)
def test_where_the_server_is(host: str, allowed: tuple[str, ...], local: str, public: str) -> None:
    """What this machine connects to, and what queue URLs say."""
    config = Config(host=host, allowed_hosts=allowed, keys_file="keys.toml")
    assert (config.local_host, config.public_host) == (local, public)
