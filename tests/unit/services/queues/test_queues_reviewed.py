"""What a review of the queues found: small differences from SQS."""

from __future__ import annotations

import pytest

from redrive.core.errors import ServiceError
from redrive.services.queues.contents import check_attributes


@pytest.mark.parametrize(
    "text", ["0", "-1.50", "1e0000000000000000005", "1e126", "1e-128", "9" * 38]
)
def test_numbers_within_the_range_are_taken(text: str) -> None:
    """A Number attribute is judged by its value, however it is written."""
    assert check_attributes({"n": {"DataType": "Number", "StringValue": text}}) > 0


@pytest.mark.parametrize(
    "text", ["٣", "1e127", "1e-129", "1" * 39, "1e99999999999999999999", "x", "--1"]
)
def test_numbers_beyond_the_range_are_refused(text: str) -> None:
    """What is no number in ASCII, or has too many digits or too large an exponent, is refused."""
    with pytest.raises(ServiceError, match="InvalidParameterValue"):
        check_attributes({"n": {"DataType": "Number", "StringValue": text}})


def test_an_attribute_has_one_value() -> None:
    """A value that the digest would not cover is refused."""
    both = {"DataType": "String", "StringValue": "a", "BinaryValue": b"b"}
    with pytest.raises(ServiceError, match="must use field"):
        check_attributes({"a": both})
