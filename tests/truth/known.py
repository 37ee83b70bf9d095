# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""Faults that are known and not mended yet: how many of 1000 may be. Each is to become 0 and go."""

TOLERATED = {
    ("c", "wrong"): 90,
    ("c", "missed"): 80,
    ("cxx", "wrong"): 250,
    ("cxx", "missed"): 200,
    ("rust", "wrong"): 400,
    ("rust", "missed"): 50,
    ("go", "wrong"): 150,
    ("go", "double"): 20,
}
