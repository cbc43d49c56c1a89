# SPDX-License-Identifier: Apache-2.0
"""Sessions that run through everything: at both ends keys are fetched all the time, over plain ETSI
GS QKD 014, while a border is cut, a provider on the way, the platform and the broker are killed with
SIGKILL, and the user moves to another provider and, while the platform is killed again, back. No
call may fail, no key may be missing, come twice or differ, and the numbers of a session's keys run
on. DIR/federation.json is all that is known of the federation. Argument: the build directory."""

import collections
import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import uuid

import fabric
import observer

RATE_BPS, SIZE_BITS = 2560, 256
PACE_S = SIZE_BITS / RATE_BPS
# More than a call may take by itself.
CALL_LIMIT_S = 30
# After each disturbance so many keys are fetched before the next.
CALM_KEYS = 10


class Record(observer.Record):
    """With the numbers that sessions give their keys: a key ID follows from request, attempt and
    place in it."""

    def __init__(self):
        super().__init__()
        self.numbers = {}  # key ID → (session, number)

    def _order(self, sender, order):
        super()._order(sender, order)
        request, attempt = observer.text(order, 1), observer.number(order, 2)
        for keys in map(observer.fields, order[10]):
            for i in range(observer.number(order, 6)):
                key_id = str(uuid.uuid5(uuid.UUID(request), f"{attempt}/{i}"))
                self.numbers[key_id] = observer.text(keys, 1), observer.number(keys, 2) + i


class User:
    """An application: it has its certificate, and goes to one KME at a time."""

    def __init__(self, fed, sae):
        self.id = sae
        self.home = fed.saes[sae]["qkdn"]
        self.tls = ssl.create_default_context(cafile=fed.info["ca"])
        self.tls.load_cert_chain(fed.saes[sae]["certificate"], fed.saes[sae]["key"])
        self.lock = threading.Lock()
        self.move(fed.saes[sae]["kme"])

    def move(self, kme):
        with self.lock:
            host, port = kme.removeprefix("https://").split(":")
            self.connection = http.client.HTTPSConnection(host, int(port), timeout=CALL_LIMIT_S,
                                                          context=self.tls)

    def call(self, path, body=None):
        with self.lock:
            self.connection.request("POST" if body else "GET", "/api/v1/keys/" + path,
                                    body and json.dumps(body),
                                    {"Content-Type": "application/json"} if body else {})
            response = self.connection.getresponse()
            return fabric.Answer(response.status, response.read().decode())


class Stream:
    """A session, and both its ends that fetch."""

    def __init__(self, fed, initiator, target):
        self.initiator, self.target = initiator, target
        report = json.loads(fed.run(
            "session", "open", "--federation", str(fed.dir), "--as", initiator.id, "--to", target.id,
            "--rate", str(RATE_BPS), "--size", str(SIZE_BITS), "--json"))
        self.session = report["sessions"][0]["session"]
        self.ours, self.theirs = [], []  # (key ID, key), as fetched
        self.failures = []
        self.times = []  # (end, duration, which call)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        due = time.monotonic()
        while not self.over.wait(max(0, due - time.monotonic())):
            due = max(due + PACE_S, time.monotonic() - 1)
            try:
                self._fetch()
            except (AssertionError, OSError, http.client.HTTPException) as error:
                self.failures.append(f"{self.initiator.id} to {self.target.id}, key "
                                     f"{len(self.ours)}: {type(error).__name__} {error}")
                self.over.wait(PACE_S)

    def _fetch(self):
        (key_id, key), = self._get(self.initiator, f"{self.target.id}/enc_keys").items()
        self.ours.append((key_id, key))
        self.theirs += self._get(self.target, f"{self.initiator.id}/dec_keys",
                                 {"key_IDs": [{"key_ID": key_id}]}).items()

    def _get(self, user, path, body=None):
        start = time.monotonic()
        answer = user.call(path, body)
        self.times.append((time.monotonic(), time.monotonic() - start, path.split("/")[1]))
        assert answer.code == 200, f"{user.id} {path}: {answer}"
        return answer.keys

    def slowest(self, start, end):
        return max((duration for at, duration, _ in self.times if start <= at <= end), default=0)


class World:
    """The federation, two sessions of a user who moves, one in each direction, and what happens."""

    def __init__(self, build):
        self.fed = fabric.Fabric(build, fabric.ROOT / "tools" / "demo" / "published-networks.yaml")
        self.record = Record()
        self.subscriber = observer.Subscriber(self.fed.info, self.record.take)
        fabric.wait_until("key on all borders", self.has_key, 60)
        self.mover, self.peer = self.user("tokyo"), self.user("madrid")
        self.streams = [Stream(self.fed, self.mover, self.peer),
                        Stream(self.fed, self.peer, self.mover)]
        fabric.wait_until("the sessions to be filled", lambda: all(
            self.session(stream)["phase"] == "ACTIVE" for stream in self.streams))
        self.happened = []  # (what, start, end)
        for stream in self.streams:
            stream.thread.start()
        try:
            self.run()
        finally:
            for stream in self.streams:
                stream.over.set()
            for stream in self.streams:
                stream.thread.join(2 * CALL_LIMIT_S)

    def close(self):
        self.subscriber.close()
        self.fed.close()

    # --- what is known ---

    def user(self, provider):
        return User(self.fed, next(sae["id"] for sae in self.fed.info["saes"]
                                   if sae["qkdn"] == provider))

    def topology(self):
        return json.loads(self.fed.run("topology", "--federation", str(self.fed.dir), "--json"))

    def has_key(self):
        links = self.topology()["border_links"]
        return links and all(end["n_open"] >= 64 for link in links for end in link["ends"])

    def border(self, a, b):
        return next(link["id"] for link in self.topology()["border_links"]
                    if {end["provider"] for end in link["ends"]} == {a, b})

    def session(self, stream):
        said = self.fed.run("session", "show", "--federation", str(self.fed.dir), "--as",
                            stream.initiator.id, "--json", stream.session)
        return json.loads(said)["sessions"][0]

    def path(self):
        return self.session(self.streams[0])["paths"][0]["providers"]

    def pids(self):
        info = json.loads((self.fed.dir / "federation.json").read_text())
        found = {qkdn["id"]: qkdn["pid"] for qkdn in info["qkdns"]}
        return found | {"broker": info["broker"]["pid"], "platform": info["platform"]["pid"]}

    # --- what happens ---

    def calm(self):
        goals = [len(stream.theirs) + CALM_KEYS for stream in self.streams]
        fabric.wait_until("both ends to go on fetching", lambda: all(
            len(stream.theirs) >= goal or stream.failures
            for stream, goal in zip(self.streams, goals)), 2 * CALL_LIMIT_S)

    @contextlib.contextmanager
    def disturbance(self, what):
        start = time.monotonic()
        yield
        self.calm()
        self.happened.append((what, start, time.monotonic()))

    def fault(self, action, provider, link):
        self.fed.run("fault", action, "--federation", str(self.fed.dir), provider, "border", link)

    def kill(self, victim):
        pid = self.pids()[victim]
        os.kill(pid, signal.SIGKILL)
        fabric.wait_until(f"{victim} to be there again", lambda: self.pids()[victim] != pid)

    def hand_over(self, provider, victim):
        """The user is told by its program that asks when it may come, and comes. Before it does, a
        victim may be killed."""
        program = subprocess.Popen(
            [self.fed.qkdnf, "session", "move", "--federation", str(self.fed.dir), "--as",
             self.mover.id, "--to-provider", provider, "--json"],
            stdout=subprocess.PIPE, text=True, preexec_fn=fabric.die_with_parent)
        phases = []
        with program:
            for line in program.stdout:
                phases.append(json.loads(line)["phase"])
                if phases[-1] == "PREPARED" and victim:
                    self.kill(victim)
                if phases[-1] == "PREPARED":
                    self.mover.move(self.fed.qkdns[provider]["kme"])
        assert program.returncode == 0 and phases[-1] == "RELEASED", (provider, phases)

    def run(self):
        self.calm()
        first, second = self.path()[:2]
        link = self.border(first, second)
        with self.disturbance(f"border {link} cut"):
            self.fault("inject", first, link)
            fabric.wait_until("another way", lambda: self.path()[1] != second)
        with self.disturbance(f"border {link} mended"):
            self.fault("clear", first, link)
        transit = self.path()[1]
        for victim in (transit, "platform", "broker"):
            with self.disturbance(f"{victim} killed"):
                self.kill(victim)
        for provider, victim in (("vienna", None), (self.mover.home, "platform")):
            meanwhile = f", the {victim} killed meanwhile" if victim else ""
            with self.disturbance(f"{self.mover.id} moved to {provider}{meanwhile}"):
                self.hand_over(provider, victim)


# --- what must be true ---


def none(broken):
    assert not broken, f"{len(broken)}, such as: " + "; ".join(map(str, broken[:5]))


def test_no_get_key_has_failed(world):
    none([failure for stream in world.streams for failure in stream.failures])
    for what, start, end in world.happened:
        slowest = max(stream.slowest(start, end) for stream in world.streams)
        print(f"# {what}: slowest get key {1000 * slowest:.0f} ms, goes on after {end - start:.1f} s")
    assert len(world.happened) == 7


def test_both_ends_have_the_same_keys_once(world):
    for stream in world.streams:
        assert len(stream.ours) > 7 * CALM_KEYS
        assert stream.ours == stream.theirs
        none([key for key, n in collections.Counter(stream.ours).items() if n > 1])
        print(f"# {stream.initiator.id} to {stream.target.id}: {len(stream.ours)} keys")


def test_the_numbers_run_on(world):
    """From 0, without a gap, in the order in which the keys were fetched."""
    for stream in world.streams:
        numbers = [world.record.numbers.get(key_id) for key_id, _ in stream.ours]
        expected = [(stream.session, i) for i in range(len(stream.ours))]
        none([pair for pair in zip(expected, numbers) if pair[0] != pair[1]])


def test_the_platform_has_counted_the_same(world):
    for stream in world.streams:
        fabric.wait_until("the platform to have heard of all keys", lambda: world.session(stream)[
            "delivered"] == len(stream.ours), 15)


def test_nobody_raised_an_alarm(world):
    none([f"{alarm}, {n} times" for alarm, n in world.record.alarms.items()])
    none(world.record.broken)
    assert not world.subscriber.failure, repr(world.subscriber.failure)


def test_closed_sessions_are_gone(world):
    for stream in world.streams:
        world.fed.run("session", "close", "--federation", str(world.fed.dir), stream.session)
        said = json.loads(world.fed.run("session", "list", "--federation", str(world.fed.dir),
                                        "--sae", stream.initiator.id, "--json"))
        assert all(session["phase"] == "CLOSED" for session in said["sessions"]
                   if session["session"] == stream.session), said


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(World(sys.argv[1])))


main()
