# SPDX-License-Identifier: Apache-2.0
"""Two providers negotiate over a real bus, without standing terms: keys cross the second exactly while
an agreement between them is in force. Argument: the build directory."""

import contextlib
import json
import sys
import time

import fabric

DESCRIPTION = """
platform:
  operators: [admin]
  drain_ms: 2000
  terms: {version: 0}
providers:
  - {id: left, operators: [admin], applications: [{sae: alice, node: a}],
     qkdn: {driver: sim, sim: {nodes: [{id: a}]}}}
  - {id: right, operators: [admin], applications: [{sae: bob, node: b}],
     qkdn: {driver: sim, sim: {nodes: [{id: b}]}}}
  - {id: third, operators: [admin], applications: [{sae: carol, node: c}],
     qkdn: {driver: sim, sim: {nodes: [{id: c}]}}}
borders:
  - {a: left/a, b: right/b, rate_bps: 200000, initial_bytes: 262144}
  - {a: left/a, b: third/c, rate_bps: 200000, initial_bytes: 262144}
"""


class Federation(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, DESCRIPTION)
        self.id = None

    def say(self, *words, code=0):
        return self.run("agreement", *words, "--federation", str(self.dir), code=code)

    def agreements(self, *provider):
        said = self.say("list", *provider, "--json")
        return {one["id"]: one for one in map(json.loads, said.splitlines())}

    def await_state(self, state, *provider):
        fabric.wait_until(f"{self.id} to be {state}", lambda: self.agreements(*provider).get(
            self.id, {}).get("state") == state, 60)

    def propose(self, *words, seller="right"):
        said = self.say("propose", "left", seller, "--purposes", "relay", "--json", *words)
        self.id = json.loads(said)["agreement"]

    def ask(self, target="bob"):
        """Why there is no key, as `qkdnf request` says it; None: there is one."""
        said = self.run("request", "--federation", str(self.dir), "--as", "alice", "--to", target,
                        "--timeout", "5", code=None)
        return said or None

    def await_answer(self, what, holds, target="bob"):
        fabric.wait_until(what, lambda: holds(self.ask(target)), 60)


def is_not_agreed(answer):
    return answer is not None and "NO_AGREEMENT" in answer


def is_granted(answer):
    return answer is None


def test_nobody_uses_another_unasked(fed):
    fed.wait_for_key()
    fed.await_answer("the platform to refuse", is_not_agreed)


def test_what_is_proposed_is_offered_and_accepted(fed):
    fed.propose("--quota-bits", "1000000", "--least-quota-bits", "1000")
    fed.await_state("PROPOSED", "right")
    assert "answered by right" in fed.say("accept", "left", fed.id, code=1)
    # Less than asked for, but no less than the least: the buyer's agent takes it by itself.
    fed.say("offer", "right", fed.id, "--purposes", "relay", "--quota-bits", "100000")
    for knows in ([], ["left"], ["right"]):
        fed.await_state("AVAILABLE", *knows)
        assert fed.agreements(*knows)[fed.id]["terms"]["quota_bits"] == 100000
    fed.await_answer("a key", is_granted)


def test_the_federation_suspends_and_resumes(fed):
    assert "needs a reason" in fed.say("suspend", fed.id, code=1)
    fed.say("suspend", fed.id, "--reason", "drill")
    fed.await_state("LOCKED", "right")
    fed.await_answer("the platform to refuse", is_not_agreed)
    fed.say("resume", fed.id)
    fed.await_state("AVAILABLE", "right")
    fed.await_answer("a key", is_granted)
    assert fed.id in fed.run("admin", "agreements", "--federation", str(fed.dir))


def test_capacity_is_reserved(fed):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    wish = ["--link", "left-right", "--valid-until", until, "--json"]
    used, fed.id = fed.id, None

    def is_proposed():
        said = fed.say("propose", "right", "left", "--rate-bps", "900000", "--least-rate-bps",
                       "1000", *wish)
        fed.id = json.loads(said)["agreement"]
        fabric.wait_until("the answer", lambda: fed.agreements("right")[fed.id]["version"], 60)
        one = fed.agreements("right")[fed.id]
        # Before both ends have said how much arrives, there is nothing that is free.
        return one["state"] == "PROPOSED" and one["terms"]

    terms = fabric.wait_until("the proposal", is_proposed, 60)
    assert 1000 <= terms["rate_bps"] < 900000 and terms["link"] == "left-right"
    fed.await_state("PROPOSED", "left")
    fed.say("accept", "left", fed.id)
    for knows in ([], ["left"], ["right"]):
        fed.await_state("AVAILABLE", *knows)
    # All that arrives is reserved for users of the right.
    said = fed.run("session", "open", "--federation", str(fed.dir), "--as", "alice", "--to", "bob",
                   "--rate", "1", code=1)
    assert "INSUFFICIENT_KEY" in said, said
    assert "bit/s of left-right until" in fed.say("list")
    fed.say("end", "right", fed.id)
    fed.await_state("ENDED")
    fed.id = used


def test_a_party_ends_it(fed):
    ended = fed.id
    fed.propose(seller="third")
    fed.await_state("PROPOSED", "third")
    fed.say("accept", "third", fed.id)
    fed.await_state("AVAILABLE", "third")
    fed.await_answer("a key with the third", is_granted, "carol")
    fed.id = ended
    fed.say("end", "right", fed.id, "--reason", "enough")
    fed.await_state("ENDED")
    assert fed.agreements()[fed.id]["actor"] in ("right", "platform")
    fed.await_answer("the platform to refuse", is_not_agreed)
    # That is for no other reason: what another has agreed to holds, and keys still cross.
    fed.await_answer("a key with the third after that", is_granted, "carol")
    assert is_not_agreed(fed.ask())


def test_more_than_a_soft_quota_has_its_price(fed):
    """Ten cents a key; a key takes 512 bits of the quota, so that the third is beyond it."""
    fed.propose("--quota-bits", "1000", "--soft-quota", "--currency", "EUR", "--micro-per-key",
                "10000000", "--overrun-basis-points", "15000")
    fed.await_state("PROPOSED", "right")
    fed.say("accept", "right", fed.id)
    fed.await_state("AVAILABLE", "right")
    said = fed.say("list")
    assert "soft quota of 1000 bits in 86400 s" in said and "beyond a soft quota 150.00 %" in said, said
    fed.await_answer("a key", is_granted)
    assert fed.ask() is None and fed.ask() is None

    def items():
        fed.run("accounts", "settle", "--federation", str(fed.dir))
        said = fed.run("accounts", "statements", "--federation", str(fed.dir), "--json")
        found = [item for statement in map(json.loads, said.splitlines())
                 for item in statement["items"] if item["agreement"] == fed.id]
        return sorted(found, key=lambda item: item["start_us"]) if len(found) == 3 else None

    amounts = [(item["amount"], item["overrun"])
               for item in fabric.wait_until("three keys in the batches", items, 60)]
    # The quota's day may end in between.
    assert amounts in ([(10, False), (10, False), (15, True)], [(10, False)] * 3), amounts
    printed = fed.run("accounts", "statements", "--federation", str(fed.dir))
    assert ("beyond the quota" in printed) == amounts[2][1], printed


def test_what_is_wrong_is_said(fed):
    assert "needs --purposes" in fed.say("propose", "left", "right", code=2)
    assert "no purpose" in fed.say("propose", "left", "right", "--purposes", "x", code=2)
    assert "expected PROVIDER and AGREEMENT" in fed.say("accept", "left", code=2)
    assert "knows no agreement" in fed.say("accept", "left", "none", code=1)
    assert "--soft-quota needs --quota-bits" in fed.say(
        "propose", "left", "right", "--purposes", "relay", "--soft-quota", code=2)
    assert "no other provider" in fed.say("propose", "left", "left", "--purposes", "relay", code=1)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
