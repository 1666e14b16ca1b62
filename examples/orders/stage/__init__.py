"""What the demo needs around the example: customers, a producer, a server to kill, an auditor."""
