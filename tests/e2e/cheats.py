# SPDX-License-Identifier: Apache-2.0
"""Providers that cheat with their accounts, on the real bus: how an operator finds each of them, with
`qkdnf accounts parties` and `rating` and by what the tap shows, and that the money of all others is
right to the minor unit, computed again from what was ordered. Argument: the build directory."""

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import fabric
import terminal

# The provider's name says how it cheats. All are neighbours of tokyo; madrid is honest, and far away
# but for the way over one who keeps all values back.
HOW = {name: f"QKDNF_CHEAT={name}" for name in ("overbill", "skip", "repeat", "deny", "object")}
HOW["keep"] = "QKDNF_TAMPER=keep"
ENDS = ("tokyo", "madrid", "overbill", "skip", "repeat", "deny", "object")
TRANSITS = ("keep", "honest")
# In millionths of a minor unit: most amounts are no whole ones.
KEY, BIT, SECOND = 1_370_000, 1_700, 2_500_000
HEAD = f"""\
platform:
  attempt_ms: 3000
  operators: [admin, other]
  accounts:
    currency: EUR
    tariffs:
      - currency: EUR
        prices: [{{micro_per_key: {KEY}, micro_per_bit: {BIT}, micro_per_second: {SECOND}}}]
providers:
"""
PROVIDER = """\
  - id: {id}
    applications: [{applications}]
    qkdn: {{driver: sim, sim: {{nodes: [{{id: a}}, {{id: b}}], links: [
      {{a: a, b: b, km: {km}, rate_bps: 1000000, initial_bytes: 1048576}}]}}}}
"""
BORDER = "  - {{a: {}/{}, b: {}/{}, rate_bps: 1000000, initial_bytes: 262144}}\n"
N_REQUESTS, N_KEYS = 3, 2
TOLERANCE_US = 2_000_000


def describe():
    text = HEAD
    for end in ENDS:
        text += PROVIDER.format(id=end, km=10, applications=f"{{sae: user-{end}, node: a}}")
    for transit in TRANSITS:
        text += PROVIDER.format(id=transit, km=2000 if transit == "honest" else 10, applications="")
    text += "borders:\n"
    for end in ENDS[2:]:
        text += BORDER.format("tokyo", "b", end, "b")
    for transit in TRANSITS:
        text += BORDER.format("tokyo", "b", transit, "a") + BORDER.format(transit, "b", "madrid", "b")
    return text


class Federation(fabric.Fabric):
    """One in which most cheat, and a period of it."""

    def __init__(self, build):
        super().__init__(build, describe(), cheats=HOW)
        self.tap = fabric.Decoded(self)
        self.raw = fabric.Tap(self)
        self.screen = terminal.Terminal(self.path, self.qkdnf, "top", "--federation", str(self.dir),
                                        columns=250, rows=120)
        self.wait_for_key()
        self.live()

    def do(self, *words, code=0):
        return self.run(*words, "--federation", str(self.dir), code=code)

    def rows(self, *words):
        return [json.loads(line) for line in self.do(*words, "--json").splitlines()]

    # --- what happens ---

    def live(self):
        for _ in range(N_REQUESTS):
            for initiator, target in (("tokyo", "overbill"), ("tokyo", "repeat"), ("deny", "tokyo"),
                                      ("object", "tokyo")):
                self.fetch(initiator, target)
            self.ask("--exclude", "keep")
        for seller in ("overbill", "skip"):
            self.do("session", "open", "--as", "user-tokyo", "--to", f"user-{seller}", "--rate", "2560")
            fabric.wait_until("keys of the session", lambda: self.fetch("tokyo", seller))
        self.around = self.ask()
        self.refused = self.do("request", "--as", "user-tokyo", "--to", "user-madrid", "--exclude",
                               "honest", "--timeout", "5", code=1)
        self.settle()

    def fetch(self, initiator, target):
        ours, theirs = self.fetch_both(f"user-{initiator}", f"user-{target}", body={"number": N_KEYS})
        assert ours == theirs and len(ours) == N_KEYS
        return ours

    def ask(self, *words):
        return self.rows("request", "--as", "user-tokyo", "--to", "user-madrid", *words)[0]

    def settle(self):
        """One period with all that was done; both parties have answered to all of it."""
        fabric.wait_until("all usage to be in the accounts", lambda: self.orders() and (
            {(row["request"], row["attempt"], row["seller"]) for row in self.rows("accounts", "usage")
             if row["is_metered"]} == set(self.orders())))
        self.usage = self.rows("accounts", "usage")
        self.disputes = self.rows("accounts", "disputes")
        self.netting = self.rows("accounts", "settle")[0]
        self.await_answers()
        self.statements = self.rows("accounts", "statements")

    def await_answers(self):
        fabric.wait_until("both parties to answer to all batches", lambda: {
            (sender, said["seller"], said["buyer"], said["sequence"])
            for sender, said in self.tap.messages("dispute")} >= {
                (party, row["seller"], row["buyer"], row["sequence"])
                for row in self.rows("accounts", "statements") for party in (row["seller"], row["buyer"])})

    # --- what is seen ---

    def orders(self):
        """(request, attempt, seller) → what others did for the buyer, as it was ordered and granted."""
        granted = {(said["request"], said["attempt"]) for _, said in self.tap.messages("release")
                   if said["disposition"] == "DISPOSITION_DELIVER"}
        return {(order["request"], order["attempt"], publish["to"]): order
                for publish in list(self.tap.said) if publish["kind"] == "order"
                for order in publish["messages"]
                if (order["request"], order["attempt"]) in granted and publish["to"] != order["buyer"]}

    def lasted_us(self, record):
        """As its provider says at first."""
        return next(said["end_us"] - said["start_us"] for _, said in self.tap.messages("usage")
                    if said["record"] == record)

    def events(self, name, sender="platform"):
        return [said for who, said in self.tap.messages("event")
                if said["name"] == name and who == sender]

    def party(self, member):
        return next(row for row in self.rows("accounts", "parties") if row["member"] == member)

    def rating(self, member):
        return next(row for row in self.rows("rating") if row["provider"] == member)

    def counter(self, member, line):
        """A number among the metrics of a member."""
        url = next(one["metrics"] for one in [self.info["platform"], *self.info["qkdns"]]
                   if one["id"] == member)
        with urllib.request.urlopen(url, timeout=30) as answer:
            found = re.search(rf"^{re.escape(line)} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0

    def pid(self, member):
        """None, while it is not running."""
        with contextlib.suppress(AssertionError):
            return next(process["pid"] for process in json.loads(self.do("status", "--json"))["processes"]
                        if process["id"] == member)
        return None

    def say_again(self, member, topic, payload):
        """What anybody can do who has a member's certificate: mosquitto's own client, and its answer."""
        host, port = self.info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
        pki = self.dir / "pki"
        return subprocess.run(
            ["mosquitto_pub", "-h", host, "-p", port, "-V", "mqttv5", "-q", "1", "-i", "again",
             "--cafile", self.info["ca"], "--cert", str(pki / f"{member}.crt"), "--key",
             str(pki / f"{member}.key"), "-t", topic, "-s"], input=payload, capture_output=True,
            timeout=30, preexec_fn=fabric.die_with_parent)

    def next(self, topic, act):
        """The next that is said there."""
        n_before = len(self.raw.messages)
        act()
        return fabric.wait_until(topic, lambda: next(
            (payload for _, name, payload in self.raw.messages[n_before:] if name == topic), None))

    def close(self):
        self.screen.close()
        self.tap.close()
        self.raw.close()
        super().close()


# --- computed again ---


def rounded(numerator, denominator):
    """Half away from zero; of what is not below it."""
    return (2 * numerator + denominator) // (2 * denominator)


def seconds(item):
    """Those of the clock that begin in it; of a session's first record also the one that runs."""
    start, end = item["start_us"], item["start_us"] + item["duration_us"]
    has_begun = end > start and item["partial"] == 0 and start % 1_000_000 != 0
    return -(-end // 1_000_000) - -(-start // 1_000_000) + has_begun


def bits(order):
    return order["number"] * order["size_bits"] * len(order["branches"])


def test_all_is_paid_that_was_done(fed):
    """Each record for what was ordered, however much its seller says; but what a buyer says that it
    has not got, nobody pays."""
    orders = {row["record"]: fed.orders()[row["request"], row["attempt"], row["seller"]]
              for row in fed.usage if row["seller"] != row["buyer"]}
    buyers = {(row["request"], row["attempt"]): row["record"] for row in fed.usage
              if row["seller"] == row["buyer"]}
    positions = collections.Counter()
    for statement in fed.statements:
        amount = 0
        for item in statement["items"]:
            order = orders.pop(item["record"])
            is_denied = statement["buyer"] == "deny"
            keys, n_bits = (0, 0) if is_denied else (order["number"], bits(order))
            assert (item["keys"], item["bits"]) == (keys, n_bits), item
            if item["session"]:
                longest_us = min(fed.lasted_us(item["record"]), TOLERANCE_US +
                                 fed.lasted_us(buyers[order["request"], order["attempt"]]))
                # Who is not honest has no longer than the platform saw, either.
                assert (item["duration_us"] == longest_us or statement["seller"] == "overbill" and
                        item["duration_us"] < longest_us and "the platform saw" in item["remark"]), item
            expected = rounded(keys * KEY + n_bits * BIT + seconds(item) * SECOND, 1_000_000)
            assert item["amount"] == expected, (item, expected)
            amount += expected
        assert statement["amount"] == amount, statement
        positions[statement["seller"]] += amount
        positions[statement["buyer"]] -= amount
    assert not orders, f"in no batch: {orders}"
    assert fed.netting["positions"] == positions, (fed.netting, positions)
    assert positions["madrid"] > 0 > positions["object"] and sum(positions.values()) == 0, positions


def test_who_overbills(fed):
    records = [row for row in fed.usage if row["seller"] == "overbill"]
    party = fed.party("overbill")
    assert party["overbilled"] == party["sold"] == len(records) > N_REQUESTS, party
    assert party["overbilled_keys"] == len(records), party
    assert party["overbilled_bits"] == 256 * len(records), party
    n_of_sessions = sum(1 for row in records if row["session"])
    assert party["prolonged"] == n_of_sessions > 0, party
    assert party["prolonged_us"] >= 57_000_000 * n_of_sessions, party
    assert {row["record"] for row in records} <= {row["record"] for row in fed.disputes}
    assert {row["record"] for row in records} <= {event["subject"] for event in fed.events("usage.disputed")}
    assert all(f"overbill metered {row['keys']} keys" in row["dispute"] for row in records), records
    # What the platform granted, and what the buyer metered: the one speaks against it each time.
    assert fed.rating("overbill")["disputed_ppm"] == 500_000, fed.rating("overbill")
    assert "overbilled: " in fed.do("accounts", "parties")
    assert re.search(r"accounts: of \d+ records 50.0000 % are disputed", fed.do("rating", "overbill"))


def test_who_does_not_deliver(fed):
    """It says that it has done it, and that is all: the key comes another way, and nobody pays."""
    assert fed.around["attempts"] == 2, fed.around
    assert fed.around["paths"][0]["providers"] == ["tokyo", "honest", "madrid"], fed.around
    assert "qkdnf request: " in fed.refused and fed.refused.count("\n") == 1, fed.refused
    done = [said for sender, said in fed.tap.messages("outcome") if sender == "keep"]
    assert any(said["status"] == "STATUS_OK" for said in done), done
    assert not any("keep" in (row["seller"], row["buyer"]) for row in fed.usage)
    rating, others = fed.rating("keep"), [fed.rating(end) for end in ("tokyo", "madrid", "honest")]
    assert rating["loss_ppm"] > max(other["loss_ppm"] for other in others), (rating, others)
    assert rating["score"] < min(other["score"] for other in others), (rating, others)
    print(f"# keep {rating['score']}, others {[other['score'] for other in others]}")


def test_who_says_it_again_with_other_figures(fed):
    records = [row for row in fed.usage if row["seller"] == "repeat"]
    assert len(records) == N_REQUESTS and not any(row["dispute"] for row in records), records
    assert fed.party("repeat")["changed"] == N_REQUESTS, fed.party("repeat")
    assert {row["seller"] for row in fed.usage if row["changed"]} == {"repeat"}, fed.usage
    events = fed.events("usage.changed")
    assert sorted(event["subject"] for event in events) == sorted(row["record"] for row in records)
    assert all("20 keys of 5120 bits" in event["text"] for event in events), events
    assert fed.rating("repeat")["disputed_ppm"] > 0


def test_who_replays_a_batch(fed):
    """A member may say nothing in the platform's name; what it has said itself, it says once."""
    topic = "qkdnf/v1/statement/platform/tokyo"
    statement = next(payload for _, name, payload in list(fed.raw.messages) if name == topic)
    denied = fed.say_again("repeat", topic, statement)
    assert b"Not authorized" in denied.stdout + denied.stderr, denied
    line = 'qkdnf_publishes_refused_total{reason="replay"}'
    before = fed.counter("platform", line)
    topic = "qkdnf/v1/usage/repeat/platform"
    usage = fed.next(topic, lambda: fed.fetch("tokyo", "repeat"))
    assert fed.say_again("repeat", topic, usage).returncode == 0
    fabric.wait_until("the platform to refuse it", lambda: fed.counter("platform", line) > before)
    log = (fed.dir / "platform" / "log").read_text(errors="replace")
    assert re.search(rf"refused.*reason=replay topic={re.escape(topic)}", log), "the log does not say so"
    copies = collections.Counter(payload for _, _, payload in list(fed.raw.messages))
    assert (copies[statement], copies[usage]) == (1, 2), (copies[statement], copies[usage])


def test_who_skips_a_number(fed):
    records = sorted(row["partial"] for row in fed.usage if row["seller"] == "skip")
    assert 0 in records and 1 not in records, records
    events = fed.events("usage.skipped")
    assert fed.party("skip")["skipped"] == len(events) == 1, (fed.party("skip"), events)
    record = next(row for row in fed.disputes if row["record"] == events[0]["subject"])
    assert record["seller"] == "skip" and "skip skipped 1 numbers" in record["dispute"], record
    assert [row["record"] for row in fed.usage if row["skipped"]] == [record["record"]], fed.usage
    assert fed.rating("skip")["disputed_ppm"] > 0


def test_who_denies_what_it_got(fed):
    party = fed.party("deny")
    assert party["denied"] == party["bought"] == N_REQUESTS, party
    assert (party["denied_keys"], party["denied_bits"]) == (
        N_REQUESTS * N_KEYS, N_REQUESTS * N_KEYS * 256), party
    assert fed.party("tokyo")["undelivered"] == N_REQUESTS, fed.party("tokyo")
    records = [row for row in fed.disputes if row["buyer"] == "deny"]
    assert len(records) == N_REQUESTS and all("deny got 0 of 0" in row["dispute"] for row in records)
    # Its word is against that of one whom others believe.
    assert fed.rating("deny")["disputed_ppm"] > fed.rating("tokyo")["disputed_ppm"]


def test_who_objects_to_everything(fed):
    owed = [row for row in fed.statements if row["buyer"] == "object"]
    party = fed.party("object")
    assert party["objections"] == party["answered"] == len(owed) > 0, party
    assert party["objected"] == [{"amount": sum(row["amount"] for row in owed), "currency": "EUR",
                                  "decimals": 2}], party
    assert all(row["objections"] == [{"by": "object", "text": "we never agreed to this"}]
               for row in owed), owed
    assert not any(row["objections"] for row in fed.statements if row not in owed)
    assert "  objection of object: we never agreed to this\n" in fed.do("accounts", "statements")
    events = fed.events("statement.disputed")
    assert [event["subject"] for event in events] == [
        f"tokyo object {row['sequence']}" for row in owed] and events[0]["text"] == "by object", events
    assert fed.counter("platform", 'qkdnf_alarms_total{name="statement.disputed"}') == len(events)
    assert fed.netting["positions"]["object"] == -party["objected"][0]["amount"] < 0


def test_nothing_is_said_against_the_honest(fed):
    for member in ("tokyo", "madrid", "honest"):
        party = fed.party(member)
        for what in ("overbilled", "prolonged", "changed", "skipped", "denied", "objections"):
            assert party[what] == 0, party
    assert fed.party("madrid")["undelivered"] == fed.party("honest")["undelivered"] == 0


def test_all_is_on_the_screen(fed):
    for name in ("usage.disputed", "usage.changed", "usage.skipped", "statement.disputed"):
        fabric.wait_until(name, lambda: any(name in line for line in fed.screen.lines()))


def test_two_operators_settle_at_once(fed):
    """Both are answered, and what was done meanwhile is settled once."""
    fabric.wait_until("the usage to be in the accounts", lambda: [
        row["sequence"] for row in fed.rows("accounts", "usage")
        if row["seller"] == "repeat" and row["is_metered"] and row["record"] not in {
            old["record"] for old in fed.usage}] == [0])
    programs = [subprocess.Popen(
        [fed.qkdnf, "accounts", "settle", "--json", "--as", operator, "--federation", str(fed.dir)],
        stdout=subprocess.PIPE, text=True, preexec_fn=fabric.die_with_parent)
        for operator in ("admin", "other")]
    answers = [json.loads(program.communicate(timeout=60)[0]) for program in programs]
    assert [program.returncode for program in programs] == [0, 0]
    periods = {answer["period"]: answer["positions"] for answer in answers}
    amount = rounded(N_KEYS * KEY + N_KEYS * 256 * BIT, 1_000_000)
    assert sum(positions["repeat"] for positions in periods.values()) == amount, answers
    assert sum(positions["tokyo"] for positions in periods.values()) == -amount, answers
    fed.await_answers()


def test_whose_number_is_missing_is_told_again(fed):
    """Who has lost its books notices that batches are missing, says so aloud, and has them again."""
    pid = fed.pid("madrid")
    for path in (fed.dir / "madrid").glob("agent.db*"):
        path.unlink()
    n_said = len(fed.tap.messages("dispute"))
    os.kill(pid, signal.SIGKILL)
    fabric.wait_until("madrid to be there again", lambda: fed.pid("madrid") not in (None, pid))
    fed.do("accounts", "settle")
    alarms = fabric.wait_until("madrid's alarm", lambda: fed.events("statement.disputed", "madrid"))
    assert alarms[0]["text"] == "a batch before it is missing", alarms
    numbers = {row["sequence"] for row in fed.rows("accounts", "statements")
               if (row["seller"], row["buyer"]) == ("madrid", "tokyo")}
    fabric.wait_until("madrid to have all of them again", lambda: {
        said["sequence"] for sender, said in fed.tap.messages("dispute")[n_said:]
        if sender == "madrid" and said["status"] == "STATUS_OK" and said["seller"] == "madrid"} == numbers)
    assert fed.party("madrid")["objections"] == 0, fed.party("madrid")


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
