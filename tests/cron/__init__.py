"""Cron expressions in every time zone, against an independent library and against the clock."""
