#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a manual page from its prose (PAGE.in, mdoc) and from what the programs themselves know:

  @OPTIONS@      a program's options, from its --help
  @ABOUT@        what that says it does
  @VERBS@        every verb of qkdnf, from its --help
  @CONNECTION@   the options that all verbs have which connect, from the same
  @SETTINGS@     every key of a settings file, from the tables that read it, with settings.ini
  @FUNCTIONS@    every function of a header, with the comment above it

Arguments: the prose, the page to write, the version, and what the facts come from: a program, a
header, or the JSON of settings-tables and settings.ini."""

import configparser
import json
import os
import pathlib
import re
import subprocess
import sys

# Everything in one line, so that nothing has to be put together again.
WIDE = {**os.environ, "ARGP_HELP_FMT": "rmargin=100000", "LC_ALL": "C.UTF-8"}
CONNECTION = "How to connect"
STANDARD = ("--help", "--usage", "--version")


# --- mdoc ------------------------------------------------------------------------------------------

def plain(text):
    """A text as it is, for mdoc."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return "\\&" + text if text[:1] in (".", "'") else text


def prose(text):
    """Sentences, each on a line of its own, with `words` set in bold."""
    lines = []
    for sentence in re.split(r"(?<=[.:;]) (?=[A-Z`])", text.strip()):
        sentence = re.sub(r"`([^`]*)`", lambda word: f"\\fB{word[1]}\\fP", plain(sentence))
        lines.append(sentence)
    return "\n".join(lines)


def tagged(items):
    """A list of (heading, lines)."""
    if not items:
        return ""
    body = "\n".join(f".It {heading}\n{text}" for heading, text in items)
    return f".Bl -tag -width Ds\n{body}\n.El\n"


# --- what --help says ------------------------------------------------------------------------------

def help_of(*command):
    return subprocess.run([*command, "--help"], check=True, capture_output=True, text=True,
                          env=WIDE).stdout


class Help:
    """The --help of a program that uses argp: `usages`, `about`, and `groups` of options, each
    [title, [(names, what it is)]]."""

    def __init__(self, text):
        self.usages, self.about, self.groups = [], [], [["", []]]
        for line in text.splitlines():
            self._take(line)

    def _take(self, line):
        usage = re.match(r"(?:Usage: |  or:  )(.*)", line)
        option = re.match(r" {2,6}(-.*?)(?: {2,}| (?=[a-z])|$)(.*)", line)
        if usage:
            self.usages.append(usage[1])
        elif option:
            self._add(option[1], option[2].strip())
        elif re.match(r" \S.*:$", line):
            self.groups.append([line.strip().rstrip(":"), []])
        elif line.startswith(" " * 20):
            names, what = self.groups[-1][1].pop()
            self._add(names, f"{what} {line.strip()}".strip())
        elif not line.strip() and self.groups[-1][1]:
            self.groups.append(["", []])
        elif line.strip() and not line.startswith("Mandatory or optional"):
            self.about.append(line.strip())

    def _add(self, names, what):
        if not any(name in names for name in STANDARD):
            self.groups[-1][1].append((names, what))


def option_heading(names):
    """`-d, --dir=DIR` as the macros for it."""
    headings = []
    for name in re.split(r", (?=-)", names):
        flag, _, argument = name.partition("=")
        heading = f"Fl {plain(flag[1:])}"
        if argument:
            heading += f" Ns = Ns Ar {plain(argument)}"
        headings.append(heading)
    return " , ".join(headings)


def capital(text):
    return text[:1].upper() + text[1:]


def full_stop(text):
    return text if text.endswith((".", ":")) else text + "."


def options(groups):
    text = ""
    for title, members in groups:
        if members and title:
            text += f".Pp\n{prose(capital(title))}:\n"
        text += tagged([(option_heading(names), prose(full_stop(capital(what))))
                        for names, what in members])
    return text


def verbs_of(program):
    return re.findall(r"^  ([a-z][-a-z]*) +\S", help_of(program), re.MULTILINE)


def verb_section(program, verb):
    told = Help(help_of(program, verb))
    text = f".Ss {plain(verb)}\n.Bd -ragged -compact\n"
    text += "\n.br\n".join(f".Li {plain(usage)}" for usage in told.usages) + "\n.Ed\n.Pp\n"
    text += prose(" ".join(told.about)) + "\n"
    connects = any(title == CONNECTION for title, _ in told.groups)
    text += options([group for group in told.groups if group[0] != CONNECTION])
    if connects:
        text += ".Pp\nAlso takes the options of\n.Sx CONNECTION OPTIONS .\n"
    return text


def connection_options(program):
    for verb in verbs_of(program):
        for title, members in Help(help_of(program, verb)).groups:
            if title == CONNECTION:
                return options([["", members]])
    raise SystemExit("no verb connects")


# --- what the tables say ---------------------------------------------------------------------------

KINDS = {
    "text": "A text", "id": "An ID", "uint": "A number", "real": "A number", "bool": "true or false",
    "choice": "One of", "texts": "A list of texts", "list": "A list", "section": "A section",
}


def number(value):
    return f"{value:.0f}" if value == int(value) else f"{value}"


def bounds(setting):
    low, high = setting["min"], setting["max"]
    if low == 0 and high == 0:
        return ""
    if setting["type"] in ("uint", "real"):
        return f" from {number(low)} to {number(high)}"
    unit = {"text": "bytes", "texts": "items", "list": "items"}.get(setting["type"])
    if not unit or (unit == "bytes" and high == 4095):
        return ""
    if high < 0:
        return f" of at least {number(low)}"
    return f" of at most {number(high)} {unit}"


def facts(setting):
    """What the table says of a key, in a sentence or two."""
    kind = KINDS[setting["type"]] + bounds(setting)
    if setting["choices"]:
        kind += " " + ", ".join(setting["choices"])
    if setting["expects"] and setting["type"] != "bool":
        kind += f": {setting['expects']}"
    text = kind + "."
    default = setting["fallback"] or (setting["choices"][0] if setting["choices"] else "")
    if setting["required"]:
        text += " Required."
    elif default:
        text += f" Default: {default}."
    return text


class Settings:
    """The sections of a page: (path, what it is, [(key, what it is)])."""

    def __init__(self, table, described):
        self.described = described
        self.sections = []
        self._walk("", "", table)

    def _walk(self, path, about, table):
        section = (path, about, [])
        self.sections.append(section)
        self._fill(path, section[2], table)

    def _fill(self, path, keys, table):
        nested = []
        for setting in table:
            if setting["type"] == "include":
                self._include(path, keys, setting)
                continue
            inner = f"{path}.{setting['key']}".lstrip(".")
            about = f"{self.described.get(inner, '')} {facts(setting)}".strip()
            if "elsewhere" in setting:
                about += " " + self._elsewhere(setting)
            keys.append((setting["key"], about))
            if "settings" in setting:
                nested.append((inner, about, setting["settings"]))
        for inner in nested:
            self._walk(*inner)

    def _include(self, path, keys, setting):
        if "elsewhere" in setting:
            keys.append(("...", self._elsewhere(setting)))
        else:
            self._fill(path, keys, setting["settings"])

    @staticmethod
    def _elsewhere(setting):
        page, section = setting["elsewhere"].split()
        return f"All keys that `{section}` has in `{page}`(5)."


def settings(table, described):
    text = ""
    for path, about, keys in Settings(table, described).sections:
        if path:
            text += f".Ss {plain(path)}\n{prose(about)}\n"
        text += tagged([(f"Ic {plain(key)}", prose(what)) for key, what in keys])
    return text


def read_descriptions(path, page):
    parser = configparser.RawConfigParser(delimiters=(":",))
    parser.optionxform = str
    parser.read(path)
    return dict(parser[page])


# --- what the header says ---------------------------------------------------------------------------

FUNCTION = re.compile(r"QKDNF_API [^;]*?\b(qkdnf_\w+)\([^;]*;")


def functions(header):
    """Declarations that follow each other share the comment above them."""
    text, items, comment, names = "", [], "", []

    def finish():
        if names:
            heading = " , ".join(f"Fn {name}" for name in names)
            items.append((heading, prose(comment) or ".No See\n.In qkdnf.h ."))
            names.clear()

    pattern = re.compile(rf"/\* --- (.*?) --- \*/|((?:^//.*\n)+)|{FUNCTION.pattern}|^(?!QKDNF_API)\w.*$",
                         re.MULTILINE)
    for found in pattern.finditer(header):
        if found[3]:
            names.append(found[3])
            continue
        finish()
        comment = " ".join(re.findall(r"^// ?(.*)", found[2] or "", re.MULTILINE))
        if found[1]:
            text += tagged(items) + f".Ss {plain(capital(found[1]))}\n"
            items.clear()
    finish()
    return text + tagged(items)


# --- the page --------------------------------------------------------------------------------------

def parts(text, sources):
    found = {}
    if "@FUNCTIONS@" in text:
        found["@FUNCTIONS@"] = functions(pathlib.Path(sources[0]).read_text())
    if "@VERBS@" in text:
        found["@VERBS@"] = "".join(verb_section(sources[0], verb) for verb in verbs_of(sources[0]))
        found["@CONNECTION@"] = connection_options(sources[0])
    if "@OPTIONS@" in text:
        told = Help(help_of(sources[0]))
        found["@OPTIONS@"] = options(told.groups)
        found["@ABOUT@"] = prose(" ".join(told.about)) + "\n"
    return found


def main():
    source, target, version, *sources = sys.argv[1:]
    text = pathlib.Path(source).read_text()
    found = {"@VERSION@": version}
    if "@SETTINGS@" in text:
        page = pathlib.Path(target).stem
        table = json.loads(pathlib.Path(sources[0]).read_text())[page]
        found["@SETTINGS@"] = settings(table, read_descriptions(sources[1], page))
    else:
        found.update(parts(text, sources))
    for mark, value in found.items():
        text = text.replace(mark + "\n", value) if value.endswith("\n") else text.replace(mark, value)
    pathlib.Path(target).write_text(text)


if __name__ == "__main__":
    main()
