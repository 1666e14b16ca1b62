"""Floor 1: transactions over named statements, on stable storage before anybody hears of them."""
