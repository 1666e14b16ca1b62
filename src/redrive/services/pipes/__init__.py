"""EventBridge Pipes: from a queue over a filter and an enrichment to a target."""
