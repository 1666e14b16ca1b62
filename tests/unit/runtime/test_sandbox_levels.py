"""Which sandbox levels a machine offers, and the filter on system calls."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import ModuleType

import pytest

from redrive.runtime.sandbox import LEVELS, Sandbox, below, best, offered

FINE = dict.fromkeys(LEVELS, "")


@pytest.mark.parametrize(
    ("problems", "levels", "auto"),
    [
        (FINE, LEVELS, "namespaces"),
        (FINE | {"namespaces": "no"}, LEVELS[:4], "no_new_privs"),
        (FINE | {"landlock": "no"}, LEVELS[:3], "no_new_privs"),
        (FINE | {"no_new_privs": "no"}, LEVELS[:2], "rlimits"),
        ({}, (), "none"),
    ],
)
def test_levels(problems: dict[str, str], levels: tuple[str, ...], auto: str) -> None:
    """A level needs all below it; auto is the highest but Landlock alone."""
    assert offered(problems) == levels
    assert best(offered(problems)) == auto


def test_level_that_cannot_be_had() -> None:
    """A machine that cannot give a level says which step fails and why."""
    with pytest.raises(ValueError, match="namespaces cannot be had on this machine: no_new_privs"):
        Sandbox("namespaces", "/nowhere/python")
    with pytest.raises(ValueError, match="must be one of auto, none"):
        Sandbox("", "/nowhere/python")


def test_below() -> None:
    """A folder is below itself, its neighbours of longer names are not."""
    assert below("/tmp", "/tmp")
    assert below("/tmp", "/tmp/a")
    assert not below("/tmp", "/tmpfiles")
    assert not below("/opt", "/")


def run_filter(program: bytes, audit: int, number: int, first: int = 0) -> int:
    """Interpret the filter for one system call and return what it decides."""
    data = struct.pack("=IIQ6Q", number, audit, 0, first, 0, 0, 0, 0, 0)
    lines = list(struct.iter_unpack("=HBBI", program))
    at, held = 0, 0
    while True:
        code, then, other, value = lines[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return value
        else:
            is_so = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += then if is_so else other


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter(load: Callable[[str], ModuleType], machine: str) -> None:
    """What is listed is refused, clone only with namespaces, clone3 does not exist, the rest is
    allowed; another architecture's numbers are refused."""
    confine = load("confine")
    program = confine.filter_program(machine)
    audit, clone, allowed = confine.MACHINES[machine]
    allow, refuse = 0x7FFF0000, 0x00050001
    for number in confine.REFUSED[machine].values():
        assert run_filter(program, audit, number) == refuse
    assert run_filter(program, audit, allowed) == allow
    assert run_filter(program, audit, clone, 17) == allow
    assert run_filter(program, audit, clone, 0x10000000 | 17) == refuse
    assert run_filter(program, audit, 435) == 0x00050000 | 38
    assert run_filter(program, 0x40000003, allowed) == refuse
    if machine == "x86_64":
        assert run_filter(program, audit, 0x40000000 | allowed) == refuse
