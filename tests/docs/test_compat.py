"""docs/compat says what the code does."""

from __future__ import annotations

import pytest
from tests.docs.compat import FOLDER, pages


@pytest.mark.parametrize(("name", "text"), list(pages()))
def test_page_is_what_the_code_says(name: str, text: str) -> None:
    """A change of what is served shows in docs/compat; `make docs` writes it anew."""
    assert (FOLDER / name).read_text("utf-8") == text
