#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that a library exports what its header declares, and nothing else.

The arguments are `nm`, the shared library and the header.
"""

import pathlib
import re
import subprocess
import sys

import tap

DECLARED = re.compile(r"^QKDNF_API\b[^;(]*?\b(\w+)\(", re.MULTILINE)


def exported(nm, library):
    text = subprocess.run(
        [nm, "-D", "--defined-only", "--format=posix", library],
        check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        name, kind = line.split()[:2]
        if kind != "A":  # the name of the version itself
            yield name.split("@")[0]


def main():
    nm, library, header = sys.argv[1:]
    declared = set(DECLARED.findall(pathlib.Path(header).read_text()))
    found = set(exported(nm, library))
    tap.report(
        [
            ("the header declares functions", [] if len(declared) > 20 else ["hardly any"]),
            ("all that is declared is exported", sorted(declared - found)),
            ("nothing else is exported", sorted(found - declared)),
        ]
    )


main()
