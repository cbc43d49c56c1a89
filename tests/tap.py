# SPDX-License-Identifier: Apache-2.0
"""What a test that is a script says: one line for each rule, and why it does not hold."""

import sys


def report(rules):
    """Prints TAP for `rules`, a list of (what holds, list of what breaks it), and ends."""
    print(f"1..{len(rules)}")
    for number, (name, breaches) in enumerate(rules, 1):
        print(f"{'not ok' if breaches else 'ok'} {number} {name}")
        for breach in breaches:
            print(f"# {breach}")
    sys.exit(any(breaches for _, breaches in rules))
