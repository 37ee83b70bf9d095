# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The languages by name."""
from c import C
from cxx import Cxx
from golang import Go
from rust import Rust

LANGUAGES = {language.name: language for language in (C(), Cxx(), Rust(), Go())}
