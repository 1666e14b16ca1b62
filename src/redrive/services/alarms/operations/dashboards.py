"""Dashboards: stored, listed and given back. They belong to an account, not to a region."""

from __future__ import annotations

from typing import Any

import orjson

from redrive.core.effects import Context, Params, Result
from redrive.core.errors import ServiceError
from redrive.services.alarms.dashboard_rules import NAME, faults_of
from redrive.services.alarms.definitions import tags_of
from redrive.services.alarms.model import Dashboard, Number, dashboard_arn
from redrive.services.alarms.pages import read_token, write_token
from redrive.services.alarms.refusals import bad_parameter
from redrive.services.alarms.room import Alarms
from redrive.store.store import Tx

DASHBOARDS_MAX = 1_000
"""Of an account. AWS has no limit; a body may have a megabyte."""

PAGE = 1_000
DELETED_MAX = 100
"""AWS: API_ListDashboards, API_DeleteDashboards."""

_LAST = "\U0010ffff"


def put_dashboard(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Store a dashboard, or put another body into it. AWS: API_PutDashboard."""
    del room
    account, name, body = context.caller.account, params["DashboardName"], params["DashboardBody"]
    if NAME.fullmatch(name) is None:
        raise _bad_input(f"The value {name} for field DashboardName contains invalid characters.")
    faults = faults_of(body)
    if faults:
        told = [{"dataPath": fault.path, "message": fault.message} for fault in faults[:100]]
        raise _bad_input(
            f"The dashboard body is invalid, there are {len(faults)} validation errors:"
            f" {orjson.dumps(told).decode()}"
        )
    try:
        tags = tags_of(params.get("Tags"))
    except ServiceError as error:
        raise _bad_input(error.message) from None
    keys = {"account": account, "name": name}
    if tx.one(Dashboard, "alarms.dashboard", **keys) is None:
        count: Number | None = tx.one(Number, "alarms.count_dashboards", account=account)
        if count is not None and count.value >= DASHBOARDS_MAX:
            raise _bad_input(f"An account can have at most {DASHBOARDS_MAX} dashboards.")
    text = orjson.dumps(tags).decode()
    tx.run("alarms.put_dashboard", **keys, body=body, now_ms=context.now_ms, tags=text)
    return {"DashboardValidationMessages": []}


def _bad_input(message: str) -> ServiceError:
    return ServiceError("DashboardInvalidInputError", message)


def get_dashboard(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return a dashboard. AWS: API_GetDashboard."""
    del room
    account, name = context.caller.account, params["DashboardName"]
    found: Dashboard | None = tx.one(Dashboard, "alarms.dashboard", account=account, name=name)
    if found is None:
        raise ServiceError("DashboardNotFoundError", f"Dashboard {name} does not exist")
    return {
        "DashboardArn": dashboard_arn(account, name),
        "DashboardBody": found.body,
        "DashboardName": name,
    }


def list_dashboards(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Return dashboards in order of name. AWS: API_ListDashboards."""
    del room
    account = context.caller.account
    prefix = params.get("DashboardNamePrefix", "")
    found: list[Dashboard] = tx.rows(
        Dashboard,
        "alarms.dashboards",
        account=account,
        after=_after(params),
        beginning=prefix,
        ending=prefix + _LAST,
        limit=PAGE + 1,
    )
    entries = [
        {
            "DashboardName": one.name,
            "DashboardArn": dashboard_arn(account, one.name),
            "LastModified": one.modified_ms,
            "Size": len(one.body.encode()),
        }
        for one in found[:PAGE]
    ]
    result: dict[str, Any] = {"DashboardEntries": entries}
    if len(found) > PAGE:
        result["NextToken"] = write_token(found[PAGE - 1].name)
    return result


def _after(params: Params) -> str:
    after = read_token(params.get("NextToken"))
    if after is None:
        raise bad_parameter("Invalid nextToken.")
    return after


def delete_dashboards(room: Alarms, tx: Tx, params: Params, context: Context) -> Result:
    """Remove dashboards; names that there are not are passed over.

    AWS: API_DeleteDashboards: the model has no error for them any more.
    """
    del room
    account = context.caller.account
    names = list(dict.fromkeys(params["DashboardNames"]))
    if not 1 <= len(names) <= DELETED_MAX:
        raise bad_parameter(f"DashboardNames must have 1 to {DELETED_MAX} members.")
    for name in names:
        tx.run("alarms.delete_dashboard", account=account, name=name)
    return {}
