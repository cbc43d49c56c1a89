# SPDX-License-Identifier: Apache-2.0
"""What the daemons count, over HTTP and on the bus: by Prometheus' conventions, and true."""

import contextlib
import json
import pathlib
import re
import resource
import subprocess
import sys
import urllib.error
import urllib.request

import fabric

DASHBOARD = fabric.ROOT / "tools" / "grafana" / "qkdnf.json"
SAMPLE = re.compile(r'(?P<name>[a-z_]+)(\{(?P<label>[a-z]+)="(?P<of>([^"\\\n]|\\["\\n])*)"\})? '
                    r'(?P<value>-?\d+(\.\d+)?(e[+-]?\d+)?)')
# Of the base units; a name that ends in another is a mistake.
NO_UNITS = ("_ms", "_us", "_minutes", "_kilobytes", "_bits", "_percent")

# Few, so that they can be used up; an agent does not start with less.
MAX_DESCRIPTORS = 1024
# Connections that say nothing, to the port that is read from standard input: of so many processes,
# each of which may have no more descriptors itself.
N_HERDS = 2
HERD = """
import socket, sys
port = int(sys.stdin.readline())
herd = []
try:
    while len(herd) < 700:
        herd.append(socket.create_connection(("127.0.0.1", port), 3))
except OSError:
    pass
print("all", flush=True)
sys.stdin.readline()
"""


def get(url, method="GET"):
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.headers, answer.read().decode()


def check(text):
    """By Prometheus' own rules and by stricter ones; the values by name and label."""
    promtool = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                              capture_output=True)
    assert (promtool.returncode, promtool.stdout + promtool.stderr) == (0, ""), promtool
    assert text.endswith("\n")
    values, types, name = {}, {}, None
    lines = text.splitlines()
    for before, line in zip([""] + lines, lines):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in types and len(line.split(" ", 3)[3]) > 10, line
        elif line.startswith("# TYPE "):
            _, _, named, kind = line.split(" ")
            assert before.startswith(f"# HELP {name} ") and named == name, line
            assert kind in ("counter", "gauge") and name.startswith("qkdnf_"), line
            assert (kind == "counter") == name.endswith("_total"), line
            assert not name.removesuffix("_total").endswith(NO_UNITS), line
            types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match and match["name"] == name and name in types, line
            key = name, match["of"]
            assert key not in values, line
            values[key] = float(match["value"])
            assert types[name] == "gauge" or values[key] >= 0, line
    return values


class Counted(fabric.Fabric):
    def __init__(self, build):
        self.herds = [subprocess.Popen(
            [sys.executable, "-c", HERD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=fabric.die_with_parent) for _ in range(N_HERDS)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_DESCRIPTORS, MAX_DESCRIPTORS))
        super().__init__(build, fabric.ROOT / "tools" / "demo" / "two-providers.yaml")
        self.exporters = {member["id"]: member["metrics"]
                          for member in [self.info["platform"], *self.info["qkdns"]]}
        self.wait_for_key()

    def values(self, member):
        return check(get(self.exporters[member])[2])

    def user(self, index):
        qkdn = sorted(self.qkdns)[index]
        return next(sae["id"] for sae in self.info["saes"] if sae["qkdn"] == qkdn)


def test_all_that_is_exported_is_well_formed(fed):
    for member, url in fed.exporters.items():
        status, headers, text = get(url)
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        values = check(text)
        assert values["qkdnf_on_bus", None] == 1, (member, text)
        assert values["qkdnf_publishes_taken_total", None] > 0, (member, text)


def test_requests_and_keys_are_counted(fed):
    platform, first = fed.info["platform"]["id"], sorted(fed.qkdns)[0]
    before, keys_before = fed.values(platform), fed.values(first)
    fed.fetch_both(fed.user(0), fed.user(1), {"number": 3})
    fed.run("request", "--federation", str(fed.dir), "--as", fed.user(0), "--to", "nobody", code=1)
    after, keys_after = fed.values(platform), fed.values(first)

    def grown(name, of, old, new):
        return new[name, of] - old[name, of]

    assert grown("qkdnf_requests_total", "OK", before, after) == 1, after
    assert grown("qkdnf_requests_total", "UNKNOWN_SAE", before, after) == 1, after
    assert after["qkdnf_requests_running", None] == 0, after
    assert after["qkdnf_members", "ACTIVE"] == after["qkdnf_members_present", None] == 2, after
    assert after["qkdnf_applications", None] == len(fed.saes), after
    assert grown("qkdnf_keys_delivered_total", None, keys_before, keys_after) == 3, keys_after
    assert grown("qkdnf_key_calls_total", "OK", keys_before, keys_after) == 1, keys_after


def test_stock_is_that_of_the_bus(fed):
    found = json.loads(fed.run("topology", "--federation", str(fed.dir), "--json"))
    for link in found["border_links"]:
        for end in link["ends"]:
            values = fed.values(end["provider"])
            assert values["qkdnf_border_up", link["id"]] == 1, values
            assert values["qkdnf_border_slots", link["id"]] > 0, values


def test_the_same_is_said_on_the_bus(fed):
    lines = fed.run("tap", "--federation", str(fed.dir), "--json", "--kind", "metrics", "--count",
                    str(2 * len(fed.exporters))).splitlines()
    said = {publish["from"]: publish["messages"][0]["samples"] for publish in map(json.loads, lines)}
    assert set(said) == set(fed.exporters), said
    for member, samples in said.items():
        here = set(fed.values(member))
        there = {(sample["name"], sample["of"] if sample["label"] else None) for sample in samples}
        assert there <= here and len(there) > 10, (member, there ^ here)


def test_health_and_readiness(fed):
    url = fed.exporters[fed.info["platform"]["id"]].removesuffix("/metrics")
    assert get(url + "/healthz")[2] == "ok\n"
    assert get(url + "/readyz")[2] == "ready\n"
    assert get(url + "/healthz", "HEAD")[0] == 200
    for path, method, code in (("/else", "GET", 404), ("/metrics", "POST", 405)):
        try:
            get(url + path, method)
            raise AssertionError(f"{method} {path} was answered")
        except urllib.error.HTTPError as error:
            assert error.code in (code, 501), error


def test_silent_connections_take_nothing_from_others(fed):
    url = fed.exporters[fed.info["platform"]["id"]]
    for herd in fed.herds:
        print(url.removesuffix("/metrics").rsplit(":", 1)[1], file=herd.stdin, flush=True)
        assert herd.stdout.readline() == "all\n"
    for _ in range(3):
        assert fed.request("--as", "alice", "--to", "bob")["status"] == "OK"
    for herd in fed.herds:
        herd.communicate("\n")
    assert get(url)[0] == 200
    assert b"Too many open files" not in fed.logs()


def test_the_dashboard_shows_what_is_counted(fed):
    names = {name for member in fed.exporters for name, _ in fed.values(member)}
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    used = set(re.findall(r"qkdnf_\w+", " ".join(expressions)))
    assert len(expressions) > 5 and used <= names, used - names


def main():
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Counted(pathlib.Path(sys.argv[1]))))


main()
