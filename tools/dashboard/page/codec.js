// SPDX-License-Identifier: Apache-2.0
//
// Frames of the bus, decoded by what the published contract (asyncapi.json) says of each kind.
// protobufjs parses the schemas in it and reads the wire; its own decoders are compiled at run time,
// which the page's content security policy forbids, so messages are put together here.

const { protobuf } = window;

const PREFIX = 'qkdnf/v1/';
const VARINT = 0;
const DELIMITED = 2;
const ZEROES = { string: '', bytes: '', bool: false };

const hex = (octets) => Array.from(octets, (octet) => octet.toString(16).padStart(2, '0')).join('');

function zeroOf(field) {
  if (field.repeated)
    return [];
  if (field.resolvedType instanceof protobuf.Enum)
    return field.resolvedType.valuesById[0];
  return ZEROES[field.type] ?? 0;
}

function readOne(field, reader) {
  const type = field.resolvedType;
  if (type instanceof protobuf.Type)
    return readMessage(type, reader, reader.uint32());
  if (type instanceof protobuf.Enum) {
    const number = reader.int32();
    return type.valuesById[number] ?? number;
  }
  const value = reader[field.type]();
  return field.type === 'bytes' ? hex(value) : value;
}

function expectedWire(field) {
  if (field.resolvedType instanceof protobuf.Enum)
    return VARINT;
  return field.resolvedType || field.type === 'bytes' ? DELIMITED : protobuf.types.basic[field.type];
}

function readField(message, field, wire, reader) {
  const isPacked = wire === DELIMITED && expectedWire(field) !== DELIMITED;
  const end = isPacked ? reader.uint32() + reader.pos : 0;
  if (!field.repeated)
    message[field.name] = readOne(field, reader);
  else if (!isPacked)
    message[field.name].push(readOne(field, reader));
  while (isPacked && reader.pos < end)
    message[field.name].push(readOne(field, reader));
}

// Where the wire says something else than the schema, the field counts as unknown.
function fits(field, wire) {
  return field && (wire === expectedWire(field) || (field.repeated && wire === DELIMITED));
}

function readMessage(type, reader, length) {
  const end = reader.pos + length;
  const message = {};
  if (end > reader.len)
    throw new RangeError('a message is longer than what it is in');
  for (const field of type.fieldsArray) {
    if (!field.partOf && (field.repeated || !(field.resolvedType instanceof protobuf.Type)))
      message[field.name] = zeroOf(field);
  }
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = type.fieldsById[tag >>> 3];
    if (fits(field, tag & 7))
      readField(message, field, tag & 7, reader);
    else
      reader.skipType(tag & 7);
  }
  return message;
}

const decode = (type, octets) => readMessage(type, protobuf.Reader.create(octets), octets.length);

// A frame's header and its messages stay packed until they are read.
function readFrame(octets) {
  const reader = protobuf.Reader.create(octets);
  const frame = { header: new Uint8Array(), messages: [] };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === (1 << 3 | DELIMITED))
      frame.header = reader.bytes();
    else if (tag === (2 << 3 | DELIMITED))
      frame.messages.push(reader.bytes());
    else
      reader.skipType(tag & 7);
  }
  return frame;
}

function parseType(schema, name) {
  const { root } = protobuf.parse(schema, new protobuf.Root(), { keepCase: true });
  root.resolveAll();
  return root.lookupType(name);
}

export class Codec {
  static async load() {
    const answer = await fetch('contract/asyncapi.json');
    if (!answer.ok)
      throw new Error(`the contract cannot be had: ${answer.status}`);
    return new Codec(await answer.json());
  }

  constructor({ components }) {
    this.header = parseType(components.schemas.header.schema, 'qkdnf.v1.Header');
    this.kinds = new Map(Object.entries(components.messages).map(([kind, message]) => [kind, {
      type: parseType(message.payload.schema, message.name), summary: message.summary }]));
  }

  // What is in a publish; throws where it is not what the contract says.
  decode(topic, payload) {
    const [kind, from, to] = topic.slice(PREFIX.length).split('/');
    const known = this.kinds.get(kind);
    if (!topic.startsWith(PREFIX) || !known)
      throw new Error(`there is no kind ${kind}`);
    const frame = readFrame(payload);
    const header = decode(this.header, frame.header);
    if (header.kind !== kind || header.from !== from || header.to !== to)
      throw new Error('the header does not say what the topic says');
    return { kind, from, to, header, messages: frame.messages.map((m) => decode(known.type, m)) };
  }
}
