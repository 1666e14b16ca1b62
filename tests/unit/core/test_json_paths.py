"""Paths that find nothing, and texts that are no paths."""

from __future__ import annotations

import pytest

from redrive.core.json_paths import MISSING, PathError, compile_path


def test_an_index_beyond_the_end() -> None:
    """There is nothing there, however long the index is."""
    assert compile_path("$[1]").find([0, 7]) == 7
    assert compile_path(f"$[{'9' * 18}]").find([0, 7]) is MISSING


@pytest.mark.parametrize("text", [f"$[{'9' * 5_000}]", "$[\u0663]", "$[]", "$.a..b", "a"])
def test_what_is_no_path(text: str) -> None:
    """It is refused, and not with an error of Python's."""
    with pytest.raises(PathError):
        compile_path(text)
