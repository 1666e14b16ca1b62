"""Redrive's plugin for pytest: the fixture `redrive_up`.

    def test_a_failing_order_is_buried(redrive_up):
        stack = redrive_up("template.yaml", parameters={"Stage": "test"})
        stack.send("Orders", {"n": 1})
        stack.advance("10m")
        assert stack.depth("DeadOrders") == 1

pytest loads it wherever Redrive is installed; the rest of Redrive is loaded at the first use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from redrive.testing.stack import RunningStack


@pytest.fixture(scope="session")
def redrive_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where code is packaged, once for all tests: what is installed for a function is kept."""
    return tmp_path_factory.mktemp("redrive-packages")


@pytest.fixture
def redrive_up(
    request: pytest.FixtureRequest, redrive_packages: Path
) -> Iterator[Callable[..., RunningStack]]:
    """Bring templates up for a test: `redrive_up(template, parameters=None, start=None)`.

    template: its path, seen from the folder of the test; a folder means the template in it. The
    clock stands still until the stack's `advance`; it starts at `start`, else now. More than one
    may be up. All is gone after the test. See `redrive.testing.template_up`.
    """
    template_up = import_module("redrive.testing.stack").template_up
    with ExitStack() as stacks:

        def up(template: str | Path, **options: Any) -> RunningStack:
            path = request.path.parent / template
            options.setdefault("packages", redrive_packages)
            stack: RunningStack = stacks.enter_context(template_up(path, **options))
            return stack

        yield up
