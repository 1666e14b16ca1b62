"""Floor 1: AWS's protocols without I/O: a Request goes in, a Response comes out."""
