# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""The languages by name, those that are installed."""
from c import C

LANGUAGES = {language.name: language for language in (C(),)}
