#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that what is installed is complete, and that a program can be built with the library from it
alone. Arguments: the build directory, the root of the project, prefix and
library directory of the installation, the sanitizers in use, and the compiler."""

import os
import pathlib
import subprocess
import sys
import tempfile

import tap

BUILD, ROOT = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
PREFIX, LIBDIR, SANITIZE, *COMPILER = sys.argv[3:]
EXPECTED = ("bin/qkdnf", "sbin/qkdnf-platform", "sbin/qkdnf-agent", "include/qkdnf.h",
            "share/man/man1/qkdnf.1", "share/man/man3/libqkdnf.3",
            "share/man/man5/qkdnf-agent.yaml.5", "share/man/man8/qkdnf-platform.8",
            "share/bash-completion/completions/qkdnf", "share/qkdnf/two-providers.yaml",
            "share/qkdnf/contract/README.md", "share/qkdnf/contract/asyncapi.json",
            "share/qkdnf/contract/schemas/frame.proto", "share/qkdnf/grafana/qkdnf.json")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    return [] if done.returncode == 0 else [f"{command[0]}: {done.stdout}{done.stderr}"]


def built_against(dest, libraries):
    """The example, with what pkg-config says of the library where it is; it must start."""
    environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(dest),
                   "PKG_CONFIG_PATH": str(libraries / "pkgconfig")}
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libqkdnf"], check=True,
                           capture_output=True, text=True, env=environment).stdout.split()
    sanitize = [] if SANITIZE == "none" else [f"-fsanitize={SANITIZE}"]
    program = dest / "example"
    yield from run(*COMPILER, ROOT / "agents/application/example.c", "-o", program, *flags, *sanitize,
                   f"-Wl,-rpath,{libraries}")
    told = subprocess.run([program, dest / "none.json", "a", "b"], capture_output=True, text=True)
    if told.returncode != 2 or "none.json" not in told.stderr:
        yield f"it ended with {told.returncode} and said: {told.stderr}"


def wrong_links(libraries):
    shared = sorted(path.name for path in libraries.glob("libqkdnf*"))
    if shared != ["libqkdnf.so", "libqkdnf.so.0", "libqkdnf.so.0.1.0"]:
        yield f"expected the shared library and its links, not {shared}"


def main():
    with tempfile.TemporaryDirectory(prefix="qkdnf-") as place:
        dest = pathlib.Path(place)
        failures = run("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", dest)
        prefix = dest / PREFIX.lstrip("/")
        libraries = prefix / LIBDIR
        tap.report(
            [
                ("everything can be installed", failures),
                ("nothing is missing", [name for name in EXPECTED if not (prefix / name).is_file()]),
                ("the library has its name and its links", list(wrong_links(libraries))),
                ("a program can be built with it", list(built_against(dest, libraries))),
            ]
        )


main()
