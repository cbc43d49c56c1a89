# SPDX-License-Identifier: Apache-2.0
"""`qkdnf bench`: that each of its measurements measures, and that what it reports agrees with itself.
How fast anything is, is not judged here. Argument: the build directory."""

import contextlib
import json
import sys

import fabric

FAST_LINKS = str(fabric.ROOT / "tools" / "demo" / "fast-links.yaml")


def test_reports_floor_and_requests(fed):
    report = json.loads(fed.run("bench", "request", "--federation", str(fed.dir), "--rounds", "5", "--runs", "1", "--json"))
    assert [floor["client"] for floor in report["floor"]] == ["bare", "paho", "durable"], report
    assert [floor["commits"] for floor in report["floor"]] == [0, 0, 4], report
    assert [request["providers"] for request in report["requests"]] == [2, 3, 4], report
    for measured in report["floor"] + report["requests"]:
        assert measured["runs"][0]["n"] == 5 and measured["p50_us"] > 0, measured
    for request in report["requests"]:
        assert all(request["above_floor"][floor["client"]] > 0 for floor in report["floor"]), request
    assert report["traffic"]["request"]["n"] > 0 and report["machine"]["n_cpus"] > 0, report


def test_counts_under_load(fed):
    report = json.loads(fed.run("bench", "throughput", FAST_LINKS, "--rounds", "10", "--runs", "1",
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


def test_calls_kmes(fed):
    report = json.loads(fed.run("bench", "kme", FAST_LINKS, "--rounds", "4", "--runs", "1",
                                "--json"))
    assert [(call["what"], call["connections"]) for call in report["calls"]] == [
        ("enc_keys", 1), ("dec_keys", 1), ("enc_keys", 8), ("dec_keys", 8),
        ("new connection", 1), ("resumed connection", 1)], report
    for call in report["calls"]:
        assert call["per_s"] > 0 and call["p50_us"] > 0 and call["n_refused"] == 0, report
        assert abs(call["over_floor"] - call["per_s"] / call["floor_per_s"]) < 0.001, report


def test_relays(fed):
    report = json.loads(fed.run("bench", "relay", FAST_LINKS, "--rounds", "2", "--runs", "1",
                                "--json"))
    assert report["pair"]["providers"] == 3 and report["runs"][0]["n_fetched"] == 2, report
    bits = 2 * report["keys"] * report["size_bits"]
    assert report["kbit_per_s"] == bits * 1000 // report["runs"][0]["took_us"], report


def test_stays_as_it_is(fed):
    report = json.loads(fed.run("bench", "endurance", FAST_LINKS, "--rounds", "4", "--seconds", "5",
                                "--json"))
    assert report["asked_per_s"] == max(1, report["peak_per_s"] * 7 // 10), report
    assert len(report["parts"]) == 10, report
    for part in report["parts"]:
        assert part["n_fetched"] == max(1, report["asked_per_s"] * 5 // 10), report
        # No faster than it is asked: the last is due so much later than the first.
        n = part["n_fetched"]
        assert part["requests_per_s"] * (n - 1) <= report["asked_per_s"] * n, report
        assert all(kib > 0 for kib in part["memory_of"].values()), report
        assert part["memory_kib"] == sum(part["memory_of"].values()), report
    for figure, ratio in report["last_over_second"].items():
        last, second = (report["parts"][i][figure] for i in (-1, 1))
        assert abs(ratio - last / second) < 0.001, report


def test_reroutes(fed):
    report = json.loads(fed.run("bench", "reroute", "--sessions", "100", "--runs", "1",
                                "--json"))
    assert [(way["store"], way["protected"]) for way in report["core"]] == [
        ("memory", False), ("memory", True), ("sqlite", False), ("sqlite", True)]
    for way in report["core"]:
        assert [time["sessions"] for time in way["times"]] == [1, 100]
        assert all(time["cpu_us"] > 0 for time in way["times"]) and way["exponent"] > 0, way
    assert "needs no federation" in fed.run("bench", "reroute", "x", code=2)


def test_scales(fed):
    report = json.loads(fed.run("bench", "scale", "--sessions", "10", "--json"))
    assert [row["providers"] for row in report["routing"]] == [10, 100, 1000], report
    assert [row["sessions"] for row in report["sessions"]] == [1, 10, 100], report
    assert [row["providers"] for row in report["providers"]] == [10], report
    for row in report["providers"] + report["sessions"]:
        assert row["restart_us"] > 0 and row["fault_us"] > 0, row
    for fits in ("exponents", "misfits"):
        assert set(report[fits]) == {"routing", "providers", "sessions", "fault_by_affected"}, report
    assert "needs no federation" in fed.run("bench", "scale", "x", code=2)


def test_accounts(fed):
    report = json.loads(fed.run("bench", "accounts", "--records", "3000", "--json"))
    assert [row["records"] for row in report["rows"]] == [30, 300, 3000], report
    for row in report["rows"]:
        assert row["take_us"] > 0 and row["close_us"] >= row["longest_us"] > 0, row
        assert row["batches"] > 0 and row["passes"] > 0, row
        assert row["check_us"] > 0 and row["store_bytes"] > 0, row
        assert row["taken_per_s"] > 0 and row["closed_per_s"] > 0, row
    assert report["rows"][-1]["disputes"] > 0, report
    assert set(report["exponents"]) >= {"take_us", "close_us", "bytes"}, report
    assert "needs no federation" in fed.run("bench", "accounts", "x", code=2)


def test_hands_over(fed):
    report = json.loads(fed.run("bench", "handover", FAST_LINKS, "--rounds", "20", "--runs", "1",
                                "--json"))
    assert report["home"] == "near" and report["visited"] == "between", report
    assert report["released"]["n"] == 2 and report["keys"] > 0, report
    assert (report["prepared"]["p50_us"] < report["switched"]["p50_us"]
            <= report["released"]["p50_us"]), report
    assert report["n_missing"] == report["n_wrong"] == 0, report


def test_compares_stores(fed):
    report = json.loads(fed.run("bench", "durability", FAST_LINKS, "--rounds", "5", "--runs", "1",
                                "--json"))
    assert [store["synchronous"] for store in report["stores"]] == ["full", "off"], report
    assert report["pair"]["providers"] == 3, report
    for figure in ("commits_per_s", "requests_per_s", "loaded_p50_us", "p50_us"):
        full, off = (store[figure] for store in report["stores"])
        assert full > 0 and off > 0, (figure, report)
        assert abs(report["full_over_off"][figure] - full / off) < 0.001, (figure, report)
    for verb in ("durability", "all"):
        assert "runs federations itself" in fed.run("bench", verb, "--federation", str(fed.dir), code=2)


def test_compares_tags_and_signatures(fed):
    report = json.loads(fed.run("bench", "authentication", "--rounds", "5", "--runs", "1", "--json"))
    figures = {name: figure["cpu_ns"] for name, figure in report["figures"].items()}
    assert all(cpu_ns > 0 for cpu_ns in figures.values()) and len(figures) == 6, figures
    ratio = figures["sign"] / figures["tag"]
    assert abs(report["sign_over_tag"] - ratio) < 0.001, report
    assert "needs no federation" in fed.run("bench", "authentication", "FILE", code=2)


def test_compares_reports(fed):
    first = {"reports": {"one": {"machine": {"load": 1.5}, "p50_us": 10, "rows": [{"over": 2.0}, {"over": 4.0}]},
                         "two": {"over": 0.5, "exponents": {"bytes": 0.01}}, "three": {"over": 1.0}}}
    second = {"reports": {"one": {"machine": {"load": 3.5}, "p50_us": 20, "rows": [{"over": 2.2}, {"over": 3.2}]},
                          "two": {"over": 0.5, "exponents": {"bytes": 0.03}}}}
    for name, report in (("first", first), ("second", second)):
        (fed.dir / name).write_text(json.dumps(report))
    report = json.loads(fed.run("bench", "compare", str(fed.dir / "first"), str(fed.dir / "second"), "--json"))
    assert [(ratio["name"], round(ratio["change"], 3)) for ratio in report["ratios"]] == [
        ("one.rows 1.over", 0.1), ("one.rows 2.over", -0.2), ("two.over", 0)], report
    assert report["n_apart"] == 1, report
    (fed.dir / "first").write_text("{}")
    assert "expected what" in fed.run("bench", "compare", str(fed.dir / "first"), str(fed.dir / "second"), code=2)
    assert "expected two reports" in fed.run("bench", "compare", str(fed.dir / "first"), code=2)


def main():
    description = fabric.ROOT / "tools" / "demo" / "four-in-a-row.yaml"
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(fabric.Fabric(sys.argv[1], description)))


main()
