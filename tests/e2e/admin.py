# SPDX-License-Identifier: Apache-2.0
"""Who takes part: a provider that nobody approved beforehand applies, is approved, suspended,
resumed, withdrawn, applies again and is expelled, while keys are asked for all the time; all of it by
`qkdnf admin` with an operator's certificate over the real broker. Argument: the build directory."""

import contextlib
import json
import os
import signal
import sys
import threading

import fabric
import observer

DESCRIPTION = """
platform:
  members: [{id: left}, {id: upper}, {id: right, scope: [relay, share]}]
  operators: [admin, second]
  drain_ms: 3000
  reapply_ms: 100
  hold_down_ms: 2000
  policy: {version: 1, purposes: [relay]}
providers:
  - {id: left, operators: [admin], applications: [{sae: alice, node: a}],
     qkdn: {driver: sim, sim: {nodes: [{id: a}]}}}
  - {id: right, operators: [admin], applications: [{sae: bob, node: b}],
     qkdn: {driver: sim, sim: {nodes: [{id: b}]}}}
  - {id: upper, operators: [admin], applications: [{sae: carol, node: u}],
     qkdn: {driver: sim, sim: {nodes: [{id: u}]}}}
  - {id: lower, operators: [admin], contact: 'noc@lower.example',
     qkdn: {driver: sim, sim: {nodes: [{id: l}]}}}
borders:
  - {a: left/a, b: upper/u, rate_bps: 200000, initial_bytes: 262144}
  - {a: upper/u, b: right/b, rate_bps: 200000, initial_bytes: 262144}
  - {a: left/a, b: lower/l, rate_bps: 200000, initial_bytes: 262144}
  - {a: lower/l, b: right/b, rate_bps: 200000, initial_bytes: 262144}
"""


class Federation(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, DESCRIPTION)
        self.tap = fabric.Tap(self)

    def close(self):
        self.tap.close()
        super().close()

    def admin(self, *words, code=0):
        return self.run("admin", *words, "--federation", str(self.dir), code=code)

    def lines(self, *words):
        return [json.loads(line) for line in self.admin(*words, "--json").splitlines()]

    def pid(self, name):
        status = json.loads(self.run("status", "--federation", str(self.dir), "--json"))
        return next(process["pid"] for process in status["processes"] if process["id"] == name)

    def member(self, name):
        return next(member for member in self.lines("members") if member["id"] == name)

    def state(self, name):
        return self.member(name)["state"]

    def await_state(self, name, state):
        fabric.wait_until(f"{name} to be {state}", lambda: self.state(name) == state)

    def providers(self):
        """Those that a key from alice to bob crosses."""
        report = self.request("--as", "alice", "--to", "bob")
        assert report["status"] == "OK", report
        return report["paths"][0]["providers"]

    def await_transit(self, name):
        fabric.wait_until(f"a key by way of {name}", lambda: name in self.providers(), 60)

    def frames(self, kind, sender):
        """(time, message) of all that a member has said of a kind."""
        for at, topic, payload in list(self.tap.messages):
            if topic.split("/")[2:4] == [kind, sender] and payload:
                for message in observer.fields(payload)[2]:
                    yield at, observer.fields(message)


def test_those_approved_beforehand_take_part_by_themselves(fed):
    for name in ("left", "upper", "right"):
        fed.await_state(name, "ACTIVE")
        assert fed.member(name)["approved_beforehand"]
    assert fed.member("left")["scope"] == "relay, serve-visitor, reroute, share"
    assert fed.member("right")["scope"] == "relay, share"
    fed.await_transit("upper")


def test_another_applies_and_waits(fed):
    fed.await_state("lower", "AUTHENTICATED")
    lower = fed.member("lower")
    assert lower["application"]["contact"] == "noc@lower.example", lower
    assert lower["resource_version"] == 0, lower


def test_bad_commands_change_nothing_and_say_why(fed):
    before = fed.lines("members")
    for words, expected in (
            (["approve", "nobody"], "no provider 'nobody' has applied"),
            (["resume", "lower"], "lower is AUTHENTICATED; expected SUSPENDED"),
            (["suspend", "lower", "--reason", "x"], "lower is AUTHENTICATED; expected ACTIVE"),
            (["refuse", "upper", "--reason", "x"], "upper is ACTIVE; expected AUTHENTICATED"),
            (["expel", "upper", "--reason", "x" * 300], "the reason is longer than 256 bytes")):
        err = fed.admin(*words, code=1)
        assert expected in err, (words, err)
    for words in (["suspend", "upper"], ["members", "upper"], ["approve"], ["promote", "upper"],
                  ["approve", "lower", "--scope", "relay,everything"]):
        fed.admin(*words, code=2)
    after = fed.lines("members")
    for member in before + after:
        member.pop("present")
    assert before == after, (before, after)


def test_only_configured_operators_may(fed):
    # It has an operator's words and a good certificate, but is no operator.
    alice = fed.saes["alice"]
    done = fed.run("admin", "suspend", "upper", "--reason", "x", "--as", "alice", "--broker",
                   fed.info["broker"]["url"], "--ca", fed.info["ca"], "--certificate",
                   alice["certificate"], "--key", alice["key"], code=1)
    assert "platform does not answer" in done, done
    assert fed.state("upper") == "ACTIVE"


def test_refused_and_applying_only_when_something_changed(fed):
    # What others see of it neither steers their terminals nor looks like a line of its own.
    fed.admin("refuse", "lower", "--reason", "no\x1b]0;contract\x07\nupper")
    assert fed.member("lower")["reason"] == "no\x1b]0;contract\x07\nupper"
    for words in ("members", "audit"):
        said = fed.admin(words)
        assert "no?]0;contract??upper" in said and "\x1b" not in said, said
    version = fed.member("lower")["application"]["version"]
    fed.admin("apply", "lower")
    assert fed.state("lower") == "REFUSED"
    fed.admin("withdraw", "lower")
    fed.admin("apply", "lower")
    fed.await_state("lower", "AUTHENTICATED")
    assert fed.member("lower")["application"]["version"] > version


def test_approved_with_a_scope(fed):
    assert "scope: share" in fed.admin("approve", "lower", "--scope", "share")
    fabric.wait_until("its links", lambda: fed.member("lower")["resource_version"] > 0)
    # It may not carry key between others.
    fed.admin("suspend", "upper", "--reason", "so that only lower is left")
    err = fed.run("request", "--federation", str(fed.dir), "--as", "alice", "--to", "bob",
                  "--timeout", "2", code=1)
    assert "NO_ROUTE" in err, err
    fed.admin("approve", "lower", "--scope", "share,relay")
    fed.await_transit("lower")
    fed.admin("resume", "upper")
    assert "already ACTIVE" in fed.admin("resume", "upper")
    assert "already ACTIVE" in fed.admin("approve", "lower")
    assert fed.member("lower")["scope"] == "relay, share"


class Asking:
    """Asks for keys all the time; keeps the transit provider of each."""

    def __init__(self, fed):
        self.fed, self.got, self.failed = fed, [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            try:
                self.got.append(self.fed.providers()[1])
            except AssertionError as error:
                self.failed.append(str(error))

    def stop(self):
        self.stopping.set()
        self.thread.join(60)


def test_faults_are_listed_and_shared(fed):
    def faults(*words):
        return [json.loads(line) for line in fed.run(
            "fault", "list", *words, "--federation", str(fed.dir), "--json").splitlines()]

    def of_left():
        return [fault for fault in faults() if fault["member"] == "left"]

    fed.run("fault", "inject", "left", "border", "left-upper", "--federation", str(fed.dir))
    fault, = fabric.wait_until("the report", of_left)
    assert (fault["scope"], fault["subject"]) == ("border", "left-upper"), fault
    assert fault["cleared_at_us"] == 0 and fault["since_us"] > 0, fault
    fabric.wait_until("the neighbour to hear of it", lambda: faults("upper")[0]["notices"])
    assert not faults("lower")[0]["notices"]
    os.kill(fed.pid("platform"), signal.SIGKILL)
    assert of_left() == [fault], (of_left(), fault)
    fed.run("fault", "clear", "left", "border", "left-upper", "--federation", str(fed.dir))
    fabric.wait_until("its end", lambda: of_left()[0]["cleared_at_us"])
    fault, = of_left()
    assert fault["held_until_us"] - fault["cleared_at_us"] == 2000000, fault
    fabric.wait_until("the neighbour to hear that", lambda: not faults("upper")[0]["notices"])


def test_policy_is_read_again_on_hangup(fed):
    path = fed.dir / "upper" / "agent.yaml"
    good = path.read_text()
    version = fed.member("upper")["resource_version"]

    def hang_up(text):
        path.write_text(text)
        os.kill(fed.pid("upper"), signal.SIGHUP)

    assert "share_percent: 100" in good, good
    hang_up(good.replace("share_percent: 100", "share_percent: 500"))
    fabric.wait_until("the log to say why", lambda: f"{path}:".encode() in fed.logs()
                      and b"share_percent" in fed.logs())
    assert fed.member("upper")["resource_version"] == version
    hang_up(good.replace("share_percent: 100", "share_percent: 50"))
    fabric.wait_until("another version",
                      lambda: fed.member("upper")["resource_version"] > version)
    upper = fed.member("upper")
    assert upper["state"] == "ACTIVE", upper
    fabric.wait_until("another application",
                      lambda: fed.member("upper")["application"]["share_percent"] == 50)
    hang_up(good)
    fabric.wait_until("the first policy again",
                      lambda: fed.member("upper")["application"]["share_percent"] == 100)


def test_suspension_acts_at_once(fed):
    asking = Asking(fed)
    fabric.wait_until("keys", lambda: len(asking.got) > 5)
    victim = asking.got[-1]
    other = {"upper": "lower", "lower": "upper"}[victim]
    fed.admin("suspend", victim, "--reason", "drill", "--as", "second")
    n = len(asking.got) + 1
    fabric.wait_until("more keys", lambda: len(asking.got) > n + 10)
    asking.stop()
    assert not asking.failed, asking.failed
    assert set(asking.got[n:]) == {other}, asking.got
    asked_at = max(at for at, _ in fed.frames("admin", "second"))
    # An event with its name (3) and new path (8): grants that it had a part in.
    grants = [at for at, event in fed.frames("event", "platform")
              if observer.text(event, 3) == "request.granted" and victim.encode() in event[8]]
    last = max(grants) - asked_at
    print(f"# {1000 * last:+.1f} ms from `suspend` on the bus to the last grant with {victim}",
          flush=True)
    said = [at - asked_at for kind in ("stock", "outcome", "resource", "fault")
            for at, _ in fed.frames(kind, victim)]
    print(f"# {1000 * max(said):+.1f} ms to the last message of it", flush=True)
    fed.admin("resume", victim)
    fed.await_state(victim, "ACTIVE")


def test_withdrawn_by_its_own_operator(fed):
    asking = Asking(fed)
    fabric.wait_until("keys", lambda: len(asking.got) > 5)
    fed.admin("withdraw", "upper", "--reason", "maintenance")
    fed.await_state("upper", "WITHDRAWN")
    n = len(asking.got) + 1
    fabric.wait_until("more keys", lambda: len(asking.got) > n + 5)
    asking.stop()
    assert not asking.failed and set(asking.got[n:]) == {"lower"}, (asking.failed, asking.got)
    upper = fed.member("upper")
    assert upper["resource_version"] == 0, upper
    # Its users are told so.
    withdrawn = "provider 'upper' is WITHDRAWN"
    fabric.wait_until("its own KME to say so", lambda: withdrawn in fed.enc_keys("carol", "bob").body, 60)
    for who in (("carol", "bob"), ("alice", "carol")):
        err = fed.run("request", "--federation", str(fed.dir), "--as", who[0], "--to", who[1], code=1)
        assert "UNKNOWN_SAE: no application 'carol'" in err, err
    # Who comes now does not find its resources.
    late = fabric.Tap(fed)
    try:
        fabric.wait_until("what is retained",
                          lambda: any("/resource/lower/" in topic for _, topic, _ in late.messages))
        assert not any("/resource/upper/" in topic and payload
                       for _, topic, payload in late.messages)
    finally:
        late.close()


def test_who_has_left_stays_away_until_it_applies(fed):
    os.kill(fed.pid("upper"), signal.SIGKILL)
    fabric.wait_until("upper to run again", lambda: "starting it again" in fed.up_log())
    fed.await_transit("lower")
    assert fed.state("upper") == "WITHDRAWN"
    fabric.wait_until("upper to take part", lambda: (
        fed.admin("apply", "upper"), fed.state("upper") == "ACTIVE")[1])
    fabric.wait_until("its links", lambda: fed.member("upper")["resource_version"] > 0)


def test_expelled_for_good(fed):
    fed.admin("expel", "lower", "--reason", "cheated")
    assert fed.state("lower") == "EXPELLED"
    fed.await_transit("upper")
    err = fed.admin("approve", "lower", code=1)
    assert "lower is EXPELLED; expected AUTHENTICATED" in err, err


def test_all_of_it_is_in_the_audit_trail_also_after_kill(fed):
    trail = fed.lines("audit")
    assert [record["number"] for record in trail] == list(range(1, len(trail) + 1))
    of_lower = [(r["actor"], r["command"], r["to"]) for r in trail
                if r["member"] == "lower" and r["status"] == "OK"]
    assert of_lower[:3] == [("lower", "apply", "APPLIED"), ("platform", "apply", "AUTHENTICATED"),
                            ("admin", "refuse", "REFUSED")], of_lower
    assert of_lower[-1] == ("admin", "expel", "EXPELLED"), of_lower
    assert any(r["actor"] == "second" and r["command"] == "suspend" for r in trail)
    assert any(r["status"] == "NOT_ALLOWED" and r["from"] == r["to"] for r in trail)
    os.kill(fed.pid("platform"), signal.SIGKILL)
    assert fed.lines("audit")[:len(trail)] == trail
    assert fed.state("lower") == "EXPELLED" and fed.state("upper") == "ACTIVE"
    fed.await_transit("upper")


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
