"""The file of access keys: TOML, one table a key, read at the start and never again.

    [AKIAORDERS0000000001]     # the access key id
    secret = "at least sixteen characters"
    account = "111122223333"   # default: the id if it is twelve digits, else 000000000000
    user = "alice"             # default: the account's root
    policy = "{…}"             # JSON; default: everything in the account

No error text holds a secret.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from redrive.core.keys import Key
from redrive.core.policies import compile_policy
from redrive.core.policy_grammar import problem_with

SECRET_LENGTH_MIN = 16
"""Who hears one signed request can try secrets on it at leisure, so that a short one is found."""

DEFAULT_ACCOUNT = "000000000000"

_ID = re.compile(r"[A-Za-z0-9_]{3,128}")  # AWS: IAM API reference, AccessKey, AccessKeyId
_ACCOUNT = re.compile(r"\d{12}")
_USER = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)  # AWS: IAM API reference, User, UserName
_SETTINGS = ("secret", "account", "user", "policy")


class KeyFileError(Exception):
    """The file of keys cannot be used; the text says why, and where."""


def read_keys(path: Path) -> dict[str, Key]:
    """Return the keys of a file by their ids. Raises KeyFileError.

    A file that others than its owner may read or change is refused.
    """
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyFileError(f"{path} is no file")
            if found.st_mode & 0o077:
                raise KeyFileError(
                    f"{path} may be used by others (its mode is {found.st_mode & 0o777:04o}): it"
                    f" holds secrets, so run chmod 600 {path}"
                )
            if found.st_uid not in (0, os.geteuid()):
                raise KeyFileError(f"{path} belongs to another user, who could change it")
            content = file.read()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    try:
        tables = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise KeyFileError(f"{path}: {error}") from None
    try:
        return parse_keys(tables)
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}") from None


def parse_keys(tables: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys that a file's tables describe. Raises KeyFileError."""
    if not tables:
        raise KeyFileError("it names no key, so nobody could ask anything")
    keys: dict[str, Key] = {}
    policies: dict[tuple[str, str], Any] = {}
    for access_key, table in tables.items():
        if not _ID.fullmatch(access_key):
            raise KeyFileError("a table's name is no access key id: 3 to 128 letters and digits")
        if not isinstance(table, dict):
            raise KeyFileError(f"{access_key} is no table: begin it with [{access_key}]")
        key = keys[access_key] = _key(access_key, table)
        # A person may have two keys, while one replaces the other, but is the same person.
        policy = policies.setdefault((key.account, key.user), table.get("policy"))
        if policy != table.get("policy"):
            raise KeyFileError(f"{key.principal} has keys with different policies")
    return keys


def _key(access_key: str, table: Mapping[str, Any]) -> Key:
    for name, value in table.items():
        if name not in _SETTINGS:
            raise KeyFileError(f"{access_key}: {name!r} is not one of {', '.join(_SETTINGS)}")
        if not isinstance(value, str):
            raise KeyFileError(f"{access_key}: {name} is no text in quotes")
    secret = table.get("secret", "")
    if len(secret) < SECRET_LENGTH_MIN or not secret.isascii():
        raise KeyFileError(
            f"{access_key}: its secret has to have at least {SECRET_LENGTH_MIN} ASCII characters"
        )
    account = table.get(
        "account", access_key if _ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT
    )
    if not _ACCOUNT.fullmatch(account):
        raise KeyFileError(f"{access_key}: account {account!r} is not twelve digits")
    user = table.get("user", "")
    if "user" in table and not _USER.fullmatch(user):
        raise KeyFileError(f"{access_key}: {user!r} is no user's name")
    policy = None
    if "policy" in table:
        if not user:
            raise KeyFileError(f"{access_key}: only a user has a policy, and this is a root's key")
        policy = compile_policy(_document(access_key, table["policy"]), names_principals=False)
    return Key(access_key, secret, account, user, policy=policy)


def _document(access_key: str, text: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise KeyFileError(f"{access_key}: its policy is no JSON: {error}") from None
    problem = problem_with(document, names_principals=False)
    if problem is not None:
        raise KeyFileError(f"{access_key}: its policy cannot be used: {problem}")
    return document  # type: ignore[no-any-return]
