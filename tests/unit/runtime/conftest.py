"""The bootstrap's programs as modules, for the rules in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from redrive.runtime.parents import SCRIPT


@pytest.fixture
def load() -> Callable[[str], ModuleType]:
    """Load a program of the bootstrap by its path, as the parent does."""

    def load_program(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            f"_test_{name}", Path(SCRIPT).parent / f"{name}.py"
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load_program
