#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that manual pages and completion have all that the programs have, and that the pages are
sound. Arguments: the build directory and the root of the project."""

import configparser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import tap

BUILD, ROOT = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
QKDNF = BUILD / "tools" / "qkdnf" / "qkdnf"
PAGES = BUILD / "tools" / "manual"
NAMES = ("qkdnf.1", "qkdnf-bench.1", "libqkdnf.3", "qkdnf-agent.yaml.5", "qkdnf-federation.yaml.5",
         "qkdnf-platform.yaml.5", "qkdnf-agent.8", "qkdnf-platform.8")
PROGRAMS = {"qkdnf-agent.8": BUILD / "agents" / "qkdnf-agent",
            "qkdnf-bench.1": BUILD / "tools" / "bench" / "qkdnf-bench",
            "qkdnf-platform.8": BUILD / "platform" / "qkdnf-platform"}
OPTION = re.compile(r"^ {2,6}(?:-., )?(--[-a-z]+)", re.MULTILINE)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def rendered(name):
    """The page as it is read, in one line: no overstrikes, no breaks."""
    text = re.sub(".\b", "", run("mandoc", "-T", "utf8", "-O", "width=500", PAGES / name))
    return " ".join(text.replace("‐", "-").replace("‑", "-").split())


def lint(name):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGES / name],
                          capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()


def help_of(*command):
    return run(*command, "--help")


def verbs():
    return re.findall(r"^  ([a-z][-a-z]*) +\S", help_of(QKDNF), re.MULTILINE)


def section(page, verb):
    """What a page has of a verb: from its heading to the next verb's."""
    start = page.index(f" {verb} qkdnf {verb} [OPTION...]")
    ends = [page.find(f" {other} qkdnf {other} [OPTION...]", start + 1) for other in verbs()]
    return page[start:min([end for end in ends if end > start] or [len(page)])]


def missing_in_verbs():
    page = rendered("qkdnf.1")
    shared = page[page.rindex("CONNECTION OPTIONS"):page.index("ENVIRONMENT")]
    shared += "--help --usage --version"
    for verb in verbs():
        if f" {verb} qkdnf {verb} " not in page:
            yield f"qkdnf.1 lacks the verb {verb}"
            continue
        for option in OPTION.findall(help_of(QKDNF, verb)):
            if not re.search(rf"{option}\b", section(page, verb)) and not re.search(rf"{option}\b", shared):
                yield f"qkdnf.1 lacks {option} of {verb}"


def missing_in_programs():
    for name, program in PROGRAMS.items():
        page = rendered(name) + "--help --usage --version"
        for option in OPTION.findall(help_of(program)):
            if option not in page:
                yield f"{name} lacks {option}"


def paths(table, prefix=""):
    """Every key of a table, as a path."""
    for setting in table:
        included = setting["type"] == "include"
        path = prefix if included else f"{prefix}{setting['key']}"
        if not included:
            yield path
        yield from paths(setting.get("settings", []), prefix if included else path + ".")


def wrong_settings():
    described = configparser.RawConfigParser(delimiters=(":",))
    described.optionxform = str
    described.read(ROOT / "tools" / "manual" / "settings.ini")
    for page, table in json.loads((PAGES / "settings.json").read_text()).items():
        known, text = set(paths(table)), rendered(f"{page}.5")
        told = set(described[page])
        yield from (f"{page}: {path} is not described: do it in tools/manual/settings.ini"
                    for path in sorted(known - told))
        yield from (f"{page}: there is no {path}, which tools/manual/settings.ini describes"
                    for path in sorted(told - known))
        for path in sorted(known & told):
            words = " ".join(described[page][path].replace("`", "").split())
            if words not in text:
                yield f"{page}.5 lacks what {path} is"


def missing_functions():
    page = rendered("libqkdnf.3")
    header = (ROOT / "agents" / "application" / "qkdnf.h").read_text()
    names = re.findall(r"^QKDNF_API\b[^;(]*?\b(\w+)\(", header, re.MULTILINE)
    assert len(names) > 20
    return [f"libqkdnf.3 lacks {name}" for name in names if f"{name}()" not in page]


def unread_by_others():
    """Pages that `man` would warn of, where it is there."""
    for name in NAMES:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PAGES / name],
                              capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        yield from done.stderr.splitlines()


def alone():
    """Programs that are installed without a page or without completion."""
    installed = json.loads((BUILD / "meson-info" / "intro-installed.json").read_text()).values()
    targets = {pathlib.PurePath(target) for target in installed}
    programs = [target.name for target in targets if target.parent.name in ("bin", "sbin")]
    assert {"qkdnf", "qkdnf-agent", "qkdnf-bench", "qkdnf-platform"} <= set(programs), programs
    for program in programs:
        for place, names in (("man", {f"{program}.1", f"{program}.8"}), ("completions", {program})):
            if not any(place in str(target.parent) and target.name in names for target in targets):
                yield f"{program} has nothing in {place}"


# --- completion ------------------------------------------------------------------------------------

def completions(*words, directory=".", program=QKDNF):
    """What bash offers for the last word."""
    script = f"""
        . {ROOT}/tools/manual/qkdnf.bash
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _qkdnf {program} "${{@: -1}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run("bash", "--norc", "-c", script, "bash", *words, cwd=directory).split()


def wrong_completions():
    for verb in verbs():
        if verb not in completions("qkdnf", verb[:2]):
            yield f"{verb} is not offered"
        offered = completions("qkdnf", verb, "--")
        for option in OPTION.findall(help_of(QKDNF, verb)):
            if option not in offered:
                yield f"{option} is not offered for {verb}"
    for program in PROGRAMS.values():
        missing = set(OPTION.findall(help_of(program))) - set(completions(program.name, "--", program=program))
        if missing:
            yield f"{missing} of {program.name} are not offered"
    bench = PROGRAMS["qkdnf-bench.1"]
    if not {"request", "reroute"} <= set(completions(bench.name, "re", program=bench)):
        yield f"no measure is offered, but {completions(bench.name, 're', program=bench)}"
    for words, expected in (
            (("bench", "re"), {"request", "relay", "reroute"}),
            (("admin", ""), {"members", "approve", "refuse", "suspend", "expel", "audit"}),
            (("session", ""), {"open", "list", "show", "move", "close"}),
            (("fault", "cl"), {"clear"})):
        if not expected <= set(completions("qkdnf", *words)):
            yield f"{words}: {completions('qkdnf', *words)}, not {expected}"
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / "some.yaml").touch()
        (pathlib.Path(place) / "somewhere").mkdir()
        for words, expected in (
                (("up", "so"), {"some.yaml", "somewhere"}),
                (("up", "--dir", "so"), {"somewhere"}),
                (("topology", "--svg", "=", "so"), {"some.yaml", "somewhere"}),
                (("topology", "--svg", "="), {"some.yaml", "somewhere"})):
            offered = set(completions("qkdnf", *words, directory=place))
            if offered != expected:
                yield f"{words}: {offered}, not {expected}"


tap.report(
    [
        ("mandoc has nothing to say of any page",
         [f"{name}: {line}" for name in NAMES for line in lint(name)]),
        ("nor has man", list(unread_by_others())),
        ("every verb and option is in qkdnf(1)", list(missing_in_verbs())),
        ("every option of the other programs is in their pages", list(missing_in_programs())),
        ("every program that is installed has a page and completion", list(alone())),
        ("every key of the settings files is described", list(wrong_settings())),
        ("every function is in libqkdnf(3)", missing_functions()),
        ("bash completes verbs, options, actions and files", list(wrong_completions())),
    ]
)
