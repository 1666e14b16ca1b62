"""docs/compat says what the code does."""

from __future__ import annotations

import pytest
from tests.docs.compat import FOLDER, pages
from tests.docs.tables import Fact, member_rows

from redrive.wire.endpoint import Endpoint


@pytest.mark.parametrize(("name", "text"), list(pages()))
def test_page_is_what_the_code_says(name: str, text: str) -> None:
    """A change of what is served shows in docs/compat; `make docs` writes it anew."""
    assert (FOLDER / name).read_text("utf-8") == text


def test_every_page_is_written() -> None:
    """No page lies in docs/compat that nobody writes any more."""
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _text in pages()}


def test_a_member_that_nobody_reads_is_not_called_honoured() -> None:
    """The sources of the service must name each member that a page calls honoured."""
    with pytest.raises(AssertionError, match="does not read SendMessage's QueueUrl"):
        list(member_rows("sqs", "identity", ["SendMessage"], Endpoint(), {}))


def test_a_fact_about_nothing_is_told() -> None:
    """What is said of a member that the model does not have is an error."""
    with pytest.raises(AssertionError, match="no such members"):
        facts = {("SendMessage", "Colour"): Fact("label", "")}
        list(member_rows("sqs", "queues", ["SendMessage"], Endpoint(), facts))


def test_decisions_are_numbered() -> None:
    """Each decision has the number of its file, and no two have the same."""
    numbers = []
    for path in sorted((FOLDER.parent / "adr").glob("*.md")):
        number = path.name[:4]
        assert path.read_text("utf-8").startswith(f"# {number} "), path.name
        numbers.append(number)
    assert len(set(numbers)) == len(numbers)
