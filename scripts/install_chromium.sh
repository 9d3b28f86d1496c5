#!/usr/bin/env bash
# Install Chromium and a CJK font for the browser tests, where that can be done without a question.
# Without them the browser tests skip and say so.
set -u
if command -v chromium >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Chromium is not installed: the browser tests will be skipped." >&2
    exit 0
fi
apt-get update -qq >/dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium fonts-noto-cjk >/dev/null ||
    echo "Chromium could not be installed: the browser tests will be skipped." >&2
