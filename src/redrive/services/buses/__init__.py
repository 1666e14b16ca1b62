"""EventBridge: event buses, rules, targets, archives, connections."""
