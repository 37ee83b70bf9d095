# SPDX-License-Identifier: (LGPL-2.1 OR BSD-2-Clause)
"""pytest plugin: one JSON line a test, written as it ends, so that a guest that dies midway still tells."""
import json
import os


def write(**record):
    with open(os.environ["VM_RESULTS"], "a") as file:
        file.write(json.dumps(record) + "\n")


def reason(report):
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return getattr(report, "wasxfail", "") or str(report.longrepr or "")[-2000:]


def pytest_runtest_logstart(nodeid, location):
    write(test=nodeid, outcome="started")


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        write(test=report.nodeid, outcome=report.outcome, reason=reason(report), seconds=report.duration)


def pytest_collectreport(report):
    if report.outcome != "passed":
        write(test=report.nodeid, outcome=report.outcome, reason=reason(report))
