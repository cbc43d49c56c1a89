# SPDX-License-Identifier: Apache-2.0
"""A real federation for tests: `qkdnf up` in a directory of its own, curl as its users' client,
mosquitto_sub as an outside monitor. What is used of it is what DIR/federation.json says."""

import base64
import contextlib
import ctypes
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1

# Two providers with users, and a third that may be up to no good.
BESIDE_MALLORY = """
providers:
  - {id: left, applications: [{sae: alice, node: a}],
     qkdn: {driver: sim, sim: {nodes: [{id: a}]}}}
  - {id: right, applications: [{sae: bob, node: b}],
     qkdn: {driver: sim, sim: {nodes: [{id: b}]}}}
  - {id: mallory, applications: [{sae: eve, node: m}],
     qkdn: {driver: sim, sim: {nodes: [{id: m}]}}}
borders:
  - {a: left/a, b: right/b, rate_bps: 200000, initial_bytes: 262144}
  - {a: left/a, b: mallory/m, rate_bps: 200000, initial_bytes: 262144}
"""

# Stands for the agent's program; some agents are others.
AGENT = """\
#!/bin/sh
case "$*" in
{cases}
esac
exec {agent} "$@"
"""

# Whatever this machine has: nothing of a federation goes through a proxy that leads nowhere.
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
    os.environ.pop(name, None)
PROXIED = {**os.environ, "https_proxy": "http://127.0.0.1:9", "no_proxy": "*"}


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """One that no outgoing connection is given meanwhile, nor a test that runs beside this one."""
    first = 12000 + os.getpid() % 20 * 1000
    while True:
        port = random.randrange(first, first + 1000)
        with socket.socket() as server, contextlib.suppress(OSError):
            server.bind(("127.0.0.1", port))
            return port


def wait_until(what, condition, seconds=30):
    """Polls for a condition of the outside world; fails with what was waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def make_cheating_build(build, place, cheats):
    """A build directory like the real one, but that these providers get an agent that cheats, by the
    environment that is said of each (tests/e2e/qkdnf-tamper.c): `qkdnf` finds its programs from where
    it is itself."""
    (place / "tools" / "qkdnf").mkdir(parents=True)
    (place / "agents").mkdir()
    shutil.copy2(build / "tools" / "qkdnf" / "qkdnf", place / "tools" / "qkdnf")
    (place / "platform").symlink_to(build / "platform")
    (place / "agents" / "application").symlink_to(build / "agents" / "application")
    tamper = shlex.quote(str(build / "tests" / "e2e" / "qkdnf-tamper"))
    agent = place / "agents" / "qkdnf-agent"
    agent.write_text(AGENT.format(
        cases="\n".join(f'*/{provider}/agent.yaml) {how} exec {tamper} "$@" ;;'
                        for provider, how in cheats.items()),
        agent=shlex.quote(str(build / "agents" / "qkdnf-agent"))))
    agent.chmod(0o755)
    return place


class Answer:
    """What curl got: the status code, the body as text, and as JSON where it is."""

    def __init__(self, code, body):
        self.code = code
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def keys(self):
        return {key["key_ID"]: base64.b64decode(key["key"]) for key in self.json["keys"]}

    def __repr__(self):
        return f"{self.code} {self.body[:200]}"


class Tap:
    """Everything that passes on the bus, as an outside monitor sees it: (time, topic, payload)."""

    def __init__(self, fabric, topic="qkdnf/#"):
        monitor = fabric.info["monitors"][0]
        host, port = fabric.info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
        self.messages = []
        self.process = subprocess.Popen(
            ["mosquitto_sub", "-h", host, "-p", port, "-V", "mqttv5", "-i", "outside-monitor",
             "--cafile", fabric.info["ca"], "--cert", monitor["certificate"], "--key",
             monitor["key"], "-q", "0", "-t", topic, "-F", "%U %t %x"],
            stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_until("the tap to see retained messages", lambda: self.messages)

    def _read(self):
        for line in self.process.stdout:
            at, topic, *payload = line.rstrip("\n").split(" ")
            self.messages.append((float(at), topic, bytes.fromhex(payload[0] if payload else "")))

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join(5)


class Decoded:
    """What `qkdnf tap --json` says, a publish a line."""

    def __init__(self, fabric):
        self.said = []
        self.process = subprocess.Popen(
            [fabric.qkdnf, "tap", "--json", "--federation", str(fabric.dir)], text=True,
            stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    def messages(self, kind):
        return [(publish["from"], message) for publish in list(self.said)
                if publish["kind"] == kind for message in publish["messages"]]

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.thread.join(5)


class Fabric:
    """A running federation, of a description's path or its text. What `cheats` says of providers is as
    make_cheating_build() has it."""

    def __init__(self, build, description, directory=None, cheats=None):
        self.build = pathlib.Path(build)
        self.temporary = None if directory else tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(directory or self.temporary.name)
        if cheats:
            self.build = make_cheating_build(self.build, self.path / "build", cheats)
        self.qkdnf = str(self.build / "tools" / "qkdnf" / "qkdnf")
        self.dir = self.path / "federation"
        if isinstance(description, str):
            text, description = description, self.path / "federation.yaml"
            description.write_text(text)
        self.log = open(self.dir.parent / "up.log", "ab")
        self.process = subprocess.Popen(
            [self.qkdnf, "up", str(description), "--dir", str(self.dir)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=PROXIED,
            preexec_fn=die_with_parent)
        wait_until("federation.json", self._is_ready, 180)
        self.info = json.loads((self.dir / "federation.json").read_text())
        self.saes = {sae["id"]: sae for sae in self.info["saes"]}
        self.qkdns = {qkdn["id"]: qkdn for qkdn in self.info["qkdns"]}

    def _is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"qkdnf up ended with {self.process.returncode}:\n{self.up_log()}")
        return (self.dir / "federation.json").exists()

    def up_log(self):
        return (self.dir.parent / "up.log").read_text(errors="replace")

    def logs(self):
        """All that the processes of the federation logged, as bytes."""
        return b"".join(path.read_bytes() for path in self.dir.rglob("log")) + \
            (self.dir.parent / "up.log").read_bytes()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        finally:
            self.process.kill()
            self.log.close()
        if code != 0:
            raise AssertionError(f"qkdnf up ended with {code}:\n{self.up_log()}")
        if self.temporary:
            self.temporary.cleanup()

    def run(self, *arguments, code=0):
        """Runs the program; its standard output."""
        done = subprocess.run([self.qkdnf, *arguments], capture_output=True, text=True, timeout=120,
                              env=PROXIED, preexec_fn=die_with_parent)
        if code is not None and done.returncode != code:
            raise AssertionError(f"qkdnf {' '.join(arguments)} ended with {done.returncode}, "
                                 f"not {code}: {done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def wait_for_key(self, n_slots=64):
        """Waits until all ends of border links have so many slots in stock."""
        wait_until("key on all borders", lambda: all(
            end["n_open"] >= n_slots for link in json.loads(self.run(
                "topology", "--federation", str(self.dir), "--json"))["border_links"]
            for end in link["ends"]), 60)

    def request(self, *arguments):
        """One key request over the bus; its JSON report."""
        return json.loads(self.run("request", "--federation", str(self.dir), "--json", *arguments))

    def curl(self, sae, path, *options, body=None, timeout=30):
        """ETSI GS QKD 014 as the SAE, at its own KME, with nothing but curl."""
        user = self.saes[sae]
        command = ["curl", "--silent", "--show-error", "--max-time", str(timeout), "--cacert",
                   self.info["ca"], "--cert", user["certificate"], "--key", user["key"],
                   "--write-out", "\n%{http_code}", *options, user["kme"] + path]
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            command += ["--header", "Content-Type: application/json", "--data-binary", text]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout + 10,
                              preexec_fn=die_with_parent)
        if done.returncode != 0:
            raise AssertionError(f"curl ended with {done.returncode}: {done.stderr}")
        text, code = done.stdout.rsplit("\n", 1)
        return Answer(int(code), text)

    def enc_keys(self, initiator, target, query="", body=None):
        return self.curl(initiator, f"/api/v1/keys/{target}/enc_keys{query}", body=body)

    def dec_keys(self, target, initiator, query="", body=None):
        return self.curl(target, f"/api/v1/keys/{initiator}/dec_keys{query}", body=body)

    def fetch_both(self, initiator, target, body=None):
        """A key at the initiator, and by its ID at the target; both as {ID: bytes}."""
        ours = self.enc_keys(initiator, target, body=body)
        assert ours.code == 200, ours
        ids = [{"key_ID": key_id} for key_id in ours.keys]
        theirs = self.dec_keys(target, initiator, body={"key_IDs": ids})
        assert theirs.code == 200, theirs
        return ours.keys, theirs.keys


def main(tests, setup):
    """Runs test functions over one set-up, as TAP. `setup` is a context manager's function."""
    print(f"1..{len(tests)}", flush=True)
    failed = False
    with setup() as subject:
        for number, test in enumerate(tests, 1):
            name = test.__name__.removeprefix("test_").replace("_", " ")
            try:
                test(subject)
                print(f"ok {number} {name}", flush=True)
            except Exception as error:  # any failure is that test's
                failed = True
                print(f"not ok {number} {name}", flush=True)
                for line in f"{type(error).__name__}: {error}".splitlines():
                    print(f"# {line}", flush=True)
    sys.exit(failed)
