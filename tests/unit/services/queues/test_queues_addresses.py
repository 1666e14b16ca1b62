"""QueueUrl in every form that clients send, and what a region in it means."""

from __future__ import annotations

import pytest
from queues_rig import ACCOUNT, ORIGIN, OTHER, Rig, arn
from stand_ins import caller

from redrive.core.errors import ServiceError
from redrive.services.queues.addresses import ADDRESSES_KEPT_MAX, Address, read_address

THERE = "eu-west-1"
HERE = Address(None, ACCOUNT, "q")
ABROAD = Address(THERE, ACCOUNT, "q")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"{ORIGIN}/{ACCOUNT}/q", HERE),
        (f"{ORIGIN}/{ACCOUNT}/q/", HERE),
        (f"{ORIGIN}//{ACCOUNT}/q.fifo", Address(None, ACCOUNT, "q.fifo")),
        (f"http://[::1]:4566/{ACCOUNT}/q", HERE),
        (f"http://redrive.example.com/{ACCOUNT}/q", HERE),
        (f"http://localhost.localstack.cloud:4566/{ACCOUNT}/q", HERE),
        (f"http://sqs.localhost.localstack.cloud:4566/{ACCOUNT}/q", HERE),
        (f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q", ABROAD),
        (f"https://SQS.EU-WEST-1.amazonaws.com:443/{ACCOUNT}/q", ABROAD),
        (f"https://sqs-fips.us-gov-west-1.amazonaws.com/{ACCOUNT}/q", ("us-gov-west-1", 1)),
        (f"https://sqs.cn-north-1.amazonaws.com.cn/{ACCOUNT}/q", ("cn-north-1", 1)),
        (f"https://sqs.eu-west-1.api.aws/{ACCOUNT}/q", ABROAD),
        (f"https://vpce-0a1-b2.sqs.eu-west-1.vpce.amazonaws.com/{ACCOUNT}/q", ABROAD),
        (f"https://eu-west-1.queue.amazonaws.com/{ACCOUNT}/q", ABROAD),
        (f"https://queue.amazonaws.com/{ACCOUNT}/q", ("us-east-1", 1)),
        (f"https://eu-west-1.queue.localhost.localstack.cloud:4566/{ACCOUNT}/q", ABROAD),
        (f"https://queue.localhost.localstack.cloud:4566/{ACCOUNT}/q", ("us-east-1", 1)),
        (f"http://sqs.eu-west-1.localhost.localstack.cloud:4566/{ACCOUNT}/q", ABROAD),
        (f"http://sqs.eu-west-1.localhost:4566/{ACCOUNT}/q", ABROAD),
        (f"http://eu-west-1.queue.localhost:4566/{ACCOUNT}/q", ABROAD),
        (f"{ORIGIN}/queue/eu-west-1/{ACCOUNT}/q", ABROAD),
        (f"https://sqs.us-east-1.amazonaws.com/queue/eu-west-1/{ACCOUNT}/q", ABROAD),
        (f"https://sqs.eu-west-1.amazonaws.com.evil.example/{ACCOUNT}/q", HERE),
        (f"{ORIGIN}/some/prefix/{ACCOUNT}/q", HERE),
        (arn("q", region=THERE), ABROAD),
        (f"/{ACCOUNT}/q", HERE),
        (f"{ACCOUNT}/q", HERE),
        ("q", Address(None, None, "q")),
        ("q.fifo", Address(None, None, "q.fifo")),
        (ACCOUNT, Address(None, None, ACCOUNT)),
    ],
)
def test_addresses(text: str, address: Address | tuple[str, int]) -> None:
    """Path, host and ARN say region, account and name; what they do not say is left open."""
    wanted = address if isinstance(address, Address) else Address(address[0], ACCOUNT, "q")
    assert read_address(text) == wanted
    assert read_address(text) == wanted, "remembered as it was read"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "http://x",
        "https://sqs.eu-west-1.amazonaws.com/",
        f"{ORIGIN}/q",
        f"{ORIGIN}/{ACCOUNT}",
        f"{ORIGIN}/{ACCOUNT}1/q",
        f"{ORIGIN}/٠٠٠٠٠٠٠٠٠٠٠٠/q",
        f"{ORIGIN}/{ACCOUNT}/q/more",
        f"arn:aws:sns:eu-west-1:{ACCOUNT}:q",
        "arn:aws:sqs",
    ],
)
def test_what_is_no_queues_address_is_refused(rig: Rig, text: str) -> None:
    """AWS's error names the address."""
    with pytest.raises(ServiceError) as seen:
        rig.call("SendMessage", QueueUrl=text, MessageBody="x")
    assert (seen.value.code, seen.value.status) == ("InvalidAddress", 404)
    assert seen.value.message == f"The address {text} is not valid for this endpoint."


def test_addresses_that_are_remembered_have_a_bound(rig: Rig, url: str) -> None:
    """Any number of addresses, and of any length, goes through."""
    for at in range(ADDRESSES_KEPT_MAX + 10):
        assert read_address(f"{ORIGIN}/{ACCOUNT}/q{at}").name == f"q{at}"
    assert read_address(f"{ORIGIN}/{'x/' * 10_000}{ACCOUNT}/q") == HERE
    assert rig.send(url)


@pytest.mark.parametrize(
    "form",
    [
        f"https://sqs.{THERE}.amazonaws.com/{ACCOUNT}/q",
        f"http://{THERE}.queue.localhost:4566/{ACCOUNT}/q",
        f"{ORIGIN}/queue/{THERE}/{ACCOUNT}/q",
        arn("q", region=THERE),
    ],
)
def test_the_region_of_an_address_names_the_queue(rig: Rig, url: str, form: str) -> None:
    """A client of one region reaches another region's queue of the same name by its address."""
    rig.create("q", caller(region=THERE))
    rig.call("SendMessage", QueueUrl=form, MessageBody="abroad")
    assert rig.bodies(url) == []
    assert rig.attributes(form)["QueueArn"] == arn("q", region=THERE)
    assert rig.bodies(form) == ["abroad"]
    rig.call("DeleteQueue", QueueUrl=form)
    assert rig.refused("GetQueueAttributes", QueueUrl=form)[0] == "QueueDoesNotExist"
    assert rig.attributes(url)


@pytest.mark.parametrize("form", [f"{ORIGIN}/queue/{THERE}/{ACCOUNT}/q", arn("q", region=THERE)])
def test_a_region_in_an_address_opens_no_account(rig: Rig, form: str) -> None:
    """Another account needs a policy, whatever form it gives the address."""
    rig.create("q", caller(region=THERE))
    assert rig.refused("PurgeQueue", caller(OTHER), QueueUrl=form)[0] == "AccessDenied"
