# SPDX-License-Identifier: Apache-2.0
"""Members with valid certificates that say far too much, or all that there is no place for: others
go on, and what the broker keeps is bounded. Prints how much longer others wait meanwhile. Argument:
the build directory."""

import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import time
import uuid

import fabric
import mqtt

DESCRIPTION = """
providers:
  - {id: left, applications: [{sae: alice, node: a}],
     qkdn: {driver: sim, sim: {nodes: [{id: a}]}}}
  - {id: right, applications: [{sae: bob, node: b}],
     qkdn: {driver: sim, sim: {nodes: [{id: b}]}}}
  - {id: mallory, applications: [{sae: eve, node: m}, {sae: kim, node: m}, {sae: mia, node: m},
                                 {sae: zoe, node: m}],
     qkdn: {driver: sim, sim: {nodes: [{id: m}]}}}
borders:
  - {a: left/a, b: right/b, rate_bps: 4000000, initial_bytes: 1048576}
  - {a: left/a, b: mallory/m, rate_bps: 200000, initial_bytes: 262144}
"""

N_TURNS = 3
N_ASKED = 30
N_TOPICS = 100000
N_VALID = 2000
N_SLOW = 5
DEPTH = 3000
# What the broker may grow by, whatever it is told: a fraction of what these tests tell it.
GROWTH_MAX_BYTES = 96 << 20

# Says one batch again and again, and comes back when it was cut off; until its input ends. Without a
# batch it is as busy, but in nobody's way: an attacker brings its own processor.
FLOODER = """
import select, sys
sys.path.insert(0, sys.argv[1])
import hashlib, json, mqtt
info, batch = json.load(open(sys.argv[2])), open(sys.argv[5], "rb").read()
n_cut = n_said = 0
while not batch and not select.select([sys.stdin], [], [], 0)[0]:
    hashlib.sha256(bytes(1 << 16)).digest()
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        client = mqtt.Client(info, sys.argv[3], sys.argv[4])
        while not select.select([sys.stdin], [], [], 0)[0]:
            client.send(batch)
            n_said += 1
    except (mqtt.Gone, OSError):
        n_cut += 1
print(n_said, n_cut)
"""


class Federation(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, DESCRIPTION)
        fabric.wait_until("a key", lambda: self.enc_keys("alice", "bob").code == 200, 60)
        self.requester = subprocess.Popen(
            [self.build / "tests" / "e2e" / "requester", self.dir / "federation.json", "alice",
             "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=fabric.die_with_parent)
        self.pids = self.all_pids()

    def certificate(self, name):
        return [str(self.dir / "pki" / f"{name}.{suffix}") for suffix in ("crt", "key")]

    def connect(self, name, **more):
        return contextlib.closing(mqtt.Client(self.info, *self.certificate(name), **more))

    def all_pids(self):
        info = json.loads((self.dir / "federation.json").read_text())
        return [info["broker"]["pid"], info["platform"]["pid"],
                *(qkdn["pid"] for qkdn in info["qkdns"])]

    def broker_bytes(self):
        status = pathlib.Path(f"/proc/{self.pids[0]}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def broker_log(self):
        return (self.dir / "broker" / "log").read_text(errors="replace")

    def ask(self):
        """How long a key takes that crosses the border."""
        start = time.monotonic()
        print("bob", file=self.requester.stdin, flush=True)
        _, status, *_ = self.requester.stdout.readline().split()
        assert status == "OK", status
        return time.monotonic() - start

    def times(self):
        return [self.ask() for _ in range(N_ASKED)]

    def is_unharmed(self):
        assert self.all_pids() == self.pids, "a process has died"
        self.ask()

    def close(self):
        self.requester.stdin.close()
        self.requester.wait(60)
        super().close()


@contextlib.contextmanager
def flooding(fed, name, packets):
    batch = fed.path / "batch"
    batch.write_bytes(b"".join(packets))
    process = subprocess.Popen(
        [sys.executable, "-c", FLOODER, str(pathlib.Path(__file__).parent),
         str(fed.dir / "federation.json"), *fed.certificate(name), str(batch)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=fabric.die_with_parent)
    told = {}
    try:
        yield told
    finally:
        out, _ = process.communicate(timeout=60)
        told["batches"], told["cuts"] = map(int, out.split())


def measure(fed, what, name, packets):
    """In turns, so that both have the same of whatever else this machine does."""
    without, during, n_frames, n_cuts = [], [], 0, 0
    for _ in range(N_TURNS):
        with flooding(fed, name, []):
            without += fed.times()
        with flooding(fed, name, packets) as told:
            fabric.wait_until("the flood to be refused",
                              lambda: f"refused member={name}" in fed.broker_log(), 60)
            during += fed.times()
        n_frames += told["batches"] * len(packets)
        n_cuts += told["cuts"]
    without, during = map(statistics.median, (without, during))
    print(f"# {what}: a key takes {1000 * without:.1f} ms without and {1000 * during:.1f} ms with "
          f"it, {during / without:.2f} times; {n_frames} frames, cut off {n_cuts} times",
          flush=True)
    fed.is_unharmed()


def forged(fed, name, messages):
    """Frames with these requests, rightly sealed by an application."""
    with fed.connect("ops") as client:
        client.hear(["qkdnf/v1/presence/platform/all"])
        _, birth = client.read()
    process = subprocess.Popen(
        [fed.build / "tests" / "e2e" / "forger", name, name, "application", fed.info["ca"],
         *fed.certificate(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        preexec_fn=fabric.die_with_parent)
    n_topic = int.from_bytes(birth[:2], "big")
    n_properties = birth[2 + n_topic]
    lines = [f"hear {birth[2:2 + n_topic].decode()} {birth[3 + n_topic + n_properties:].hex()}"]
    lines += [f"say request platform {message.hex()}" for message in messages]
    out, _ = process.communicate("\n".join(lines) + "\n", timeout=60)
    heard, *frames = out.splitlines()
    assert heard == "none" and all(frames), heard
    return [bytes.fromhex(frame) for frame in frames]


def field(number, value):
    """Of protobuf."""
    if isinstance(value, int):
        return mqtt.varint(number << 3) + mqtt.varint(value)
    data = value.encode() if isinstance(value, str) else value
    return mqtt.varint(number << 3 | 2) + mqtt.varint(len(data)) + data


def request(name):
    return (field(1, str(uuid.uuid4())) + field(2, name) + field(3, "bob") + field(4, 1) +
            field(5, 256) + field(6, 1000))


def test_a_flood_of_noise(fed):
    noise = mqtt.publish("qkdnf/v1/request/eve/platform", b"noise" * 40)
    measure(fed, "noise", "eve", [noise] * 1000)


def test_a_flood_of_what_is_no_topic(fed):
    measure(fed, "no topics", "mia", [mqtt.publish(f"nowhere/{i}", b"noise") for i in range(1000)])


def test_what_is_nested_without_end(fed):
    nested = b""
    for _ in range(DEPTH):
        nested = field(3, nested)
    frames = forged(fed, "kim", [nested, request("kim") + field(99, nested), field(3, nested)])
    with fed.connect("kim") as client:
        codes = client.say([("qkdnf/v1/request/kim/platform", frame) for frame in frames])
    assert mqtt.NOT_AUTHORIZED not in codes, codes
    fed.is_unharmed()


def test_a_flood_of_valid_requests(fed):
    frames = forged(fed, "zoe", [request("zoe") for _ in range(N_VALID)])
    measure(fed, "valid requests", "zoe",
            [mqtt.publish("qkdnf/v1/request/zoe/platform", frame) for frame in frames])


def test_no_place_for_a_hundred_thousand_topics(fed):
    before = fed.broker_bytes()
    with fed.connect("kim") as client:
        codes = client.say([(f"qkdnf/v1/request/kim/x{i}", bytes(100)) for i in range(500)],
                           retain=True)
        assert set(codes) == {mqtt.NOT_AUTHORIZED}, set(codes)
        codes = client.hear([f"qkdnf/v1/x{i}/+/kim" for i in range(500)])
        assert sum(code < 0x80 for code in codes) <= 64, set(codes)
    with contextlib.suppress(mqtt.Gone), fed.connect("kim") as client:
        for i in range(N_TOPICS):
            client.send(mqtt.publish(f"qkdnf/v1/request/kim/y{i}", bytes(2000), retain=True))
    grown = fed.broker_bytes() - before
    print(f"# the broker has grown by {grown >> 10} KiB", flush=True)
    assert grown < GROWTH_MAX_BYTES, grown
    fed.is_unharmed()


def test_readers_that_never_read_are_bounded(fed):
    before = fed.broker_bytes()
    told = [mqtt.publish("qkdnf/v1/event/mallory/all", bytes(8000))] * 500
    with contextlib.ExitStack() as stack:
        for _ in range(N_SLOW):
            stack.enter_context(fed.connect("ops", buffer_bytes=2048)).hear(["#"])
        measure(fed, "events for those who never read", "mallory", told)
        grown = fed.broker_bytes() - before
    print(f"# the broker has grown by {grown >> 10} KiB", flush=True)
    assert grown < GROWTH_MAX_BYTES, grown


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
