// SPDX-License-Identifier: Apache-2.0
//
// The bus as the page gets it: MQTT over the dashboard's WebSocket, read only. What arrives waits in
// two bounded queues and is decoded in slices of time, so that the page answers whatever the bus
// does: what tells a state goes first and, of the rest, what is too much is dropped and counted.

import * as library from './mqtt.js';
import { Gaps } from './gaps.js';
import { Rate } from './model.js';

const mqtt = library.default?.connect ? library.default : library.default.default;

const TOPIC = 'qkdnf/v1/#';
const FLOW_MAX = 20000;
const KEPT_MAX = 50000;
const SLICE_MS = 10;
const UNSEEN_SLICE_MS = 100;
const UNSEEN_PAUSE_MS = 250;

// What tells a state, or happens once: never dropped for the sake of the rest.
const KEPT = new Set(['presence', 'member', 'resource', 'event', 'fault', 'notice', 'session-state',
  'handover-state', 'leg', 'agreement', 'statement', 'dispute', 'rating']);

export class Bus {
  // `take(publish, arrivedMs)` for what is decoded, `told(connected, why)` for the connection.
  constructor(codec, { take, told, drawn }) {
    Object.assign(this, { codec, take, told, drawn });
    this.kept = [];
    this.flow = [];
    this.rate = new Rate();
    this.gaps = new Gaps();
    this.counts = { arrived: 0, dropped: 0, unreadable: 0, missing: 0 };
    this.frame = null;
    this.timer = null;
  }

  start(url) {
    const client = mqtt.connect(url, {
      protocolVersion: 4, clientId: '', clean: true, keepalive: 120, reconnectPeriod: 1000,
      resubscribe: false, timerVariant: 'native', transformWsUrl: () => url,
    });
    client.on('connect', () => {
      this.told(true);
      client.subscribe(TOPIC, { qos: 0 });
    });
    client.on('close', () => this.told(false));
    client.on('error', (error) => this.told(false, error.message));
    client.on('message', (topic, payload) => this.queue(topic, payload));
  }

  queue(topic, payload) {
    const isKept = KEPT.has(topic.split('/', 3)[2]);
    const queue = isKept ? this.kept : this.flow;
    const at = performance.now();
    this.counts.arrived++;
    this.rate.add(at);
    if (queue.length < (isKept ? KEPT_MAX : FLOW_MAX))
      queue.push({ topic, payload, at });
    else
      this.counts.dropped++;
    this.schedule();
  }

  // A page that is not seen gets no animation frames, whether it is told so or not.
  schedule() {
    if (this.frame)
      return;
    this.frame = requestAnimationFrame(() => this.turn(SLICE_MS));
    this.timer = setTimeout(() => this.turn(UNSEEN_SLICE_MS), UNSEEN_PAUSE_MS);
  }

  turn(sliceMs) {
    const end = performance.now() + sliceMs;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = null;
    this.drain('kept', end);
    this.drain('flow', end);
    // What is not decoded yet is not missing.
    if (this.kept.length + this.flow.length > 0)
      this.schedule();
    else
      this.counts.missing = Math.max(0, this.gaps.nMissing - this.counts.dropped);
    this.drawn();
  }

  drain(name, end) {
    const queue = this[name];
    let n = 0;
    while (n < queue.length && performance.now() < end)
      this.handle(queue[n++]);
    this[name] = n < queue.length ? queue.slice(n) : [];
  }

  handle({ topic, payload, at }) {
    let publish;
    try {
      publish = this.codec.decode(topic, payload);
    } catch (error) {
      this.counts.unreadable++;
      return;
    }
    this.gaps.take(publish.kind, publish.from, publish.header);
    this.take(publish, at);
  }
}
