"""What services owe to each other, kept until it has been delivered."""
