"""Metrics of queues, by the names that CloudWatch gives them."""
