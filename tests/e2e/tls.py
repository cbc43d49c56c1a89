# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and what it costs the others: the broker and a key management entity against clients
that they must refuse, our clients against servers that they must refuse, and connections that are
only there to be in the way. Run by root, all of it runs as an ordinary user. Argument: the build
directory."""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import warnings

import fabric

warnings.filterwarnings("ignore", category=DeprecationWarning)  # that TLS 1.1 is old is the point

SMALLEST = fabric.ROOT / "tools" / "demo" / "two-providers.yaml"
NOBODY = 65534
LIMIT_S = 60
N_HALF_OPEN = 200
# More than a key management entity takes connections.
N_KME_HALF_OPEN = 800
FRAME_MAX_BYTES = 1 << 20
MODERN = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REFUSED, TAKEN = "refused", "taken"


def become_ordinary(build):
    """What is done before is permitted to root alone: no limit on locked memory."""
    if os.geteuid() != 0:
        return
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
    for program in (build / "tools" / "qkdnf" / "qkdnf", sys.executable):
        try:
            subprocess.run([program, "--version"], user=NOBODY, group=NOBODY, extra_groups=[],
                           check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            print(f"# as root, since an ordinary user cannot run {program}")
            return
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


class Authority:
    """Issues with openssl what `qkdnf up` never would."""

    POLICY = """\
[ca]
default_ca = d
[d]
database = index
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = supplied
organizationalUnitName = optional
"""

    def __init__(self, path, certificate=None, key=None):
        path.mkdir()
        self.path = path
        (path / "policy").write_text(self.POLICY)
        (path / "index").touch()
        self.certificate, self.key = certificate, key
        if not certificate:
            self.certificate, self.key = path / "ca.crt", path / "ca.key"
            self.openssl("req", "-x509", *self.new_key("ca"), "-subj", "/CN=foreign", "-out",
                         "ca.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.path, check=True, capture_output=True)

    def new_key(self, file):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{file}.key"]

    def issue(self, file, name, usage, names, until="20400101000000Z"):
        self.openssl("req", *self.new_key(file), "-subj", f"/OU=qkdnf-application/CN={name}",
                     "-out", f"{file}.csr")
        (self.path / f"{file}.ext").write_text(f"extendedKeyUsage = {usage}\n"
                                               f"subjectAltName = {names}\n")
        self.openssl("ca", "-batch", "-config", "policy", "-in", f"{file}.csr", "-cert",
                     str(self.certificate), "-keyfile", str(self.key), "-extfile", f"{file}.ext",
                     "-startdate", "20200101000000Z", "-enddate", until, "-notext", "-out",
                     f"{file}.crt")
        return self.path / f"{file}.crt", self.path / f"{file}.key"


class Federation(fabric.Fabric):
    def __init__(self, build):
        self.place = tempfile.TemporaryDirectory(prefix="qkdnf-")
        self.path = pathlib.Path(self.place.name)
        super().__init__(build, SMALLEST, self.path)
        pki = self.dir / "pki"
        self.foreign = Authority(self.path / "foreign")
        self.own = Authority(self.path / "own", pki / "ca.crt", pki / "ca.key")
        self.alice = self.saes["alice"]["certificate"], self.saes["alice"]["key"]
        self.broker = self.address(self.info["broker"]["url"])
        self.kme = self.address(self.saes["alice"]["kme"])
        fabric.wait_until("key", lambda: self.enc_keys("alice", "bob").code == 200, 60)

    @staticmethod
    def address(url):
        host, port = url.split("://")[1].rsplit(":", 1)
        return host, int(port)

    def close(self):
        super().close()
        self.place.cleanup()

    def serves(self):
        """Others have what is theirs: over the bus, and over ETSI 014."""
        report = self.request("--as", "alice", "--to", "bob")
        assert report["status"] == "OK", report
        answer = self.enc_keys("alice", "bob")
        assert answer.code == 200, answer

    def elsewhere(self, name, change):
        """A federation of which something else is said."""
        info = json.loads((self.dir / "federation.json").read_text())
        change(info)
        directory = self.path / name
        directory.mkdir()
        (directory / "federation.json").write_text(json.dumps(info))
        return directory

    def pids(self):
        return [self.info["platform"]["pid"], *(qkdn["pid"] for qkdn in self.info["qkdns"])]


# --- clients that must be refused ----------------------------------------------------------------


def packet(kind, body):
    """An MQTT control packet."""
    length, left = b"", len(body)
    while True:
        left, digit = left >> 7, left & 0x7F
        length += bytes([digit | (0x80 if left else 0)])
        if not left:
            return bytes([kind]) + length + body


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def connect_packet(name):
    return packet(0x10, text("MQTT") + b"\x05\x02\x00\x3c\x00" + text(name))


def client_context(versions, certificate=None, ciphers=None):
    """Trusts anyone: what the server refuses is asked here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers((ciphers or "ALL:COMPLEMENTOFALL") + ":@SECLEVEL=0")
    context.minimum_version, context.maximum_version = versions
    if certificate:
        context.load_cert_chain(*map(str, certificate))
    return context


def say(address, context, words):
    """What a server answers; or why it does not, which must be its own doing."""
    try:
        with socket.create_connection(address, LIMIT_S) as plain:
            with (context.wrap_socket(plain) if context else contextlib.nullcontext(plain)) as link:
                link.sendall(words)
                return link.recv(4096) or "closed"
    except ssl.SSLError as error:
        reason = re.sub(r" \(_ssl.*|^\[.*?\] |\[.*\] ", "", str(error))
        assert "alert" in reason or "EOF occurred" in reason, error
        return reason
    except ConnectionError as error:
        return type(error).__name__


def attempts(fed):
    """What is tried, with what, and what the broker and the KME make of it."""
    old, first = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1
    just_1_2, just_1_3 = (MODERN[0],) * 2, (MODERN[1],) * 2
    alice, none = fed.alice, None
    stranger = fed.foreign.issue("alice", "alice", "clientAuth", "DNS:alice")
    expired = fed.own.issue("expired", "alice", "clientAuth", "DNS:alice", "20210101000000Z")
    server = fed.own.issue("server", "alice", "serverAuth", "DNS:alice")
    return [
        ("TLS 1.3, a member's certificate", client_context(just_1_3, alice), TAKEN, TAKEN),
        ("TLS 1.2, a member's certificate", client_context(just_1_2, alice), REFUSED, TAKEN),
        ("TLS 1.1", client_context((old, old), alice), REFUSED, REFUSED),
        ("TLS 1.0", client_context((first, first), alice), REFUSED, REFUSED),
        ("TLS 1.2 without forward secrecy",
         client_context(just_1_2, alice, "kRSA:kPSK"), REFUSED, REFUSED),
        ("TLS 1.2 in CBC", client_context(just_1_2, alice, "ECDHE+AES128+SHA1"), REFUSED, REFUSED),
        ("TLS 1.2 with nobody certified", client_context(just_1_2, alice, "aNULL"), REFUSED,
         REFUSED),
        ("no certificate, TLS 1.3", client_context(just_1_3, none), REFUSED, REFUSED),
        ("no certificate, TLS 1.2", client_context(just_1_2, none), REFUSED, REFUSED),
        ("certificate of a foreign authority", client_context(MODERN, stranger), REFUSED, REFUSED),
        ("certificate that has expired", client_context(MODERN, expired), REFUSED, REFUSED),
        ("certificate for servers only", client_context(MODERN, server), REFUSED, REFUSED),
        ("no TLS", None, REFUSED, REFUSED),
    ]


def test_only_who_is_certified_gets_in(fed):
    wrong = []
    asked = b"GET /api/v1/keys/bob/status HTTP/1.1\r\nHost: kme\r\n\r\n"
    print(f"# {'tried':38} {'broker':44} KME")
    for what, context, *expected in attempts(fed):
        said = [say(fed.broker, context, connect_packet("")), say(fed.kme, context, asked)]
        welcome = [said[0][0:1] == b"\x20" and said[0][3:4] == b"\0", said[1][:12] == b"HTTP/1.1 200"]
        found = [TAKEN if w else REFUSED for w in welcome]
        shown = [f if w or isinstance(s, bytes) else f"{f}: {s}"
                 for f, w, s in zip(found, welcome, said)]
        print(f"# {what:38} {shown[0]:44} {shown[1]}")
        if found != expected:
            wrong.append(f"{what}: {found}, not {expected}")
    assert not wrong, wrong


# --- servers that must be refused ----------------------------------------------------------------


class Impostor:
    """Takes connections as a broker or key management entity would, and notes whether somebody
    trusted it: a handshake that was completed, and what was said after it."""

    def __init__(self, fed, certificate, newest=ssl.TLSVersion.TLSv1_3):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.maximum_version = newest
        self.context.load_cert_chain(*map(str, certificate))
        self.context.load_verify_locations(fed.info["ca"])
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.n_tries, self.heard = 0, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                link = self.server.accept()[0]
                link.settimeout(LIMIT_S)
                threading.Thread(target=self._listen, args=[link], daemon=True).start()

    def _listen(self, link):
        with contextlib.suppress(OSError), link:
            if link.recv(1, socket.MSG_PEEK) != b"\x16":  # a mere look whether somebody is there
                return
            self.n_tries += 1
            with self.context.wrap_socket(link, server_side=True) as trusted:
                self.heard.append(trusted.recv(4096))

    def close(self):
        self.server.close()


def ask_bus(fed, name, impostor, *verb):
    """A program of ours whose bus is said to be where the impostor is."""
    url = f"mqtts://127.0.0.1:{impostor.port}"
    there = fed.elsewhere(name, lambda info: info.update(broker={"url": url}))
    return run(fed, verb[0], "--federation", str(there), *verb[1:])


def run(fed, *arguments):
    return subprocess.run([fed.qkdnf, *arguments], capture_output=True, text=True, timeout=60,
                          preexec_fn=fabric.die_with_parent)


def ask_kme(fed, name, impostor, program):
    def move(info):
        for sae in info["saes"]:
            sae["kme"] = f"https://127.0.0.1:{impostor.port}"
    there = fed.elsewhere(name, move)
    if program == "libqkdnf":
        example = fed.build / "agents" / "application" / "qkdnf-example"
        return subprocess.run([example, there / "federation.json", "alice", "bob"],
                              capture_output=True, text=True, timeout=60,
                              preexec_fn=fabric.die_with_parent)
    return run(fed, "request", "--federation", str(there), "--as", "alice", "--to", "bob",
               "--fetch")


def run_daemon(fed, name, impostor, role):
    """Until it has tried."""
    kind = "platform" if role == "platform" else "agent"
    directory = fed.path / name
    directory.mkdir()
    config = (fed.dir / role / f"{kind}.yaml").read_text()
    for old, new in {r"url: mqtts:.*": f"url: mqtts://127.0.0.1:{impostor.port}",
                     r"store: .*": f"store: {directory}/store.db",
                     r"metrics:\n(  .*\n)+": "",
                     r"listen: .*": "listen: 127.0.0.1:0"}.items():
        config = re.sub(old, new, config)
    (directory / "daemon.yaml").write_text(config)
    with open(directory / "log", "wb") as log:
        folder = "platform" if kind == "platform" else "agents"
        process = subprocess.Popen(
            [fed.build / folder / f"qkdnf-{kind}", "--config", directory / "daemon.yaml"],
            stdout=log, stderr=log, preexec_fn=fabric.die_with_parent)
    fabric.wait_until("the daemon to try", lambda: impostor.heard or b"not on the bus" in
                      (directory / "log").read_bytes(), 60)
    process.kill()
    process.wait()


BUS_CLIENTS = {
    "qkdnf tap": lambda fed, name, it: ask_bus(fed, name, it, "tap", "--count", "1"),
    "libqkdnf": lambda fed, name, it: ask_bus(fed, name, it, "request", "--as", "alice", "--to",
                                              "bob", "--timeout", "2"),
    "agent": lambda fed, name, it: run_daemon(fed, name, it, "left"),
    "platform": lambda fed, name, it: run_daemon(fed, name, it, "platform"),
}
KME_CLIENTS = {
    "libqkdnf": lambda fed, name, it: ask_kme(fed, name, it, "libqkdnf"),
    "qkdnf request --fetch": lambda fed, name, it: ask_kme(fed, name, it, "curl"),
}


def impostors(fed):
    """Each with whether the clients of a broker, and those of a KME, may trust it."""
    here = "DNS:localhost,IP:127.0.0.1"
    right = fed.own.issue("right", "left-kme", "serverAuth", here)
    other = fed.own.issue("other", "left-kme", "serverAuth", "DNS:elsewhere.example,IP:127.0.0.2")
    member = fed.own.issue("member", "left-kme", "clientAuth", here)
    foreign = fed.foreign.issue("server", "left-kme", "serverAuth", here)
    expired = fed.own.issue("old", "left-kme", "serverAuth", here, "20210101000000Z")
    return [
        ("names this host", lambda: Impostor(fed, right), True, True),
        ("TLS 1.2", lambda: Impostor(fed, right, ssl.TLSVersion.TLSv1_2), False, True),
        ("names another host", lambda: Impostor(fed, other), False, False),
        ("a member's, not a server's", lambda: Impostor(fed, member), False, False),
        ("of a foreign authority", lambda: Impostor(fed, foreign), False, False),
        ("has expired", lambda: Impostor(fed, expired), False, False),
    ]


def judge(fed, number, case):
    """Whether one client trusts one impostor."""
    (_, make, *_), (client, ask) = case
    with contextlib.closing(make()) as impostor:
        ask(fed, f"case-{number}", impostor)
        assert impostor.n_tries > 0, f"{client} has not tried"
        return bool(impostor.heard and impostor.heard[0])


def test_our_clients_trust_only_who_they_mean(fed):
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        cases = [(impostor, client) for impostor in impostors(fed)
                 for clients in (BUS_CLIENTS, KME_CLIENTS) for client in clients.items()]
        verdicts = list(pool.map(lambda pair: judge(fed, *pair), enumerate(cases)))
    print(f"# {'server certificate':28} {'client':28} found")
    for ((what, _, of_bus, of_kme), (client, ask)), trusted in zip(cases, verdicts):
        side = "bus" if ask in BUS_CLIENTS.values() else "KME"
        print(f"# {what:28} {side + ': ' + client:28} {'trusted' if trusted else REFUSED}")
        if trusted != (of_bus if side == "bus" else of_kme):
            wrong.append(f"{client} and a certificate that {what}: {trusted}")
    assert not wrong, wrong


# --- connections that are in the way -------------------------------------------------------------


def client_hello(context):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


@contextlib.contextmanager
def half_open(address, number, context):
    """A third says nothing, a third a part of its hello, a third all of it."""
    hello = client_hello(context)
    with contextlib.ExitStack() as stack:
        links = []
        for i in range(number):
            link = stack.enter_context(socket.create_connection(address, LIMIT_S))
            link.sendall((b"", hello[:50], hello)[i % 3])
            links.append(link)
        yield links


def is_closed(link):
    link.settimeout(LIMIT_S)
    try:
        while link.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


def test_people_are_told_what_to_do(fed):
    crt, key = fed.own.issue("old-ops", "ops", "clientAuth", "DNS:ops", "20210101000000Z")
    for arguments, said in (
            (["--certificate", str(crt), "--key", str(key)],
             f"our certificate is refused: {crt} has expired on 2021-01-01; have it renewed"),
            (["--ca", str(fed.foreign.certificate)],
             f"that of the broker is not of an authority in {fed.foreign.certificate}"),
            (["--broker", "mqtts://nowhere.invalid:8883"], "check the host in the broker's URL")):
        err = fed.run("tap", "--count", "1", "--federation", str(fed.dir), *arguments, code=1)
        assert said in err and err.count("\n") == 1, (said, err)


def test_half_open_connections_are_in_nobodys_way(fed):
    with half_open(fed.broker, N_HALF_OPEN, client_context(MODERN, fed.alice)):
        fed.serves()


def test_a_kme_full_of_half_open_connections_serves_again(fed):
    with half_open(fed.kme, N_KME_HALF_OPEN, client_context(MODERN, fed.alice)) as links:
        fed.serves()
        assert all(is_closed(link) for link in links[:3]), "handshakes end in their time"


@contextlib.contextmanager
def on_the_bus(fed, member, buffer_bytes=None):
    entry = next(e for e in fed.info["saes"] + fed.info["monitors"] if e["id"] == member)
    context = client_context(MODERN, (entry["certificate"], entry["key"]))
    with socket.socket() as plain:
        if buffer_bytes:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        plain.settimeout(LIMIT_S)
        plain.connect(fed.broker)
        with context.wrap_socket(plain) as link:
            link.sendall(connect_packet(""))
            assert link.recv(4096)[:1] == b"\x20"
            yield link


def test_slow_readers_are_in_nobodys_way(fed):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            link = stack.enter_context(on_the_bus(fed, "ops", 2048))
            link.sendall(packet(0x82, b"\0\1\0" + text("qkdnf/#") + b"\1"))
        for _ in range(8):
            fed.serves()


def test_oversized_frames_cost_their_sender_the_connection(fed):
    body = text("qkdnf/v1/request/alice/platform") + b"\0" + bytes(2 * FRAME_MAX_BYTES)
    with on_the_bus(fed, "alice") as link:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            link.sendall(packet(0x30, body))
        assert is_closed_by_tls(link)
    fed.serves()


def is_closed_by_tls(link):
    with contextlib.suppress(ssl.SSLError):
        return is_closed(link)
    return True


def test_oversized_requests_are_refused_by_the_kme(fed):
    context = client_context(MODERN, fed.alice)
    start = b"POST /api/v1/keys/bob/enc_keys HTTP/1.1\r\nHost: kme\r\n"
    for words in (start + b"X: " + bytes([65]) * 20000 + b"\r\n\r\n",
                  start + b"Content-Length: 100000000\r\n\r\n" + bytes([65]) * 20000):
        said = say(fed.kme, context, words)
        assert isinstance(said, str) or said[:11] == b"HTTP/1.1 41" or \
            said[:12] == b"HTTP/1.1 400", said
    fed.serves()


# --- what daemons give up ------------------------------------------------------------------------


def test_files_are_their_users_only(fed):
    for path in [fed.dir, *fed.dir.rglob("*")]:
        status = path.lstat()
        expected = 0o700 if path.is_dir() else 0o644 if path.suffix == ".crt" else 0o600
        assert (status.st_mode & 0o777, status.st_uid) == (expected, os.geteuid()), \
            f"{path}: {status.st_mode:o}"
    # What opens the dashboard stands there: it only reads, and the file is its user's only.
    told = re.sub(r"\?token=[0-9a-f]{64}\"", "", (fed.dir / "federation.json").read_text())
    assert "PRIVATE" not in told and not re.search(r"[0-9a-f]{32}|[A-Za-z0-9+]{40}", told), told


def is_sanitized(fed):
    program = (fed.build / "agents" / "qkdnf-agent").read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def test_daemons_hold_no_privilege_and_show_no_memory(fed):
    for pid in fed.pids():
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"] == "1", status
        assert pathlib.Path(f"/proc/{pid}/maps").stat().st_uid == 0, "a process that can be dumped is its user's"
        if os.geteuid() != 0:
            assert int(status["CapEff"], 16) == 0, status
            try:
                pathlib.Path(f"/proc/{pid}/maps").read_text()
            except PermissionError:
                continue
            raise AssertionError("its memory can be looked at")


def test_memory_is_locked_or_that_is_said(fed):
    if is_sanitized(fed):
        return
    for pid in fed.pids():
        proc = pathlib.Path(f"/proc/{pid}")
        locked = int(re.search(r"VmLck:\s+(\d+)", (proc / "status").read_text())[1]) > 0
        capable = int(re.search(r"CapEff:\s+(\w+)", (proc / "status").read_text())[1], 16) >> 14 & 1
        unlimited = resource.prlimit(os.getpid(), resource.RLIMIT_MEMLOCK)[1] == -1
        assert locked == bool(capable or unlimited), (pid, locked)
    warned = fed.logs().count(b"memory may not be locked")
    assert warned == (0 if locked else len(fed.pids())), warned


def main():
    build = pathlib.Path(sys.argv[1])
    become_ordinary(build)
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(build)))


main()
