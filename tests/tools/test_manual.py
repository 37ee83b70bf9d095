# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""What man pages share (man/shared/NAME.man) is the same in all of them, between these lines:
  .\\" begin shared/NAME.man
  .\\" end shared/NAME.man
UPDATE_SHARED=1 writes it there."""
import os
import re
from pathlib import Path

import pytest

MAN = Path(__file__).resolve().parents[2] / "man"
SHARED = sorted(path.stem for path in (MAN / "shared").glob("*.man"))
WITHOUT = {"filters": {"tplist", "xdpcount"}}


@pytest.mark.no_tool
@pytest.mark.parametrize("page", sorted(MAN.glob("*.8")), ids=lambda page: page.stem)
@pytest.mark.parametrize("name", SHARED)
def test_shared_sections_are_the_same_in_all_pages(page, name):
    text = (MAN / "shared" / f"{name}.man").read_text()
    mark = re.compile(rf'(\.\\" begin shared/{name}\.man\n)(.*?)(\.\\" end shared/{name}\.man\n)', re.S)
    found = mark.findall(page.read_text())
    assert len(found) == (page.stem not in WITHOUT.get(name, ()))
    if os.environ.get("UPDATE_SHARED") and found:
        page.write_text(mark.sub(lambda match: match[1] + text + match[3], page.read_text()))
    elif found:
        assert found[0][1] == text
