#!/usr/bin/python3
# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Unpack Debian 13's Python, Ruby and PHP, built without USDT, into a folder that can be chrooted into."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../vm"))
import debs  # noqa: E402

ARCH = {"aarch64": "arm64"}.get(os.uname().machine, "amd64")

folder = os.path.abspath(sys.argv[1])
part = folder + ".part"
shutil.rmtree(part, ignore_errors=True)
try:
    debs.Repository(folder + ".apt", ["trixie"], ARCH).unpack(
        ["python3.13", "ruby3.3", "php8.4-cli"], part, depends=True)
except debs.Error as error:
    sys.exit(f"{sys.argv[0]}: {error}")
# The packages expect a merged /usr.
for name in "bin", "lib", "lib64":
    if not os.path.exists(f"{part}/{name}"):
        os.symlink(f"usr/{name}", f"{part}/{name}")
shutil.rmtree(folder, ignore_errors=True)
os.rename(part, folder)
