"""Event source mappings: from a queue to a function. Queues and functions are other rooms' affairs."""
