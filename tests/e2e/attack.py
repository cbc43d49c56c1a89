# SPDX-License-Identifier: Apache-2.0
"""A broker that nobody can trust: it has no access rules, tells everything to an attacker who holds
the certificates of a provider and of an application, and passes on whatever that one says, on any
topic. Real daemons refuse each forgery for its own reason, and go on granting keys.
Argument: the build directory."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import uuid

import fabric
import observer

BROKER = """\
#!/bin/sh
sed -e /^acl_file/d -e /^plugin/d "$2" > "$2.open"
exec {mosquitto} -c "$2.open"
"""

# Of schemas/frame.proto and order.proto.
HEADER, MESSAGES, TAG, INTRODUCTION = 1, 2, 4, 5
KIND, FROM, TO, INCARNATION, SEQUENCE, RECEIVER = 1, 2, 3, 4, 5, 8

# Of schemas/status.proto.
NOT_ALLOWED, VOIDED = 5, 13

N_FLOOD = 20000

# Keys may be delivered to the users of all, and visitors served; nobody carries others' keys.
TERMS = "platform: {terms: {version: 1, purposes: [serve-visitor]}}\n"


def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def pack(message):
    """The reverse of observer.fields(), for the types that are used here."""
    out = b""
    for field, values in sorted(message.items()):
        for value in values:
            if isinstance(value, int):
                out += varint(field << 3) + varint(value)
            else:
                value = value.encode() if isinstance(value, str) else value
                out += varint(field << 3 | 2) + varint(len(value)) + value
    return out


def rewritten(payload, **header):
    """The frame with other fields in its header, and its tag as it was."""
    frame = observer.fields(payload)
    fields = observer.fields(frame[HEADER][0])
    for name, value in header.items():
        fields[globals()[name]] = [value]
    frame[HEADER] = [pack(fields)]
    return pack(frame)


def header_of(payload):
    return observer.fields(observer.fields(payload)[HEADER][0])


class Publisher:
    """MQTT with a member's certificate, and what it is told to say."""

    def __init__(self, info, certificate, key):
        host, port = info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
        tls = ssl.create_default_context(cafile=info["ca"])
        tls.load_cert_chain(certificate, key)
        plain = socket.create_connection((host, int(port)), 5)
        self.stream = tls.wrap_socket(plain, server_hostname=host)
        self.stream.sendall(observer.Subscriber._packet(
            observer.CONNECT, struct.pack("!H4sBBH", 4, b"MQTT", 4, 2, 0), b"attacker"))
        assert self.stream.recv(4)[:1] == bytes([observer.CONNACK])

    def say(self, topic, payload):
        name = topic.encode()
        body = struct.pack("!H", len(name)) + name + payload
        self.stream.sendall(bytes([observer.PUBLISH]) + varint(len(body)) + body)


class Forger:
    """What makes frames with a real member's key (tests/e2e/forger.c)."""

    def __init__(self, fed, member, role, claim=None):
        pki = fed.dir / "pki"
        self.process = subprocess.Popen(
            [str(fed.real_build / "tests" / "e2e" / "forger"), member, claim or member, role,
             fed.info["ca"], str(pki / f"{member}.crt"), str(pki / f"{member}.key")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=fabric.die_with_parent)
        for name in ("platform", "left", "right"):
            self.hear(f"qkdnf/v1/presence/{name}/all", fed.presence(name))

    def command(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def hear(self, topic, payload):
        assert self.command("hear", topic, payload.hex()) in ("none", "role"), topic

    def say(self, kind, to, message):
        frame = self.command("say", kind, to, pack(message).hex())
        assert frame, f"{to} is not known"
        return bytes.fromhex(frame)

    def birth(self):
        return bytes.fromhex(self.command("birth"))


class Federation(fabric.Fabric):
    def __init__(self, build):
        self.place = tempfile.TemporaryDirectory(prefix="qkdnf-")
        place = pathlib.Path(self.place.name)
        self.real_build = pathlib.Path(build)
        description = place / "federation.yaml"
        description.write_text(fabric.BESIDE_MALLORY + TERMS)
        super().__init__(self._make_build(place / "build"), description, place)
        self.heard = []     # (topic, payload) of what others say, in the order of the broker
        self.said = set()   # of what the attacker says
        self.record = observer.Record()
        self.tap = observer.Subscriber(self.info, self._take)
        self.publisher = Publisher(self.info, *(str(self.dir / "pki" / f"mallory.{suffix}")
                                                for suffix in ("crt", "key")))
        fabric.wait_until("a key", lambda: self.enc_keys("alice", "bob").code == 200)

    def _make_build(self, directory):
        """Like the real one, but for the broker: `qkdnf` takes the programs beside itself."""
        (directory / "tools" / "qkdnf").mkdir(parents=True)
        (directory / "platform").symlink_to(self.real_build / "platform")
        (directory / "agents").symlink_to(self.real_build / "agents")
        shutil.copy2(self.real_build / "tools" / "qkdnf" / "qkdnf", directory / "tools" / "qkdnf")
        mosquitto = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        broker = directory / "tools" / "qkdnf" / "mosquitto"
        broker.write_text(BROKER.format(mosquitto=shlex.quote(mosquitto)))
        broker.chmod(0o755)
        return directory

    def _take(self, topic, payload):
        if (topic, payload) not in self.said:
            self.heard.append((topic, payload))

    def last(self, topic, after=0):
        return next((payload for name, payload in reversed(self.heard[after:])
                     if name == f"qkdnf/v1/{topic}" and payload), None)

    def await_last(self, topic, after=0):
        return fabric.wait_until(topic, lambda: self.last(topic, after))

    def presence(self, name):
        return self.await_last(f"presence/{name}/all")

    def say(self, topic, payload):
        self.said.add((f"qkdnf/v1/{topic}", payload))
        self.publisher.say(f"qkdnf/v1/{topic}", payload)

    def log_of(self, member):
        return (self.dir / member / "log").read_text(errors="replace")

    def is_refused(self, members, topic, payload, reason):
        """These members say so, for the first time in this minute, and nobody answers."""
        said = re.compile(rf"refused.*reason={reason} topic=qkdnf/v1/{re.escape(topic)} ")
        before = {member: len(said.findall(self.log_of(member))) for member in members.split()}
        self.say(topic, payload)
        for member, n in before.items():
            fabric.wait_until(f"{member} to refuse {topic}: {reason}",
                              lambda: len(said.findall(self.log_of(member))) > n, 10)

    def exchange(self):
        """A key across the border, equal at both ends; what was said from then on."""
        start = len(self.heard)
        ours, theirs = self.fetch_both("alice", "bob")
        assert ours == theirs and len(ours) == 1, (ours, theirs)
        return start

    def restart(self, member):
        status = json.loads(self.run("status", "--federation", str(self.dir), "--json"))
        pid = next(process["pid"] for process in status["processes"] if process["id"] == member)
        start = len(self.heard)
        before = header_of(self.presence(member))[INCARNATION]
        os.kill(pid, signal.SIGKILL)
        fabric.wait_until(f"{member} to be there again", lambda: (
            self.last(f"presence/{member}/all", start) and
            header_of(self.last(f"presence/{member}/all", start))[INCARNATION] > before))
        fabric.wait_until("a key", lambda: self.enc_keys("alice", "bob").code == 200)

    def close(self):
        self.tap.close()
        super().close()
        self.place.cleanup()


def order(request):
    """For one slot of the border between left and right, which is neither mallory's nor eve's."""
    slots = {1: ["left-right"], 2: [1], 3: [1]}
    branch = {1: [1], 4: ["right"], 5: ["left", "right"], 7: [pack(slots)], 8: ["a"], 9: ["a"],
              10: [1]}
    return {1: [request], 3: ["alice"], 4: ["left"], 5: ["bob"], 6: [1], 7: [256],
            8: [pack(branch)], 9: [4000]}


def test_somebody_elses_name(fed):
    request = str(uuid.uuid4())
    liar = Forger(fed, "mallory", "agent", claim="left")
    frame = liar.say("request", "platform", {1: [request], 2: ["alice"], 3: ["bob"], 4: [1], 5: [256]})
    fed.is_refused("platform", "request/left/platform", frame, "stranger")
    fed.is_refused("platform right mallory", "presence/left/all", liar.birth(), "certificate")
    fed.exchange()
    assert fed.last("reply/platform/left") and not any(
        request.encode() in payload for topic, payload in fed.heard if "/reply/" in topic)


def test_a_role_that_is_not_its_own(fed):
    fed.is_refused("left right", "presence/eve/all", Forger(fed, "eve", "platform").birth(), "role")
    fed.exchange()


def test_reflected_and_moved(fed):
    start = fed.exchange()
    relay = fed.await_last("relay/left/right", start)
    header = header_of(relay)
    left, right = header[INCARNATION][0], header[RECEIVER][0]
    fed.is_refused("left", "relay/right/left", relay, "mismatch")
    fed.is_refused("left", "relay/right/left", rewritten(
        relay, FROM="right", TO="left", INCARNATION=right, RECEIVER=left), "tag")
    fed.is_refused("right", "filled/left/right", relay, "mismatch")
    fed.is_refused("right", "filled/left/right", rewritten(relay, KIND="filled"), "tag")
    fed.is_refused("mallory", "relay/left/mallory", rewritten(relay, TO="mallory"), "incarnation")
    there = header_of(fed.presence("mallory"))[INCARNATION][0]
    fed.is_refused("mallory", "relay/left/mallory",
                   rewritten(relay, TO="mallory", RECEIVER=there), "tag")
    fed.exchange()


def test_changed_on_the_way(fed):
    start = fed.exchange()
    said = fed.await_last("order/platform/left", start)
    sequence = header_of(said)[SEQUENCE][0]
    frame = observer.fields(rewritten(said, SEQUENCE=sequence + 1000))
    message = observer.fields(frame[MESSAGES][0])
    branch = observer.fields(message[8][0])
    slots = observer.fields(branch[7][0])
    slots[2] = [slots[2][0] + 1 if 2 in slots else 1]
    branch[7] = [pack(slots)]
    message[8] = [pack(branch)]
    frame[MESSAGES] = [pack(message)]
    fed.is_refused("left", "order/platform/left", pack(frame), "tag")
    fed.exchange()


def test_orders_of_those_who_may_not_order(fed):
    """Of the slots of others: rightly sealed by a provider; by an application that says it is the
    platform; and by a provider in the platform's name."""
    request = str(uuid.uuid4())
    for member, claim, role, reason in (("mallory", "mallory", "agent", "role"),
                                        ("eve", "eve", "platform", "role"),
                                        ("mallory", "platform", "platform", "stranger")):
        frame = Forger(fed, member, role, claim).say("order", "left", order(request))
        fed.is_refused("left", f"order/{claim}/left", frame, reason)
    fed.exchange()
    assert not any(request.encode() in payload for topic, payload in fed.heard
                   if topic.split("/")[2] in ("outcome", "relay"))


def transit(request, agreement):
    """From mallory over left to right, for mallory's user."""
    slots = [pack({1: [link], 2: [first], 3: [2]}) for link, first in (("left-mallory", 40),
                                                                      ("left-right", 40))]
    branch = {1: [2], 4: ["right"], 5: ["mallory", "left", "right"], 6: [slots[0]], 7: [slots[1]],
              8: ["a"], 9: ["a"], 10: [1]}
    return {1: [request], 3: ["eve"], 4: ["mallory"], 5: ["bob"], 6: [1], 7: [256],
            8: [pack(branch)], 9: [4000], 12: ["mallory"], 13: [1], 14: [agreement]}


def test_a_platform_that_orders_what_is_not_agreed(fed):
    """It is the platform itself, or has its certificate: no provider does more for it than it has
    agreed to."""
    start = len(fed.heard)
    false_one = Forger(fed, "platform", "platform")
    fed.say("presence/platform/all", false_one.birth())
    for agreement, why in (("terms-1/mallory/left", b"terms-1/all/left does not cover"),
                           ("terms-1/right/left", b"has no agreement"), ("", b"has no agreement")):
        request = str(uuid.uuid4())
        fed.say("order/platform/left", false_one.say("order", "left", transit(request, agreement)))
        fabric.wait_until(f"left to refuse an order under '{agreement}'", lambda: any(
            topic.endswith("/event/left/all") and b"order.uncovered" in said and why in said and
            request.encode() in said for topic, said in fed.heard[start:]), 60)
        assert not any(topic.split("/")[2] == "relay" and request.encode() in said
                       for topic, said in fed.heard[start:])
    fed.restart("platform")
    fed.exchange()


def test_said_again(fed):
    start = fed.exchange()
    relay = fed.await_last("relay/left/right", start)
    outcome = fed.await_last("outcome/right/platform", start)
    birth = fed.presence("right")
    fed.is_refused("right", "relay/left/right", relay, "replay")
    fed.is_refused("platform", "outcome/right/platform", outcome, "replay")
    fed.restart("right")
    fed.is_refused("right", "relay/left/right", relay, "incarnation")
    receiver = header_of(fed.presence("right"))[INCARNATION][0]
    fed.is_refused("right", "relay/left/right", rewritten(relay, RECEIVER=receiver), "tag")
    # An earlier life of the sender.
    fed.is_refused("platform", "outcome/right/platform", outcome, "incarnation")
    fed.is_refused("platform left mallory", "presence/right/all", birth, "incarnation")
    fed.exchange()


def test_faults_of_others(fed):
    fault = {1: ["forged"], 2: [3], 3: ["left-right"], 4: ["because mallory says so"]}
    liar = Forger(fed, "mallory", "agent", claim="right")
    fed.is_refused("platform", "fault/right/platform", liar.say("fault", "platform", fault),
                   "stranger")
    # In its own name it may complain of what it likes; no other provider's key stops for that.
    fed.say("fault/mallory/platform", Forger(fed, "mallory", "agent").say(
        "fault", "platform", fault))
    listed = lambda: [json.loads(line) for line in fed.run(
        "fault", "list", "--json", "--federation", str(fed.dir)).splitlines()]
    fabric.wait_until("mallory's fault", lambda: "forged" in json.dumps(listed()))
    assert "right" not in {fault["member"] for fault in listed() if fault["id"] == "forged"}
    fed.exchange()


def test_usage_of_others(fed):
    """What it did not serve comes on nobody's bill, in whoever's name it says so."""
    start = fed.exchange()
    told = fed.await_last("usage/right/platform", start)
    usage = observer.fields(observer.fields(told)[MESSAGES][0])
    liar = Forger(fed, "mallory", "agent", claim="right")
    fed.is_refused("platform", "usage/right/platform", liar.say("usage", "platform", usage),
                   "stranger")
    request, attempt = observer.text(usage, 2), observer.number(usage, 3)
    record = str(uuid.uuid5(uuid.UUID(request), f"{attempt}/mallory"))
    fed.say("usage/mallory/platform", Forger(fed, "mallory", "agent").say(
        "usage", "platform", {**usage, 1: [record]}))
    answer = fed.await_last("usage-state/platform/mallory", start)
    state = observer.fields(observer.fields(answer)[MESSAGES][0])
    assert state[1] == [record.encode()] and state[2][0] in (NOT_ALLOWED, VOIDED), state
    charged = fed.run("accounts", "usage", "--json", "--federation", str(fed.dir))
    assert request in charged and record not in charged, charged


def test_a_flood_of_forgeries(fed):
    """Each has to be looked at; keys go on meanwhile."""
    start = fed.exchange()
    relay, outcome = (fed.await_last(topic, start)
                      for topic in ("relay/left/right", "outcome/right/platform"))
    frames = []
    for topic, payload in (("relay/left/right", relay), ("outcome/right/platform", outcome)):
        frame = observer.fields(payload)
        frame[TAG] = [bytes(16)]
        frames.append((topic, pack(frame)))
    done = threading.Event()

    def flood():
        for _ in range(N_FLOOD // len(frames)):
            for topic, payload in frames:
                fed.say(topic, payload)
        done.set()

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    n_granted = 0
    while not done.is_set() or n_granted == 0:
        fed.exchange()
        n_granted += 1
    thread.join()
    print(f"# {n_granted} keys during the flood", flush=True)
    for member, topic in (("right", "relay/left/right"), ("platform", "outcome/right/platform")):
        assert f"reason=tag topic=qkdnf/v1/{topic} " in fed.log_of(member)
    fed.exchange()


def test_a_tap_shows_it(fed):
    """What is signed is checked, what is for one member is said to be; a forgery raises an alert."""
    tap = subprocess.Popen([fed.qkdnf, "tap", "--json", "--federation", str(fed.dir)], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           preexec_fn=fabric.die_with_parent)
    lines = (json.loads(line) for line in tap.stdout)
    first = next(lines)
    frame = observer.fields(fed.presence("right"))
    frame[TAG] = [frame[TAG][0][:-1] + bytes([frame[TAG][0][-1] ^ 1])]
    fed.say("presence/right/all", pack(frame))
    fed.exchange()
    seen = [first]
    while not {"failed", "sealed"} <= {line["authenticity"] for line in seen}:
        seen.append(next(lines))
    tap.terminate()
    forged = [line for line in seen if line["authenticity"] == "failed"]
    assert {(line["topic"], line["failure"]) for line in forged} == {
        ("qkdnf/v1/presence/right/all", "tag")}, forged
    assert "none" not in {line["authenticity"] for line in seen}, seen
    assert "verified" in {line["authenticity"] for line in seen}, seen
    assert all(line["to"] == "all" for line in seen if line["authenticity"] == "verified"), seen
    assert "ALERT: not authentic on qkdnf/v1/presence/right/all: tag" in tap.communicate()[1]


def test_nothing_of_it_was_taken(fed):
    for topic, payload in list(fed.heard):
        fed.record.take(topic, payload)
    replies = fed.record.replies
    # After a restart there may be no key for a moment.
    assert {status for status, _ in replies.values()} <= {
        observer.STATUS_OK, observer.STATUS_INSUFFICIENT_KEY}, replies
    assert any(status == observer.STATUS_OK for status, _ in replies.values()), replies
    assert not fed.tap.failure, fed.tap.failure
    assert "because mallory says so" not in fed.log_of("left") + fed.log_of("right")


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
