"""What SNS's requests may say that is not acted on here: kept and shown, or refused.

docs/compat is generated from LABELS and UNOFFERED.
"""

from __future__ import annotations

from redrive.services.labels import Label

LABELS = (
    Label("KmsMasterKeyId", "kept", "Shown; what is owed to subscribers is stored unencrypted."),
    Label("TracingConfig", "kept", "Shown; no trace segments are written."),
    Label("DisplayName", "kept", "Shown; it is for email and SMS, which are not sent."),
    Label(
        "<protocol>SuccessFeedbackRoleArn, …SampleRate, …FailureFeedbackRoleArn",
        "kept",
        "Shown; the status of deliveries is counted in AWS/SNS and not logged.",
    ),
    Label("ArchivePolicy", "refused", "Messages of FIFO topics are not archived."),
    Label("ReplayPolicy", "refused", "Messages of FIFO topics are not archived."),
    Label("DataProtectionPolicy", "refused", "Messages are not inspected."),
    Label("SubscriptionRoleArn", "refused", "There are no Firehose delivery streams."),
    Label("Protocol email, email-json", "refused", "No email is sent."),
    Label("Protocol sms, PhoneNumber", "refused", "No text messages are sent."),
    Label("Protocol application, TargetArn of an endpoint", "refused", "No app is notified."),
    Label("Protocol firehose", "refused", "There are no Firehose delivery streams."),
)

_PHONES = "No text messages are sent."
_APPS = "Mobile apps are not notified."

UNOFFERED = {
    "CreatePlatformApplication": _APPS,
    "CreateSMSSandboxPhoneNumber": _PHONES,
    "DeleteSMSSandboxPhoneNumber": _PHONES,
    "SetSMSAttributes": _PHONES,
    "VerifySMSSandboxPhoneNumber": _PHONES,
}
"""Operations that are refused whatever they are asked, and why in one sentence. What is about an
application, an endpoint or a phone number is answered with the truth, that there is none."""
