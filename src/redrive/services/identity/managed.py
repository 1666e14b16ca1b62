"""AWS's managed policies that templates name: what each allows, in a few lines.

The facts are AWS's, the documents are not: statement ids, order and versions differ, the broad ones
are told by wildcards, and what grants access to services that are not served here is told in short.
AWS: AWS Managed Policy Reference Guide.
"""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import Any

from redrive.services.identity.model import Policy

OWNER = "aws"
PREFIX = "arn:aws:iam::aws:policy/"
_CREATED_MS = 1_423_181_999_000  # 2015-02-06, when most of them were made

_Grants = tuple[tuple[str, str], ...]
"""Pairs of actions, apart by spaces, and resources, apart by spaces. A leading ! means
all others."""

_LOGS = "logs:CreateLogGroup logs:CreateLogStream logs:PutLogEvents"
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface"
    " ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
)
_XRAY = (
    "xray:GetSamplingRules xray:GetSamplingStatisticSummaries xray:GetSamplingTargets"
    " xray:PutTelemetryRecords xray:PutTraceSegments"
)
_DYNAMODB_STREAM = (
    "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:ListStreams"
)
_KINESIS_STREAM = (
    "kinesis:DescribeStream kinesis:DescribeStreamSummary kinesis:GetRecords"
    " kinesis:GetShardIterator kinesis:ListShards kinesis:ListStreams kinesis:SubscribeToShard"
)
_KAFKA = (
    "kafka:DescribeCluster kafka:DescribeClusterV2 kafka:GetBootstrapBrokers"
    " kafka:ListScramSecrets ec2:CreateNetworkInterface ec2:DeleteNetworkInterface"
    " ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups ec2:DescribeSubnets ec2:DescribeVpcs"
)
_BROKER = (
    "mq:DescribeBroker secretsmanager:GetSecretValue ec2:CreateNetworkInterface"
    " ec2:DeleteNetworkInterface ec2:DescribeNetworkInterfaces ec2:DescribeSecurityGroups"
    " ec2:DescribeSubnets ec2:DescribeVpcs"
)
_DEPLOYS = (
    "cloudwatch:DescribeAlarms lambda:UpdateAlias lambda:GetAlias"
    " lambda:GetProvisionedConcurrencyConfig sns:Publish"
)
_PUSHES_LOGS = (
    f"{_LOGS} logs:DescribeLogGroups logs:DescribeLogStreams logs:FilterLogEvents logs:GetLogEvents"
)


def _reads(*services: str) -> str:
    verbs = ("Describe*", "Get*", "List*")
    return " ".join(f"{service}:{verb}" for service in services for verb in verbs)


def _all(*services: str) -> str:
    return " ".join(f"{service}:*" for service in services)


_ROLES: Mapping[str, _Grants] = {
    "AWSLambdaBasicExecutionRole": ((_LOGS, "*"),),
    "AWSLambdaDynamoDBExecutionRole": ((f"{_DYNAMODB_STREAM} {_LOGS}", "*"),),
    "AWSLambdaENIManagementAccess": ((_INTERFACES, "*"),),
    "AWSLambdaKinesisExecutionRole": ((f"{_KINESIS_STREAM} {_LOGS}", "*"),),
    "AWSLambdaMSKExecutionRole": ((f"{_KAFKA} {_LOGS}", "*"),),
    "AWSLambdaRole": (("lambda:InvokeFunction", "*"),),
    "AWSLambdaSQSQueueExecutionRole": (
        (f"sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes {_LOGS}", "*"),
    ),
    "AWSLambdaVPCAccessExecutionRole": ((f"{_LOGS} {_INTERFACES}", "*"),),
    "AWSAppSyncPushToCloudWatchLogs": ((_LOGS, "*"),),
    "AWSCodeDeployRoleForLambda": (
        (_DEPLOYS, "*"),
        ("s3:GetObject s3:GetObjectVersion", "arn:aws:s3:::*/CodeDeploy/*"),
        ("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*"),
    ),
    "AWSCodeDeployRoleForLambdaLimited": (
        (_DEPLOYS, "*"),
        ("s3:GetObject s3:GetObjectVersion", "arn:aws:s3:::*/CodeDeploy/*"),
        ("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*"),
    ),
    "AmazonAPIGatewayPushToCloudWatchLogs": ((_PUSHES_LOGS, "*"),),
    "AmazonS3ObjectLambdaExecutionRolePolicy": (
        (f"s3-object-lambda:WriteGetObjectResponse {_LOGS}", "*"),
    ),
    "AmazonSNSRole": ((f"{_LOGS} logs:PutMetricFilter logs:PutRetentionPolicy", "*"),),
    "AmazonECSTaskExecutionRolePolicy": (
        (
            "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetAuthorizationToken"
            " ecr:GetDownloadUrlForLayer logs:CreateLogStream logs:PutLogEvents",
            "*",
        ),
    ),
    "CloudWatchEventsInvocationAccess": (("kinesis:PutRecord", "*"),),
}
"""Below /service-role/."""

_JOBS: Mapping[str, _Grants] = {
    "ViewOnlyAccess": (
        (
            "cloudwatch:Describe* cloudwatch:Get* cloudwatch:List* dynamodb:DescribeTable"
            " dynamodb:List* ec2:Describe* events:List* iam:Get* iam:List* kinesis:List*"
            " lambda:List* lambda:GetAccountSettings logs:Describe* s3:GetBucketLocation"
            " s3:List* sns:List* sqs:ListQueues states:List*",
            "*",
        ),
    ),
}
"""Below /job-function/."""

_PLAIN: Mapping[str, _Grants] = {
    "AdministratorAccess": (("*", "*"),),
    "AWSLambdaExecute": (("logs:*", "arn:aws:logs:*:*:*"), ("s3:GetObject s3:PutObject", "*")),
    "AWSLambdaInvocation-DynamoDB": ((f"lambda:InvokeFunction {_DYNAMODB_STREAM}", "*"),),
    "AWSLambda_FullAccess": (
        (
            f"{_all('lambda')} {_reads('cloudwatch', 'logs', 'states', 'xray')} iam:GetPolicy"
            " iam:GetPolicyVersion iam:GetRole iam:GetRolePolicy iam:ListAttachedRolePolicies"
            " iam:ListRolePolicies iam:ListRoles iam:PassRole",
            "*",
        ),
    ),
    "AWSLambda_ReadOnlyAccess": (
        (f"{_reads('lambda', 'cloudwatch', 'logs', 'states', 'xray')} iam:GetRole", "*"),
    ),
    "AWSStepFunctionsFullAccess": (("states:*", "*"),),
    "AWSStepFunctionsReadOnlyAccess": ((_reads("states"), "*"),),
    "AWSXRayDaemonWriteAccess": ((_XRAY, "*"),),
    "AWSXrayFullAccess": (("xray:*", "*"),),
    "AWSXrayReadOnlyAccess": ((f"{_reads('xray')} xray:BatchGetTraces", "*"),),
    "AWSXrayWriteOnlyAccess": ((_XRAY, "*"),),
    "AmazonAPIGatewayAdministrator": (("apigateway:*", "arn:aws:apigateway:*::/*"),),
    "AmazonAPIGatewayInvokeFullAccess": (
        ("execute-api:Invoke execute-api:ManageConnections", "arn:aws:execute-api:*:*:*"),
    ),
    "AmazonAthenaFullAccess": (
        (f"{_all('athena', 'glue')} {_reads('s3')} lakeformation:GetDataAccess", "*"),
    ),
    "AmazonBedrockFullAccess": (("bedrock:*", "*"),),
    "AmazonBedrockReadOnly": ((_reads("bedrock"), "*"),),
    "AmazonCognitoPowerUser": ((_all("cognito-identity", "cognito-idp", "cognito-sync"), "*"),),
    "AmazonCognitoReadOnly": ((_reads("cognito-identity", "cognito-idp", "cognito-sync"), "*"),),
    "AmazonDynamoDBFullAccess": ((f"{_all('dynamodb', 'dax')} {_reads('cloudwatch')}", "*"),),
    "AmazonDynamoDBReadOnlyAccess": (
        (
            f"{_reads('dynamodb', 'dax')} dynamodb:BatchGetItem dynamodb:PartiQLSelect"
            " dynamodb:Query dynamodb:Scan",
            "*",
        ),
    ),
    "AmazonEC2ContainerRegistryReadOnly": (
        (f"{_reads('ecr')} ecr:BatchCheckLayerAvailability ecr:BatchGetImage", "*"),
    ),
    "AmazonEC2FullAccess": ((_all("ec2", "autoscaling", "elasticloadbalancing"), "*"),),
    "AmazonEC2ReadOnlyAccess": ((_reads("ec2", "autoscaling", "elasticloadbalancing"), "*"),),
    "AmazonEventBridgeFullAccess": (
        (f"{_all('events', 'schemas', 'scheduler', 'pipes')} iam:PassRole", "*"),
    ),
    "AmazonEventBridgeReadOnlyAccess": (
        (f"{_reads('events', 'schemas', 'scheduler', 'pipes')} events:TestEventPattern", "*"),
    ),
    "AmazonEventBridgeSchedulerFullAccess": (("scheduler:* iam:PassRole", "*"),),
    "AmazonEventBridgeSchedulerReadOnlyAccess": ((_reads("scheduler"), "*"),),
    "AmazonKinesisFirehoseFullAccess": (("firehose:*", "*"),),
    "AmazonKinesisFirehoseReadOnlyAccess": ((_reads("firehose"), "*"),),
    "AmazonKinesisFullAccess": (("kinesis:*", "*"),),
    "AmazonKinesisReadOnlyAccess": ((_reads("kinesis"), "*"),),
    "AmazonRDSDataFullAccess": (
        ("rds-data:* secretsmanager:GetSecretValue secretsmanager:DescribeSecret", "*"),
    ),
    "AmazonRDSFullAccess": ((_all("rds"), "*"),),
    "AmazonRDSReadOnlyAccess": ((_reads("rds"), "*"),),
    "AmazonS3FullAccess": ((_all("s3", "s3-object-lambda"), "*"),),
    "AmazonS3ReadOnlyAccess": ((_reads("s3", "s3-object-lambda"), "*"),),
    "AmazonSESFullAccess": (("ses:*", "*"),),
    "AmazonSESReadOnlyAccess": ((f"{_reads('ses')} ses:BatchGetMetricData", "*"),),
    "AmazonSNSFullAccess": (("sns:*", "*"),),
    "AmazonSNSReadOnlyAccess": (
        ("sns:GetTopicAttributes sns:List* sns:CheckIfPhoneNumberIsOptedOut", "*"),
    ),
    "AmazonSQSFullAccess": (("sqs:*", "*"),),
    "AmazonSQSReadOnlyAccess": (
        (
            "sqs:GetQueueAttributes sqs:GetQueueUrl sqs:ListDeadLetterSourceQueues sqs:ListQueues"
            " sqs:ListMessageMoveTasks sqs:ListQueueTags",
            "*",
        ),
    ),
    "AmazonSSMFullAccess": ((f"{_all('ssm')} cloudwatch:PutMetricData", "*"),),
    "AmazonSSMManagedInstanceCore": (
        (
            "ssm:DescribeAssociation ssm:GetDocument ssm:GetParameter ssm:GetParameters"
            " ssm:PutInventory ssm:UpdateInstanceInformation ssmmessages:* ec2messages:*",
            "*",
        ),
    ),
    "AmazonSSMReadOnlyAccess": ((_reads("ssm"), "*"),),
    "AmazonVPCFullAccess": (("ec2:*Vpc* ec2:*Subnet* ec2:*Route* ec2:Describe*", "*"),),
    "CloudWatchAgentServerPolicy": (
        (
            f"cloudwatch:PutMetricData ec2:DescribeTags ec2:DescribeVolumes {_LOGS}"
            f" logs:DescribeLogGroups logs:DescribeLogStreams logs:PutRetentionPolicy {_XRAY}",
            "*",
        ),
        ("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/AmazonCloudWatch-*"),
    ),
    "CloudWatchEventsFullAccess": (("events:* iam:PassRole", "*"),),
    "CloudWatchEventsReadOnlyAccess": ((f"{_reads('events')} events:TestEventPattern", "*"),),
    "CloudWatchFullAccess": ((f"{_all('cloudwatch', 'logs')} sns:* autoscaling:Describe*", "*"),),
    "CloudWatchFullAccessV2": ((f"{_all('cloudwatch', 'logs')} sns:* xray:*", "*"),),
    "CloudWatchLambdaInsightsExecutionRolePolicy": (
        ("logs:CreateLogGroup", "*"),
        (
            "logs:CreateLogStream logs:PutLogEvents",
            "arn:aws:logs:*:*:log-group:/aws/lambda-insights:*",
        ),
    ),
    "CloudWatchLogsFullAccess": (("logs:* cloudwatch:GenerateQuery", "*"),),
    "CloudWatchLogsReadOnlyAccess": (
        (
            f"{_reads('logs')} logs:FilterLogEvents logs:StartLiveTail logs:StartQuery"
            " logs:StopLiveTail logs:StopQuery logs:TestMetricFilter",
            "*",
        ),
    ),
    "CloudWatchReadOnlyAccess": (
        (f"{_reads('cloudwatch', 'logs', 'xray')} logs:FilterLogEvents sns:Get* sns:List*", "*"),
    ),
    "IAMFullAccess": (("iam:*", "*"),),
    "IAMReadOnlyAccess": ((f"{_reads('iam')} iam:GenerateCredentialReport iam:Simulate*", "*"),),
    "PowerUserAccess": (
        ("!iam:* organizations:* account:*", "*"),
        (
            "iam:CreateServiceLinkedRole iam:DeleteServiceLinkedRole iam:ListRoles"
            " organizations:DescribeOrganization account:GetAccountInformation account:ListRegions",
            "*",
        ),
    ),
    "ReadOnlyAccess": (
        (
            _reads(
                *("apigateway", "cloudformation", "cloudwatch", "dynamodb", "ec2", "ecr", "events"),
                *("iam", "kinesis", "kms", "lambda", "logs", "pipes", "rds", "s3", "scheduler"),
                *("ses", "sns", "sqs", "ssm", "states", "xray"),
            )
            + " dynamodb:BatchGetItem dynamodb:Query dynamodb:Scan logs:FilterLogEvents"
            " logs:StartQuery secretsmanager:Describe* secretsmanager:GetResourcePolicy"
            " secretsmanager:List*",
            "*",
        ),
    ),
    "SecretsManagerReadWrite": (("secretsmanager:* kms:DescribeKey kms:ListKeys", "*"),),
    "SecurityAudit": (
        (
            f"{_reads('cloudformation', 'cloudwatch', 'iam')} ec2:Describe* events:Describe*"
            " events:List* lambda:GetAccountSettings lambda:GetFunctionConfiguration"
            " lambda:GetPolicy lambda:List* logs:Describe* sns:GetTopicAttributes sns:List*"
            " sqs:GetQueueAttributes sqs:ListDeadLetterSourceQueues sqs:ListQueues"
            " sqs:ListQueueTags",
            "*",
        ),
    ),
}


def _document(grants: _Grants) -> str:
    statements: list[dict[str, Any]] = []
    for actions, resources in grants:
        names, places = actions.removeprefix("!").split(), resources.split()
        statements.append(
            {
                "Effect": "Allow",
                "NotAction" if actions.startswith("!") else "Action": names
                if len(names) > 1
                else names[0],
                "Resource": places if len(places) > 1 else places[0],
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@cache
def _table() -> Mapping[str, tuple[Policy, str]]:
    """Return policy and document by ARN."""
    table = {}
    for path, group in (("/", _PLAIN), ("/service-role/", _ROLES), ("/job-function/", _JOBS)):
        for name, grants in group.items():
            arn = f"{PREFIX[:-1]}{path}{name}"
            policy_id = "ANPA" + b32encode(sha256(arn.encode()).digest())[:17].decode()
            instants = (_CREATED_MS, _CREATED_MS)
            policy = Policy(OWNER, name, arn, policy_id, path, None, 1, 1, "{}", *instants)
            table[arn] = (policy, _document(grants))
    return table


def managed_policies() -> tuple[Policy, ...]:
    """Return all of AWS's policies that are known here."""
    return tuple(policy for policy, _ in _table().values())


def managed_policy(arn: str) -> Policy | None:
    """Return one of AWS's policies, or None."""
    found = _table().get(arn)
    return None if found is None else found[0]


def managed_document(arn: str) -> str | None:
    """Return the document of one of AWS's policies, or None."""
    found = _table().get(arn)
    return None if found is None else found[1]
