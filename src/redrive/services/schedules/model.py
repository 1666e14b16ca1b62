"""Rows of the schedules service, and the names by which its resources are known."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT = "default"
"""The group that every account has in every region; it cannot be deleted."""


class Group(NamedTuple):
    """One row of `schedule_groups`."""

    account: str
    region: str
    name: str
    state: str  # ACTIVE, DELETING
    tags: str  # JSON object
    members: int  # how many schedules it has
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        """Its ARN."""
        return group_arn(self.region, self.account, self.name)


class Schedule(NamedTuple):
    """One row of `schedules`."""

    id: int
    account: str
    region: str
    grp: str
    name: str
    state: str  # ENABLED, DISABLED
    body: str  # JSON object: what is set, by AWS's names, with its defaults
    anchor_ms: int  # from when a rate counts
    scheduled_ms: int | None  # the instant that the expression names next; None: none
    due_ms: int | None  # when it fires: that instant, or one within its window
    ends: int  # 1: gone when its last run has been delivered
    created_ms: int
    modified_ms: int

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:scheduler:{self.region}:{self.account}:schedule/{self.grp}/{self.name}"


class Totals(NamedTuple):
    """What an account has in a region."""

    groups: int
    schedules: int


class Kept(NamedTuple):
    """What was answered to a request that had a token."""

    digest: str
    answer: str


class Instant(NamedTuple):
    """When the next schedule falls due; None when there is none."""

    at_ms: int | None


def group_arn(region: str, account: str, name: str) -> str:
    """Return arn:aws:scheduler:<region>:<account>:schedule-group/<name>."""
    return f"arn:aws:scheduler:{region}:{account}:schedule-group/{name}"
