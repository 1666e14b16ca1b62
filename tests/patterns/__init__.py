"""Event patterns and the index over many of them against a naive reading of AWS's words."""
