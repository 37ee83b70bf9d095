#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Unpack Debian 13's Python, Ruby and PHP, built without USDT, into a folder that can be chrooted into."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../vm"))
import debs  # noqa: E402

folder = os.path.abspath(sys.argv[1])
if not os.path.exists(folder):
    try:
        debs.Repository(folder + ".apt", ["trixie"], "amd64").unpack(
            ["python3.13", "ruby3.3", "php8.4-cli"], folder, depends=True)
    except debs.Error as error:
        sys.exit(f"{sys.argv[0]}: {error}")
    # The packages expect a merged /usr.
    for name in "bin", "lib", "lib64":
        if not os.path.exists(f"{folder}/{name}"):
            os.symlink(f"usr/{name}", f"{folder}/{name}")
