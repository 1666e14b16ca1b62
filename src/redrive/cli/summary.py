"""What `redrive up` has made: queue URLs, function names, outputs, and the line to paste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from redrive.cli.client import SECRET, Place
from redrive.cli.screen import Part

QUEUE = "AWS::SQS::Queue"
FUNCTION = "AWS::Lambda::Function"


class Summary:
    """A deployed stack as a person wants to see it."""

    def __init__(self, told: Mapping[str, Any], place: Place) -> None:
        """Take what DescribeStack told of it, and where it was asked."""
        self._told = told
        self._place = place
        self._queues = self._of(QUEUE)
        self._functions = self._of(FUNCTION)

    def _of(self, kind: str) -> list[Mapping[str, Any]]:
        return [resource for resource in self._told["Resources"] if resource["Type"] == kind]

    @property
    def names(self) -> dict[str, str]:
        """Physical names of queues and functions to the template's names for them."""
        found = {
            queue["Attributes"].get("QueueName", ""): queue["LogicalId"] for queue in self._queues
        }
        found.update({each["PhysicalId"]: each["LogicalId"] for each in self._functions})
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which SDKs and the AWS CLI find the server; no key's secret is shown."""
        key = self._place.key
        known = {"AWS_ACCESS_KEY_ID": self._place.account, "AWS_SECRET_ACCESS_KEY": SECRET}
        return {
            "AWS_ENDPOINT_URL": self._place.endpoint,
            **(known if key is None else {"AWS_ACCESS_KEY_ID": key.id}),
            "AWS_REGION": self._place.region,
            "AWS_DEFAULT_REGION": self._place.region,  # boto3 reads this one alone
        }

    def as_json(self) -> dict[str, Any]:
        """Return all of it for a program."""
        return {
            "Kind": "ready",
            "Endpoint": self._place.endpoint,
            "StackName": self._told["StackName"],
            "Queues": [
                {
                    "LogicalId": queue["LogicalId"],
                    "Name": queue["Attributes"].get("QueueName"),
                    "Url": queue["PhysicalId"],
                    "Arn": queue["Attributes"].get("Arn"),
                }
                for queue in self._queues
            ],
            "Functions": [
                {
                    "LogicalId": function["LogicalId"],
                    "Name": function["PhysicalId"],
                    "Arn": function["Attributes"].get("Arn"),
                }
                for function in self._functions
            ],
            "Outputs": {output["Name"]: output["Value"] for output in self._told["Outputs"]},
            "Environment": self.environment,
        }

    def lines(self, took: str, notes: Sequence[str]) -> Iterator[tuple[Part, ...]]:
        """Yield all of it for a person."""
        yield ("",)
        name, endpoint = self._told["StackName"], self._place.endpoint
        yield ((name, "bold green"), f" is up at {endpoint} ", (f"({took})", "dim"))
        groups: list[tuple[str, list[tuple[str, str]]]] = [
            ("Queues", [(queue["LogicalId"], queue["PhysicalId"]) for queue in self._queues]),
            ("Functions", [(each["LogicalId"], each["PhysicalId"]) for each in self._functions]),
            ("Outputs", [(out["Name"], str(out["Value"])) for out in self._told["Outputs"]]),
            (
                "Also kept",
                [
                    (each["LogicalId"], each["Type"])
                    for each in self._told["Resources"]
                    if each["Type"] not in (QUEUE, FUNCTION)
                ],
            ),
        ]
        width = max((len(row[0]) for _title, rows in groups for row in rows), default=0)
        for title, rows in groups:
            if rows:
                yield ("",)
                yield (f"  {title}",)
            for row_name, value in rows:
                yield ("    ", (f"{row_name:{width}}", "bold"), f"  {value}")
        for note in notes:
            yield ("",)
            yield ("  ", (note, "yellow"))
        yield ("",)
        yield ("  To use it from another terminal:",)
        variables = " ".join(f"{name}={value}" for name, value in self.environment.items())
        yield ("    ", (f"export {variables}", "bold"))
        yield ("",)
