#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that no include runs against the layers. The argument is the root of the project."""

import pathlib
import re
import sys

import tap

# Each layer may include itself and what is named here. The longest name that a path begins with is
# its layer.
LAYERS = {
    "schemas": [],
    "topics/base": ["schemas"],
    "topics": ["schemas", "topics/base"],
    "topics/mqtt": ["schemas", "topics/base", "topics"],
    "platform": ["schemas", "topics/base", "topics", "topics/mqtt"],
    "agents": ["schemas", "topics/base", "topics", "topics/mqtt"],
    "tools": ["schemas", "topics/base", "topics", "topics/mqtt", "platform", "agents"],
    "tests": ["schemas", "topics/base", "topics", "topics/mqtt", "platform", "agents", "tools"],
}

# The bus library stays behind the session; the floor measures it as it is shipped.
BUS_LIBRARY = re.compile(r"MQTT\w*\.h")
BUS_LIBRARY_AT = ("topics/mqtt/", "tools/bench/floor-paho.c")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def layer_of(path):
    return max((layer for layer in LAYERS if path.startswith(layer + "/")), key=len, default=None)


def sources(root):
    for layer in sorted({layer.split("/")[0] for layer in LAYERS}):
        for path in sorted((root / layer).rglob("*.[ch]")):
            if "node_modules" not in path.parts:
                yield path


def includes(root):
    """Yields place, path of the source, whether it is quoted, and what is included."""
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield f"{name}:{number}", name, match[1] == '"', match[2]


def exists(root, name):
    made_from = re.sub(r"\.pb-c\.h$", ".proto", name)
    made_from = re.sub(r"-resources\.h$", ".gresource.xml.in", made_from)
    return (root / name).is_file() or (root / made_from).is_file()


def main():
    root = pathlib.Path(sys.argv[1])
    upward, astray, bus = [], [], []
    seen = list(includes(root))
    for place, source, quoted, target in seen:
        if BUS_LIBRARY.fullmatch(target) and not source.startswith(BUS_LIBRARY_AT):
            bus.append(f"{place} includes {target}")
        if not quoted:
            continue
        layer, other = layer_of(source), layer_of(target)
        if not exists(root, target) or other is None:
            astray.append(f"{place} includes {target}")
        elif other != layer and other not in LAYERS[layer]:
            upward.append(f"{place} includes {target}, but {layer} may not include {other}")
    tap.report(
        [
            ("sources and includes are found", [] if len(seen) > 100 else ["hardly any"]),
            ("no include runs against the layers", upward),
            ("what is ours is included by its path from the root", astray),
            ("only the session includes the bus library", bus),
        ]
    )


main()
