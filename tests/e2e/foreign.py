# SPDX-License-Identifier: Apache-2.0
"""Programs of strangers, in JavaScript: they are given what `qkdnf contract` writes and federation.json,
and no other file of the project; their libraries are what npm has."""

import contextlib
import json
import pathlib
import shutil
import subprocess
import sys

import fabric

MODULES = fabric.ROOT / "build-node" / "node_modules"
CLIENTS = fabric.ROOT / "tests" / "foreign"


class Strangers(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, fabric.ROOT / "tools" / "demo" / "two-providers.yaml")
        self.place = self.dir.parent / "stranger"
        self.contract = self.place / "contract"
        shutil.copytree(CLIENTS, self.place)
        (self.place / "node_modules").symlink_to(MODULES)
        self.run("contract", "--dir", str(self.contract))
        self.wait_for_key()

    def start(self, client, *arguments):
        return subprocess.Popen(
            ["node", str(self.place / client), str(self.contract), *arguments], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=fabric.die_with_parent)

    def finish(self, process):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out

    def user(self, qkdn):
        return next(sae["id"] for sae in self.info["saes"] if sae["qkdn"] == qkdn)


def test_the_contract_is_valid_and_its_examples_are_what_they_say(fed):
    assert "kinds" in fed.finish(fed.start("contract.mjs"))


def test_an_application_registers_and_gets_a_key_at_both_ends(fed):
    providers = sorted(fed.qkdns)
    initiator, target = map(fed.user, providers[:2])
    said = json.loads(fed.finish(fed.start(
        "application.mjs", str(fed.dir / "federation.json"), initiator, target)))
    assert said["registered"]["status"] == "STATUS_OK", said
    assert said["registered"]["home"] == providers[0], said
    assert [service["sae"] for service in said["found"]["services"]] == [initiator], said
    assert said["reply"]["status"] == "STATUS_OK", said
    assert said["reply"]["keyIds"] == said["keyIds"], said
    assert said["keyBytes"] == [32, 32] and said["keysAreEqual"] is True, said


def read_lines(process, until):
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if until(lines[-1]):
            return lines
    raise AssertionError(f"the monitor ended: {process.stderr.read()}")


def name(publish):
    return publish["kind"], publish["from"], publish["to"], int(publish["sequence"])


def has_reply(identity):
    return lambda publish: publish["kind"] == "reply" and any(
        message["id"] == identity for message in publish["messages"])


def test_a_monitor_reads_all_that_the_tap_reads(fed):
    """The tap's lines of the time from the first to the last that both have seen."""
    initiator, target = map(fed.user, sorted(fed.qkdns)[:2])
    tap = subprocess.Popen([fed.qkdnf, "tap", "--json", "--federation", str(fed.dir)], text=True,
                           stdout=subprocess.PIPE, preexec_fn=fabric.die_with_parent)
    monitor = fed.start("monitor.mjs", str(fed.dir / "federation.json"))
    # What is retained tells that they are there, and what follows is up to a request that both see.
    for process in (monitor, tap):
        assert process.stdout.readline()
    seen = []
    for _ in range(2):
        request = fed.request("--as", initiator, "--to", target)["request"]
        seen.append([read_lines(process, has_reply(request)) for process in (monitor, tap)])
    monitor.terminate()
    tap.terminate()
    fed.finish(monitor)
    tap.communicate()
    ours, theirs = seen[1]
    assert sorted(map(name, ours)) == sorted(map(name, theirs)), (ours, theirs)
    assert {"request", "order", "outcome", "reply", "event"} <= {line["kind"] for line in ours}
    order = next(line for line in ours if line["kind"] == "order")
    assert order["messages"][0]["request"] == request, order


def main():
    if not MODULES.exists():
        print(f"1..0 # SKIP {MODULES} is not there: tools/check installs it")
        return
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Strangers(pathlib.Path(sys.argv[1]))))


main()
