"""The second composition root: the shipped services under a virtual clock, one seed and faults."""
