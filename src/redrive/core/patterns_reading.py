"""What an event has at a path, looked up when somebody asks: quicker than to flatten all of it when
few paths are asked for. Pure.

The values are those that `patterns.flatten` would find, except for their order and the numbers of
their arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redrive.core.patterns import ARRAYS_MAX, Places, flatten
from redrive.core.patterns_operators import Scalar

Found = Sequence[tuple[Scalar, Places]]
"""The values at one path, each with where it stands."""


class Step:
    """A place on the way to a path: which names may come next. None at the end of the path."""

    __slots__ = ("ahead",)

    def __init__(self, ahead: tuple[tuple[str, Step], ...]) -> None:
        self.ahead = ahead


class Paths:
    """The ways to the paths that may be asked for."""

    __slots__ = ("all", "steps")

    def __init__(self, paths: Iterable[str]) -> None:
        self.steps: dict[str, Step] = {path: _way(path) for path in paths}
        self.all = {"", *(path[:end] for path in self.steps for end in _ends(path))}


def _ends(path: str) -> list[int]:
    return [at for at, sign in enumerate(path) if sign == "."] + [len(path)]


def _way(path: str) -> Step:
    """Return the first step: from each place any number of names may be one name with dots."""
    names = path.split(".")
    steps = [Step(())]  # from the end to the beginning
    for start in range(len(names) - 1, -1, -1):
        ends = range(start + 1, len(names) + 1)
        ahead = [(".".join(names[start:end]), steps[len(names) - end]) for end in ends]
        steps.append(Step(tuple(ahead)))
    return steps[-1]


class Reader:
    """One event and what has been read of it."""

    __slots__ = ("_arrays", "_event", "_is_whole", "_known", "_paths", "is_nested")

    def __init__(self, event: Mapping[str, Any], paths: Paths) -> None:
        self._event: dict[str, Any] = event if isinstance(event, dict) else dict(event)
        self._paths = paths
        self._arrays: dict[tuple[int, str, Places], int] = {}
        self._known: dict[str, Found] = {}
        self._is_whole = False
        self.is_nested = False
        """Whether anything that has been read stands in an array of objects or arrays."""
        if "" in self._event:  # a name that adds nothing to a path: no way knows of it
            self.read_all()

    def read(self, path: str) -> Found:
        """Return the values at a path of those that were named."""
        found = self._known.get(path)
        if found is None:
            found = _NONE if self._is_whole else self._look(self._paths.steps[path])
            self._known[path] = found
        return found

    def read_all(self) -> Iterable[str]:
        """Read all paths that were named and are there; return at least those."""
        if not self._is_whole:
            self._is_whole = True
            self._known = dict(flatten(self._event, self._paths.all))
            self.is_nested = any(
                places for found in self._known.values() for _value, places in found
            )
        return list(self._known)

    def _look(self, first: Step) -> Found:
        found: list[tuple[Scalar, Places]] = []
        todo: list[tuple[Any, Step]] = [(self._event, first)]
        while todo:
            value, step = todo.pop()
            if isinstance(value, dict):
                for name, following in step.ahead:
                    if name in value:
                        todo.append((value[name], following))
            elif isinstance(value, list):
                return self._look_into(first)
            elif not step.ahead:
                found.append((value, ()))
        return found

    def _look_into(self, first: Step) -> Found:
        """Do the same where arrays are on the way."""
        found: list[tuple[Scalar, Places]] = []
        todo: list[tuple[Any, Step, str, Places]] = [(self._event, first, "", ())]
        while todo:
            value, step, path, places = todo.pop()
            if isinstance(value, dict):
                for name, following in step.ahead:
                    if name in value:
                        todo.append((value[name], following, f"{path}.{name}", places))
            elif isinstance(value, list):
                array = self._arrays.setdefault((id(value), path, places), len(self._arrays))
                for index, member in enumerate(value):
                    is_deeper = len(places) < ARRAYS_MAX and isinstance(member, (dict, list))
                    inside = (*places, (array, index)) if is_deeper else places
                    todo.append((member, step, path, inside))
            elif not step.ahead:
                found.append((value, places))
                if places:
                    self.is_nested = True
        return found


_NONE: Found = ()
