"""One maker for each resource type: the requests that make, change and unmake it."""

from __future__ import annotations

from collections.abc import Mapping

from redrive.services.stacks.makers.functions import FunctionMaker, MappingMaker, PermissionMaker
from redrive.services.stacks.makers.maker import Maker, Properties, Target
from redrive.services.stacks.makers.queues import QueueMaker, QueuePolicyMaker
from redrive.services.stacks.makers.roles import ManagedPolicyMaker, RecordMaker, RoleMaker

__all__ = ["MAKERS", "Maker", "Properties", "Target"]

MAKERS: Mapping[str, Maker] = {
    "AWS::IAM::ManagedPolicy": ManagedPolicyMaker(),
    "AWS::IAM::Policy": RecordMaker(),
    "AWS::IAM::Role": RoleMaker(),
    "AWS::Lambda::EventSourceMapping": MappingMaker(),
    "AWS::Lambda::Function": FunctionMaker(),
    "AWS::Lambda::Permission": PermissionMaker(),
    "AWS::SQS::Queue": QueueMaker(),
    "AWS::SQS::QueuePolicy": QueuePolicyMaker(),
}
