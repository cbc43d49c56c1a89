# SPDX-License-Identifier: Apache-2.0
"""Keys across the borders of four published networks, by an unmodified ETSI GS QKD 014 client: curl,
certificates and KME addresses from federation.json are all it knows."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import uuid

import fabric

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Federation(fabric.Fabric):
    """The demo federation, with users by provider and every key that was delivered."""

    def __init__(self, build):
        super().__init__(build, fabric.ROOT / "tools" / "demo" / "published-networks.yaml")
        self.users = {}
        for sae in self.info["saes"]:
            self.users.setdefault(sae["qkdn"], []).append(sae["id"])
        self.delivered = []
        self.tap = fabric.Tap(self)

    def user(self, provider, index=0):
        return self.users[provider][index]

    def exchange(self, initiator, target, body=None):
        ours, theirs = self.fetch_both(initiator, target, body)
        assert ours == theirs, "the two ends hold different keys"
        self.delivered += ours.values()
        return ours

    def enough_key(self):
        """Waits until the slowest border has key for a few requests."""
        fabric.wait_until("key on all borders", lambda: all(
            end["n_open"] >= 64 for link in self.stocks().values() for end in link["ends"]), 60)

    def stocks(self):
        return {link["id"]: link for link in self.topology()["border_links"]}

    def topology(self):
        return json.loads(self.run("topology", "--federation", str(self.dir), "--json"))

    def close(self):
        self.tap.close()
        super().close()


def test_the_federation_comes_up_with_key_on_all_borders(fed):
    assert {"vienna", "tokyo", "cambridge", "madrid"} <= set(fed.qkdns)
    fed.enough_key()


def test_a_key_between_two_users_of_one_provider(fed):
    keys = fed.exchange(fed.user("vienna", 0), fed.user("vienna", 1))
    assert len(keys) == 1 and all(len(key) == 32 for key in keys.values())


def test_a_key_by_get_from_one_provider_to_another(fed):
    initiator, target = fed.user("vienna"), fed.user("madrid")
    ours = fed.enc_keys(initiator, target)
    assert ours.code == 200, ours
    (key_id, key), = ours.keys.items()
    assert UUID.fullmatch(key_id)
    theirs = fed.dec_keys(target, initiator, query=f"?key_ID={key_id}")
    assert theirs.code == 200 and theirs.keys == {key_id: key}, theirs
    fed.delivered.append(key)


def test_several_keys_by_get_with_number_and_size(fed):
    ours = fed.enc_keys(fed.user("cambridge"), fed.user("vienna"), query="?number=3&size=1024")
    assert ours.code == 200 and [len(key) for key in ours.keys.values()] == [128] * 3, ours
    ids = {"key_IDs": [{"key_ID": key_id} for key_id in ours.keys]}
    theirs = fed.dec_keys(fed.user("vienna"), fed.user("cambridge"), body=ids)
    assert theirs.code == 200 and theirs.keys == ours.keys, theirs
    fed.delivered += ours.keys.values()


def test_several_keys_by_post(fed):
    keys = fed.exchange(fed.user("tokyo"), fed.user("vienna"), {"number": 4, "size": 128})
    assert [len(key) for key in keys.values()] == [16] * 4


def test_a_key_between_networks_that_are_no_neighbours(fed):
    fed.exchange(fed.user("tokyo"), fed.user("madrid"))


def test_the_same_key_for_several_targets(fed):
    initiator, first = fed.user("vienna"), fed.user("tokyo")
    others = [fed.user("madrid"), fed.user("madrid", 1), fed.user("vienna", 1)]
    ours = fed.enc_keys(initiator, first, body={"additional_slave_SAE_IDs": others})
    assert ours.code == 200, ours
    (key_id, key), = ours.keys.items()
    for target in [first, *others]:
        theirs = fed.dec_keys(target, initiator, query=f"?key_ID={key_id}")
        assert theirs.code == 200 and theirs.keys == {key_id: key}, (target, theirs)
    fed.delivered.append(key)


def test_a_key_is_delivered_once(fed):
    initiator, target = fed.user("vienna"), fed.user("cambridge")
    (key_id, _), = fed.exchange(initiator, target).items()
    again = fed.dec_keys(target, initiator, query=f"?key_ID={key_id}")
    assert_error(again, 400, "one or more keys specified are not found on KME")


def test_status_as_the_standard_has_it(fed):
    initiator, target = fed.user("vienna"), fed.user("tokyo")
    status = fed.curl(initiator, f"/api/v1/keys/{target}/status")
    assert status.code == 200, status
    numbers = {"key_size", "stored_key_count", "max_key_count", "max_key_per_request",
               "max_key_size", "min_key_size", "max_SAE_ID_count"}
    texts = {"source_KME_ID": fed.qkdns["vienna"]["kme_id"],
             "target_KME_ID": fed.qkdns["tokyo"]["kme_id"],
             "master_SAE_ID": initiator, "slave_SAE_ID": target}
    assert numbers <= set(status.json) and all(isinstance(status.json[n], int) for n in numbers)
    assert {name: status.json[name] for name in texts} == texts, status


def assert_error(answer, code, text=None):
    """The code, and the exact message where the standard fixes it."""
    assert answer.code == code, answer
    message = answer.json["message"]
    assert message == text if text else message, answer


def test_every_error_of_the_standard(fed):
    a, b = fed.user("vienna"), fed.user("tokyo")
    bad, mandatory = "Bad request format.", "extension_mandatory"
    assert_error(fed.enc_keys(a, b, query="?size=100"), 400, "size shall be a multiple of 8")
    assert_error(fed.enc_keys(a, b, body="{"), 400, bad)
    assert_error(fed.enc_keys(a, b, body={"number": "3"}), 400, bad)
    assert_error(fed.enc_keys(a, b, body={"number": 100000}), 400, bad)
    assert_error(fed.enc_keys(a, b, body={"size": 8}), 400, bad)
    assert_error(fed.enc_keys(a, b, body={mandatory: [{"abc_route_type": "direct"}]}), 400,
                 "not all extension_mandatory parameters are supported")
    assert_error(fed.enc_keys(a, b, body={mandatory: [{"qkdnf_paths": "many"}]}), 400,
                 "not all extension_mandatory request options could be met")
    assert_error(fed.enc_keys(a, b, body={mandatory: [{"qkdnf_paths": 7}]}), 400,
                 "not all extension_mandatory request options could be met")
    assert fed.enc_keys(a, b, body={"extension_optional": [{"abc_max_age": 30000}]}).code == 200
    assert_error(fed.dec_keys(b, a, query=f"?key_ID={uuid.uuid4()}"), 400,
                 "one or more keys specified are not found on KME")
    assert_error(fed.dec_keys(b, a, query="?key_ID=no-uuid"), 400, bad)
    assert_error(fed.enc_keys(a, "nobody-at-all"), 400, bad)
    assert_error(fed.enc_keys(a, a), 400, bad)


def test_401_has_no_body_and_nothing_is_lost_by_it(fed):
    initiator, target, other = fed.user("vienna"), fed.user("tokyo"), fed.user("tokyo", 1)
    ours = fed.enc_keys(initiator, target)
    (key_id, key), = ours.keys.items()
    stranger = fed.dec_keys(other, initiator, query=f"?key_ID={key_id}")
    assert stranger.code == 401 and stranger.body == "", stranger
    mixed = fed.dec_keys(target, initiator, body={"key_IDs": [{"key_ID": key_id},
                                                             {"key_ID": str(uuid.uuid4())}]})
    assert_error(mixed, 400, "one or more keys specified are not found on KME")
    theirs = fed.dec_keys(target, initiator, query=f"?key_ID={key_id}")
    assert theirs.code == 200 and theirs.keys == {key_id: key}, theirs
    fed.delivered.append(key)


def test_a_user_of_another_provider_is_not_served(fed):
    stranger, kme = fed.saes[fed.user("madrid")], fed.saes[fed.user("vienna")]["kme"]
    done = subprocess.run(
        ["curl", "--silent", "--cacert", fed.info["ca"], "--cert", stranger["certificate"],
         "--key", stranger["key"], "--write-out", "%{http_code}",
         f"{kme}/api/v1/keys/{fed.user('tokyo')}/enc_keys"], capture_output=True, text=True)
    assert done.stdout == "401", done


def test_disjoint_paths_by_extension(fed):
    mandatory = {"extension_mandatory": [{"qkdnf_paths": 2}]}
    fed.exchange(fed.user("tokyo"), fed.user("madrid"), mandatory)


def test_requests_on_the_bus_fetched_and_compared(fed):
    report = fed.request("--as", fed.user("cambridge"), "--to", fed.user("madrid"),
                         "--number", "2", "--fetch")
    assert report["status"] == "OK" and report["keys_equal"] is True, report
    assert report["paths"][0]["providers"] == ["cambridge", "madrid"], report


def test_programs_of_one_user_that_start_at_once_are_all_served(fed):
    ask = [fed.qkdnf, "request", "--federation", str(fed.dir), "--json", "--timeout=60",
           "--as", fed.user("vienna", 0), "--to", fed.user("vienna", 1)]
    for _ in range(3):
        programs = [subprocess.Popen(ask, stdout=subprocess.PIPE, text=True,
                                     preexec_fn=fabric.die_with_parent) for _ in range(6)]
        answers = [program.communicate(timeout=120)[0] for program in programs]
        assert all(answers), (answers, [program.returncode for program in programs])
        assert [json.loads(answer)["status"] for answer in answers] == ["OK"] * 6, answers


def test_bad_requests_on_the_bus_say_what_is_wrong(fed):
    a, b = fed.user("vienna"), fed.user("tokyo")
    for arguments, code, text in [
            (["--to", "nobody-at-all"], 1, "UNKNOWN_SAE"),
            (["--to", b, "--size", "100"], 1, "multiple of 8"),
            (["--to", b, "--number", "1000"], 1, "number is 1000"),
            (["--to", a], 1, "initiator"),
            (["--to", b, "--exclude", "atlantis"], 1, "atlantis"),
            (["--to", b, "--exclude", "tokyo"], 1, "NO_ROUTE"),
            (["--to", b, "--number", "x"], 2, "number")]:
        said = fed.run("request", "--federation", str(fed.dir), "--as", a, *arguments, code=code)
        assert text in said, (arguments, said)


def test_more_key_than_there_is_gets_a_counter_offer(fed):
    answer = None
    for _ in range(200):
        answer = fed.enc_keys(fed.user("vienna"), fed.user("madrid"),
                              body={"number": 128, "size": 8192})
        if answer.code != 200:
            break
        fed.delivered += answer.keys.values()
    assert_error(answer, 503)
    assert re.search(r"INSUFFICIENT_KEY.*\d+ of 128 keys .* \d+ ms", answer.body), answer


def cut(fed, provider, link, action="inject"):
    fed.run("fault", action, "--federation", str(fed.dir), provider, "border", link)
    fabric.wait_until(f"{link} to be {action}ed", lambda: fed.stocks()[link]["up"] ==
                      (action == "clear"))


def border(fed, a, b):
    return next(link["id"] for link in fed.topology()["border_links"]
                if {end["provider"] for end in link["ends"]} == {a, b})


def test_a_cut_border_is_gone_around(fed):
    link = border(fed, "cambridge", "madrid")
    cut(fed, "cambridge", link)
    report = fed.request("--as", fed.user("cambridge"), "--to", fed.user("madrid"), "--fetch")
    assert report["paths"][0]["providers"] == ["cambridge", "vienna", "madrid"], report
    assert report["keys_equal"] is True, report
    cut(fed, "cambridge", link, "clear")
    report = fed.request("--as", fed.user("cambridge"), "--to", fed.user("madrid"), "--fetch")
    assert report["paths"][0]["providers"] == ["cambridge", "madrid"], report


def longest_chain(topics):
    """How many publishes follow from each other up to the reply: one that a member sends comes after
    all that were addressed to it before, as seen by an outsider."""
    received = {}
    for topic in topics:
        _, _, kind, sender, receiver = topic.split("/")
        depth = 1 + received.get(sender, 0)
        received[receiver] = max(received.get(receiver, 0), depth)
        if kind == "reply":
            return depth
    return None


def test_the_measure_of_the_critical_path_sees_hop_by_hop_relay(_):
    hop_by_hop = ["request/a/p", "order/p/x", "relay/x/y", "relay/y/z", "outcome/z/p", "reply/p/a"]
    at_once = ["request/a/p", "order/p/x", "order/p/y", "order/p/z", "relay/x/z", "outcome/x/p",
               "relay/y/z", "outcome/y/p", "outcome/z/p", "reply/p/a"]
    assert longest_chain(f"qkdnf/v1/{topic}" for topic in hop_by_hop) == 6
    assert longest_chain(f"qkdnf/v1/{topic}" for topic in at_once) == 5


def critical_path(fed, request):
    """The publishes that carry this request's ID, but for what tells monitors, from a tap."""
    fabric.wait_until("the reply on the tap", lambda: any(
        "/reply/" in topic and request in payload for _, topic, payload in fed.tap.messages))
    topics = [topic for _, topic, payload in list(fed.tap.messages)
              if request in payload and "/event/" not in topic]
    # What a slow machine has said again follows from nothing new.
    return longest_chain(dict.fromkeys(topics))


def shortest_path(fed, n_providers):
    """Of several requests over so many providers. What one sends in a row comes to the tap with answers
    to the first of it in between, and a slow machine makes a second attempt: no request takes fewer
    publishes than must follow from each other, but some take more."""
    chains = []
    for _ in range(6):
        report = fed.request("--as", fed.user("tokyo"), "--to", fed.user("madrid"), "--fetch")
        assert len(report["paths"][0]["providers"]) == n_providers, report
        chains.append(critical_path(fed, report["request"].encode()))
    return min(chains)


def test_the_critical_path_does_not_grow_with_providers(fed):
    cuts = [("tokyo", border(fed, "tokyo", "cambridge")), ("vienna", border(fed, "vienna", "madrid"))]
    chains = {3: shortest_path(fed, 3)}
    for provider, link in cuts:
        cut(fed, provider, link)
    chains[4] = shortest_path(fed, 4)
    for provider, link in cuts:
        cut(fed, provider, link, "clear")
    # request, order, relay, outcome, reply
    assert chains == {3: 5, 4: 5}, chains


def windows(secrets, size=8):
    return {secret[i:i + size] for secret in secrets for i in range(len(secret) - size + 1)}


def find_leak(data, secrets):
    return next((i for i in range(len(data) - 7) if data[i:i + 8] in secrets), None)


def test_no_key_on_the_bus_nor_in_any_log(fed):
    assert len(fed.delivered) > 100
    secrets = windows(fed.delivered)
    planted = b"some text " + fed.delivered[0][3:11] + b" more text"
    assert find_leak(planted, secrets) is not None, "this test cannot find what it looks for"
    assert len(fed.tap.messages) > 100
    for _, topic, payload in list(fed.tap.messages):
        assert find_leak(payload, secrets) is None, topic
    assert find_leak(fed.logs(), secrets) is None, "a log holds key"
    as_hex = {secret.hex().encode() for secret in secrets}
    logs = fed.logs()
    assert not any(logs[i:i + 16] in as_hex for i in range(len(logs) - 15)), "a log holds key in hex"


def test_a_certificate_of_a_foreign_ca_is_refused(fed):
    with tempfile.TemporaryDirectory() as directory:
        key, crt = pathlib.Path(directory, "key"), pathlib.Path(directory, "crt")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                        f"/CN={fed.user('vienna')}", "-keyout", key, "-out", crt],
                       check=True, capture_output=True)
        kme = fed.saes[fed.user("vienna")]["kme"]
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--cacert", fed.info["ca"], "--cert", crt, "--key",
             key, f"{kme}/api/v1/keys/{fed.user('tokyo')}/enc_keys"], capture_output=True, text=True)
        assert done.returncode != 0 and done.stdout == "", done


def main():
    build = sys.argv[1]
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    fabric.main(tests, lambda: contextlib.closing(Federation(build)))


main()
