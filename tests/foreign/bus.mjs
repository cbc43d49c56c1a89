// SPDX-License-Identifier: Apache-2.0
//
// A member of a federation, from what the published contract says and nothing else.

import { readFileSync } from 'node:fs';
import { X509Certificate, randomUUID } from 'node:crypto';
import mqtt from 'mqtt';
import {
  ECDSA, HMAC, hasTag, isSigned, makePair, makeShare, makeSignature, makeTag,
} from './seal.mjs';
import { loadTypes, typesOfKinds } from './types.mjs';

const CONTENT_TYPE = 'application/x-protobuf';
const REPEAT_MS = [500, 1000, 2000, 4000, 8000];
const nowUs = () => Date.now() * 1000;

export class Bus {
  constructor(contract, federation) {
    this.federation = JSON.parse(readFileSync(federation));
    this.document = JSON.parse(readFileSync(`${contract}/asyncapi.json`));
    this.types = loadTypes(contract);
    this.kinds = typesOfKinds(contract, this.types);
    this.frame = this.types.lookupType('qkdnf.v1.Frame');
    this.header = this.types.lookupType('qkdnf.v1.Header');
  }

  // Of a publish, all of it: {kind, from, to, header, messages}.
  decode(topic, payload) {
    const [, , kind, from, to] = topic.split('/');
    const type = this.kinds.get(kind);
    const frame = this.frame.decode(payload);
    const header = this.header.decode(frame.header);
    if (header.kind !== kind || header.from !== from || header.to !== to)
      throw new Error(`the header does not say what the topic says: ${topic}`);
    return { kind, from, to, type, frame, header, messages: frame.messages.map((m) => type.decode(m)) };
  }

  connect(member, options) {
    return mqtt.connect(this.federation.broker.url, {
      protocolVersion: 5,
      clientId: `${member.id}/${randomUUID().slice(0, 8)}`,
      clean: true,
      minVersion: 'TLSv1.3',
      ca: readFileSync(this.federation.ca),
      cert: readFileSync(member.certificate),
      key: readFileSync(member.key),
      ...options,
    });
  }
}

// One that also speaks.
export class Application extends Bus {
  constructor(contract, federation, id) {
    super(contract, federation);
    this.member = this.federation.saes.find((sae) => sae.id === id);
    this.platform = this.federation.platform.id;
    this.incarnation = nowUs();
    this.sequence = 0;
    this.open = new Map(); // ID → what waits for the answer
    this.authority = new X509Certificate(readFileSync(this.federation.ca));
    this.key = readFileSync(this.member.key);
    const { privateKey, share } = makeShare();
    this.privateKey = privateKey;
    this.identity = { id, role: 3, incarnation: this.incarnation, share };
  }

  // What is for all is signed; what is for the platform has a tag, and says who speaks.
  seal(frame, to) {
    if (to === 'all') {
      frame.algorithm = ECDSA;
      frame.tag = makeSignature(this.key, frame);
    } else {
      frame.algorithm = HMAC;
      frame.introduction = this.birth;
      frame.tag = makeTag(this.pair.send, frame);
    }
    return Buffer.from(this.frame.encode(frame).finish());
  }

  pack(kind, to, message, sequence) {
    const type = this.kinds.get(kind);
    const sends = this.document.operations[`application-sends-${kind}`].bindings.mqtt;
    const sentAtUs = nowUs();
    const header = {
      kind, from: this.member.id, to, sequence, sentAtUs,
      incarnation: this.incarnation,
      receiver: to === 'all' ? 0 : this.peer.incarnation,
      expiresAtUs: sends.messageExpiryInterval ? sentAtUs + sends.messageExpiryInterval * 1e6 : 0,
    };
    const payload = this.seal({
      header: this.header.encode(header).finish(),
      messages: [type.encode(type.fromObject(message)).finish()],
    }, to);
    return {
      topic: `qkdnf/v1/${kind}/${this.member.id}/${to}`,
      payload,
      qos: sends.qos,
      retain: sends.retain,
      properties: { contentType: CONTENT_TYPE },
    };
  }

  async say(kind, to, message) {
    const { topic, payload, ...options } = this.pack(kind, to, message, ++this.sequence);
    await this.client.publishAsync(topic, payload, options);
  }

  presence(alive) {
    return {
      alive, role: 'ROLE_APPLICATION', incarnation: this.incarnation, connection: 1,
      software: 'a stranger 1.0', share: this.identity.share,
      certificates: [new X509Certificate(readFileSync(this.member.certificate)).raw],
    };
  }

  async start() {
    const will = this.pack('presence', 'all', this.presence(false), 0);
    this.client = this.connect(this.member, { will });
    this.client.on('message', (topic, payload) => this.take(topic, payload));
    await new Promise((resolve, reject) => {
      this.client.once('connect', resolve);
      this.client.once('error', reject);
    });
    await this.client.subscribeAsync(`qkdnf/v1/+/+/${this.member.id}`, { qos: 1 });
    const isKnown = new Promise((resolve) => { this.platformIsKnown = resolve; });
    await this.client.subscribeAsync(`qkdnf/v1/presence/${this.platform}/all`, { qos: 1 });
    this.birth = this.pack('presence', 'all', this.presence(true), 0).payload;
    await this.say('presence', 'all', this.presence(true));
    await isKnown;
  }

  meet(frame, presence) {
    if (!presence.alive || !isSigned(frame, presence, this.platform, 'qkdnf-platform', this.authority))
      return;
    this.peer = {
      id: this.platform, role: presence.role, incarnation: presence.incarnation,
      share: presence.share,
    };
    this.pair = makePair(this.privateKey, this.identity, this.peer);
    this.platformIsKnown();
  }

  take(topic, payload) {
    const { kind, from, type, frame, header, messages } = this.decode(topic, payload);
    if (from !== this.platform)
      return;
    if (kind === 'presence') {
      this.meet(frame, messages[0]);
      return;
    }
    if (!this.pair || String(header.receiver) !== String(this.incarnation) ||
        !hasTag(this.pair.receive, frame))
      return;
    for (const message of messages)
      this.open.get(message.id)?.(type.toObject(message, { longs: String, enums: String }));
  }

  // Asks until there is an answer.
  async ask(kind, question, patienceMs = 30000) {
    const id = randomUUID();
    const until = Date.now() + patienceMs;
    const answered = new Promise((resolve) => this.open.set(id, resolve));
    for (let turn = 0; Date.now() < until; turn++) {
      await this.say(kind, this.platform, { id, ...question });
      const pause = REPEAT_MS[Math.min(turn, REPEAT_MS.length - 1)];
      let timer;
      const answer = await Promise.race([
        answered, new Promise((resolve) => { timer = setTimeout(resolve, pause); })]);
      clearTimeout(timer);
      if (answer) {
        this.open.delete(id);
        return answer;
      }
    }
    throw new Error(`no answer to ${kind}`);
  }

  async stop() {
    await this.say('presence', 'all', this.presence(false));
    await this.client.endAsync();
  }
}
