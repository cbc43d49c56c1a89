# SPDX-License-Identifier: Apache-2.0
"""Who may say what: every role, for a provider every state of its membership, and every kind of
message, each tried at the real broker with a real certificate. What must come out is written down
here; the published contract says the same. Then the same of a provider that takes part, when it is
suspended, and when the broker has forgotten everything. Argument: the build directory."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import fabric
import mqtt
import observer

OTHERS = ["platform", "application", "operator", "monitor"]
STATES = ["UNSPECIFIED", "APPLIED", "AUTHENTICATED", "ACTIVE", "SUSPENDED", "WITHDRAWING",
          "WITHDRAWN", "REFUSED", "EXPELLED"]

# The first columns are roles; those after the bar are an agent, by the state of its membership:
# unspecified, applied, authenticated; active; suspended; withdrawing; withdrawn; refused; expelled.
TABLE = """
                 platf appli opera monit | unspe appli authe activ suspe wding wdraw refus expel
presence         yes   yes   yes   -     | yes   yes   yes   yes   yes   yes   yes   yes   yes
apply            -     yes   -     -     | yes   yes   yes   yes   yes   yes   yes   yes   yes
withdraw         -     -     -     -     | -     -     -     yes   -     yes   yes   -     -
member           yes   -     -     -     | -     -     -     -     -     -     -     -     -
admin            -     -     yes   -     | -     -     -     -     -     -     -     -     -
admin-reply      yes   -     -     -     | yes   yes   yes   yes   yes   yes   yes   yes   yes
resource         -     -     -     -     | -     -     -     yes   -     -     -     -     -
stock            -     -     -     -     | -     -     -     yes   -     yes   -     -     -
register         -     yes   -     -     | -     -     -     -     -     -     -     -     -
registered       yes   -     -     -     | -     -     -     -     -     -     -     -     -
discover         -     yes   -     -     | -     -     -     yes   -     yes   -     -     -
services         yes   -     -     -     | -     -     -     -     -     -     -     -     -
request          -     yes   -     -     | -     -     -     yes   -     yes   -     -     -
reply            yes   -     -     -     | -     -     -     -     -     -     -     -     -
order            yes   -     -     -     | -     -     -     -     -     -     -     -     -
outcome          -     -     -     -     | -     -     -     yes   -     yes   -     -     -
release          yes   -     -     -     | -     -     -     -     -     -     -     -     -
fill             -     -     -     -     | yes   yes   yes   yes   -     yes   yes   yes   -
filled           -     -     -     -     | yes   yes   yes   yes   -     yes   yes   yes   -
relay            -     -     -     -     | -     -     -     yes   -     yes   -     -     -
fault            -     -     -     -     | -     -     -     yes   -     yes   -     -     -
notice           yes   -     -     -     | -     -     -     -     -     -     -     -     -
session          -     yes   yes   -     | -     -     -     yes   -     yes   -     -     -
session-state    yes   -     -     -     | -     -     -     -     -     -     -     -     -
leg              yes   -     -     -     | -     -     -     -     -     -     -     -     -
leg-state        -     -     -     -     | -     -     -     yes   -     yes   -     -     -
handover         -     yes   yes   -     | -     -     -     -     -     -     -     -     -
handover-state   yes   -     -     -     | -     -     -     -     -     -     -     -     -
visit            yes   -     -     -     | -     -     -     -     -     -     -     -     -
visit-state      -     -     -     -     | -     -     -     yes   -     yes   -     -     -
usage            -     -     -     -     | -     -     -     yes   yes   yes   yes   -     -
usage-state      yes   -     -     -     | -     -     -     -     -     -     -     -     -
statement        yes   -     -     -     | -     -     -     -     -     -     -     -     -
dispute          -     -     -     -     | -     -     -     yes   yes   yes   yes   -     -
agreement        yes   -     -     -     | -     -     -     yes   -     yes   -     -     -
rating           yes   -     -     -     | -     -     -     -     -     -     -     -     -
event            yes   -     -     -     | yes   yes   yes   yes   -     yes   yes   yes   -
metrics          yes   -     -     -     | yes   yes   yes   yes   -     yes   yes   yes   -
"""
EXPECTED = {row.split()[0]: [word == "yes" for word in row.split()[1:] if word != "|"]
            for row in TABLE.strip().splitlines()[1:]}

# One of each role that reads what is not for all.
RECEIVERS = {"platform": "platform", "agent": "left", "application": "alice", "operator": "admin"}


def field(number, value):
    """Of protobuf."""
    if isinstance(value, int):
        return mqtt.varint(number << 3) + mqtt.varint(value)
    data = value.encode() if isinstance(value, str) else value
    return mqtt.varint(number << 3 | 2) + mqtt.varint(len(data)) + data


def member_frame(member, state):
    """As the platform says it; a broker cannot check its tag."""
    header = field(1, "member") + field(2, "platform") + field(3, member) + field(4, 1) + field(5, 1)
    return field(1, header) + field(2, field(1, STATES.index(state)))


class Federation(fabric.Fabric):
    def __init__(self, build):
        super().__init__(build, fabric.BESIDE_MALLORY)
        pki = self.dir / "pki"
        self.certificates = {name: (str(pki / f"{name}.crt"), str(pki / f"{name}.key"))
                             for name in ("platform", "mallory", "admin", "ops")}
        for role in ("agent", "application"):
            self.certificates[role] = self.issue(f"some-{role}", role)
        self.contract = self.path / "contract"
        self.run("contract", "--dir", str(self.contract))
        self.heard = []  # (time, topic, payload)
        self.tap = observer.Subscriber(
            self.info, lambda topic, payload: self.heard.append((time.monotonic(), topic, payload)))
        fabric.wait_until("a key", lambda: self.enc_keys("alice", "bob").code == 200, 60)

    def issue(self, name, role):
        """A certificate of the federation's authority."""
        pki, path = self.dir / "pki", str(self.path / name)
        openssl = lambda *words: subprocess.run(["openssl", *words], check=True,
                                                capture_output=True)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{path}.key", "-subj", f"/OU=qkdnf-{role}/CN={name}", "-out", f"{path}.csr")
        openssl("x509", "-req", "-in", f"{path}.csr", "-CA", str(pki / "ca.crt"), "-CAkey",
                str(pki / "ca.key"), "-days", "2", "-out", f"{path}.crt")
        return f"{path}.crt", f"{path}.key"

    def connect(self, who):
        return contextlib.closing(mqtt.Client(self.info, *self.certificates[who]))

    def admin(self, *words):
        return self.run("admin", *words, "--federation", str(self.dir))

    def broker_pid(self):
        return json.loads((self.dir / "federation.json").read_text())["broker"]["pid"]

    def broker_log(self):
        return (self.dir / "broker" / "log").read_text(errors="replace")

    def close(self):
        self.tap.close()
        super().close()


def channels(fed):
    document = json.loads((fed.contract / "asyncapi.json").read_text())
    return document["channels"], document["operations"]


def test_the_contract_says_the_same(fed):
    kinds, operations = channels(fed)
    assert sorted(kinds) == sorted(EXPECTED), set(kinds) ^ set(EXPECTED)
    for name, expected in EXPECTED.items():
        senders = {role for role in [*OTHERS, "agent"]
                   if any(o["action"] == "send" and o["channel"]["$ref"].endswith(f"/{name}") and
                          key.startswith(role) for key, o in operations.items())}
        states = kinds[name].get("x-member-states")
        of_agents = [("agent" in senders) and (not states or f"MEMBER_STATE_{state}" in states)
                     for state in STATES]
        assert [role in senders for role in OTHERS] + of_agents == expected, name


def topic_of(fed, kind, sender):
    kinds, operations = channels(fed)
    if kinds[kind]["address"].endswith("/all"):
        return f"qkdnf/v1/{kind}/{sender}/all"
    readers = [RECEIVERS[role] for role in RECEIVERS for key, o in operations.items()
               if o["action"] == "receive" and o["channel"]["$ref"].endswith(f"/{kind}") and
               key.startswith(role) and RECEIVERS[role] != sender]
    return f"qkdnf/v1/{kind}/{sender}/{readers[0] if readers else 'left'}"


def tried(fed, who, sender):
    """Whether the broker takes each kind."""
    with fed.connect(who) as client:
        codes = client.say([(topic_of(fed, kind, sender), b"noise") for kind in EXPECTED])
    assert set(codes) <= {0, 0x10, mqtt.NOT_AUTHORIZED}, codes
    return [code != mqtt.NOT_AUTHORIZED for code in codes]


def test_every_role_state_and_kind(fed):
    columns = [tried(fed, *who) for who in (("platform", "platform"),
                                            ("application", "some-application"),
                                            ("admin", "admin"), ("ops", "ops"))]
    with fed.connect("platform") as platform:
        for state in STATES:
            frame = member_frame("some-agent", state)
            code, = platform.say([("qkdnf/v1/member/platform/some-agent", frame)])
            assert code != mqtt.NOT_AUTHORIZED
            columns.append(tried(fed, "agent", "some-agent"))
    found = {kind: list(row) for kind, row in zip(EXPECTED, zip(*columns))}
    print("#", TABLE.splitlines()[1].replace("| ", ""))
    for kind, row in found.items():
        print(f"# {kind:16} {' '.join('yes  ' if may else '-    ' for may in row)}")
    wrong = [f"{kind}: {found[kind]}" for kind in EXPECTED if found[kind] != EXPECTED[kind]]
    assert not wrong, wrong


def test_nobody_speaks_as_another(fed):
    with fed.connect("platform") as platform:
        platform.say([("qkdnf/v1/member/platform/some-agent", member_frame("some-agent", "ACTIVE"))])
    for who, topics in {
            "agent": ["stock/left/platform", "member/platform/left", "order/platform/left"],
            "application": ["request/alice/platform", "presence/platform/all"],
            "ops": ["presence/alice/all", "request/alice/platform"]}.items():
        with fed.connect(who) as client:
            codes = client.say([(f"qkdnf/v1/{topic}", b"noise") for topic in topics])
        assert set(codes) == {mqtt.NOT_AUTHORIZED}, (who, codes)


def test_everyone_hears_what_is_for_them(fed):
    filters = ["qkdnf/v1/+/+/{}", "qkdnf/v1/presence/+/all", "qkdnf/v1/+/+/alice", "qkdnf/#", "#",
               "qkdnf/v1/event/+/all", "$share/g/qkdnf/v1/+/+/{}"]
    expected = {"some-agent": [1, 1, 0, 0, 0, 0, 0], "some-application": [1, 1, 0, 0, 0, 0, 0],
                "admin": [1, 1, 0, 0, 0, 0, 0], "ops": [1, 1, 1, 1, 1, 1, 1]}
    for name, may in expected.items():
        with fed.connect(name.removeprefix("some-")) as client:
            codes = client.hear([f.format(name) for f in filters])
        assert [code < 0x80 for code in codes] == [bool(m) for m in may], (name, codes)


class Speaking:
    """Somebody with mallory's certificate that never stops; when the broker took the last of it, and
    when it ended the connection."""

    def __init__(self, fed):
        self.n_taken, self.last, self.ended = 0, 0.0, 0.0
        self.client = mqtt.Client(fed.info, *fed.certificates["mallory"])
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while True:
                code, = self.client.say([("qkdnf/v1/outcome/mallory/platform", b"noise")])
                if code != mqtt.NOT_AUTHORIZED:
                    self.n_taken, self.last = self.n_taken + 1, time.monotonic()
        except mqtt.Gone:
            self.ended = time.monotonic()


def is_taken(fed, kind="outcome", to="platform"):
    """Whether the broker takes it from mallory."""
    with fed.connect("mallory") as client:
        code, = client.say([(f"qkdnf/v1/{kind}/mallory/{to}", b"noise")])
    return code != mqtt.NOT_AUTHORIZED


def test_suspension_cuts_off_at_once(fed):
    speaking = Speaking(fed)
    fabric.wait_until("it to be heard", lambda: speaking.n_taken > 20)
    start = len(fed.heard)
    fed.admin("suspend", "mallory", "--reason", "it never stops")
    speaking.thread.join(60)
    assert speaking.ended, "it is still connected"
    asked, = [at for at, topic, _ in fed.heard[start:] if "/admin/admin/" in topic][:1]
    print(f"# from `suspend` on the bus: {1000 * (speaking.last - asked):.1f} ms to the last message "
          f"that was taken, {1000 * (speaking.ended - asked):.1f} ms to the end of the connection",
          flush=True)
    assert not is_taken(fed) and not is_taken(fed, "event", "all")
    assert is_taken(fed, "presence", "all") and is_taken(fed, "apply")
    assert "cut off member=mallory" in fed.broker_log()


def test_users_are_told_that_and_why(fed):
    def request(initiator, target):
        return fed.run("request", "--federation", str(fed.dir), "--as", initiator, "--to", target,
                       code=1)
    suspended = "provider 'mallory' is SUSPENDED"
    assert f"{suspended}: it never stops" in request("eve", "bob")
    told = request("alice", "eve")
    assert suspended in told and "it never stops" not in told, told
    # Its agent knows as soon as it is on the bus again.
    fabric.wait_until("its own KME to say why", lambda: (
        f"{suspended}: it never stops" in fed.enc_keys("eve", "bob").body), 60)
    answer = fed.enc_keys("alice", "eve")
    assert answer.code == 503 and suspended in answer.body, answer


def test_a_broker_that_has_forgotten_learns_it_again(fed):
    pid = fed.broker_pid()
    os.kill(pid, signal.SIGKILL)
    fabric.wait_until("another broker", lambda: fed.broker_pid() not in (pid, 0, None), 60)

    def is_refused():
        try:
            return not is_taken(fed)
        except (OSError, mqtt.Gone):
            return False

    fabric.wait_until("it to know who is suspended", is_refused, 60)
    fabric.wait_until("a key", lambda: fed.enc_keys("alice", "bob").code == 200, 60)


def test_who_is_let_in_again_may_speak(fed):
    fed.admin("resume", "mallory")
    fabric.wait_until("it to be heard", lambda: is_taken(fed), 60)
    fabric.wait_until("a key with it", lambda: fed.enc_keys("alice", "eve").code == 200, 60)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
