# SPDX-License-Identifier: Apache-2.0
"""What people and machines get wrong: one clear error each, nothing lost, nothing that hangs.
Argument: the build directory."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import fabric

# Every wait for something that is not there ends within this.
LIMIT_S = 60

# Little key, so that it can be used up: 600 slots, and 200 more a second.
GOOD = """\
platform: {id: platform, attempt_ms: 2000}
providers:
  - id: left
    applications: [{sae: alice, node: a}]
    ledger: {high_slots: 600}
    qkdn: {driver: sim, sim: {nodes: [{id: a}, {id: c}], links: [{a: a, b: c, km: 10}]}}
  - id: right
    applications: [{sae: bob, node: b}]
    ledger: {high_slots: 600}
    qkdn: {driver: sim, sim: {nodes: [{id: b}]}}
borders:
  - {a: left/a, b: right/b, rate_bps: 51200, store_bytes: 32768, initial_bytes: 32768}
"""

# What is replaced by what, and of each error the line and what it says.
MALFORMED = [
    ("id: platform, ", "name: platform, ", [(1, "unknown key 'name'; expected one of id, ")]),
    ("attempt_ms: 2000", "attempt_ms: 2", [(1, "key 'attempt_ms': expected .*50 to 120000, not '2'")]),
    ("attempt_ms: 2000", "attempt_ms: soon", [(1, "'attempt_ms': expected a whole number.*'soon'")]),
    ("attempt_ms: 2000", "attempt_ms: [2000]", [(1, "'attempt_ms': expected .*, not a list")]),
    ("attempt_ms: 2000", "attempt_ms: 2000, attempt_ms: 3000",
     [(1, "duplicate key 'attempt_ms'; it stands on line 1 already")]),
    ("{id: platform, attempt_ms: 2000}", "[]", [(1, "key 'platform': expected a mapping, not a list")]),
    ("  - id: left\n", "  - region: here\n", [(3, "missing key 'id': an ID"), (12, "no provider 'left'")]),
    ("id: left\n", "id: Left_1\n", [(3, "key 'id': expected an ID .*, not 'Left_1'"),
                                   (12, "there is no provider 'left'")]),
    ("id: right\n", "id: left\n", [(7, "ID 'left' is taken by a provider"),
                                  (12, "there is no provider 'right'")]),
    ("id: right\n", "id: platform\n", [(7, "ID 'platform' is taken by the platform"),
                                      (12, "there is no provider 'right'")]),
    ("sae: bob, node: b", "sae: alice, node: b", [(8, "ID 'alice' is taken by an application")]),
    ("sae: bob, node: b", "sae: bob, node: x", [(8, "there is no node 'x'")]),
    ("sae: bob, node: b", "sae: bob", [(8, "missing key 'node': an ID")]),
    ("driver: sim, sim: {nodes: [{id: b}]}", "driver: radio, sim: {nodes: [{id: b}]}",
     [(10, "key 'driver': expected one of sim, not 'radio'")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: x, km: 10}", [(6, "there is no node 'x'")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: a, km: 10}", [(6, "a link from 'a' to itself")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: c}", [(6, "no rate; expected rate_bps, loss_db or km")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: c, km: 4000}", [(6, "out of reach: no key comes across")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: c, km: -1}", [(6, "km.*from 0 to 20000, not '-1'")]),
    ("{a: a, b: c, km: 10}", "{a: a, b: c, km: 10}, {a: c, b: a, km: 9}",
     [(6, "link 'c/a' is listed twice")]),
    ("[{id: b}]", "[{id: b}, {id: b}]", [(10, "node 'b' is listed twice")]),
    ("a: left/a", "a: left/x", [(12, "provider 'left' has no node 'x'")]),
    ("b: right/b", "b: wrong/b", [(12, "there is no provider 'wrong'")]),
    ("b: right/b", "b: right", [(12, "expected PROVIDER/NODE, not 'right'")]),
    ("b: right/b", "b: left/c", [(12, "a border link from 'left' to itself")]),
    (", rate_bps: 51200", "", [(12, "no rate; expected rate_bps, loss_db or km")]),
    ("initial_bytes: 32768", "initial_bytes: 65536", [(12, "at most store_bytes, 32768")]),
    ("providers:\n", "providers:\n\t- id: tab\n", [(3, "not YAML: found character that cannot start")]),
    ("borders:\n", "borders: [\n", [(None, "not YAML: ")]),
    ("borders:\n", "borders: &x\n", [(11, "anchors and aliases are not allowed")]),
    ("borders:\n", "---\nborders:\n", [(11, "expected only one document")]),
]


def snapshot(path):
    """Every file under a path, with when it changed."""
    return {str(file): file.stat().st_mtime_ns for file in [path, *path.rglob("*")]}


class Authority:
    """A certificate authority that nobody here knows."""

    def __init__(self, path):
        self.path = path
        self.openssl("req", "-x509", *self.new_key("ca"), "-subj", "/CN=foreign", "-out", "ca.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.path, check=True, capture_output=True)

    def new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key"]

    def issue(self, name):
        self.openssl("req", *self.new_key(name), "-subj", f"/CN={name}", "-out", f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                     "-CAcreateserial", "-out", f"{name}.crt")
        return str(self.path / f"{name}.crt"), str(self.path / f"{name}.key")

    @property
    def certificate(self):
        return str(self.path / "ca.crt")


class Federation(fabric.Fabric):
    def __init__(self, build):
        self.place = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(self.place.name)
        self.build_dir = pathlib.Path(build)
        self.description = self.path / "good.yaml"
        self.description.write_text(GOOD)
        super().__init__(build, self.description, self.path)
        (self.path / "foreign").mkdir()
        self.foreign = Authority(self.path / "foreign")

    def close(self):
        super().close()
        self.place.cleanup()

    def try_run(self, *arguments, federation=None):
        """The exit code, and what was said."""
        if federation:
            arguments = (arguments[0], "--federation", str(federation), *arguments[1:])
        done = subprocess.run([self.qkdnf, *map(str, arguments)], capture_output=True, text=True,
                              timeout=LIMIT_S, preexec_fn=fabric.die_with_parent)
        return done.returncode, done.stdout, done.stderr

    def fails(self, code, text, *arguments, federation=None):
        """One line of error on standard error, nothing on standard output."""
        found, out, err = self.try_run(*arguments, federation=federation or self.dir)
        assert (found, out) == (code, "") and err.count("\n") == 1, (arguments, found, out, err)
        assert err.startswith(f"qkdnf {arguments[0]}: ") and re.search(text, err), (arguments, err)
        return err

    def check(self, text):
        file = self.path / "bad.yaml"
        file.write_text(text)
        code, out, err = self.try_run("check-config", file)
        assert (code, out) == (2, ""), (code, out, err)
        return err.replace(str(file), "FILE")

    def elsewhere(self, name, url):
        """A federation whose broker is said to be somewhere else."""
        directory = self.path / name
        directory.mkdir()
        info = dict(self.info, broker={"url": url})
        (directory / "federation.json").write_text(json.dumps(info))
        return directory


class Daemon:
    """A daemon of the federation started by hand, beside the one that runs, with its configuration
    changed: by default all that the other one holds."""

    def __init__(self, fed, role, changes):
        name = "agent" if role != "platform" else "platform"
        text = (fed.dir / role / f"{name}.yaml").read_text()
        directory = pathlib.Path(tempfile.mkdtemp(dir=fed.path))
        defaults = {r"store: .*": f"store: {directory}/store.db",
                    r"metrics:\n(  .*\n)+": "",
                    r"listen: .*": f"listen: 127.0.0.1:{fabric.free_port()}"}
        for old, new in {**defaults, **changes}.items():
            text = re.sub(old, new, text, count=1)
        config = directory / f"{name}.yaml"
        config.write_text(text)
        self.log = directory / "log"
        with open(self.log, "wb") as log:
            folder = "platform" if name == "platform" else "agents"
            program = fed.build_dir / folder / f"qkdnf-{name}"
            self.process = subprocess.Popen([program, "--config", config], stdout=log, stderr=log,
                                            preexec_fn=fabric.die_with_parent)

    def lines(self):
        return self.log.read_text().splitlines()

    def fails(self, text, code=1):
        """Ends by itself, with one line."""
        found = self.process.wait(LIMIT_S)
        lines = self.lines()
        assert found == code and len(lines) == 1 and re.search(text, lines[0]), (found, lines)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        assert code == 0, (code, self.lines())


class Counter:
    """A server that takes connections, counts them, and hangs up at once or never answers."""

    def __init__(self, hangs_up):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.kept = []
        self.n = 0
        self.hangs_up = hangs_up
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.server.accept()[0]
                self.n += 1
                if self.hangs_up:
                    connection.close()
                else:
                    self.kept.append(connection)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.server.close()
        for connection in self.kept:
            connection.close()


def errors_of(said):
    """(line or None, message) of each error; every one must show where it is."""
    found = re.findall(r"^FILE:(\d+):\d+: error: (.*)\n    .*\n    +\^~*$", said, re.M)
    assert len(found) == said.count(": error: "), said
    return [(int(line), message) for line, message in found]


def assert_errors(said, expected):
    found = errors_of(said)
    for line, message in expected:
        assert any((line is None or at == line) and re.search(message, text) for at, text in found), \
            (line, message, said)


def test_malformed_descriptions(fed):
    code, _, err = fed.try_run("check-config", fed.description)
    assert (code, err) == (0, ""), err
    for old, new, expected in MALFORMED:
        assert GOOD.count(old) == 1, old
        assert_errors(fed.check(GOOD.replace(old, new)), expected)


def test_all_errors_are_told_at_once(fed):
    text, expected = GOOD, {}
    for old, new, errors in MALFORMED:
        # One of each line, of those that leave the lines as they are.
        line, message = errors[0]
        if "\n" not in old + new and line not in expected:
            text = text.replace(old, new)
            expected[line] = message
    assert list(expected) == [1, 8, 10, 6, 12], expected
    said = fed.check(text)
    assert_errors(said, expected.items())
    lines = [line for line, _ in errors_of(said)]
    assert lines == sorted(lines), "errors come in the text's order"


def test_up_with_a_broken_file_changes_nothing(fed):
    file = fed.path / "broken.yaml"
    file.write_text(GOOD.replace("b: right/b", "b: wrong/b").replace("km: 10", "km: x"))
    place = fed.path / "untouched"
    code, out, err = fed.try_run("up", file, "--dir", place)
    assert (code, out) == (2, "") and not place.exists(), err
    assert_errors(err.replace(str(file), "FILE"), [(6, "km"), (12, "no provider 'wrong'")])
    place.mkdir()
    (place / "mine").write_text("mine")
    before = snapshot(place)
    assert fed.try_run("up", file, "--dir", place)[0] == 2
    assert snapshot(place) == before


def test_a_second_up_leaves_the_first_alone(fed):
    before = (fed.dir / "federation.json").read_bytes()
    code, out, err = fed.try_run("up", fed.description, "--dir", fed.dir)
    assert (code, out) == (1, ""), (code, out)
    assert err == f"qkdnf up: {fed.dir} is in use by process {fed.process.pid}\n", err
    assert (fed.dir / "federation.json").read_bytes() == before


def test_a_given_port_that_is_taken(fed):
    port = fed.info["broker"]["url"].rsplit(":", 1)[1]
    file = fed.path / "taken.yaml"
    file.write_text(GOOD + f'broker_url: "mqtts://127.0.0.1:{port}"\n')
    code, out, err = fed.try_run("up", file, "--dir", fed.path / "taken")
    assert (code, out) == (1, ""), (code, out)
    assert err == (f"qkdnf up: the broker: port {port} of 127.0.0.1 cannot be had: "
                   "Address already in use\n"), err
    kme = fed.qkdns["left"]["kme"].rsplit(":", 1)[1]
    Daemon(fed, "left", {"listen: .*": f"listen: 127.0.0.1:{kme}"}).fails(
        f"qkdnf-agent: cannot listen on 127.0.0.1:{kme}: Address already in use")


ASKERS = [["tap"], ["topology"], ["fault", "list", "left"], ["discover"],
          ["session", "list", "--timeout", "2"],
          ["request", "--as", "alice", "--to", "bob", "--timeout", "2"]]


def test_no_broker(fed):
    with Counter(hangs_up=False) as mute, concurrent.futures.ThreadPoolExecutor(8) as pool:
        places = [fed.elsewhere("closed", f"mqtts://127.0.0.1:{fabric.free_port()}"),
                  fed.elsewhere("mute", f"mqtts://127.0.0.1:{mute.port}")]
        text = r"cannot connect to 127\.0\.0\.1 port \d+|not connected yet"
        for failing in [pool.submit(fed.fails, 1, text, *asker, federation=place)
                        for place in places for asker in ASKERS]:
            failing.result()


def test_a_request_ends_in_its_time_and_tells_people(fed):
    place = fed.elsewhere("silent", f"mqtts://127.0.0.1:{fabric.free_port()}")
    ours, theirs = pty.openpty()
    begun = time.monotonic()
    done = subprocess.run([fed.qkdnf, "request", "--federation", place, "--as", "alice", "--to",
                           "bob", "--timeout", "2"], stderr=theirs, timeout=LIMIT_S,
                          preexec_fn=fabric.die_with_parent)
    took = time.monotonic() - begun
    os.close(theirs)
    said = os.read(ours, 10000).decode()
    os.close(ours)
    assert done.returncode == 1 and took >= 2, (done, took)
    # It is erased before the error is said.
    assert re.match(r"waiting for the answer \.\.\.\r\x1b\[Kqkdnf request: ", said), repr(said)


def test_daemons_keep_trying_and_say_so_once(fed):
    with Counter(hangs_up=True) as server:
        url = {"url: mqtts.*": f"url: mqtts://127.0.0.1:{server.port}"}
        for role in ("left", "platform"):
            daemon = Daemon(fed, role, url)
            before = server.n
            fabric.wait_until("some attempts", lambda: server.n >= before + 4)
            lines = daemon.lines()
            assert len(lines) == 1 and " WARNING not on the bus member=" in lines[0], lines
            daemon.stop()


def test_certificates_of_a_foreign_authority(fed):
    crt, key = fed.foreign.issue("alice")
    request = ["request", "--as", "alice", "--to", "bob", "--timeout", "2"]
    fed.fails(1, "our certificate is refused", *request, "--certificate", crt, "--key", key)
    fed.fails(1, "certificate verify failed", *request, "--ca", fed.foreign.certificate)
    crt, key = fed.foreign.issue("ops")
    fed.fails(1, "our certificate is refused", "tap", "--certificate", crt, "--key", key)
    fed.fails(1, "certificate verify failed", "tap", "--ca", fed.foreign.certificate)
    crt, key = fed.foreign.issue("left")
    daemon = Daemon(fed, "left", {"certificate: .*": f"certificate: {crt}",
                                  r"  key: .*/left\.key": f"  key: {key}"})
    fabric.wait_until("the agent to say so", daemon.lines)
    assert "our certificate is refused" in daemon.lines()[0], daemon.lines()
    daemon.stop()
    assert fed.enc_keys("alice", "bob").code == 200, "the one that runs was not disturbed"


def curl(fed, ca, crt, key):
    url = f"{fed.saes['alice']['kme']}/api/v1/keys/bob/enc_keys"
    return subprocess.run(["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", ca,
                           "--cert", crt, "--key", key, url], capture_output=True, text=True)


def test_foreign_certificates_at_the_kme(fed):
    alice = fed.saes["alice"]
    done = curl(fed, fed.info["ca"], *fed.foreign.issue("alice"))
    assert done.returncode in (35, 55, 56) and done.stdout == "", done
    done = curl(fed, fed.foreign.certificate, alice["certificate"], alice["key"])
    assert done.returncode == 60 and done.stdout == "", done


def test_a_certificate_of_somebody_else(fed):
    bob = fed.saes["bob"]
    text = r"common name of the certificate .* is {}, not {}"
    fed.fails(1, text.format("bob", "alice"), "request", "--as", "alice", "--to", "bob",
              "--certificate", bob["certificate"], "--key", bob["key"])
    fed.fails(1, r"is not the key of", "request", "--as", "alice", "--to", "bob", "--key", bob["key"])
    right = {r"/left\.crt": "/right.crt", r"/left\.key": "/right.key"}
    Daemon(fed, "left", right).fails(text.format("right", "left"))


def test_missing_files(fed):
    for what in ("ca", "certificate", "key"):
        fed.fails(1, "/none.*No such file", "tap", f"--{what}", "/none")
        Daemon(fed, "left", {rf"  {what}: .*": f"  {what}: /none"}).fails("/none.*No such file")
        Daemon(fed, "left", {rf"(?s)(kme:\n.*?)  {what}: [^\n]*": rf"\1  {what}: /none"}).fails(
            "/none")
    Daemon(fed, "left", {"store: .*": "store: /none/agent.db"}).fails("/none/agent.db cannot be")
    Daemon(fed, "platform", {"store: .*": "store: /none/p.db"}).fails("/none/p.db cannot be")
    Daemon(fed, "left", {"master_key: .*": "master_key: /none"}).fails(
        "master key '/none': No such file")


def test_master_keys_that_others_could_read(fed):
    key = fed.path / "readable.key"
    shutil.copy(fed.dir / "left" / "master.key", key)
    for mode in (0o640, 0o604, 0o622):
        key.chmod(mode)
        Daemon(fed, "left", {"master_key: .*": f"master_key: {key}"}).fails(
            "expected a file that only its owner can read")
    key.chmod(0o600)
    key.write_bytes(b"short")
    Daemon(fed, "left", {"master_key: .*": f"master_key: {key}"}).fails("expected exactly 32 bytes")


def test_a_secret_is_not_shown(fed):
    secret = re.search(r"secret: ([0-9a-f]{64})", (fed.dir / "left" / "agent.yaml").read_text())[1]
    for changed in (f"{secret}: 1", f"secret: {secret}0", f"secrte: {secret}", f"secret: '{secret}"):
        daemon = Daemon(fed, "left", {"secret: .*": changed})
        assert daemon.process.wait(LIMIT_S) == 2
        said = "\n".join(daemon.lines())
        assert ": error: " in said and secret[:8] not in said, said
    shown = fed.logs()
    for start in range(0, 64, 16):
        assert secret[start:start + 16].encode() not in shown, "a log shows a border's secret"


def test_no_core_dumps(fed):
    for pid in [qkdn["pid"] for qkdn in fed.info["qkdns"]] + [fed.process.pid]:
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +1 +1 ", limits, re.M), limits


def test_no_federation_there(fed):
    empty = fed.path / "empty"
    empty.mkdir()
    for asker in ASKERS:
        fed.fails(2, f"no federation runs in {empty}: ", *asker, federation=empty)
        fed.fails(2, "no federation runs in /none: ", *asker, federation="/none")
    for verb in ("status", "down"):
        fed.fails(2, "there is no directory /none", verb, federation="/none")
    assert fed.try_run("down", federation=empty) == (0, "", f"qkdnf down: nothing runs in {empty}\n")
    (empty / "federation.json").write_text("{")
    fed.fails(2, "federation.json is damaged", "tap", federation=empty)
    code, out, err = fed.try_run("tap")
    assert (code, out) == (2, "") and "give --federation" in err, err


def test_who_is_not_there(fed):
    fed.fails(2, "nobody is not among the saes", "request", "--as", "nobody", "--to", "bob")
    fed.fails(2, "nobody is not among the monitors", "tap", "--as", "nobody")
    fed.fails(1, "UNKNOWN_SAE: ", "request", "--as", "alice", "--to", "nobody")
    fed.fails(1, "no such border link", "fault", "inject", "left", "border", "none")
    answer = fed.enc_keys("alice", "nobody")
    assert answer.code == 400 and answer.json["message"] == "Bad request format.", answer


def test_verbs_and_options_that_are_none(fed):
    verbs = ["up", "down", "status", "demo", "request", "session", "discover", "tap", "topology",
             "fault", "bench", "check-config"]
    for arguments in (["fly"], ["--fly"], [], *([verb, "--fly"] for verb in verbs)):
        code, out, err = fed.try_run(*arguments)
        assert (code, out) == (2, "") and err.startswith("qkdnf"), (arguments, code, out, err)
    for program in ("agents/qkdnf-agent", "platform/qkdnf-platform"):
        for arguments in (["--fly"], [], ["--config"], ["--config", "/none"]):
            done = subprocess.run([fed.build_dir / program, *arguments], capture_output=True,
                                  text=True, timeout=LIMIT_S)
            assert (done.returncode, done.stdout) == (2, ""), (program, arguments, done)


def test_what_a_session_is_not_asked(fed):
    to_bob = ["--as", "alice", "--to", "bob", "--rate", "256"]
    for arguments, text in [
            ([], "expected open, list, show, move or close"),
            (["steal"], "expected open, .* not 'steal'"),
            (["open", "--as", "alice", "--rate", "256"], "--to SAE is missing"),
            (["open", "--as", "alice", "--to", "bob"], "--rate BPS is missing"),
            (["open", "--to", "bob", "--rate", "256"], "--as SAE is missing"),
            (["open", *to_bob, "--rate", "fast"], "--rate: expected a number .* not 'fast'"),
            (["open", *to_bob, "--rate", "-1"], "--rate: expected a number .* not '-1'"),
            (["open", *to_bob, "--priority", "8"], "--priority: expected .* from 0 to 7, not '8'"),
            (["open", *to_bob, "--id", "7"], "--id: expected a UUID, not '7'"),
            (["open", *to_bob, "--region", "here"], "--region is not for open"),
            (["show"], "expected which session"),
            (["close", "mine"], "expected the UUID of a session, not 'mine'"),
            (["move", "--as", "alice"], "--to-provider ID or --region R is missing"),
            (["move", "--to-provider", "right"], "--as SAE or --sae SAE is missing"),
            (["list", "all"], "unexpected argument 'all'")]:
        code, out, err = fed.try_run("session", *arguments)
        assert (code, out) == (2, "") and re.match(f"qkdnf session: {text}\n", err), (arguments, err)
    fed.fails(2, "nobody is not among the saes", "session", "list", "--as", "nobody")
    fed.fails(1, "UNKNOWN_SAE: ", "discover", "--sae", "nobody")


def is_cut(fed):
    topology = json.loads(fed.run("topology", "--federation", str(fed.dir), "--json"))
    return not any(link["up"] for link in topology["border_links"])


def test_a_target_that_cannot_be_reached(fed):
    drill = ["right", "border", "left-right"]
    fed.run("fault", "inject", "--federation", str(fed.dir), *drill)
    fabric.wait_until("the border to be down", lambda: is_cut(fed))
    fed.fails(1, "NO_ROUTE: ", "request", "--as", "alice", "--to", "bob")
    answer = fed.enc_keys("alice", "bob")
    assert answer.code == 503 and "NO_ROUTE" in answer.json["message"], answer
    fed.run("fault", "clear", "--federation", str(fed.dir), *drill)
    fabric.wait_until("the border to be up", lambda: not is_cut(fed))
    fabric.wait_until("key", lambda: fed.enc_keys("alice", "bob").code == 200)


def ask_for_much(fed):
    """401 slots at once."""
    code, out, _ = fed.try_run("request", "--as", "alice", "--to", "bob", "--number", "100",
                               "--size", "1024", "--json", federation=fed.dir)
    report = json.loads(out)
    assert (code == 0) == (report["status"] == "OK"), report
    return report


def test_stock_that_is_used_up_comes_back_when_it_was_said(fed):
    # The ledger has 600 slots, and the link itself keeps 1024 more.
    reports = [ask_for_much(fed) for _ in range(8)]
    assert reports[0]["status"] == "OK", reports[0]
    report = next(report for report in reports if report["status"] != "OK")
    assert report["status"] == "INSUFFICIENT_KEY", report
    offer, wait_s = report["available_number"], report["available_in_ms"] / 1000
    assert 0 <= offer < 100 and 0 < wait_s < 10, report
    assert f"{offer} of 100 keys could be had now, all in {report['available_in_ms']} ms" in \
        report["text"], report
    report = ask_for_much(fed)
    if report["status"] != "OK":
        fabric.wait_until("the key that was promised", lambda: ask_for_much(fed)["status"] == "OK",
                          report["available_in_ms"] / 1000 + 2)


def test_up_after_it_was_killed(fed):
    pids = [fed.info["broker"]["pid"], fed.info["platform"]["pid"]]
    pids += [qkdn["pid"] for qkdn in fed.info["qkdns"]]
    (key_id, key), = fed.enc_keys("alice", "bob").keys.items()
    fed.process.kill()
    fed.process.wait()
    fabric.wait_until("all to end", lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))
    (fed.dir / "federation.json").unlink()
    fabric.Fabric.__init__(fed, fed.build_dir, fed.description, fed.path)
    answer = fed.dec_keys("bob", "alice", query=f"?key_ID={key_id}")
    assert answer.code == 200 and answer.keys == {key_id: key}, answer


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
