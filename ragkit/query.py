"""``python -m ragkit.query QUESTION``, the same as ``ragkit query QUESTION``."""

import sys

from ragkit.cli import main

if __name__ == "__main__":
    main(["query", *sys.argv[1:]])
