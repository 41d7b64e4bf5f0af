"""Download the .deb of libedgetpu for the image: URL, SHA-256, file. Without a URL: mount the library instead."""

from __future__ import annotations

import hashlib
import sys
import urllib.request
from pathlib import Path
from typing import Final

LIMIT_S: Final = 60.0


def main(url: str, sha256: str, target: str) -> None:
    """Write the file if its hash matches; else exit with the reason."""
    if not url:
        return
    if not url.startswith("https://") or not sha256:
        sys.exit("LIBEDGETPU_URL must be an https address, and LIBEDGETPU_SHA256 the hash of the file")
    with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:  # noqa: S310 - https, as was just checked
        package = answer.read()
    found = hashlib.sha256(package).hexdigest()
    if found != sha256.lower():
        sys.exit(f"{url} does not match LIBEDGETPU_SHA256: its sha256 is {found}")
    Path(target).write_bytes(package)


if __name__ == "__main__":
    main(*sys.argv[1:])
