"""Fetch the weights of a preset: the same as ``ragkit download``, for people who look here.

Example: python scripts/download_models.py internlm2 --endpoint https://hf-mirror.com
"""

from __future__ import annotations

import sys

from ragkit.cli import main

if __name__ == "__main__":
    main(["download", *sys.argv[1:]])
