# SPDX-License-Identifier: Apache-2.0
"""An outside observer of the bus that trusts nobody's bookkeeping: an MQTT subscriber and a reader
of protobuf of its own, and a record of all that was ever ordered, relayed and replied."""

import collections
import socket
import ssl
import struct
import threading

import fabric

# Of MQTT 3.1.1.
CONNECT, CONNACK, PUBLISH, SUBSCRIBE = 0x10, 0x20, 0x30, 0x82

# Of schemas/*.proto.
STATUS_OK = 1
STATUS_INSUFFICIENT_KEY = 8
SEVERITY_ALARM = 3


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """The fields of one protobuf message: {number: [integer or bytes, ...]}."""
    found = collections.defaultdict(list)
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, after = read_varint(data, at)
        if tag & 7 == 2:
            value, after = data[after:after + value], after + value
        found[tag >> 3].append(value)
        at = after
    return found


def text(message, number):
    return message[number][0].decode() if number in message else ""


def number(message, field):
    return message[field][0] if field in message else 0


class Subscriber:
    """Passes every publish of a broker that dies now and then to a function, as (topic, payload).
    It is back faster than any member of the federation, whose pauses are 50 ms at the least."""

    def __init__(self, info, take):
        monitor = info["monitors"][0]
        host, port = info["broker"]["url"].removeprefix("mqtts://").rsplit(":", 1)
        self.address = host, int(port)
        self.tls = ssl.create_default_context(cafile=info["ca"])
        self.tls.load_cert_chain(monitor["certificate"], monitor["key"])
        self.take = take
        self.failure = None
        self.stream = None
        self.n_connections = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        fabric.wait_until("the observer to be on the bus", lambda: self.n_connections)

    def _run(self):
        while not self.stopping.is_set():
            try:
                with socket.create_connection(self.address, 5) as plain, \
                        self.tls.wrap_socket(plain, server_hostname=self.address[0]) as stream:
                    self._follow(stream)
            except (OSError, EOFError):
                self.stopping.wait(0.005)
            except Exception as error:  # what it cannot read is for the test to judge
                self.failure = error
                return

    def _follow(self, stream):
        self.stream = stream
        reader = stream.makefile("rb")
        stream.sendall(self._packet(CONNECT, struct.pack("!H4sBBH", 4, b"MQTT", 4, 2, 0),
                                    b"observer"))
        self._read(reader)
        stream.sendall(self._packet(SUBSCRIBE, b"\0\1", b"qkdnf/#", b"\0"))
        stream.settimeout(None)
        while not self.stopping.is_set():
            kind, body = self._read(reader)
            if kind == 0x90:
                self.n_connections += 1
            elif kind & 0xf0 == PUBLISH:
                n_topic, = struct.unpack_from("!H", body)
                self.take(body[2:2 + n_topic].decode(), body[2 + n_topic:])

    @staticmethod
    def _packet(kind, head, name, tail=b""):
        body = head + struct.pack("!H", len(name)) + name + tail
        return bytes([kind, len(body)]) + body

    def _read(self, reader):
        head = reader.read(1)
        length, shift = 0, 0
        while head:
            byte = reader.read(1)[0]
            length |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        body = reader.read(length)
        if not head or len(body) < length:
            raise EOFError
        return head[0], body

    def close(self):
        self.stopping.set()
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the broker was faster
        self.thread.join(5)


class Record:
    """All that was ever said, and what of it must not have been."""

    def __init__(self):
        self.slots = {}     # (link, number) → (request, attempt)
        self.relays = {}    # who relays what of which attempt → value and tag
        self.values = {}    # value → the same
        self.replies = {}   # request → the final answer
        self.granted = {}   # request → key IDs
        self.requests = {}  # request → (initiator, targets)
        self.alarms = collections.Counter()
        self.n_orders = 0
        self.broken = []    # what must never be

    def take(self, topic, payload):
        kind, sender = topic.split("/")[2:4]
        handler = getattr(self, "_" + kind.replace("-", "_"), None)
        if handler:
            for message in fields(payload)[2]:
                handler(sender, fields(message))

    def _request(self, sender, request):
        self.requests[text(request, 1)] = (text(request, 2), [t.decode() for t in request[3]])

    def _order(self, sender, order):
        owner = text(order, 1), number(order, 2)
        self.n_orders += 1
        for branch in map(fields, order[8]):
            for slots in map(fields, branch[6] + branch[7]):
                self._use(text(slots, 1), number(slots, 2), number(slots, 3), owner)

    def _use(self, link, first, n_slots, owner):
        for slot in range(first, first + n_slots):
            before = self.slots.setdefault((link, slot), owner)
            if before != owner:
                self.broken.append(f"slot {slot} of {link}: ordered for {before} and {owner}")

    def _relay(self, sender, relay):
        name = (text(relay, 1), *(number(relay, field) for field in range(2, 6)), sender)
        said = relay[6][0], relay[7][0] if 7 in relay else b""
        if self.relays.setdefault(name, said) != said:
            self.broken.append(f"relay {name}: two values under one pad")
        if self.values.setdefault(said[0], name) != name:
            self.broken.append(f"relay {name}: the value of {self.values[said[0]]}")

    def _reply(self, sender, reply):
        request, keys = text(reply, 1), [key.decode() for key in reply[4]]
        answer = number(reply, 2), keys
        before = self.replies.setdefault(request, answer)
        if before != answer and STATUS_OK in (before[0], answer[0]):
            self.broken.append(f"request {request}: answered {before} and {answer}")
        if answer[0] == STATUS_OK:
            self.granted[request] = keys

    def _event(self, sender, event):
        if number(event, 2) == SEVERITY_ALARM:
            self.alarms[f"{sender} {text(event, 3)}"] += 1
