"""What holds for all messages: ids and handles go there and back, MD5s agree, policies end."""

from __future__ import annotations

import base64
import hashlib
import struct
import zlib
from binascii import b2a_base64
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from redrive.core.ids import SEQ_BITS
from redrive.core.policies import Asked, Verdict, compile_policy, judge
from redrive.core.policy_grammar import problem_with
from redrive.core.wildcards import compile_pattern
from redrive.services.queues import handles
from redrive.services.queues.contents import (
    attributes_digest,
    attributes_text,
    is_forbidden,
    select_attributes,
)

QUICK = settings(max_examples=300, deadline=None, database=None)

SEQS = st.integers(0, (1 << 63) - 1)
SALTS = st.integers(0, (1 << 48) - 1)
HEAPS = st.integers(0, (1 << 63) - 1)
RECEIVES = st.integers(0, (1 << 32) - 1)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
NAMES = st.text("abcXYZ019_.-é", min_size=1, max_size=10)
STRINGS = st.builds(
    lambda kind, value: {"DataType": kind, "StringValue": value},
    st.sampled_from(["String", "Number", "String.x", "Number.int"]),
    TEXTS,
)
BINARIES = st.builds(
    lambda kind, value: {"DataType": kind, "BinaryValue": value},
    st.sampled_from(["Binary", "Binary.gif"]),
    st.binary(min_size=1, max_size=20),
)
ATTRIBUTES = st.dictionaries(NAMES, STRINGS | BINARIES, min_size=1, max_size=10)


# --- ids and handles ---------------------------------------------------------------------------


@QUICK
@given(SEQS, SALTS)
def test_ids_go_there_and_back(seq: int, salt: int) -> None:
    """A MessageId is a UUIDv7 of the instant of sending, and names its sequence number again."""
    identity = handles.message_id(seq, salt)
    assert handles.parse_message_id(identity, salt) == seq
    assert identity[14] == "7"
    assert identity[19] in "89ab"
    assert int(identity.replace("-", "")[:12], 16) == (seq >> SEQ_BITS) & ((1 << 48) - 1)


@QUICK
@given(SEQS, SEQS, SALTS, SALTS)
def test_ids_are_of_one_message_of_one_store(one: int, two: int, here: int, there: int) -> None:
    """Two messages have two ids; another store knows none of ours."""
    if one != two:
        assert handles.message_id(one, here) != handles.message_id(two, here)
    if here != there:
        assert handles.parse_message_id(handles.message_id(one, here), there) is None


@QUICK
@given(st.text(max_size=50) | st.uuids().map(str))
def test_other_texts_are_no_ids(text: str) -> None:
    """Whatever the text, the answer is a number or None."""
    assert handles.parse_message_id(text, 5) is None


@QUICK
@given(HEAPS, SEQS, RECEIVES)
def test_handles_go_there_and_back(heap: int, seq: int, receives: int) -> None:
    """A receipt handle says what it was made of, within AWS's length."""
    text = handles.receipt_handle(heap, seq, receives)
    assert handles.parse_receipt_handle(text) == (heap, seq, receives)
    assert len(text) <= 1_024


@QUICK
@given(HEAPS, SEQS, RECEIVES, st.data())
def test_a_changed_handle_is_none(heap: int, seq: int, receives: int, data: Any) -> None:
    """One flipped bit, one sign more or less: not a handle, and no error of ours."""
    text = handles.receipt_handle(heap, seq, receives)
    raw = bytearray(base64.b64decode(text))
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    for changed in (base64.b64encode(raw).decode(), text[:-1], text + "=", text + "A", " " + text):
        assert handles.parse_receipt_handle(changed) is None


@QUICK
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: b2a_base64(raw).decode()))
def test_garbage_is_no_handle(text: str) -> None:
    """Whatever the text, it is not taken for a handle."""
    assert handles.parse_receipt_handle(text) is None


@QUICK
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), RECEIVES)
def test_a_forged_handle_holds_what_a_table_can(heap: int, seq: int, receives: int) -> None:
    """A checksum keeps nobody from making one up; numbers that no table holds are not let in."""
    packed = struct.pack(">QQI", heap, seq, receives)
    text = base64.b64encode(packed + struct.pack(">I", zlib.crc32(packed))).decode()
    is_fine = heap < 2**63 and seq < 2**63
    assert (handles.parse_receipt_handle(text) is not None) == is_fine


# --- attributes --------------------------------------------------------------------------------


def expected_digest(attributes: dict[str, Any]) -> str:
    """The Developer Guide's rule, said once more."""

    def sized(raw: bytes) -> bytes:
        return len(raw).to_bytes(4, "big") + raw

    whole = b""
    for name, value in sorted(attributes.items()):
        whole += sized(name.encode()) + sized(value["DataType"].encode())
        if "BinaryValue" in value:
            whole += b"\x02" + sized(value["BinaryValue"])
        else:
            whole += b"\x01" + sized(value["StringValue"].encode())
    return hashlib.md5(whole).hexdigest()


@QUICK
@given(ATTRIBUTES)
def test_digests_of_attributes(attributes: dict[str, Any]) -> None:
    """As sent and as stored the MD5 is the one that SDKs compute."""
    expected = expected_digest(attributes)
    assert attributes_digest(attributes) == expected
    assert attributes_digest(orjson.loads(attributes_text(attributes))) == expected


@QUICK
@given(ATTRIBUTES, st.lists(NAMES | NAMES.map(lambda n: n + ".*"), max_size=5))
def test_selections_of_attributes(attributes: dict[str, Any], names: list[str]) -> None:
    """A name selects itself, prefix.* what begins with `prefix.`, and nothing else is added."""
    chosen = select_attributes(names, attributes)
    for name, value in attributes.items():
        wanted = name in names or any(
            pattern.endswith(".*") and name.startswith(pattern[:-1]) for pattern in names
        )
        assert (name in chosen) == wanted
        assert not wanted or chosen[name] == value
    assert select_attributes([*names, "All"], attributes) == attributes


ALLOWED = [(0x9, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]


@QUICK
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_characters_of_bodies(text: str) -> None:
    """Exactly the ranges that the API reference names are taken."""
    is_fine = all(any(low <= ord(c) <= high for low, high in ALLOWED) for c in text)
    assert is_forbidden(text, text.encode()) != is_fine


# --- policies ----------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("a*?:sq", max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["AWS", "Service", "StringLike", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
STATEMENTS = st.dictionaries(
    st.sampled_from(
        [
            *("Effect", "Principal", "NotPrincipal", "Action", "NotAction"),
            *("Resource", "NotResource", "Condition", "Sid"),
        ]
    ),
    VALUES | st.sampled_from(["Allow", "Deny", "*", "sqs:SendMessage"]),
)
POLICIES = st.fixed_dictionaries({"Statement": st.lists(STATEMENTS, max_size=4) | STATEMENTS})
REQUEST = Asked(
    "arn:aws:iam::111122223333:root",
    "sqs:SendMessage",
    "arn:aws:sqs:us-east-1:000000000000:q",
    {},
)


@QUICK
@given(POLICIES | VALUES)
def test_every_policy_has_an_answer(policy: Any) -> None:
    """Whatever has the form of a policy is evaluated without an error of ours."""
    for names_principals in (True, False):
        if problem_with(policy, names_principals=names_principals) is None:
            compiled = compile_policy(policy, names_principals=names_principals)
            assert judge(compiled, REQUEST) in Verdict


@QUICK
@given(POLICIES)
def test_a_denial_of_everything_denies(policy: dict[str, Any]) -> None:
    """No statement opens what another one denies."""
    if problem_with(policy, names_principals=True) is None:
        given = policy["Statement"]
        statements = given if isinstance(given, list) else [given]
        denial = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
        compiled = compile_policy({"Statement": [*statements, denial]})
        assert judge(compiled, REQUEST) is Verdict.DENIED


@QUICK
@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_match_as_a_plain_matcher_says(pattern: str, text: str) -> None:
    """Stars and marks mean what a matcher that tries everything finds."""

    def matches(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return matches(p[1:], t) or (bool(t) and matches(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and matches(p[1:], t[1:])

    assert compile_pattern(pattern).matches(text) == matches(pattern, text)
