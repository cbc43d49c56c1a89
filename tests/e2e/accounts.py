# SPDX-License-Identifier: Apache-2.0
"""A period of the published networks with traffic, an agreement that begins and ends, a session, a
fault, a handover and users away from home, and its money computed again by somebody else: from
nothing but the raw bus, the published contract and the price list."""

import collections
import contextlib
import csv
import hashlib
import io
import json
import subprocess
import sys
import uuid

import fabric
import observer
from observer import number, text

# Schemas say these; purposes by number.
PURPOSES = ["other", "copy", "visitor", "end", "transit"]
DELIVER = 1

# Prices in millionths of a minor unit; most amounts are no whole minor units.
PRICES = {
    "all": {"currency": "EUR", "key": 1_370_000, "bit": 1_700, "second": 2_500_000},
    "vienna": {"currency": "NOK", "key": 7_333_333, "bit": 0, "second": 0, "minimum": 50_000},
}
# What Cambridge asks of Madrid while they have an agreement of their own.
AGREED = {"currency": "EUR", "key": 4_100_003, "bit": 900, "second": 0}
# Minor units of a euro for so many of a krone.
KRONE = (86, 1000)
ACCOUNTS = """
  accounts:
    currency: EUR
    tariffs:
      - {currency: EUR, prices: [{micro_per_key: 1370000, micro_per_bit: 1700, micro_per_second: 2500000}]}
      - {seller: vienna, currency: NOK, minimum: 50000, prices: [{micro_per_key: 7333333}]}
    rates: [{currency: NOK, numerator: 86, denominator: 1000}]
"""
# A seller hears later than the buyer that a session's key is granted.
TOLERANCE_US = 2_000_000


def rounded(numerator, denominator):
    """Half away from zero."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size


def signed(value):
    return value >> 1 ^ -(value & 1)


def children(message, field):
    return [observer.fields(child) for child in message.get(field, [])]


def messages(tap, kind):
    """(sender, receiver, fields, bytes) of each message of a kind, as the contract says."""
    for _, topic, payload in list(tap.messages):
        levels = topic.split("/")
        if levels[2] == kind and payload:
            for message in observer.fields(payload).get(2, []):
                yield levels[3], levels[4], observer.fields(message), message


def without_digest(data):
    """The bytes of a statement before its digest, of which that is."""
    at = 0
    while at < len(data):
        tag, after = observer.read_varint(data, at)
        if tag >> 3 >= 17:
            return data[:at]
        value, after = observer.read_varint(data, after)
        at = after + value if tag & 7 == 2 else after
    return data


class Period:
    """What happened, and what was said of it."""

    def __init__(self, build):
        path = fabric.ROOT / "tools" / "demo" / "published-networks.yaml"
        head = "  operators: [admin]\n"
        description = path.read_text()
        assert head in description
        description = description.replace(head, head + ACCOUNTS.lstrip("\n"), 1)
        for provider in ("madrid", "cambridge"):
            line = f"  - id: {provider}\n"
            assert line in description
            description = description.replace(line, line + "    operators: [admin]\n", 1)
        self.fed = fabric.Fabric(build, description)
        self.tap = fabric.Tap(self.fed)
        self.delivered = collections.Counter()  # key ID → how often both ends have fetched it
        self.fed.wait_for_key()
        self.live()
        self.settle()

    def close(self):
        self.tap.close()
        self.fed.close()

    def user(self, provider, which=0):
        return [sae["id"] for sae in self.fed.info["saes"] if sae["qkdn"] == provider][which]

    # --- what happens ---

    def live(self):
        self.traffic()
        agreement = self.agree()
        self.request("madrid", "cambridge")
        self.end(agreement)
        self.request("madrid", "cambridge")
        session = self.open()
        self.fetch()
        self.fault("inject")
        self.request("tokyo", "madrid")
        self.fault("clear")
        for provider in ("vienna", "tokyo"):
            self.move(provider)
            self.request("tokyo", "madrid")
            self.request("cambridge", "tokyo")
            self.fetch()
        self.fed.run("session", "close", "--federation", str(self.fed.dir), session)

    def request(self, source, target):
        """Keys, fetched at both ends where those are now; a slow machine may need more time."""
        users = self.user(source), self.user(target)
        ours = self.fetched(lambda: self.fed.enc_keys(*users, body={"number": 3}))
        ids = {"key_IDs": [{"key_ID": key_id} for key_id in ours]}
        theirs = self.fetched(lambda: self.fed.dec_keys(*reversed(users), body=ids))
        assert ours == theirs and len(ours) == 3
        self.delivered.update(list(ours))

    @staticmethod
    def fetched(call):
        answers = []
        fabric.wait_until("keys", lambda: answers.append(call()) or answers[-1].code == 200, 60)
        return answers[-1].keys

    def traffic(self):
        names = ["tokyo", "madrid", "vienna", "cambridge"]
        for source in names:
            for target in names:
                if source != target:
                    self.request(source, target)

    def agreement(self, *words):
        return self.fed.run("agreement", *words, "--federation", str(self.fed.dir))

    def await_agreement(self, agreement, states, *provider):
        fabric.wait_until(f"an agreement to be {states}", lambda: any(
            one["id"] == agreement and one["state"] in states
            for one in map(json.loads, self.agreement("list", *provider, "--json").splitlines())), 60)

    def agree(self):
        """Madrid may use Cambridge at prices of their own."""
        said = self.agreement(
            "propose", "madrid", "cambridge", "--purposes", "relay,serve-visitor,reroute,share",
            "--currency", AGREED["currency"], "--micro-per-key", str(AGREED["key"]),
            "--micro-per-bit", str(AGREED["bit"]), "--json")
        agreement = json.loads(said)["agreement"]
        self.await_agreement(agreement, ["PROPOSED"], "cambridge")
        self.agreement("accept", "cambridge", agreement)
        for provider in ([], ["madrid"], ["cambridge"]):
            self.await_agreement(agreement, ["AVAILABLE"], *provider)
        return agreement

    def end(self, agreement):
        self.agreement("end", "cambridge", agreement, "--reason", "enough")
        for provider in ([], ["madrid"], ["cambridge"]):
            self.await_agreement(agreement, ["ENDED"], *provider)

    def open(self):
        report = json.loads(self.fed.run(
            "session", "open", "--federation", str(self.fed.dir), "--as", self.user("madrid"), "--to",
            self.user("tokyo"), "--rate", "2560", "--json"))
        return report["sessions"][0]["session"]

    def fetch(self):
        """Some keys of the session, at both ends."""
        for _ in range(5):
            self.request("madrid", "tokyo")

    def fault(self, action):
        self.fed.run("fault", action, "--federation", str(self.fed.dir), "cambridge", "border",
                     next(link["id"] for link in self.topology()["border_links"]
                          if {end["provider"] for end in link["ends"]} == {"cambridge", "madrid"}))

    def topology(self):
        return json.loads(self.fed.run("topology", "--federation", str(self.fed.dir), "--json"))

    def move(self, provider):
        """A slow machine may need more than one handover."""
        phases = []
        for _ in range(5):
            phases.append(self.hand_over(provider))
            if phases[-1] == "RELEASED":
                return
        raise AssertionError(f"no handover to {provider} was released: {phases}")

    def hand_over(self, provider):
        """The user comes to the other provider as soon as it may, and fetches keys there. The last
        phase."""
        user, phase = self.user("tokyo"), ""
        before = self.fed.saes[user]["kme"]
        program = subprocess.Popen(
            [self.fed.qkdnf, "session", "move", "--federation", str(self.fed.dir), "--as", user,
             "--to-provider", provider, "--json"],
            stdout=subprocess.PIPE, text=True, preexec_fn=fabric.die_with_parent)
        with program:
            for line in program.stdout:
                phase = json.loads(line)["phase"]
                if phase == "PREPARED":
                    self.fed.saes[user]["kme"] = self.fed.qkdns[provider]["kme"]
                    self.fetch()
        if phase != "RELEASED":
            self.fed.saes[user]["kme"] = before
        return phase

    # --- settlement ---

    def settle(self):
        fabric.wait_until("all usage to be in the accounts", lambda: self.expected() and
                          self.expected() <= set(self.records()), 60)
        fabric.wait_until("all usage to be in batches", self.is_settled, 90)
        fabric.wait_until("both parties to have all batches", lambda: self.answered() >= {
            (party, *name) for name in self.statements() for party in name[:2]}, 60)

    def is_settled(self):
        self.fed.run("accounts", "settle", "--federation", str(self.fed.dir))
        rows = csv.DictReader(io.StringIO(self.fed.run(
            "accounts", "usage", "--csv", "--federation", str(self.fed.dir)), newline=""))
        return all(row["seller"] == row["buyer"] or row["sequence"] != "0" for row in rows)

    def answered(self):
        return {(sender, text(message, 1), text(message, 2), number(message, 3))
                for sender, _, message, _ in messages(self.tap, "dispute")
                if number(message, 4) == observer.STATUS_OK}

    # --- what the bus says ---

    def granted(self):
        return {(text(message, 1), number(message, 2))
                for _, _, message, _ in messages(self.tap, "release") if number(message, 3) == DELIVER}

    def orders(self):
        """(request, attempt, provider) → order, of what was granted."""
        granted = self.granted()
        return {(text(order, 1), number(order, 2), agent): order
                for _, agent, order, _ in messages(self.tap, "order")
                if (text(order, 1), number(order, 2)) in granted}

    def expected(self):
        return set(self.orders())

    def records(self):
        """(request, attempt, provider) → usage, of what the platform has taken in."""
        taken = {text(message, 1) for _, _, message, _ in messages(self.tap, "usage-state")
                 if number(message, 2) == observer.STATUS_OK}
        return {(text(usage, 2), number(usage, 3), sender): usage
                for sender, _, usage, _ in messages(self.tap, "usage") if text(usage, 1) in taken}

    def statements(self):
        """(seller, buyer, sequence) → bytes."""
        found = {}
        for _, _, message, data in messages(self.tap, "statement"):
            name = text(message, 1), text(message, 2), number(message, 3)
            assert found.setdefault(name, data) == data, f"two batches {name}"
        return found

    def items(self):
        """record → (seller, item), as the batches that count say last."""
        found = {}
        for (seller, _, _), data in sorted(self.statements().items()):
            statement = observer.fields(data)
            for item in children(statement, 9):
                replaces = number(statement, 7)
                assert replaces or text(item, 1) not in found, "a record is in two batches"
                found[text(item, 1)] = seller, item
        return found


# --- computed again ---


def seconds(period, key, usage):
    """Of a session: those of the clock that begin in what is charged, and of the first record also the
    one in which the session begins."""
    if not text(usage, 4):
        return 0
    lasted = max(number(usage, 10) - number(usage, 9), 0)
    buyers = period.records().get((*key[:2], text(usage, 6)))
    if buyers and 13 in buyers:
        lasted = min(lasted, max(number(buyers, 10) - number(buyers, 9), 0) + TOLERANCE_US)
    start = number(usage, 9)
    has_begun = lasted > 0 and number(usage, 12) == 0 and start % 1_000_000 != 0
    return -(-(start + lasted) // 1_000_000) - -(-start // 1_000_000) + has_begun


def agreed(period, key):
    """The agreement with prices of its own under which the record was ordered; empty: none."""
    name = text(period.orders()[key], 14)
    return "" if name.startswith("terms-") else name


def amount(period, key, usage):
    """In minor units of the seller's currency."""
    price = AGREED if agreed(period, key) else PRICES.get(key[2], PRICES["all"])
    return rounded(number(usage, 7) * price["key"] + number(usage, 8) * price["bit"] +
                   seconds(period, key, usage) * price["second"], 1_000_000)


def euros(statement):
    minor = signed(number(statement, 14))
    return minor if text(observer.fields(statement[8][0]), 1) == "EUR" else \
        rounded(minor * KRONE[0], KRONE[1])


# --- what must be true ---


def test_the_period_had_everything(period):
    purposes = collections.Counter(PURPOSES[number(usage, 5)] for usage in period.records().values())
    print(f"# {len(period.records())} records: {dict(purposes)}")
    assert purposes["end"] and purposes["transit"] and purposes["visitor"], purposes
    assert any(text(usage, 4) for usage in period.records().values()), "no session"


def test_every_key_is_metered_once_by_each_provider(period):
    orders, records = period.orders(), period.records()
    assert set(orders) == set(records), set(orders) ^ set(records)
    ids = [text(usage, 1) for usage in records.values()]
    assert len(ids) == len(set(ids))
    for key, order in orders.items():
        assert number(records[key], 7) == number(order, 6), key
        bits = number(order, 6) * number(order, 7) * len(order[8])
        assert number(records[key], 8) == bits, key


def test_every_key_that_was_fetched_is_in_usage(period):
    made = collections.Counter()
    for request, attempt in {key[:2] for key in period.records()}:
        order = next(order for key, order in period.orders().items() if key[:2] == (request, attempt))
        n_keys = 0 if 11 in order else number(order, 6)  # of copies the keys are others'
        made.update(str(uuid.uuid5(uuid.UUID(request), f"{attempt}/{i}")) for i in range(n_keys))
    assert set(made.values()) == set(period.delivered.values()) == {1}
    assert set(period.delivered) <= set(made), set(period.delivered) - set(made)
    print(f"# {len(period.delivered)} keys fetched of {len(made)} metered")


def test_amounts_are_those_of_the_price_list(period):
    items, n_chargeable = period.items(), 0
    for key, usage in period.records().items():
        if key[2] == text(usage, 6):
            assert text(usage, 1) not in items, "what a provider did for itself is in a batch"
            continue
        n_chargeable += 1
        seller, item = items[text(usage, 1)]
        assert seller == key[2]
        assert (number(item, 5), number(item, 6)) == (number(usage, 7), number(usage, 8)), key
        assert signed(number(item, 10)) == amount(period, key, usage), (
            key, signed(number(item, 10)), amount(period, key, usage), text(item, 11))
    assert n_chargeable == len(items) > 0, (n_chargeable, len(items))
    print(f"# {n_chargeable} amounts")


def test_an_agreement_has_its_prices(period):
    items = period.items()
    between = {key: usage for key, usage in period.records().items()
               if (key[2], text(usage, 6)) == ("cambridge", "madrid")}
    names = {agreed(period, key) for key in between}
    assert len(names) == 2 and "" in names, names
    for key, usage in between.items():
        assert text(items[text(usage, 1)][1], 12) == agreed(period, key), key


def test_batches_are_whole_and_chained(period):
    last = {}
    for (seller, buyer, sequence), data in sorted(period.statements().items()):
        statement = observer.fields(data)
        before, digest = last.get((seller, buyer), (0, b""))
        assert sequence == before + 1, (seller, buyer, sequence)
        assert statement.get(16, [b""])[0] == digest
        assert statement[17][0] == hashlib.sha256(without_digest(data)).digest()
        items = children(statement, 9)
        assert number(statement, 10) == len(items)
        assert number(statement, 11) == sum(number(item, 5) for item in items)
        assert number(statement, 12) == sum(number(item, 6) for item in items)
        amount_of_items = sum(signed(number(item, 10)) for item in items)
        assert signed(number(statement, 14)) == amount_of_items + signed(number(statement, 13))
        last[seller, buyer] = sequence, statement[17][0]


def test_a_period_costs_its_minimum(period):
    costs, missing, corrected = collections.Counter(), collections.Counter(), set()
    for (seller, buyer, _), data in period.statements().items():
        statement = observer.fields(data)
        name = seller, buyer, number(statement, 4)
        items = children(statement, 9)
        missing[name] += signed(number(statement, 13))
        if number(statement, 7):
            corrected.add((seller, buyer))
        elif items:
            costs[name] += sum(signed(number(item, 10)) for item in items)
    for name in missing:
        least = PRICES.get(name[0], {}).get("minimum", 0) if name in costs else 0
        if name[:2] not in corrected:
            assert missing[name] == max(0, least - costs[name]), name
    assert any(missing.values()), missing


def test_the_lines_of_a_statement_add_up(period):
    sums = collections.Counter()
    for row in csv.DictReader(io.StringIO(period.fed.run(
            "accounts", "statements", "--csv", "--federation", str(period.fed.dir)), newline="")):
        sums[row["seller"], row["buyer"], int(row["sequence"])] += int(row["amount"])
    amounts = {name: signed(number(observer.fields(data), 14))
               for name, data in period.statements().items()}
    assert {name: n for name, n in sums.items() if n} == {
        name: n for name, n in amounts.items() if n}


def test_netting_agrees_to_the_last_minor_unit(period):
    positions, said = collections.Counter(), collections.Counter()
    for (seller, buyer, _), data in period.statements().items():
        minor = euros(observer.fields(data))
        positions[seller] += minor
        positions[buyer] -= minor
    nettings = [json.loads(line) for line in period.fed.run(
        "accounts", "netting", "--json", "--federation", str(period.fed.dir)).splitlines()]
    for netting in nettings:
        assert sum(netting["positions"].values()) == 0, netting
        assert not netting["waiting"], netting
        left = collections.Counter(netting["positions"])
        for payment in netting["payments"]:
            left[payment["from"]] += payment["amount"]
            left[payment["to"]] -= payment["amount"]
        assert not any(left.values()), netting
        said.update(netting["positions"])
    assert any(said.values()) and sum(positions.values()) == 0
    assert {name: n for name, n in said.items() if n} == {
        name: n for name, n in positions.items() if n}, (said, positions)
    print(f"# {dict(said)} euro cents")


def test_all_are_rated(period):
    """By what the others measured: everybody took part, and nobody did badly."""
    fabric.wait_until("ratings on the bus", lambda: len({
        receiver for _, receiver, _, _ in messages(period.tap, "rating")}) == 4, 60)
    ratings = [json.loads(line) for line in period.fed.run(
        "rating", "--json", "--federation", str(period.fed.dir)).splitlines()]
    assert {rating["provider"] for rating in ratings} == set(period.fed.qkdns)
    for rating in ratings:
        assert rating["orders"] > 0 and 0 < rating["score"] <= 1000, rating
        assert rating["promised_bits"] >= rating["delivered_bits"] > 0, rating
        print(f"# {rating['provider']}: {rating['score']}")
    explained = period.fed.run("rating", "tokyo", "--federation", str(period.fed.dir))
    for part in ("delivery:", "delay:", "availability:", "throughput:", "accounts:"):
        assert part in explained, explained


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Period(sys.argv[1])))


main()
