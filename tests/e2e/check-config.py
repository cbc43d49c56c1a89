# SPDX-License-Identifier: Apache-2.0
"""What `qkdnf check-config` and the command line as such say. Argument: the build
directory."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import fabric

EXAMPLES = fabric.ROOT / "tools" / "demo"

WRONG_FEDERATION = """\
provider: []
monitors: [ops]
providers:
  - id: vienna
    qkdn: {driver: sim, sim: {nodes: [{id: sie}], links: [{a: sie, b: erd, km: 32}]}}
    applications: [{sae: ops, node: sie}]
borders:
  - {a: vienna/sie, b: madrid/m1, rate_bps: -4}
"""

WRONG_FEDERATION_ERRORS = """\
FILE:1:1: error: unknown key 'provider'; expected one of broker_url, crl, monitors, store_synchronous, platform, providers, borders
    provider: []
    ^~~~~~~~
FILE:5:71: error: there is no node 'erd'
        qkdn: {driver: sim, sim: {nodes: [{id: sie}], links: [{a: sie, b: erd, km: 32}]}}
                                                                          ^~~
FILE:6:26: error: ID 'ops' is taken by a monitor
        applications: [{sae: ops, node: sie}]
                             ^~~
FILE:8:24: error: there is no provider 'madrid'
      - {a: vienna/sie, b: madrid/m1, rate_bps: -4}
                           ^~~~~~~~~
FILE:8:45: error: key 'rate_bps': expected secret bits per second from 0 to 1000000000, not '-4'
      - {a: vienna/sie, b: madrid/m1, rate_bps: -4}
                                                ^~
"""

PLATFORM = """\
broker: {url: "mqtts://127.0.0.1:8883", ca: ca.crt, certificate: p.crt, key: p.key}
store: platform.db
federation: {id: platform}
"""

AGENT = """\
broker: {url: "mqtts://127.0.0.1:8883", ca: ca.crt, certificate: a.crt, key: a.key}
store: agent.db
agent: {id: a, kme_id: a-kme, kme_url: "https://127.0.0.1:8443"}
master_key: master.key
kme: {listen: "127.0.0.1:8443", ca: ca.crt, certificate: k.crt, key: k.key}
qkdn: {driver: sim, sim: {nodes: [{id: n}]}}
"""


class Program:
    def __init__(self, build):
        self.path = pathlib.Path(build) / "tools" / "qkdnf" / "qkdnf"
        self.directory = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.file = pathlib.Path(self.directory.name, "file.yaml")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.directory.cleanup()

    def run(self, *arguments, environment={}):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, env={**os.environ, **environment},
                              preexec_fn=fabric.die_with_parent)
        return done.returncode, done.stdout, done.stderr

    def check(self, text, *options):
        """Of a file with this text; its name is FILE in what is said."""
        self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        code, out, err = self.run("check-config", self.file, *options)
        return code, out.replace(str(self.file), "FILE"), err.replace(str(self.file), "FILE")


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def test_examples_are_valid(qkdnf):
    examples = sorted(EXAMPLES.glob("*.yaml"))
    assert len(examples) >= 3
    for example in examples:
        equal(qkdnf.run("check-config", example), (0, f"{example}: valid (federation)\n", ""))


def test_every_error_is_told_at_once(qkdnf):
    equal(qkdnf.check(WRONG_FEDERATION), (2, "", WRONG_FEDERATION_ERRORS))


def test_daemons_files_are_known_by_their_keys(qkdnf):
    equal(qkdnf.check(PLATFORM), (0, "FILE: valid (platform)\n", ""))
    equal(qkdnf.check(AGENT), (0, "FILE: valid (agent)\n", ""))
    equal(qkdnf.check(AGENT.replace("kme_id: a-kme, ", "")),
          (2, "", "FILE:3:8: error: missing key 'kme_id'\n"
                  '    agent: {id: a, kme_url: "https://127.0.0.1:8443"}\n'
                  f"           ^{'~' * 41}\n"))


def test_the_kind_can_be_given(qkdnf):
    code, _, err = qkdnf.check(PLATFORM, "--kind", "agent")
    equal(code, 2)
    assert "unknown key 'federation'" in err, err
    equal(qkdnf.check(PLATFORM, "--kind", "radio")[0], 2)


def test_json(qkdnf):
    code, out, err = qkdnf.check(PLATFORM, "--json")
    equal((code, err), (0, ""))
    equal(json.loads(out), {"file": "FILE", "kind": "platform", "valid": True, "errors": []})
    code, out, err = qkdnf.check(WRONG_FEDERATION, "--json")
    equal((code, err), (2, ""))
    expected = re.findall(r"^FILE:(\d+):(\d+): error: (.*)$", WRONG_FEDERATION_ERRORS, re.M)
    equal(json.loads(out), {"file": "FILE", "kind": "federation", "valid": False, "errors": [
        {"file": "FILE", "line": int(line), "column": int(column), "message": message}
        for line, column, message in expected]})
    code, out, _ = qkdnf.check("", "--json")
    equal(json.loads(out)["errors"], [{"file": "FILE", "line": None, "column": None,
                                       "message": "expected a mapping, not nothing"}])


def test_what_is_no_configuration(qkdnf):
    equal(qkdnf.check(""), (2, "", "FILE: error: expected a mapping, not nothing\n"))
    equal(qkdnf.check(b"providers: \xff\n"),
          (2, "", "FILE:1:12: error: not UTF-8 text\n    providers: \n               ^\n"))
    equal(qkdnf.check("providers: [\n")[0], 2)
    equal(qkdnf.run("check-config", "/nonexistent"),
          (2, "", "/nonexistent: error: cannot be read: No such file or directory\n"))
    equal(qkdnf.run("check-config", "/"),
          (2, "", "/: error: cannot be read: Is a directory\n"))


def test_usage(qkdnf):
    for arguments in ([], ["fly"], ["check-config"], ["check-config", "a", "b"], ["up"],
                      ["up", "file"], ["down"], ["status", "--fly"], ["check-config", "--kind", "x"]):
        code, out, err = qkdnf.run(*arguments)
        equal((code, out), (2, ""))
        assert err.startswith("qkdnf"), (arguments, err)
    version = qkdnf.run("--version")
    equal(version[0], 0)
    listed = qkdnf.run("--help")[1].split("\n\n")[1].splitlines()
    for verb in [[]] + [[line.split()[0]] for line in listed]:
        code, out, err = qkdnf.run(*verb, "--help")
        equal((code, err), (0, ""))
        assert out.startswith("Usage: qkdnf"), out
        equal(qkdnf.run(*verb, "--version"), version)
        if verb and verb[0] not in ("up", "down", "demo", "contract", "dashboard", "certificate", "broker"):
            assert "-j, --json" in out, out


def test_how_to_connect_is_not_said(qkdnf):
    place = qkdnf.directory.name
    for verb in (["tap"], ["topology"], ["fault", "list", "a"], ["request", "--to", "b"],
                 ["bench", "request"], ["dashboard"]):
        code, out, err = qkdnf.run(*verb)
        if "built without" in err:
            equal((code, out, verb), (1, "", ["dashboard"]))
            assert "tools/quickstart" in err, err
            print("# the dashboard is not asked: " + err.strip())
            continue
        equal((code, out), (2, ""))
        code, out, err = qkdnf.run(*verb, "--federation", place)
        equal((code, out), (2, ""))
        assert f"no federation runs in {place}: " in err, err
        equal(qkdnf.run(*verb, environment={"QKDNF_FEDERATION": place}), (code, out, err))


def test_fetch_needs_a_federation(qkdnf):
    access = [word for name in ("ca", "certificate", "key") for word in (f"--{name}", "/none")]
    equal(qkdnf.run("request", "--as", "a", "--to", "b", "--fetch", "--broker",
                    "mqtts://127.0.0.1:1", *access),
          (2, "", "qkdnf request: --fetch needs --federation: it fetches as the targets, too\n"))


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: Program(sys.argv[1]))


main()
