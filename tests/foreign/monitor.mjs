// SPDX-License-Identifier: Apache-2.0
//
// A stranger's monitor: `node monitor.mjs CONTRACT FEDERATION`. Prints every publish as a line of JSON
// until it is terminated; what it cannot decode ends it.

import { Bus } from './bus.mjs';
import { toJson } from './types.mjs';

const [contract, federation] = process.argv.slice(2);
const bus = new Bus(contract, federation);
const client = bus.connect(bus.federation.monitors[0]);

client.on('message', (topic, payload) => {
  const { kind, from, to, type, header, messages } = bus.decode(topic, payload);
  console.log(JSON.stringify({
    kind, from, to,
    incarnation: String(header.incarnation),
    sequence: String(header.sequence),
    messages: messages.map((message) => toJson(type, message)),
  }));
});
client.on('connect', () => client.subscribe('qkdnf/v1/#', { qos: 1 }));
client.on('error', (error) => { throw error; });
process.on('SIGTERM', () => client.end(() => process.exit(0)));
