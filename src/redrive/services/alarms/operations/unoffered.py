"""Operations on what does not exist here: refused with an error that their model has, or answered
with the empty list that is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redrive.core.effects import Context, Params, Result
from redrive.services.alarms.refusals import bad_parameter, invalid, not_found
from redrive.services.alarms.room import Alarms
from redrive.services.labels import Operation, answering, refusing
from redrive.store.store import Tx

_BANDS = "There are no anomaly detection models."
_DATASETS = "There are no datasets."
_DEFINITIONS = "Definitions of queries are not kept."
_IMAGES = "Graphs are not drawn."
_LOG_ALARMS = "Alarms are on metrics, expressions and other alarms."
_MUTES = "Actions are kept back by DisableAlarmActions and by ActionsSuppressor."
_OTEL = "Metrics are not enriched."
_RESOURCES = "All metrics of a resource are recorded."
_RULES = "There are no Contributor Insights rules."
_STREAMS = "There are no metric streams."

UNOFFERED: Mapping[str, str] = {
    "AssociateDatasetKmsKey": _DATASETS,
    "CreateResourceMetricsConfiguration": _RESOURCES,
    "DisassociateDatasetKmsKey": _DATASETS,
    "GetMetricWidgetImage": _IMAGES,
    "PutAlarmMuteRule": _MUTES,
    "PutLogAlarm": _LOG_ALARMS,
    "PutMetricDataQueryDefinition": _DEFINITIONS,
    "StartOTelEnrichment": _OTEL,
    "UpdateOTelEnrichment": _OTEL,
    "UpdateResourceMetricsConfiguration": _RESOURCES,
}
"""Operations that are refused with ValidationError whatever they are asked, and why."""

UNOFFERED_PARAMETERS: Mapping[str, str] = {
    "DisableInsightRules": _RULES,
    "EnableInsightRules": _RULES,
    "PutAnomalyDetector": _BANDS,
    "PutInsightRule": _RULES,
    "PutManagedInsightRules": _RULES,
    "PutMetricStream": _STREAMS,
    "StartMetricStreams": _STREAMS,
    "StopMetricStreams": _STREAMS,
}
"""The same with InvalidParameterValueException, which their model has."""

ABSENT: Mapping[str, tuple[str, str]] = {
    "DeleteAnomalyDetector": ("AnomalyDetector", "MetricName"),
    "DeleteResourceMetricsConfiguration": ("ResourceMetricsConfiguration", "ResourceArn"),
    "GetAlarmMuteRule": ("AlarmMuteRule", "AlarmMuteRuleName"),
    "GetDataset": ("Dataset", "DatasetIdentifier"),
    "GetInsightRuleReport": ("InsightRule", "RuleName"),
    "GetMetricDataQueryDefinition": ("MetricDataQueryDefinition", "Id"),
    "GetMetricStream": ("MetricStream", "Name"),
    "GetResourceMetricsConfiguration": ("ResourceMetricsConfiguration", "ResourceArn"),
}
"""Operations on one thing that there cannot be: its kind, and the member that names it."""

TRUE: Mapping[str, Mapping[str, Any]] = {
    "DeleteAlarmMuteRule": {},
    "DeleteInsightRules": {"Failures": []},
    "DeleteMetricDataQueryDefinition": {},
    "DeleteMetricStream": {},
    "DescribeAnomalyDetectors": {"AnomalyDetectors": []},
    "DescribeInsightRules": {"InsightRules": []},
    "GetOTelEnrichment": {"Status": "Stopped"},
    "ListAlarmMuteRules": {"AlarmMuteRuleSummaries": []},
    "ListManagedInsightRules": {"ManagedRules": []},
    "ListMetricDataQueryDefinitions": {"Items": []},
    "ListMetricStreams": {"Entries": []},
    "StopOTelEnrichment": {},
}
"""Operations whose answer is true without anything behind it. Deletions of what is not there are no
error, by the operations' own documentation."""


def _absent(kind: str, member: str) -> Operation:
    def refuse(_room: Alarms, _tx: Tx, params: Params, _context: Context) -> Result:
        raise not_found(kind, str(params.get(member, "")))

    return refuse


OPERATIONS: Mapping[str, Operation] = {
    **refusing(UNOFFERED, invalid),
    **refusing(UNOFFERED_PARAMETERS, bad_parameter),
    **{name: _absent(*told) for name, told in ABSENT.items()},
    **{name: answering(answer) for name, answer in TRUE.items()},
}
