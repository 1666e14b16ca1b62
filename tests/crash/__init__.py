"""Real servers on real files, killed: what was acknowledged must be there afterwards."""
