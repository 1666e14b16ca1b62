"""One maker for each resource type: the requests that make, change and unmake it."""

from __future__ import annotations

from collections.abc import Mapping

from redrive.services.stacks.makers import alarms, events
from redrive.services.stacks.makers.endpoints import InvokeConfigMaker, UrlMaker
from redrive.services.stacks.makers.functions import FunctionMaker, MappingMaker, PermissionMaker
from redrive.services.stacks.makers.layers import LayerMaker, LayerPermissionMaker
from redrive.services.stacks.makers.maker import Maker, Properties, Target
from redrive.services.stacks.makers.queues import QueueMaker, QueuePolicyMaker
from redrive.services.stacks.makers.roles import ManagedPolicyMaker, PolicyMaker, RoleMaker
from redrive.services.stacks.makers.topics import (
    SubscriptionMaker,
    TopicMaker,
    TopicPolicyMaker,
)
from redrive.services.stacks.makers.versions import AliasMaker, VersionMaker

__all__ = ["MAKERS", "Maker", "Properties", "Target"]

MAKERS: Mapping[str, Maker] = {
    "AWS::CloudWatch::Alarm": alarms.ALARM,
    "AWS::CloudWatch::CompositeAlarm": alarms.COMPOSITE_ALARM,
    "AWS::CloudWatch::Dashboard": alarms.DASHBOARD,
    "AWS::Events::ApiDestination": events.API_DESTINATION,
    "AWS::Events::Archive": events.ARCHIVE,
    "AWS::Events::Connection": events.CONNECTION,
    "AWS::Events::EventBus": events.BUS,
    "AWS::Events::EventBusPolicy": events.BusPolicyMaker(),
    "AWS::Events::Rule": events.RuleMaker(),
    "AWS::IAM::ManagedPolicy": ManagedPolicyMaker(),
    "AWS::IAM::Policy": PolicyMaker(),
    "AWS::IAM::Role": RoleMaker(),
    "AWS::Lambda::Alias": AliasMaker(),
    "AWS::Lambda::EventInvokeConfig": InvokeConfigMaker(),
    "AWS::Lambda::EventSourceMapping": MappingMaker(),
    "AWS::Lambda::Function": FunctionMaker(),
    "AWS::Lambda::LayerVersion": LayerMaker(),
    "AWS::Lambda::LayerVersionPermission": LayerPermissionMaker(),
    "AWS::Lambda::Permission": PermissionMaker(),
    "AWS::Lambda::Url": UrlMaker(),
    "AWS::Lambda::Version": VersionMaker(),
    "AWS::Logs::LogGroup": alarms.LogGroupMaker(),
    "AWS::Logs::LogStream": alarms.LogStreamMaker(),
    "AWS::Pipes::Pipe": events.PIPE,
    "AWS::SNS::Subscription": SubscriptionMaker(),
    "AWS::SNS::Topic": TopicMaker(),
    "AWS::SNS::TopicInlinePolicy": TopicPolicyMaker(),
    "AWS::SNS::TopicPolicy": TopicPolicyMaker(),
    "AWS::SQS::Queue": QueueMaker(),
    "AWS::SQS::QueuePolicy": QueuePolicyMaker(),
    "AWS::Scheduler::Schedule": events.SCHEDULE,
    "AWS::Scheduler::ScheduleGroup": events.SCHEDULE_GROUP,
}
