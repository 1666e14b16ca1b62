"""Redrive: the serverless reliability pattern on machines that people own."""

__version__ = "0.1.0"
