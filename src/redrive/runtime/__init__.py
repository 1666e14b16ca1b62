"""Floor 3: functions as processes."""
