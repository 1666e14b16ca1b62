"""The file of keys: what it may say, and who may read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from redrive.core.keys import Key
from redrive.services.identity.keyfile import KeyFileError, read_keys

SECRET = "sixteen-or-more-characters"


def write(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "keys.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_what_a_file_says(tmp_path: Path) -> None:
    """Whose a key is, with the defaults of what is left out."""
    path = write(
        tmp_path,
        f"""
        [AKIAROOT]
        secret = "{SECRET}"
        [111122223333]
        secret = "{SECRET}"
        [AKIAALICE]
        secret = "{SECRET}"
        account = "111122223333"
        user = "alice"
        policy = '{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*"}}}}'
        """,
    )
    keys = read_keys(path)
    assert keys["AKIAROOT"] == Key("AKIAROOT", SECRET, "000000000000")
    assert keys["111122223333"] == Key("111122223333", SECRET, "111122223333")
    assert keys["AKIAALICE"].principal == "arn:aws:iam::111122223333:user/alice"
    assert keys["AKIAALICE"].policy
    caller = keys["AKIAALICE"].caller("eu-west-1")
    assert (caller.account, caller.region) == ("111122223333", "eu-west-1")
    assert caller.sender_id.startswith("AIDA")
    assert len(caller.sender_id) == 21
    assert caller == keys["AKIAALICE"].caller("eu-west-1")


DOCUMENT = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
POLICY = f"policy = '{DOCUMENT}'"
BAD = [
    ("", "names no key"),
    ("[A", "Expected"),
    ("x = 1", "begin it with|no access key id"),
    ("AKIA = 1", r"begin it with \[AKIA\]"),
    (f'["a b"]\nsecret = "{SECRET}"', "no access key id"),
    ("[AKIA]", "AKIA: its secret has to have at least 16"),
    ('[AKIA]\nsecret = "short"', "AKIA: its secret has to have at least 16"),
    ('[AKIA]\nsecret = "sixteen-or-möre-characters"', "ASCII"),
    ("[AKIA]\nsecret = 1234567890123456789", "secret is no text"),
    (f'[AKIA]\nsecret = "{SECRET}"\nacount = "1"', "'acount' is not one of secret, account"),
    (f'[AKIA]\nsecret = "{SECRET}"\naccount = "1"', "account '1' is not twelve digits"),
    (f'[AKIA]\nsecret = "{SECRET}"\naccount = 111122223333', "account is no text"),
    (f'[AKIA]\nsecret = "{SECRET}"\nuser = "a b"', "'a b' is no user's name"),
    (f'[AKIA]\nsecret = "{SECRET}"\nuser = ""', "'' is no user's name"),
    (f'[AKIA]\nsecret = "{SECRET}"\n{POLICY}', "only a user has a policy"),
    (f'[AKIA]\nsecret = "{SECRET}"\nuser = "a"\npolicy = "{{"', "its policy is no JSON"),
    (f'[AKIA]\nsecret = "{SECRET}"\nuser = "a"\npolicy = "{{}}"', "its policy cannot be used: "),
    (
        f'[AKIA]\nsecret = "{SECRET}"\nuser = "a"\n{POLICY}\n[AKIB]\nsecret = "{SECRET}"\nuser="a"',
        "user/a has keys with different policies",
    ),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_what_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """The text says where and why, and holds no secret."""
    path = write(tmp_path, text)
    with pytest.raises(KeyFileError, match=told) as caught:
        read_keys(path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "1234567890123456789" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_use(tmp_path: Path, mode: int) -> None:
    """Its secrets are not secret; the text says what to do."""
    path = write(tmp_path, f'[AKIA]\nsecret = "{SECRET}"', mode)
    with pytest.raises(KeyFileError, match=rf"its mode is {mode:04o}.*chmod 600"):
        read_keys(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A missing one, a folder, bytes that are no text."""
    with pytest.raises(KeyFileError, match="No such file"):
        read_keys(tmp_path / "none")
    with pytest.raises(KeyFileError, match="directory"):
        read_keys(tmp_path)
    with pytest.raises(KeyFileError, match="not UTF-8"):
        read_keys(write(tmp_path, b"\xff\xfe"))
