"""`python -m redrive` and the `redrive` command."""

from __future__ import annotations

from redrive.cli.main import main

if __name__ == "__main__":
    main()
