"""Frames: cut as they come, refused where they make no sense, the same on both sides."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import pytest

from redrive.runtime import frames
from redrive.runtime.frames import TO_SERVER, Frame, FrameReader, Garbage


def test_both_sides_have_the_same_layouts(load: Callable[[str], ModuleType]) -> None:
    """The child's copies of layouts, kinds and limits are the server's."""
    child = load("child")
    for name in ("TO_CHILD", "TO_SERVER"):
        assert getattr(child, name).format == getattr(frames, name).format
    for name in ("CONFIGURE", "INVOKE", "READY", "INIT_ERROR", "RESPONSE", "FAILURE", "TOO_LARGE"):
        assert getattr(child, name) == getattr(frames, name)
    assert child.RESPONSE_BYTES_MAX == frames.RESPONSE_BYTES_MAX


def frame(kind: bytes = b"O", payload: bytes = b"null", length: int | None = None) -> bytes:
    """Return a frame as a child writes it."""
    return TO_SERVER.pack(kind, 1, 2, 3, len(payload) if length is None else length) + payload


@pytest.mark.parametrize("step", [1, 2, 7, 100])
def test_frames_are_cut_as_they_come(step: int) -> None:
    """However the bytes are split, the same frames come out."""
    data = frame() + frame(b"E", b"{}") + frame(b"R", b"")
    reader, seen = FrameReader(), []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        while (found := reader.next()) is not None:
            seen.append(found)
    assert seen == [
        Frame(b"O", 1, 2, 3, b"null"),
        Frame(b"E", 1, 2, 3, b"{}"),
        Frame(b"R", 1, 2, 3, b""),
    ]
    assert not reader.is_midway


@pytest.mark.parametrize(
    "data",
    [b"?", b"garbage", frame(b"Z"), frame(length=frames.RESPONSE_BYTES_MAX + 1)],
    ids=["one byte", "words", "kind", "length"],
)
def test_garbage_is_refused_at_once(data: bytes) -> None:
    """An unknown kind or an impossible length is refused before anything is waited for."""
    reader = FrameReader()
    reader.feed(data)
    with pytest.raises(Garbage):
        reader.next()


def test_encode_leaves_the_body_alone() -> None:
    """The event goes through as it is; the head says its length."""
    event = b' {"a" : 1} '
    first, second = frames.encode(frames.INVOKE, 7, {"id": "r"}, event)
    kind, seq, head, body = frames.TO_CHILD.unpack_from(first)
    assert (kind, seq, body) == (b"I", 7, len(event))
    assert json.loads(first[frames.TO_CHILD.size :]) == {"id": "r"}
    assert len(first) == frames.TO_CHILD.size + head
    assert second is event
