# SPDX-License-Identifier: Apache-2.0
"""A federation under load in which every two seconds the platform, an agent or the broker is killed
with SIGKILL, in turn; `qkdnf up` starts them again. Outside observers judge: a tap of the bus, and
the applications, which speak ETSI GS QKD 014 and, half of them, on the bus.

    python3 tests/e2e/kill.py BUILD [--seconds S] [--every S]

`tools/check` runs it for 25 seconds. The long run is the one with `--seconds 600`."""

import argparse
import collections
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import uuid

import fabric
import observer

# Within this every call has its answer: the agent's own limit is 10 s.
CALL_LIMIT_S = 30
# An agent that was killed is there again within this, whatever else died meanwhile.
DOWN_LIMIT_S = 30
# After this a kill waits for no occasion any more.
OCCASION_S = 1
# How long SIGKILL may take to end a process on a busy machine.
KILL_SLACK_S = 0.2
PACE_S = 0.1
# What was delivered in this time before a kill is asked for again.
FRESH_S = 0.5
# What an agent says that has heard nothing.
GIVEN_UP = "the federation did not answer in time"
# More than the platform ever tries.
ATTEMPTS_MAX = 64


class Kills:
    """Who was killed when. The worst moment is when something has just been promised, so most
    victims get their signal as soon as somebody hears of them."""

    def __init__(self):
        self.all = []  # (before, after, victim)
        self.lock = threading.Lock()
        self.victim = None  # that is aimed at, with its process ID
        self.pid = None
        self.occasion = None
        self.done = threading.Event()

    def aim(self, victim, pid, occasion):
        self.done.clear()
        self.pid, self.occasion, self.victim = pid, occasion, victim

    def heard(self, victim, occasion):
        if victim == self.victim and occasion == self.occasion:
            self.strike()

    def strike(self):
        with self.lock:
            if not self.victim:
                return
            before, victim, self.victim = time.monotonic(), self.victim, None
            # Listed first, so that nobody hears of its end sooner.
            self.all.append((before, before + DOWN_LIMIT_S, victim))
            os.kill(self.pid, signal.SIGKILL)
            self.all[-1] = before, time.monotonic(), victim
            self.done.set()

    def hit(self, victim, start, end):
        """Whether the victim was killed while something lasted."""
        return any(who == victim and start <= after + KILL_SLACK_S and end >= before
                   for before, after, who in self.all)


class Deliveries:
    """Every key that any application ever got."""

    def __init__(self):
        self.lock = threading.Lock()
        self.values = {}  # key ID → bytes
        self.ends = collections.defaultdict(dict)  # key ID → application that got it → when
        self.broken = []

    def add(self, sae, keys):
        with self.lock:
            for key_id, key in keys.items():
                if self.values.setdefault(key_id, key) != key:
                    self.broken.append(f"key {key_id} has two values")
                if sae in self.ends[key_id]:
                    self.broken.append(f"key {key_id} was delivered twice to {sae}")
                self.ends[key_id][sae] = time.monotonic()


class Broken(Exception):
    """The connection ended before there was an answer; `handled`: the call may have been."""

    def __init__(self, handled):
        super().__init__()
        self.handled = handled


class Client:
    """One application at its KME, over one connection that is made again whenever it is gone."""

    def __init__(self, world, sae):
        self.world = world
        self.sae = world.fed.saes[sae]
        host, port = self.sae["kme"].removeprefix("https://").split(":")
        tls = ssl.create_default_context(cafile=world.fed.info["ca"])
        tls.load_cert_chain(self.sae["certificate"], self.sae["key"])
        self.connection = http.client.HTTPSConnection(host, int(port), timeout=CALL_LIMIT_S,
                                                      context=tls)

    def _connect(self):
        end = time.monotonic() + DOWN_LIMIT_S
        while self.connection.sock is None:
            try:
                self.connection.connect()
            except OSError:
                self.connection.close()
                if time.monotonic() > end:
                    raise AssertionError(f"{self.sae['qkdn']} was away for {DOWN_LIMIT_S} s")
                self.world.over.wait(0.02)

    def call(self, path, body=None):
        self._connect()
        start = time.monotonic()
        try:
            self.connection.request("POST" if body else "GET", "/api/v1/keys/" + path,
                                    body and json.dumps(body),
                                    {"Content-Type": "application/json"} if body else {})
            response = self.connection.getresponse()
            text = response.read().decode()
            self.world.kills.heard(self.sae["qkdn"], response.status)
            return fabric.Answer(response.status, text)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise self._judge(error, start) from error

    def _judge(self, error, start):
        end = time.monotonic()
        if isinstance(error, TimeoutError):
            return AssertionError(f"{self.sae['id']} had no answer within {CALL_LIMIT_S} s")
        died = [after for before, after, who in self.world.kills.all if who == self.sae["qkdn"]]
        if not died:
            return AssertionError(f"{self.sae['qkdn']} closed a connection: {error!r}")
        return Broken(self.world.kills.hit(self.sae["qkdn"], start, end))


class World:
    """The federation, its load, its misfortune, and what was seen of it."""

    def __init__(self, build, seconds, every):
        self.build = pathlib.Path(build)
        self.fed = fabric.Fabric(build, fabric.ROOT / "tools" / "demo" / "published-networks.yaml")
        self.kills = Kills()
        self.record = observer.Record()
        self.subscriber = observer.Subscriber(self.fed.info, self.take)
        self.deliveries = Deliveries()
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.grants = []  # (asked, answered, the providers at both ends)
        self.told = {}  # request → status, as an application on the bus was told
        self.accepted = {}  # request → (initiator, targets, key IDs), as the initiator was told
        self.outcomes = collections.Counter()
        self.killed_calls = collections.Counter()  # initiator → Get key calls that died with its KME
        self.gone = set()  # (application, key ID) that went with its KME
        self.slowest_s = 0
        self.failures = []
        self.users = collections.defaultdict(list)
        for sae in self.fed.info["saes"]:
            self.users[sae["qkdn"]].append(sae["id"])
        fabric.wait_until("key on all borders", self.has_key, 60)
        self.run(seconds, every)

    def has_key(self):
        topology = json.loads(self.fed.run("topology", "--federation", str(self.fed.dir), "--json"))
        return topology["border_links"] and all(
            end["n_open"] >= 64 for link in topology["border_links"] for end in link["ends"])

    def take(self, topic, payload):
        kind, sender = topic.split("/")[2:4]
        self.kills.heard(sender, kind)
        self.record.take(topic, payload)

    # --- load ---

    def note(self, asked, initiator, target):
        answered = time.monotonic()
        ends = {self.fed.saes[initiator]["qkdn"], self.fed.saes[target]["qkdn"]}
        with self.lock:
            self.grants.append((asked, answered, ends))

    def ended(self, what, asked):
        with self.lock:
            self.outcomes[what] += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - asked)

    def clients_of_targets(self, initiator):
        home = self.fed.saes[initiator]["qkdn"]
        return {users[1]: Client(self, users[1]) for qkdn, users in self.users.items()
                if qkdn != home}

    def get_keys(self, client, target):
        """What the initiator gets; None when it was not granted, or the answer was lost."""
        initiator, asked = client.sae["id"], time.monotonic()
        try:
            answer = client.call(f"{target}/enc_keys")
        except Broken as broken:
            if broken.handled:
                with self.lock:
                    self.killed_calls[initiator] += 1
            self.ended("Get key: killed with its KME", asked)
            return None
        self.ended(f"Get key: {answer.code}{self.reason(answer)}", asked)
        if GIVEN_UP in answer.body:
            self.failures.append(f"{initiator} was told by its KME: {answer}")
        if answer.code != 200:
            return None
        self.note(asked, initiator, target)
        self.deliveries.add(initiator, answer.keys)
        return answer.keys

    @staticmethod
    def reason(answer):
        return "" if answer.code == 200 or not answer.body else \
            " " + answer.json["message"].split(":")[0]

    def fetch(self, client, key_ids, path, body):
        """Keys that are there for sure: all of them, unless they went with a killed KME."""
        lost = False
        end = time.monotonic() + 2 * DOWN_LIMIT_S
        while time.monotonic() < end:
            try:
                answer = client.call(path, body)
            except Broken as broken:
                lost |= broken.handled
                continue
            if answer.code == 200:
                self.deliveries.add(client.sae["id"], answer.keys)
                return
            if answer.code == 400 and lost:
                self.gone.update((client.sae["id"], key_id) for key_id in key_ids)
                return
            if answer.code != 503:
                break
        raise AssertionError(f"{client.sae['id']} gets {answer} for {path} {body}")

    def fetch_by_id(self, client, initiator, key_ids):
        self.fetch(client, key_ids, f"{initiator}/dec_keys",
                   {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]})

    def fetch_request(self, client, target, request, key_ids):
        self.fetch(client, key_ids, f"{target}/enc_keys", self.by_request(request, key_ids))

    @staticmethod
    def by_request(request, key_ids):
        return {"number": len(key_ids), "extension_mandatory": [{"qkdnf_request": request}]}

    def by_standard(self, initiator):
        """An application that knows nothing but ETSI GS QKD 014."""
        client, ends = Client(self, initiator), self.clients_of_targets(initiator)
        for target in itertools.cycle(ends):
            if self.over.wait(PACE_S):
                return
            keys = self.get_keys(client, target)
            if keys:
                self.fetch_by_id(ends[target], initiator, keys)

    def on_bus(self, initiator):
        """An application that asks the platform for two keys at a time, then fetches them."""
        client, ends = Client(self, initiator), self.clients_of_targets(initiator)
        requester = subprocess.Popen(
            [self.build / "tests" / "e2e" / "requester", self.fed.dir / "federation.json",
             initiator, "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=fabric.die_with_parent)
        for target in itertools.cycle(ends):
            if self.over.wait(PACE_S):
                break
            asked = time.monotonic()
            print(target, file=requester.stdin, flush=True)
            request, status, *key_ids = requester.stdout.readline().split()
            self.ended(f"request: {status}", asked)
            with self.lock:
                self.told[request] = status
            if status != "OK":
                continue
            self.note(asked, initiator, target)
            with self.lock:
                self.accepted[request] = initiator, [target], key_ids
            self.fetch_request(client, target, request, key_ids)
            self.fetch_by_id(ends[target], initiator, key_ids)
        requester.stdin.close()
        requester.wait()

    def guarded(self, load, *arguments):
        try:
            load(*arguments)
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    # --- misfortune ---

    def pids(self):
        info = json.loads((self.fed.dir / "federation.json").read_text())
        found = {qkdn["id"]: qkdn["pid"] for qkdn in info["qkdns"]}
        return found | {"broker": info["broker"]["pid"], "platform": info["platform"]["pid"]}

    def is_up(self, pid):
        """Whether it is a child of this federation, and no stranger who has its number by now."""
        try:
            state, parent = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
        except FileNotFoundError:
            return False
        return state != "Z" and int(parent) == self.fed.process.pid

    def victims(self):
        """Platform, an agent, the broker, in turn, and the occasion: a word of it on the bus, an
        answer of its KME, or none."""
        orders = itertools.cycle(("order", None, "reply", "release"))
        answers = itertools.cycle(("outcome", 200, "relay", None, 200))
        for agent in itertools.cycle(self.fed.qkdns):
            yield from (("platform", next(orders)), (agent, next(answers)), ("broker", None))

    def kill(self, victims):
        """Whoever is next and alive."""
        for victim, occasion in itertools.islice(victims, 3):
            pid = self.pids()[victim]
            if self.is_up(pid):
                self.kills.aim(victim, pid, occasion)
                if not occasion or not self.kills.done.wait(OCCASION_S):
                    self.kills.strike()
                return
        self.failures.append("nobody is there to be killed")

    def kill_on(self, seconds, every):
        end = time.monotonic() + seconds
        victims = self.victims()
        while not self.over.wait(every) and time.monotonic() < end - every / 2:
            self.kill(victims)
        fabric.wait_until("all to be there again",
                          lambda: all(map(self.is_up, self.pids().values())), DOWN_LIMIT_S)

    def run(self, seconds, every):
        loads = [threading.Thread(target=self.guarded, args=(load, users[i]))
                 for users in self.users.values()
                 for i, load in enumerate((self.by_standard, self.on_bus))]
        for load in loads:
            load.start()
        self.kill_on(seconds, every)
        self.over.wait(every)  # with nobody killed
        self.over.set()
        for load in loads:
            load.join(4 * DOWN_LIMIT_S)
            if load.is_alive():
                self.failures.append("an application is stuck")

    def close(self):
        self.over.set()
        self.subscriber.close()
        self.fed.close()


# --- what must be true ---


def none(broken):
    assert not broken, f"{len(broken)}, such as: " + "; ".join(map(str, broken[:5]))


def test_every_call_and_request_got_its_answer(world):
    none(world.failures)
    for what, n in sorted(world.outcomes.items()):
        print(f"# {n:7} {what}")
    print(f"# slowest: {world.slowest_s:.1f} s; {len(world.kills.all)} killed")
    assert world.slowest_s < CALL_LIMIT_S


def is_delivered(world, request):
    """Whether anyone has a key of it: their IDs follow from the request's."""
    return any(str(uuid.uuid5(uuid.UUID(request), f"{attempt}/0")) in world.deliveries.values
               for attempt in range(ATTEMPTS_MAX))


def test_the_platform_answered_every_request(world):
    """A status that a library or an agent made up when its time was up is no answer. Only the
    requests of a KME that was killed may have died with it, before the platform had them."""
    record = world.record
    none([f"{request}: {status}" for request, status in world.told.items()
          if status != "OK" and request not in record.replies])
    unanswered = collections.Counter(
        initiator for request, (initiator, _) in record.requests.items()
        if request not in record.replies and request not in world.told
        and not is_delivered(world, request))
    print(f"# {len(record.requests)} requests on the bus, {len(record.replies)} answered there, "
          f"{sum(unanswered.values())} that nobody waited for")
    assert len(record.requests) > 0
    none([f"{sae}: {n}" for sae, n in unanswered.items() if n > world.killed_calls[sae]])


def test_no_slot_and_no_pad_served_twice(world):
    record = world.record
    print(f"# {record.n_orders} orders, {len(record.slots)} slots, {len(record.relays)} values, "
          f"{world.subscriber.n_connections} connections of the tap")
    assert not world.subscriber.failure, repr(world.subscriber.failure)
    assert record.slots and record.relays
    none(record.broken)


def test_no_key_differs_or_comes_twice(world):
    assert world.deliveries.values
    none(world.deliveries.broken)


def is_missing(world, sae, keys):
    return any(sae not in world.deliveries.ends[key_id] and (sae, key_id) not in world.gone
               for key_id in keys)


def test_nothing_granted_is_lost(world):
    """What either the bus or an application heard to be granted is at both ends, unless it went
    with a KME that was killed as it answered."""
    record, deliveries = world.record, world.deliveries
    granted = {request: (*record.requests[request], keys) for request, keys in record.granted.items()
               if request in record.requests}
    lost = collections.Counter()
    n_late = 0
    for request, (initiator, targets, keys) in (granted | world.accepted).items():
        if is_missing(world, initiator, keys):
            n_late += 1
            answer = Client(world, initiator).call(f"{targets[0]}/enc_keys",
                                                   world.by_request(request, keys))
            if answer.code == 200:
                deliveries.add(initiator, answer.keys)
            else:
                lost[initiator] += 1
        for target in targets:
            if is_missing(world, target, keys):
                world.fetch_by_id(Client(world, target), initiator, keys)
    print(f"# {len(granted | world.accepted)} granted, {n_late} fetched at the end, "
          f"{sum(lost.values())} of {sum(world.killed_calls.values())} calls and {len(world.gone)} keys "
          "went with a KME")
    none([sae for sae in lost if lost[sae] > world.killed_calls[sae]])
    none(deliveries.broken)


def test_what_was_delivered_is_gone(world):
    """What was delivered shortly before its KME was killed, when it may have forgotten that."""
    again = []
    for _, killed, victim in world.kills.all:
        again += [(key_id, sae) for key_id, ends in world.deliveries.ends.items()
                  for sae, when in ends.items()
                  if world.fed.saes[sae]["qkdn"] == victim and killed - FRESH_S < when < killed]
    request_of = {key_id: request for request, keys in world.record.granted.items()
                  for key_id in keys}
    print(f"# {len(again)} asked for again")
    for key_id, sae in again:
        request = request_of.get(key_id)
        initiator, targets = world.record.requests.get(request, (None, []))
        if sae == initiator:
            answer = Client(world, sae).call(f"{targets[0]}/enc_keys",
                                             world.by_request(request, [key_id]))
            assert answer.code == 400, (request, sae, answer.code)
        elif sae in targets:
            answer = Client(world, sae).call(f"{initiator}/dec_keys?key_ID={key_id}")
            assert answer.code == 400, (key_id, sae, answer.code)


def test_nothing_died_but_by_our_hand(world):
    ends = [line for line in world.fed.up_log().splitlines() if "starting it again" in line]
    assert len(ends) == len(world.kills.all), (len(ends), len(world.kills.all))
    none([line for line in ends if "signal 9" not in line])


def test_nobody_raised_an_alarm(world):
    """Such as of a slot that was ordered twice, or of a relay value that does not fit."""
    none([f"{alarm}, {n} times" for alarm, n in world.record.alarms.items()])


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def test_time_from_kill_to_grant(world):
    """The first grant that was asked for after the kill, at the victim where it is a provider."""
    times = collections.defaultdict(list)
    asked = sorted(world.grants, key=lambda grant: grant[1])
    for _, killed, victim in world.kills.all:
        answered = next((answered for start, answered, ends in asked if start > killed and
                         (victim not in world.fed.qkdns or victim in ends)), None)
        assert answered, f"nothing granted after {victim} was killed"
        times["agent" if victim in world.fed.qkdns else victim].append(answered - killed)
    for victim, values in sorted(times.items()):
        print(f"# {victim}: {len(values)} killed, to the next grant p50 "
              f"{quantile(values, 0.5):.2f} s, p99 {quantile(values, 0.99):.2f} s, max "
              f"{max(values):.2f} s")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=25)
    parser.add_argument("--every", type=float, default=2)
    options = parser.parse_args()
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(
        World(options.build, options.seconds, options.every)))


main()
