"""What people paid for, as rules over a picture of queues, functions and mappings."""
