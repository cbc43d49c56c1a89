#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints how many tests of a meson run passed, failed and were skipped.

The argument is the run's folder of logs. A program that ended before it could say which of its tests
failed counts as one that did.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {"OK", "EXPECTEDFAIL", "SKIP"}


def verdict(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def main():
    logs = pathlib.Path(sys.argv[1])
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    n_said = 0
    for suite in ElementTree.parse(logs / "testlog.junit.xml").iter("testsuite"):
        verdicts = [verdict(case) for case in suite.iter("testcase")]
        for each in verdicts:
            counts[each] += 1
        # A suite `project.program` is one program's, the suite `project` is of one case a program.
        is_one_program = "." in suite.get("name")
        n_said += "failed" in verdicts if is_one_program else verdicts.count("failed")
    results = [json.loads(line)["result"] for line in (logs / "testlog.json").open()]
    n_bad = sum(result not in GOOD for result in results)
    print(counts["passed"], counts["failed"] + max(0, n_bad - n_said), counts["skipped"])


main()
