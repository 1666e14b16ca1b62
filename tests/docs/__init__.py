"""Documents that are written by a program, and the tests that fail when they fall behind."""
