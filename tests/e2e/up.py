# SPDX-License-Identifier: Apache-2.0
"""What `qkdnf up`, `down` and `status` do on a machine where things go wrong. Argument: the build
directory."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile

import fabric

SMALLEST = fabric.ROOT / "tools" / "demo" / "two-providers.yaml"


class Place:
    """A directory in which federations come and go."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.qkdnf = str(self.build / "tools" / "qkdnf" / "qkdnf")
        self.temporary = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(self.temporary.name)
        self.dir = self.path / "federation"

    def close(self):
        self.temporary.cleanup()

    def up(self):
        return contextlib.closing(fabric.Fabric(self.build, SMALLEST, self.path))

    def run(self, *arguments):
        done = subprocess.run([self.qkdnf, *map(str, arguments)], capture_output=True, text=True,
                              timeout=120, preexec_fn=fabric.die_with_parent)
        return done.returncode, done.stdout, done.stderr

    def fails(self, *arguments):
        code, out, err = self.run(*arguments)
        assert code == 1 and out == "", (code, out, err)
        assert not (self.dir / "federation.json").exists()
        return err

    def status(self):
        code, out, _ = self.run("status", "--federation", self.dir, "--json")
        return code, json.loads(out)

    def state(self):
        code, report = self.status()
        assert (code == 0) == (report["state"] == "running"), (code, report)
        return report["state"]

    def pids(self):
        return {process["id"]: process["pid"] for process in self.status()[1]["processes"]}


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def has_key(fed):
    fabric.wait_until("key", lambda: fed.enc_keys("alice", "bob").code == 200, 60)


def test_a_federation_comes_up_whole(place):
    with place.up() as fed:
        assert set(place.pids()) == {"broker", "platform", "left", "right"}
        assert place.state() == "running"
        for entry in fed.info["saes"] + fed.info["monitors"] + fed.info["operators"]:
            assert (os.stat(entry["key"]).st_mode & 0o777) == 0o600, entry
            subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-in",
                                      entry["certificate"]], capture_output=True, text=True).stdout
            assert subject.strip().endswith(f"CN = {entry['id']}"), subject
        for qkdn in fed.info["qkdns"]:
            key = place.dir / qkdn["id"] / "master.key"
            assert (os.stat(key).st_mode & 0o777, os.stat(key).st_size) == (0o600, 32)
        assert os.stat(place.dir).st_mode & 0o777 == 0o700
        has_key(fed)
        keys, same = fed.fetch_both("alice", "bob")
        assert keys == same and len(keys) == 1
    assert place.state() == "stopped"
    assert not (place.dir / "federation.json").exists()


def test_a_second_one_keeps_out(place):
    with place.up() as fed:
        code, _, err = place.run("up", SMALLEST, "--dir", place.dir)
        assert code == 1, err
        assert err == f"qkdnf up: {place.dir} is in use by process {fed.process.pid}\n", err
        assert place.state() == "running"


def test_down_stops_all_of_it(place):
    with place.up() as fed:
        pids = place.pids()
        assert place.run("down", "--federation", place.dir) == (0, "", "")
        assert fed.process.wait(60) == 0
        assert not any(is_alive(pid) for pid in pids.values())
    code, out, err = place.run("down", "--federation", place.dir)
    assert (code, out) == (0, "") and "nothing runs" in err, err


def test_what_was_made_is_used_again(place):
    def made():
        files = [place.dir / name for name in ("pki/ca.crt", "pki/alice.key", "left/master.key",
                                               "borders/left-right.secret")]
        return [file.read_bytes() for file in files]

    with place.up():
        before = made()
    with place.up() as fed:
        assert made() == before
        has_key(fed)


def killed(place, fed, name):
    pid = place.pids()[name]
    os.kill(pid, signal.SIGKILL)
    fabric.wait_until(f"{name} to run again", lambda: place.pids()[name] != pid
                      and place.state() == "running")
    assert f"qkdnf up: {name} was ended by signal 9 (Killed); starting it again" in fed.up_log()


def test_what_dies_is_started_again(place):
    with place.up() as fed:
        for name in ("left", "platform", "broker"):
            killed(place, fed, name)
        assert set(place.pids()) == {"broker", "platform", "left", "right"}
        has_key(fed)


def test_nothing_outlives_it(place):
    fed = fabric.Fabric(place.build, SMALLEST, place.path)
    pids = place.pids()
    fed.process.kill()
    fed.process.wait()
    fed.log.close()
    fabric.wait_until("all to end", lambda: not any(is_alive(pid) for pid in pids.values()))
    assert place.state() == "stopped"
    (place.dir / "federation.json").unlink()
    with place.up():
        assert place.state() == "running"


def test_a_port_that_is_taken(place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        file = place.path / "taken.yaml"
        file.write_text(SMALLEST.read_text().replace(
            "- id: left\n", f"- id: left\n    kme_url: 'https://127.0.0.1:{port}'\n"))
        err = place.fails("up", file, "--dir", place.dir)
    assert err == (f"qkdnf up: left-kme: port {port} of 127.0.0.1 cannot be had: "
                   "Address already in use\n"), err
    code, _, err = place.run("up", place.path / "none.yaml", "--dir", place.dir)
    assert code == 2 and err.endswith("cannot be read: No such file or directory\n"), err


def test_a_program_that_does_not_start(place):
    store = place.dir / "left" / "agent.db"
    good = store.read_bytes()
    for leftover in place.dir.glob("left/agent.db-*"):
        leftover.unlink()
    store.write_bytes(b"not a store")
    err = place.fails("up", SMALLEST, "--dir", place.dir)
    assert "left ended with status 1; the end of" in err, err
    assert "agent.db" in err.split("the end of", 1)[1].split("\n", 1)[1], err
    assert err.count("broker ended with status 0") == 1, err
    assert place.state() == "stopped"
    store.write_bytes(good)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Place(sys.argv[1])))


main()
