"""Floor 0: pure values and rules, standard library only. No clock, no chance, no I/O."""
