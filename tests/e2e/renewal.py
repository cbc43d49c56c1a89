# SPDX-License-Identifier: Apache-2.0
"""Certificates are renewed and revoked while a consumer fetches keys: every program takes the new
ones with SIGHUP, and nobody loses a key but whose certificate is revoked. Argument: the build
directory."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading

import fabric

DESCRIPTION = """
{crl}
providers:
  - {{id: left, applications: [{{sae: alice, node: a}}],
     qkdn: {{driver: sim, sim: {{nodes: [{{id: a}}]}}}}}}
  - {{id: right, applications: [{{sae: bob, node: b}}, {{sae: carol, node: b}}],
     qkdn: {{driver: sim, sim: {{nodes: [{{id: b}}]}}}}}}
borders:
  - {{a: left/a, b: right/b, rate_bps: 200000, initial_bytes: 262144}}
"""

POLICY = """\
[ca]
default_ca = d
[d]
database = {path}/index
crlnumber = {path}/number
rand_serial = yes
new_certs_dir = {path}
default_md = sha256
policy = p
unique_subject = no
default_days = 30
default_crl_days = 30
[p]
commonName = supplied
organizationalUnitName = optional
"""


class Federation(fabric.Fabric):
    def __init__(self, build):
        self.place = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(self.place.name)
        self.pki = self.path / "federation" / "pki"
        self.crl = self.path / "revoked.pem"
        description = self.path / "federation.yaml"
        # What is there of certificates is kept: an authority has to be, before it can revoke.
        description.write_text(DESCRIPTION.format(crl=""))
        fabric.Fabric(build, description, self.path).close()
        description.write_text(DESCRIPTION.format(crl=f"crl: {self.crl}"))
        (self.path / "index").touch()
        (self.path / "number").write_text("01\n")
        (self.path / "policy").write_text(POLICY.format(path=self.path))
        self.revoke()
        super().__init__(build, description, self.path)
        fabric.wait_until("a key", lambda: self.enc_keys("alice", "bob").code == 200)

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def authority(self, *arguments):
        self.openssl("ca", "-batch", "-config", "policy", "-cert", str(self.pki / "ca.crt"),
                     "-keyfile", str(self.pki / "ca.key"), *arguments)

    def revoke(self, *certificates):
        for certificate in certificates:
            self.authority("-revoke", str(certificate))
        self.authority("-gencrl", "-out", "fresh.pem")
        (self.path / "fresh.pem").rename(self.crl)

    def renew(self, name, unit, usage):
        """Another key and certificate in the place of the old, which is kept as NAME.old."""
        subject = f"/OU=qkdnf-{unit}/CN={name}" if unit else f"/CN={name}"
        (self.path / "extensions").write_text(
            f"extendedKeyUsage = {usage}\nsubjectAltName = IP:127.0.0.1, DNS:localhost\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", "fresh.key", "-subj", subject, "-out", "fresh.csr")
        self.authority("-in", "fresh.csr", "-extfile", "extensions", "-notext", "-out", "fresh.crt")
        (self.pki / f"{name}.crt").rename(self.path / f"{name}.old")
        for suffix in ("crt", "key"):
            (self.path / f"fresh.{suffix}").rename(self.pki / f"{name}.{suffix}")
        return self.path / f"{name}.old"

    def pids(self):
        status = json.loads(self.run("status", "--federation", str(self.dir), "--json"))
        return {process["id"]: process["pid"] for process in status["processes"]}

    def log_of(self, name):
        return (self.dir / name / "log").read_text(errors="replace")

    def reload(self, *names):
        before = {name: self.log_of(name).count(" reloaded") for name in names}
        for name in names:
            os.kill(self.pids()[name], signal.SIGHUP)
        for name, n in before.items():
            if name != "broker":  # mosquitto says nothing
                fabric.wait_until(f"{name} to reload", lambda: self.log_of(name).count(" reloaded") > n)
            assert "not reloaded" not in self.log_of(name), self.log_of(name)

    def close(self):
        super().close()
        self.place.cleanup()


@contextlib.contextmanager
def consumer(fed):
    """Fetches a key at both ends, again and again."""
    stopping, failures, fetched = threading.Event(), [], []

    def fetch():
        while not stopping.is_set():
            try:
                ours, theirs = fed.fetch_both("alice", "bob")
                assert ours == theirs, "the two ends have different keys"
                fetched.append(ours)
            except AssertionError as error:
                failures.append(str(error))

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    yield fetched
    n_before = len(fetched)
    fabric.wait_until("more keys", lambda: len(fetched) > n_before + 2 or failures)
    stopping.set()
    thread.join(60)
    assert not failures, failures


class Connection:
    """One that stays."""

    def __init__(self, fed, sae):
        user = fed.saes[sae]
        tls = ssl.create_default_context(cafile=fed.info["ca"])
        tls.load_cert_chain(user["certificate"], user["key"])
        host, port = user["kme"].removeprefix("https://").split(":")
        self.http = http.client.HTTPSConnection(host, int(port), context=tls, timeout=60)

    def code(self, path):
        self.http.request("GET", path)
        answer = self.http.getresponse()
        answer.read()
        return answer.status


def bus_code(fed, sae):
    done = subprocess.run([fed.qkdnf, "request", "--federation", str(fed.dir), "--as", sae, "--to",
                           "alice", "--timeout", "3"], capture_output=True, text=True, timeout=60,
                          preexec_fn=fabric.die_with_parent)
    return done.returncode


def is_admitted(fed, sae):
    """By the broker itself."""
    host, port = fed.info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
    user = fed.saes[sae]
    done = subprocess.run(
        ["mosquitto_sub", "-h", host, "-p", port, "-V", "mqttv5", "-i", f"other-{sae}", "--cafile",
         fed.info["ca"], "--cert", user["certificate"], "--key", user["key"], "-W", "3", "-C", "1",
         "-t", "qkdnf/v1/presence/+/all"], capture_output=True, timeout=30,
        preexec_fn=fabric.die_with_parent)
    return done.returncode == 0


def is_announced(fed, tap, name):
    certificate = ssl.PEM_cert_to_DER_cert((fed.pki / f"{name}.crt").read_text())
    return any(topic.endswith(f"/{name}/all") and certificate in payload
               for _, topic, payload in tap.messages)


def test_renewal_without_outage(fed):
    with consumer(fed):
        old = [fed.renew("left", "agent", "clientAuth"), fed.renew("platform", "platform",
                                                                   "clientAuth"),
               fed.renew("left-kme", "", "serverAuth")]
        tap = fabric.Tap(fed, "qkdnf/v1/presence/+/all")
        fed.reload("left", "platform")
        for name in ("left", "platform"):
            fabric.wait_until(f"{name} to be known by its new certificate",
                              lambda: is_announced(fed, tap, name))
        tap.close()
        fed.revoke(*old)
        fed.reload("broker", "platform", "left", "right")
    for name in ("left", "right", "platform"):
        assert "reason=certificate" not in fed.log_of(name), fed.log_of(name)


def test_who_is_revoked_gets_nothing(fed):
    path = "/api/v1/keys/alice/status"
    connection = Connection(fed, "carol")
    assert connection.code(path) == 200 and is_admitted(fed, "carol")
    with consumer(fed):
        fed.revoke(fed.pki / "carol.crt")
        fed.reload("broker", "platform", "left", "right")
        assert connection.code(path) == 401
        try:
            code = Connection(fed, "carol").code(path)
            raise AssertionError(f"carol got {code}")
        except (ssl.SSLError, OSError):
            pass
        assert bus_code(fed, "carol") != 0 and not is_admitted(fed, "carol")
    assert bus_code(fed, "bob") == 0 and is_admitted(fed, "bob")


def test_a_damaged_list_changes_nothing(fed):
    good = fed.crl.read_text()
    fed.crl.write_text("nothing of that kind\n")
    os.kill(fed.pids()["right"], signal.SIGHUP)
    fabric.wait_until("right to say so", lambda: "not reloaded" in fed.log_of("right"))
    assert str(fed.crl) in fed.log_of("right")
    fed.fetch_both("alice", "bob")
    fed.crl.write_text(good)


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(sys.argv[1])))


main()
