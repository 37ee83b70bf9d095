# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""pytest plugin of make check-honest: the tools are fakes that say they are ready, see nothing, print nothing and
end. A test that passes then, or never ends, proves nothing, and has failed."""
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "teardown":
        return
    if call.excinfo and call.excinfo.typename == "Hang":
        report.longrepr = f"{item.nodeid}: {call.excinfo.value}"
    elif report.outcome == "failed":
        report.outcome, report.wasxfail = "skipped", "as it must"
    elif report.outcome == "passed" and report.when == "call":
        report.outcome, report.longrepr = "failed", f"{item.nodeid} passes with tools that print nothing"
