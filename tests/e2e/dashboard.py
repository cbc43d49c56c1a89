# SPDX-License-Identifier: Apache-2.0
"""The dashboard of a running federation: who gets in and what it may say; and, in headless Chromium,
that the page shows what a tap says, through requests, a fault and a handover. Screenshots stay in the
build directory, in dashboard/."""

import contextlib
import decimal
import json
import pathlib
import re
import subprocess
import sys
import urllib.request

import fabric
import pages

MAX_PAGES = 16
POLICY_VIOLATION, PROTOCOL_ERROR, TOO_BIG = 1008, 1002, 1009
WAIT_S = 60

# So that there is something to owe.
HEAD = "  operators: [admin]\n"
PRICES = """\
  accounts:
    currency: EUR
    tariffs: [{currency: EUR, prices: [{micro_per_key: 1370000, micro_per_bit: 1700}]}]
"""


class Watched(fabric.Fabric):
    def __init__(self, build):
        description = (fabric.ROOT / "tools" / "demo" / "published-networks.yaml").read_text()
        assert HEAD in description
        super().__init__(build, description.replace(HEAD, HEAD + PRICES, 1))
        self.url = self.info["broker"]["dashboard"]
        self.site = pages.Site(self.url)
        self.screens = pathlib.Path(build) / "dashboard"
        self.screens.mkdir(exist_ok=True)
        self.browser = None
        self.silent = pages.Socket(self.site, self.site.token)
        self.silent.send(pages.BINARY, pages.CONNECT[:10] + b"\xff\xff\0\0")
        self.tap = fabric.Decoded(self)
        self.wait_for_key()

    def wait_for(self, what, condition):
        return fabric.wait_until(what, condition, WAIT_S)

    def user(self, qkdn):
        return next(sae["id"] for sae in self.info["saes"] if sae["qkdn"] == qkdn)

    def do(self, *arguments):
        return self.run(*arguments, "--federation", str(self.dir))

    def close(self):
        if self.browser:
            self.browser.close()
        self.tap.close()
        super().close()


# --- who gets in ---


def test_the_page_needs_the_token(fed):
    for query in ("", "?token=", f"?token={'0' * 64}", f"?token={fed.site.token[:-1]}",
                  f"?token={fed.site.token}0", f"?other={fed.site.token}", "?token=%00"):
        status, _, body = fed.site.get("/" + query)
        assert status == 403 and b"<html" not in body, (query, status, body)
    status, headers, body = fed.site.get(f"/?token={fed.site.token}")
    assert status == 200 and b"<html" in body, status
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'"), headers
    assert "unsafe" not in headers["Content-Security-Policy"], headers
    assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(rb"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|https?://", body), body


def test_the_token_is_the_owners(fed):
    for path in (fed.dir / "federation.json", fed.dir / "dashboard" / "token", fed.dir / "dashboard" / "log"):
        assert path.stat().st_mode & 0o077 == 0, path
    commands = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            commands.append(path.read_bytes())
    assert commands and not any(fed.site.token.encode() in command for command in commands)


def test_only_what_is_there_is_served(fed):
    for path in ("/main.js", "/style.css", "/icon.svg", "/contract/asyncapi.json", "/mqtt.js"):
        assert fed.site.get(path)[0] == 200, path
    for path in ("/none", "/../main.js", "/%2e%2e/etc/passwd", "//etc/passwd", "/contract/../main.js", "/bus"):
        assert fed.site.get(path)[0] in (403, 404), path
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert fed.site.get(f"/?token={fed.site.token}", method)[0] in (405, 501), method
    assert fed.site.get("/main.js", Host="example.org")[0] == 403
    assert fed.site.get("/main.js", Host=f"127.0.0.1.example.org:{fed.site.port}")[0] == 403
    assert fed.site.get("/main.js", Host=f"localhost:{fed.site.port}")[0] == 200


def test_the_bus_is_for_the_page_alone(fed):
    token, name = fed.site.token, fed.site.name
    for refused in (dict(), dict(token="0" * 64), dict(token=token, Origin=None),
                    dict(token=token, Origin="http://example.org"),
                    dict(token=token, Origin=f"https://{name}"), dict(token=token, Origin="null"),
                    dict(token=token, Host="example.org", Origin="http://example.org")):
        assert pages.Socket(fed.site, **refused).status == 403, refused
    for broken in (dict(Upgrade="h2c"), dict(Connection="close"), dict(Sec_WebSocket_Version="12"),
                   dict(Sec_WebSocket_Key="short"), dict(Sec_WebSocket_Key=None),
                   dict(Sec_WebSocket_Protocol="chat")):
        assert pages.Socket(fed.site, token, **broken).status == 400, broken


# --- what it may say ---


def opened(fed):
    page = pages.Socket(fed.site, fed.site.token)
    assert page.status == 101, page.status
    return contextlib.closing(page)


def test_a_page_hears_the_bus_and_says_nothing_on_it(fed):
    topic = b"qkdnf/v1/event/ops/all"
    publish = bytes([0x30, 2 + len(topic) + 2, 0, len(topic)]) + topic + b"hi"
    with opened(fed) as page:
        assert b"qkdnf/v1/presence/platform/all" in page.listen()
        page.send(pages.PING, b"there?")
        page.send(pages.BINARY, publish)
        assert page.read_close() == POLICY_VIOLATION
    monitor = fed.info["monitors"][0]
    host, port = fed.info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
    subprocess.run(["mosquitto_pub", "-h", host, "-p", port, "--cafile", fed.info["ca"], "--cert",
                    monitor["certificate"], "--key", monitor["key"], "-q", "1", "-t", topic.decode(),
                    "-m", "hi"], capture_output=True, timeout=WAIT_S)
    fed.request("--as", fed.user("vienna"), "--to", fed.user("madrid"))
    fed.wait_for("what came after it", lambda: fed.tap.messages("reply"))
    assert monitor["id"] not in {publish["from"] for publish in fed.tap.said if "from" in publish}


def test_a_page_is_nobody_but_a_listener(fed):
    with_will = pages.CONNECT[:9] + b"\x06" + pages.CONNECT[10:]
    with_id = bytes([0x10, 13]) + pages.CONNECT[2:13] + b"\1a"
    for hello in (with_will, with_id, pages.SUBSCRIBE, b"\xf0\0"):
        with opened(fed) as page:
            page.send(pages.BINARY, hello)
            assert page.read_close() == POLICY_VIOLATION, hello


def test_frames_are_bounded_and_masked(fed):
    for first, payload, mask, why in ((pages.BINARY, b"x" * 5000, b"\1\2\3\4", TOO_BIG),
                                      (pages.BINARY, pages.CONNECT, b"", PROTOCOL_ERROR),
                                      (0x81, pages.CONNECT, b"\1\2\3\4", PROTOCOL_ERROR),
                                      (0xc2, pages.CONNECT, b"\1\2\3\4", PROTOCOL_ERROR)):
        with opened(fed) as page:
            page.send(first, payload, mask)
            assert page.read_close() == why, (first, why)
    with opened(fed) as page:
        page.send(pages.PING, b"there?")
        assert page.read() == (pages.PONG, b"there?")


def test_so_many_pages_and_no_more(fed):
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_PAGES - 1):  # and the one from the beginning
            stack.enter_context(opened(fed)).listen()
        assert pages.Socket(fed.site, fed.site.token).status == 503
        assert fed.site.get("/main.js")[0] == 200

    def is_free():
        page = pages.Socket(fed.site, fed.site.token)
        page.close()
        return page.status == 101
    fed.wait_for("a place that was left", is_free)


def test_connections_that_say_nothing_keep_nobody_out(fed):
    silent = []
    with contextlib.closing(contextlib.ExitStack()) as stack:
        for _ in range(300):
            silent.append(pages.socket.create_connection((fed.site.host, fed.site.port), timeout=WAIT_S))
            stack.callback(silent[-1].close)
        assert fed.site.get("/main.js")[0] == 200


# --- what the page shows ---


def opened_browser(fed):
    if not fed.browser:
        place = fed.dir.parent / "browser"
        fed.browser = pages.Browser(place)
        assert fed.browser.do("open", url=fed.url) == 200
        fed.wait_for("the page to be on the bus",
                     lambda: fed.browser.texts("#connection") == ["on the bus"])
    return fed.browser


def keep(fed, name):
    fed.browser.do("screenshot", path=str(fed.screens / f"{name}.png"))


def test_requests_are_those_of_the_tap(fed):
    page = opened_browser(fed)
    before = len({message["id"] for _, message in fed.tap.messages("reply")})
    users = sorted(fed.saes)
    for target in users[1:4]:
        fed.request("--as", users[0], "--to", target)
    fed.run("request", "--federation", str(fed.dir), "--as", users[0], "--to", "nobody", code=1)

    def replies():
        return {message["id"]: message["status"] for _, message in fed.tap.messages("reply")}
    fed.wait_for("four replies on the tap", lambda: len(replies()) == before + 4)
    news = list(replies().values())[before:]
    granted = str(news.count("STATUS_OK"))
    assert (granted, len(news)) == ("3", 4), news
    fed.wait_for("the same on the page", lambda: [page.figure(name) for name in (
        "granted", "refused", "open")] == [granted, "1", "0"])


def stocks(fed, link):
    return [report for _, stock in fed.tap.messages("stock") for report in stock["links"]
            if report["link"] == link]


def test_providers_and_links_are_those_of_the_tap(fed):
    page = opened_browser(fed)
    fed.wait_for("all providers", lambda: page.figure("providers") == f"{len(fed.qkdns)} of {len(fed.qkdns)}")
    for selector in ("#map .provider", "#providers tbody tr"):
        assert sorted(page.data(selector, "provider")) == sorted(fed.qkdns), selector
    ids = sorted({report["link"] for _, stock in fed.tap.messages("stock") for report in stock["links"]})
    assert page.data("#links tbody tr", "link") == ids
    assert sorted(page.data("#map [data-link]", "link")) == ids
    fed.wait_for("all links up", lambda: page.figure("links") == f"{len(ids)} of {len(ids)}")
    for link in ids:
        slots, capacity = (int(text) for text in page.texts(f"tr[data-link='{link}'] td.number")[:2])
        fed.wait_for("the report of it on the tap",
                     lambda: slots in {report["n_open"] for report in stocks(fed, link)})
        assert capacity == max(report["capacity"] for report in stocks(fed, link)), link


def cells(page, selector):
    """The texts of a table's rows."""
    return page.ask(f"[...document.querySelectorAll({json.dumps(selector + ' tbody tr')})]"
                    ".map(row => [...row.children].map(cell => cell.textContent))")


def hear(page, *messages, to="all"):
    """As if that had been on the bus: (kind, sender, message)."""
    for kind, sender, message in messages:
        heard = json.dumps({"kind": kind, "from": sender, "to": to, "header": {"sent_at_us": 1}, "messages": [message]})
        page.ask(f"import('/main.js').then(({{ page }}) => page).then((shown) => {{"
                 f" shown.model.take({heard}, 1); shown.draw(); }})")


def test_who_did_how_much_for_whom_is_as_the_tap_says(fed):
    page = opened_browser(fed)
    request = fed.request("--as", fed.user("vienna"), "--to", fed.user("madrid"), "--number", "3")["request"]

    def is_told():
        """That of all who took part in this request; of each record, who says it, and what."""
        said = {f"{seller}/{usage['record']}": (seller, usage) for seller, usage in fed.tap.messages("usage")}
        ours = {record for record, (_, usage) in said.items() if usage["request"] == request}
        known = page.ask("import('/main.js').then(({ page }) => page).then(({ model }) =>"
                         " [...model.dealings.answered])")
        return len(ours) >= 2 and ours <= set(known) <= set(said) and [said[record] for record in known]

    records = fed.wait_for("usage of all who took part", is_told)
    void = {message["record"] for _, message in fed.tap.messages("usage-state") if message["status"] != "STATUS_OK"}
    sums = {}
    for seller, usage in records:
        if usage["record"] not in void:
            pair = sums.setdefault((seller, usage["buyer"]), [0, 0, 0])
            for i, n in enumerate((1, usage["keys"], usage["bits"])):
                pair[i] += n
    expected = [[*pair, *map(str, sums[pair])] for pair in sorted(sums)]
    fed.wait_for("the same on the page", lambda: cells(page, "#usage") == expected)
    # What another one says of the same record is nobody's business.
    hear(page, ("usage", "vienna", {"record": "r", "buyer": "nobody", "keys": 1, "bits": 8}),
         ("usage", "tokyo", {"record": "r", "buyer": "nobody", "keys": 99, "bits": 99}),
         ("usage-state", "platform", {"record": "r", "status": "STATUS_OK"}), to="vienna")
    fed.wait_for("what the seller said", lambda: [row for row in cells(page, "#usage") if row[1] == "nobody"] ==
                 [["vienna", "nobody", "1", "1", "8"]])


def test_accounts_are_those_of_the_tap(fed):
    page = opened_browser(fed)
    fed.do("accounts", "settle")

    def on_tap():
        """What is owed, by seller, buyer and number: how often it was told, and how often taken."""
        taken = [(answer["seller"], answer["buyer"], answer["sequence"], who)
                 for who, answer in fed.tap.messages("dispute") if answer["status"] == "STATUS_OK"]
        return {f"{said['seller']}/{said['buyer']}/{said['sequence']}": (said, {
            who for *name, who in taken if name == [said["seller"], said["buyer"], said["sequence"]]})
            for _, said in fed.tap.messages("statement")}

    fed.wait_for("batches that both take", lambda: on_tap() and all(
        taken == {said["seller"], said["buyer"]} for said, taken in on_tap().values()))
    expected = {name: [said["seller"], said["buyer"], str(said["sequence"]), str(said["n_records"]),
                       str(said["keys"]), str(said["bits"]), f"{said['amount'] / 100:.2f} EUR", "accepted by both"]
                for name, (said, _) in on_tap().items()}
    assert any(said["amount"] > 0 for said, _ in on_tap().values()), expected
    said = next(iter(on_tap().values()))[0]
    outsider = next(id for id in fed.qkdns if id not in (said["seller"], said["buyer"]))
    hear(page, ("dispute", outsider, {key: said[key] for key in ("seller", "buyer", "sequence")} |
                {"status": "STATUS_BAD_REQUEST", "text": "forged"}))
    fed.wait_for("the same on the page", lambda: {
        name: row[1:] for name, row in zip(page.data("#statements tbody tr", "statement"),
                                           cells(page, "#statements"))} == expected)


def test_agreements_are_those_of_the_tap(fed):
    page = opened_browser(fed)
    provider = sorted(fed.qkdns)[0]
    agreement = f"terms-1/all/{provider}"

    def is_shown(state):
        said = [message["state"] for who, message in fed.tap.messages("agreement")
                if who == fed.info["platform"]["id"] and message["id"] == agreement]
        return said and said[-1] == f"AGREEMENT_STATE_{state}" and page.data(
            f"#agreements tr[data-agreement='{agreement}']", "state") == [state]

    # A party does not say how it stands, and what a later version may say is not the end of the page.
    forged = {"id": agreement, "buyer": "all", "seller": provider, "version": 2 ** 50, "action":
              "AGREEMENT_ACTION_UNSPECIFIED", "state": "AGREEMENT_STATE_ENDED", "terms": {"purposes": [77]}}
    hear(page, ("agreement", provider, forged), ("agreement", "platform", forged | {"id": "other"}))
    fed.wait_for("the other", lambda: page.data("#agreements tr[data-agreement=other]", "state") == ["ENDED"])
    fed.do("agreement", "suspend", agreement, "--reason", "drill")
    fed.wait_for("it suspended", lambda: is_shown("LOCKED"))
    fed.do("agreement", "resume", agreement)
    fed.wait_for("it in force", lambda: is_shown("AVAILABLE"))


def events(fed, name, subject):
    return [message for _, message in fed.tap.messages("event")
            if message["name"] == name and message["subject"] == subject]


def session_of(fed, initiator, target):
    report = json.loads(fed.do("session", "open", "--as", initiator, "--to", target, "--rate",
                               "2560", "--json"))
    return report["session"]["session"] if "session" in report else report["sessions"][0]["session"]


def path_on_tap(fed, session):
    """Where its keys go: as the latest order that fills it, or event about it, says."""
    paths = []
    for publish in list(fed.tap.said):
        for message in publish.get("messages", []):
            if publish["kind"] == "order" and message.get("session", {}).get("session") == session:
                if "copy" not in message:
                    paths += [(publish["sent_at_us"], branch["providers"])
                              for branch in message["branches"]]
            elif publish["kind"] == "event" and message["subject"] == session and message["new_path"]:
                paths.append((publish["sent_at_us"], message["new_path"]))
    return max(paths, key=lambda path: path[0])[1] if paths else None


def shows_path_of_tap(fed, session):
    path = path_on_tap(fed, session)
    return path and fed.browser.data(f"#map [data-session='{session}']", "path") == [" ".join(path)]


def test_a_session_is_on_the_map_and_a_fault_on_the_timeline(fed):
    page = opened_browser(fed)
    fed.session = session_of(fed, fed.user("tokyo"), fed.user("madrid"))
    fed.wait_for("its way on the map", lambda: shows_path_of_tap(fed, fed.session))
    assert page.figure("sessions") == "1"
    provider, link = next((sender, report["link"]) for sender, stock in fed.tap.messages("stock")
                          for report in stock["links"])
    fed.do("fault", "inject", provider, "border", link)
    fed.wait_for("the alarm among the metrics", lambda: b'qkdnf_alarms_total{name="link.down"}' in
                 urllib.request.urlopen(fed.info["platform"]["metrics"], timeout=WAIT_S).read())
    fed.wait_for("the alarm on the tap", lambda: events(fed, "link.down", link))
    fed.wait_for("the link down", lambda: page.data(f"tr[data-link='{link}']", "up") == ["false"])
    fed.wait_for("the fault", lambda: f"{provider}/{link}" in page.data("#faults p", "fault"))
    fed.wait_for("the alarm", lambda: link in page.data("#alarms [data-name='link.down']", "subject"))
    fed.wait_for("the lane of it", lambda: "true" in page.data(
        f".track[data-sort=link][data-label='{link}']", "open"))
    reported = {(sender, message["subject"]) for sender, message in fed.tap.messages("fault")
                if not message["cleared"]}
    assert {tuple(fault.split("/")) for fault in page.data("#faults p", "fault")} <= reported
    keep(fed, "fault")
    fed.do("fault", "clear", provider, "border", link)
    fed.wait_for("it up again", lambda: page.data(f"tr[data-link='{link}']", "up") == ["true"])
    fed.wait_for("no fault", lambda: page.figure("faults") == "0")
    fed.wait_for("the end of the lane", lambda: "false" in page.data(
        f".track[data-sort=link][data-label='{link}']", "open"))


def move(fed, sae, provider):
    """The user goes to the new KME when it is told to."""
    peer = next(other for other in fed.saes if other != sae)
    program = subprocess.Popen(
        [fed.qkdnf, "session", "move", "--federation", str(fed.dir), "--as", sae, "--to-provider",
         provider, "--json"], stdout=subprocess.PIPE, text=True, preexec_fn=fabric.die_with_parent)
    with program:
        for line in program.stdout:
            if json.loads(line)["phase"] == "PREPARED":
                fed.saes[sae]["kme"] = fed.qkdns[provider]["kme"]
                fed.curl(sae, f"/api/v1/keys/{peer}/status")
    assert program.returncode == 0


def test_a_handover_is_followed_as_the_tap_follows_it(fed):
    page = opened_browser(fed)
    move(fed, fed.user("tokyo"), "vienna")
    fed.wait_for("its end on the tap", lambda: events_of_handover(fed)[-1:] == ["released"])
    phases = events_of_handover(fed)
    fed.wait_for("the same on the page", lambda: page.data(
        ".track[data-sort=handover] .point", "what") == phases)
    fed.wait_for("the way from there", lambda: path_on_tap(fed, fed.session)[0] == "vienna" and
                 shows_path_of_tap(fed, fed.session))
    keep(fed, "handover")


# The user that has moved in the last test.
def test_a_user_on_a_visit_fetches_where_it_is_served(fed):
    report = fed.request("--as", fed.user("tokyo"), "--to", fed.user("madrid"), "--fetch")
    assert report["keys_equal"] and report["paths"][0]["providers"][0] == "vienna", report


def fixed(value, digits):
    """As a browser rounds."""
    return str(decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_HALF_UP))


def test_ratings_are_those_of_the_tap(fed):
    page = opened_browser(fed)

    def expected():
        latest = {rating["provider"]: rating for _, rating in fed.tap.messages("rating")}
        return [[id, str(rating["score"]), str(rating["routed"]), str(rating["orders"]),
                 *(f"{fixed(rating[name] / 1e4, 2)} %" for name in ("loss_ppm", "error_ppm")),
                 *(f"{fixed(rating[name] / 1e3, 1)} ms" for name in ("delay_p50_us", "delay_p95_us"))]
                for id, rating in sorted(latest.items())]

    fed.wait_for("a rating of all providers", lambda: [row[0] for row in expected()] == sorted(fed.qkdns) and
                 any(int(row[3]) > 0 for row in expected()))
    fed.wait_for("the same on the page", lambda: [row[:8] for row in cells(page, "#ratings")] == expected())


def events_of_handover(fed):
    return [message["name"].split(".")[1] for _, message in fed.tap.messages("event")
            if message["name"].startswith("handover.")]


def test_the_live_feed_is_the_bus(fed):
    page = opened_browser(fed)
    page.do("press", key="p")
    fed.wait_for("a pause", lambda: page.texts("#feed-note") == ["paused"])
    page.do("press", key="p")
    page.ask("document.getElementById('feed-kind').value = 'reply';"
             "document.getElementById('feed-kind').dispatchEvent(new Event('change'))")
    users = sorted(fed.saes)
    request = fed.request("--as", users[2], "--to", users[3])["request"]
    fed.wait_for("the reply in the feed", lambda: any(
        request in text for text in page.texts("#feed [data-kind=reply] .what")))
    page.ask("document.querySelector('#feed details summary').click()")
    shown = json.loads(fed.wait_for("all of it", lambda: page.texts("#feed pre"))[0])
    said = next(publish for publish in fed.tap.said if publish["kind"] == "reply" and
                publish["sequence"] == shown["sequence"] and publish["to"] == shown["to"])
    assert shown["messages"] == said["messages"], (shown, said)
    page.ask("document.querySelector('#feed details summary').click()")


def test_it_is_usable_with_keys_at_any_width_and_light_or_dark(fed):
    page = opened_browser(fed)
    page.ask("document.querySelector('#map .provider').focus()")
    page.do("press", key="Enter")
    chosen = page.data("#map .provider.chosen", "provider")
    assert len(chosen) == 1 and page.ask("document.getElementById('feed-text').value") == chosen[0]
    page.do("press", key="Escape")
    assert page.data("#map .provider.chosen", "provider") == []
    page.do("press", key="/")
    assert page.ask("document.activeElement.id") == "feed-text"
    page.ask("document.activeElement.blur()")
    keep(fed, "light")
    page.do("media", colorScheme="dark")
    keep(fed, "dark")
    grounds = [page.ask("getComputedStyle(document.body).backgroundColor")]
    page.do("press", key="t")
    grounds.append(page.ask("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1], grounds
    for width in (360, 768):
        page.do("size", width=width, height=740)
        fed.wait_for("no more than the width", lambda w=width: page.ask("document.documentElement.scrollWidth") <= w)
        keep(fed, f"width-{width}")
    unnamed = page.ask("[...document.querySelectorAll('button, input, select, [role=button], [role=region]')]"
                       ".filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length ||"
                       " e.getAttribute('aria-labelledby'))).map(e => e.outerHTML)")
    assert unnamed == [], unnamed


def test_nothing_went_wrong_in_the_browser(fed):
    assert opened_browser(fed).do("troubles") == []
    assert opened_browser(fed).texts("#sampling:not([hidden])") == []


def test_who_has_said_nothing_since_the_beginning_is_still_connected(fed):
    fed.silent.send(pages.PING, b"still there?")
    first, payload = fed.silent.read()
    assert first == pages.BINARY and payload[:1] == b"\x20", payload
    assert fed.silent.read() == (pages.PONG, b"still there?")
    fed.silent.close()


FLOOD = """(async () => {
  const page = await (await import('/main.js')).page;
  const { publishes } = await (await fetch('/contract/vectors.json')).json();
  const { topic, payload } = publishes.find(({ topic }) => topic.split('/')[2] === 'outcome');
  const octets = Uint8Array.from(payload.match(/../g), (two) => parseInt(two, 16));
  for (let i = 0; i < 50000; i++)
    page.bus.queue(topic, octets);
  return page.bus.flow.length;
})()"""


def test_a_page_that_is_flooded_says_that_it_samples(fed):
    page = opened_browser(fed)
    assert page.ask(FLOOD) == 20000
    left_out = int(fed.wait_for("the note", lambda: re.search(
        r"of \d+ publishes (\d+) were left out", page.texts("#sampling")[0]))[1])
    assert left_out >= 30000, left_out
    fed.wait_for("the end of it", lambda: page.ask(
        "import('/main.js').then(({ page }) => page).then(({ bus }) => bus.flow.length)") < 1000)
    granted = int(page.figure("granted"))
    fed.request("--as", fed.user("vienna"), "--to", fed.user("madrid"))
    fed.wait_for("what came after it", lambda: int(page.figure("granted")) == granted + 1)
    assert page.do("troubles") == []


def main():
    build = pathlib.Path(sys.argv[1])
    reply = subprocess.run([build / "tools" / "qkdnf" / "qkdnf", "dashboard"], capture_output=True, text=True)
    if "built without" in reply.stderr:
        print("1..0 # SKIP built without the dashboard: tools/check installs what it needs")
        return
    tests = [value for name, value in globals().items() if name.startswith("test_")]
    if not pages.Browser.is_there():
        print(f"# no browser, or no {pages.MODULES}/playwright-core: tools/check installs them")
        tests = [test for test in tests if "opened_browser" not in test.__code__.co_names]
    fabric.main(tests, lambda: contextlib.closing(Watched(build)))


main()
