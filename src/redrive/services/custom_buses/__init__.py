"""EventBridge custom event buses: kept events, subscribers that read on from where they were."""
