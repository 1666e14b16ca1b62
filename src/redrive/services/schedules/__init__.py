"""EventBridge Scheduler: schedules and their groups."""
