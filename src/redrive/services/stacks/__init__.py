"""Stacks: a template becomes an ordered list of resources, and the calls that make them so."""
