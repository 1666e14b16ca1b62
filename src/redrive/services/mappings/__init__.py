"""Event source mappings: from a queue to a function. Neither of the two is this room's affair."""
