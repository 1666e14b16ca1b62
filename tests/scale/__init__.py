"""Large numbers: memory that does not grow with the messages, and space that comes back."""
