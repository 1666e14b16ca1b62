"""Floor 5: what a person types; one file a command family."""
