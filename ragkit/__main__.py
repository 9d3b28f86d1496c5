"""``python -m ragkit``, the same as the console script ``ragkit``."""

from ragkit.cli import main

if __name__ == "__main__":
    main()
