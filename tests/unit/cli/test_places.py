"""Where the commands ask, as whom, and how little they load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from redrive.cli.client import SECRET, Client, NoServer, Place, find_key, find_place
from redrive.cli.main import cli
from redrive.cli.project import find_template, stack_name_of
from redrive.cli.screen import duration, ordinal, shortened
from redrive.cli.summary import Summary
from redrive.core.keys import Key

LOCK = "redrive 0.1.0, process 4711, http://127.0.0.1:5001\n"


@pytest.mark.parametrize(
    ("environment", "lock", "option", "endpoint"),
    [
        ({}, None, None, "http://127.0.0.1:4566"),
        ({}, LOCK, None, "http://127.0.0.1:5001"),
        ({}, "another process", None, "http://127.0.0.1:4566"),
        ({"AWS_ENDPOINT_URL": "http://h:1"}, LOCK, None, "http://h:1"),
        ({"AWS_ENDPOINT_URL": "http://h:1"}, LOCK, "http://h:2", "http://h:2"),
        ({}, None, "localhost:9", "http://localhost:9"),
    ],
)
def test_endpoint(
    tmp_path: Path, environment: dict[str, str], lock: str | None, option: str | None, endpoint: str
) -> None:
    """The option wins, then AWS_ENDPOINT_URL, then the data directory's holder, then 4566."""
    if lock is not None:
        (tmp_path / "lock").write_text(lock)
    assert find_place(environment, tmp_path, option).endpoint == endpoint


@pytest.mark.parametrize(
    ("environment", "account", "region"),
    [
        ({}, "000000000000", "us-east-1"),
        ({"AWS_ACCESS_KEY_ID": "111122223333"}, "111122223333", "us-east-1"),
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, "000000000000", "us-east-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "x"}, "000000000000", "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "000000000000", "eu-west-2"),
    ],
)
def test_account_and_region(
    tmp_path: Path, environment: dict[str, str], account: str, region: str
) -> None:
    """A twelve-digit access key is the account; the region is AWS_REGION's."""
    assert find_place(environment, tmp_path)[1:3] == (account, region)


CREDENTIALS = """
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = default-secret
[mine]
aws_access_key_id = 111122223333
aws_secret_access_key = my-secret
aws_session_token = my-token
[sso]
sso_session = x
"""


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ("AKIADEFAULT", "default-secret", None)),
        ({"AWS_PROFILE": "mine"}, ("111122223333", "my-secret", "my-token")),
        ({"AWS_DEFAULT_PROFILE": "mine"}, ("111122223333", "my-secret", "my-token")),
        ({"AWS_PROFILE": "sso"}, None),
        ({"AWS_PROFILE": "none"}, None),
        ({"AWS_ACCESS_KEY_ID": "AKIA", "AWS_PROFILE": "mine"}, ("AKIA", SECRET, None)),
        (
            {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
            ("A", "s", "t"),
        ),
    ],
)
def test_credentials(
    tmp_path: Path, environment: dict[str, str], found: tuple[str, str, str | None] | None
) -> None:
    """AWS's variables win; then the profile, in the home directory or where it is said to be."""
    (tmp_path / ".aws").mkdir()
    file = tmp_path / ".aws" / "credentials"
    file.write_text(CREDENTIALS)
    for place in ({"HOME": str(tmp_path)}, {"AWS_SHARED_CREDENTIALS_FILE": str(file)}):
        key = find_key({**place, **environment})
        assert (key and (key.id, key.secret, key.token)) == found
    assert find_key({"HOME": str(tmp_path / "nobody")}) is None


def test_a_credentials_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named, and nothing of it is shown."""
    file = tmp_path / "credentials"
    file.write_text("aws_secret_access_key = secret-without-a-section")
    with pytest.raises(NoServer, match="credentials cannot be read") as caught:
        find_key({"AWS_SHARED_CREDENTIALS_FILE": str(file)})
    assert "secret-without" not in str(caught.value)


def test_the_summary_shows_no_secret() -> None:
    """Of a configured key only the id is part of the line to paste."""
    told = {"StackName": "s", "Resources": [], "Outputs": []}
    key = Key("AKIA", "very-secret", "111122223333")
    shown = Summary(told, Place("http://127.0.0.1:1", "111122223333", "us-east-1", key))
    assert shown.environment["AWS_ACCESS_KEY_ID"] == "AKIA"
    assert "very-secret" not in str(shown.environment)
    assert "AWS_SECRET_ACCESS_KEY" not in shown.environment


@pytest.mark.parametrize("endpoint", ["https://example.com", "http://", "ftp://x"])
def test_what_is_no_endpoint(endpoint: str) -> None:
    """An address that cannot be one is refused with an example of one that can."""
    with pytest.raises(NoServer, match="is not an address like"):
        Client(Place(endpoint, "000000000000", "us-east-1"))


@pytest.mark.parametrize(
    "command",
    [
        ["queues"],
        ["messages", "orders"],
        ["explain", "m"],
        ["move", "orders"],
        ["logs", "consumer"],
        ["invoke", "consumer"],
    ],
)
def test_no_server(tmp_path: Path, command: list[str]) -> None:
    """Without a server a command says so and what to do, with exit code 1."""
    result = CliRunner().invoke(cli, [*command, "--endpoint", "http://127.0.0.1:1"])
    assert result.exit_code == 1
    assert "no server is running at http://127.0.0.1:1" in result.stderr
    assert "redrive up" in result.stderr


@pytest.mark.parametrize(
    "command", ["up", "queues", "messages", "explain", "move", "logs", "invoke"]
)
def test_help_has_an_example(command: str) -> None:
    """Each command's help ends with an example of its use."""
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example:  redrive {command}" in result.stdout
    assert "--json" in result.stdout


@pytest.mark.parametrize(
    ("code", "spared"),
    [
        (
            "from redrive.cli.main import cli; cli(['--help'], standalone_mode=False)",
            ["rich", "asyncio", "apsw", "orjson", "redrive.app"],
        ),
        ("import redrive.cli.serve", ["rich", "samtranslator", "watchfiles", "boto3"]),
        ("import redrive.cli.up", ["samtranslator", "uvloop", "redrive.app", "botocore"]),
    ],
)
def test_what_is_not_loaded(code: str, spared: list[str]) -> None:
    """The list of commands and the server load nothing of what only other commands need."""
    check = f"import sys; loaded = set({spared!r}) & set(sys.modules); assert not loaded, loaded"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("folder", "name"),
    [("orders", "orders"), ("my shop!", "my-shop"), ("2fast", "stack-2fast"), ("__", "stack")],
)
def test_stack_name(tmp_path: Path, folder: str, name: str) -> None:
    """A stack is named by its folder, in the characters that a stack's name may have."""
    assert stack_name_of(tmp_path / folder / "template.yaml") == name


def test_find_template(tmp_path: Path) -> None:
    """template.yaml is preferred to .yml and .json; what is not there is named."""
    with pytest.raises(FileNotFoundError, match=r"template\.yaml.*template\.json"):
        find_template(None, tmp_path)
    (tmp_path / "template.json").write_text("{}")
    assert find_template(None, tmp_path).name == "template.json"
    (tmp_path / "template.yaml").write_text("")
    assert find_template(str(tmp_path), tmp_path).name == "template.yaml"
    with pytest.raises(FileNotFoundError, match=r"nope\.yaml"):
        find_template("nope.yaml", tmp_path)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"),
        (0.42, "0.4 ms"),
        (12.6, "13 ms"),
        (1_500, "1.5 s"),
        (61_000, "1 min 1 s"),
        (7_260_000, "2 h 1 min"),
        (90_000_000, "1 d 1 h"),
    ],
)
def test_duration(ms: float, text: str) -> None:
    """A length of time is said in the unit of its size."""
    assert duration(ms) == text


def test_small_words() -> None:
    """Ordinals and shortened bodies."""
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "21st", "112th",
    ]  # fmt: skip
    assert shortened("a\n b   c", 10) == "a b c"
    assert shortened("abcdefgh", 5) == "abcd…"


def test_summary() -> None:
    """What `up` has made is shown with the line to paste."""
    told = {
        "StackName": "shop",
        "Resources": [
            {
                "LogicalId": "Orders",
                "Type": "AWS::SQS::Queue",
                "PhysicalId": "http://h/1/shop-Orders",
                "Attributes": {"QueueName": "shop-Orders"},
            },
            {
                "LogicalId": "Consumer",
                "Type": "AWS::Lambda::Function",
                "PhysicalId": "shop-Consumer",
                "Attributes": {},
            },
            {"LogicalId": "Role", "Type": "AWS::IAM::Role", "PhysicalId": "r", "Attributes": {}},
        ],
        "Outputs": [{"Name": "Url", "Value": "u"}],
    }
    summary = Summary(told, Place("http://127.0.0.1:4566", "000000000000", "us-east-1"))
    assert summary.names == {"shop-Orders": "Orders", "shop-Consumer": "Consumer"}
    text = "\n".join(
        "".join(part if isinstance(part, str) else part[0] for part in line)
        for line in summary.lines("1 s", ["python3.9 is not installed"])
    )
    assert "    Orders    http://h/1/shop-Orders\n" in text
    assert "    Consumer  shop-Consumer\n" in text
    assert "    Role      AWS::IAM::Role\n" in text
    assert "python3.9 is not installed" in text
    assert (
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_ACCESS_KEY_ID=000000000000"
        " AWS_SECRET_ACCESS_KEY=redrive AWS_REGION=us-east-1" in text
    )


def test_up_needs_a_key_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with keys would refuse what `up` asks, so it says so before it starts one."""
    (tmp_path / "template.yaml").write_text("Resources: {}")
    (tmp_path / "redrive.toml").write_text('keys_file = "keys.toml"')
    keys = tmp_path / "keys.toml"
    keys.write_text('[AKIAKNOWN]\nsecret = "sixteen-or-more-characters"\n')
    keys.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    nobody = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_ACCESS_KEY_ID": None}
    for given in (nobody, {**nobody, "AWS_ACCESS_KEY_ID": "AKIAOTHER"}):
        told = CliRunner().invoke(cli, ["up"], env=given)
        assert told.exit_code == 1
        assert "asks for signatures with a key of keys.toml: set AWS_ACCESS_KEY_ID" in told.output
    assert not (tmp_path / ".redrive").exists()
