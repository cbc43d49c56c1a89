# SPDX-License-Identifier: Apache-2.0
"""A running federation, as its monitors see it: tap, topology, and a short measurement."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import fabric

PROVIDERS = {"madrid", "vienna", "cambridge", "tokyo"}


def watch(fed, verb, *arguments, **options):
    return fed.run(verb, "--federation", str(fed.dir), *arguments, **options)


def test_topology_shows_what_is_registered(fed):
    found = json.loads(watch(fed, "topology", "--json"))
    assert {provider["id"] for provider in found["providers"]} == PROVIDERS, found
    assert all(provider["alive"] for provider in found["providers"]), found
    links = {link["id"]: {end["provider"] for end in link["ends"]} for link in found["border_links"]}
    assert len(links) == 3 and {"madrid", "vienna"} in links.values(), links
    assert all(link["up"] for link in found["border_links"]), found
    assert all(end["n_open"] > 0 for link in found["border_links"] for end in link["ends"]), found
    saes = {sae["sae"] for provider in found["providers"] for sae in provider["applications"]}
    assert saes == set(fed.saes), saes


def test_topology_is_drawn(fed):
    with tempfile.TemporaryDirectory() as directory:
        dot, svg = pathlib.Path(directory, "map.dot"), pathlib.Path(directory, "map.svg")
        watch(fed, "topology", "--dot", str(dot), "--svg", str(svg))
        assert dot.read_text().startswith("graph federation {")
        texts = {text.text for text in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")}
        assert PROVIDERS <= texts, texts
    assert "4 providers\n" in watch(fed, "topology")


def test_tap_decodes_and_selects(fed):
    lines = watch(fed, "tap", "--json", "--kind", "resource", "--count", "4").splitlines()
    found = [json.loads(line) for line in lines]
    assert {publish["from"] for publish in found} == PROVIDERS, found
    assert {publish["kind"] for publish in found} == {"resource"}, found
    assert all(publish["messages"][0]["version"] > 0 for publish in found), found
    line = watch(fed, "tap", "--from", "vienna", "--to", "all", "--count", "1")
    assert " presence  " in line and " vienna → all  alive=true role=AGENT " in line, line
    assert "\033" not in line, "colours are for terminals"


def unmarked(text):
    """What a tap showed, without what it could tell of it: a record of these kinds has no births,
    by which senders are known."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        line.pop("authenticity", None)
    return lines


def test_tap_shows_again_what_it_kept(fed):
    with tempfile.TemporaryDirectory() as directory:
        kept = str(pathlib.Path(directory, "kept"))
        live = watch(fed, "tap", "--json", "--kind", "resource", "--kind", "member", "--count", "6",
                     "--record", kept)
        assert unmarked(fed.run("tap", "--json", "--replay", kept)) == unmarked(live)
        members = unmarked(fed.run("tap", "--json", "--kind", "member", "--replay", kept))
        shown = [line for line in live.splitlines() if "/member/" in line]
        assert members and members == unmarked("\n".join(shown))
        with open(kept, "a", encoding="utf-8") as file:
            file.write("{}\n")
        assert f"{kept}:7: expected a publish" in fed.run("tap", "--replay", kept, code=1)
    assert "cannot be written" in watch(fed, "tap", "--record", directory + "/none/kept", code=1)


def test_one_request_is_followed_through_all_members(fed):
    fed.wait_for_key()
    with tempfile.TemporaryDirectory() as directory:
        kept = pathlib.Path(directory, "kept")
        tap = subprocess.Popen([fed.qkdnf, "tap", "--federation", str(fed.dir), "--record", str(kept)],
                               stdout=subprocess.DEVNULL, preexec_fn=fabric.die_with_parent)
        try:
            fabric.wait_until("the tap to see births", lambda: kept.exists() and kept.read_bytes(), 60)
            first, last = sorted(fed.saes)[0], sorted(fed.saes)[-1]
            request, other = (fed.request("--as", first, "--to", last)["request"] for _ in range(2))
            fabric.wait_until("both replies", lambda: kept.read_text().count("/reply/") >= 2, 60)
        finally:
            tap.terminate()
            tap.wait(60)
        lines = fed.run("tap", "--replay", str(kept), "--follow", request, "--json").splitlines()
        conversation = [json.loads(line) for line in lines]
        kinds = [found["kind"] for found in conversation]
        assert kinds[0] == "request" and {"order", "outcome", "relay", "reply"} <= set(kinds), kinds
        assert all(request in json.dumps(message) and other not in json.dumps(message)
                   for found in conversation for message in found["messages"]), conversation
        orders = {found["to"] for found in conversation if found["kind"] == "order"}
        outcomes = {found["from"] for found in conversation if found["kind"] == "outcome"}
        assert len(orders) > 1 and orders == outcomes, conversation
        lines = fed.run("tap", "--replay", str(kept), "--follow", request)
        assert request in lines and other not in lines, lines


def test_what_cannot_be(fed):
    assert "no kind 'x'" in watch(fed, "tap", "--kind", "x", code=2)
    assert "not among the monitors" in watch(fed, "tap", "--as", "nobody", code=2)
    assert "start one with `qkdnf up FILE --dir /none`" in fed.run("topology", "--federation", "/none", code=2)


def test_a_fault_at_nobody(fed):
    said = watch(fed, "fault", "list", "nobody", code=2)
    providers = ", ".join(qkdn["id"] for qkdn in fed.info["qkdns"])
    assert said == (f"qkdnf fault: there is no provider 'nobody'; expected one of {providers}\n"), \
        said


def test_bench_reports_floor_and_requests(fed):
    report = json.loads(watch(fed, "bench", "request", "--rounds", "5", "--runs", "1", "--json"))
    assert [floor["client"] for floor in report["floor"]] == ["bare", "paho"], report
    assert [request["providers"] for request in report["requests"]] == [2, 3, 4], report
    for measured in report["floor"] + report["requests"]:
        assert measured["runs"][0]["n"] == 5 and measured["p50_us"] > 0, measured
    for request in report["requests"]:
        assert request["above_floor"]["paho"] > 0, request
    assert report["traffic"]["request"]["n"] > 0 and report["machine"]["n_cpus"] > 0, report


def test_bench_counts_under_load(fed):
    description = str(fabric.ROOT / "tools" / "demo" / "fast-links.yaml")
    report = json.loads(fed.run("bench", "throughput", description, "--rounds", "10", "--runs", "1",
                                "--json"))
    requests = report["requests"]
    assert report["pair"]["providers"] == 3, report
    assert requests["runs"][0]["n_fetched"] == 100, requests
    assert all(cpu_us > 0 for cpu_us in requests["cpu_us"].values()), requests
    # No relay value is said twice, and each is of use to one request.
    assert 0 < requests["publishes"]["relay"]["n"] <= 2000, requests
    for floor in report["floor"]:
        ratio = requests["requests_per_s"] / floor["requests_per_s"]
        assert abs(requests["over_floor"][floor["client"]] - ratio) < 0.001, report


def test_bench_calls_kmes(fed):
    description = str(fabric.ROOT / "tools" / "demo" / "fast-links.yaml")
    report = json.loads(fed.run("bench", "kme", description, "--rounds", "4", "--runs", "1",
                                "--json"))
    assert [(call["what"], call["connections"]) for call in report["calls"]] == [
        ("enc_keys", 1), ("dec_keys", 1), ("enc_keys", 8), ("dec_keys", 8),
        ("new connection", 1), ("resumed connection", 1)], report
    for call in report["calls"]:
        assert call["per_s"] > 0 and call["p50_us"] > 0 and call["n_refused"] == 0, report
        assert abs(call["over_floor"] - call["per_s"] / call["floor_per_s"]) < 0.001, report


def test_bench_relays(fed):
    description = str(fabric.ROOT / "tools" / "demo" / "fast-links.yaml")
    report = json.loads(fed.run("bench", "relay", description, "--rounds", "2", "--runs", "1",
                                "--json"))
    assert report["pair"]["providers"] == 3 and report["runs"][0]["n_fetched"] == 2, report
    bits = 2 * report["keys"] * report["size_bits"]
    assert report["kbit_per_s"] == bits * 1000 // report["runs"][0]["took_us"], report


def test_bench_reroutes(fed):
    report = json.loads(fed.run("bench", "reroute", "--sessions", "100", "--runs", "1",
                                "--json"))
    assert [(way["store"], way["protected"]) for way in report["core"]] == [
        ("memory", False), ("memory", True), ("sqlite", False), ("sqlite", True)]
    for way in report["core"]:
        assert [time["sessions"] for time in way["times"]] == [1, 100]
        assert all(time["cpu_us"] > 0 for time in way["times"]) and way["exponent"] > 0, way
    assert "needs no federation" in fed.run("bench", "reroute", "x", code=2)


def test_bench_scales(fed):
    report = json.loads(fed.run("bench", "scale", "--sessions", "10", "--json"))
    assert [row["providers"] for row in report["routing"]] == [10, 100, 1000], report
    assert [row["sessions"] for row in report["sessions"]] == [1, 10, 100], report
    assert [row["providers"] for row in report["providers"]] == [10], report
    for row in report["providers"] + report["sessions"]:
        assert row["restart_us"] > 0 and row["fault_us"] > 0, row
    assert set(report["exponents"]) == {"routing", "providers", "sessions"}, report
    assert "needs no federation" in fed.run("bench", "scale", "x", code=2)


def test_bench_accounts(fed):
    report = json.loads(fed.run("bench", "accounts", "--records", "3000", "--json"))
    assert [row["records"] for row in report["rows"]] == [30, 300, 3000], report
    for row in report["rows"]:
        assert row["take_us"] > 0 and row["close_us"] >= row["longest_us"] > 0, row
        assert row["batches"] > 0 and row["passes"] > 0, row
    assert set(report["exponents"]) >= {"take_us", "close_us", "bytes"}, report
    assert "needs no federation" in fed.run("bench", "accounts", "x", code=2)


def test_bench_hands_over(fed):
    description = str(fabric.ROOT / "tools" / "demo" / "published-networks.yaml")
    report = json.loads(fed.run("bench", "handover", description, "--rounds", "20", "--runs", "1",
                                "--json"))
    assert report["home"] == "tokyo" and report["visited"] == "vienna", report
    assert report["released"]["n"] == 2 and report["keys"] > 0, report
    assert (report["prepared"]["p50_us"] < report["switched"]["p50_us"]
            <= report["released"]["p50_us"]), report
    assert report["n_missing"] == report["n_wrong"] == 0, report


def test_bench_compares_stores(fed):
    description = str(fabric.ROOT / "tools" / "demo" / "fast-links.yaml")
    report = json.loads(fed.run("bench", "durability", description, "--rounds", "5", "--runs", "1",
                                "--json"))
    assert [store["synchronous"] for store in report["stores"]] == ["full", "off"], report
    assert report["pair"]["providers"] == 3, report
    for figure in ("commits_per_s", "requests_per_s", "loaded_p50_us", "p50_us"):
        full, off = (store[figure] for store in report["stores"])
        assert full > 0 and off > 0, (figure, report)
        assert abs(report["full_over_off"][figure] - full / off) < 0.001, (figure, report)
    assert "runs federations itself" in watch(fed, "bench", "durability", code=2)
    assert "runs federations itself" in watch(fed, "bench", "all", code=2)


def test_bench_compares_tags_and_signatures(fed):
    report = json.loads(fed.run("bench", "authentication", "--rounds", "5", "--runs", "1", "--json"))
    figures = {name: figure["cpu_ns"] for name, figure in report["figures"].items()}
    assert all(cpu_ns > 0 for cpu_ns in figures.values()) and len(figures) == 6, figures
    ratio = figures["sign"] / figures["tag"]
    assert abs(report["sign_over_tag"] - ratio) < 0.001, report
    assert "needs no federation" in fed.run("bench", "authentication", "FILE", code=2)


def main():
    description = fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml"
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(fabric.Fabric(sys.argv[1], description)))


main()
