"""CloudWatch Logs' filter patterns: a text becomes a test of log events. Pure.

AWS: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters,
filter log events, and Live Tail".
"""
