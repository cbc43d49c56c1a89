// SPDX-License-Identifier: Apache-2.0
//
// Reads a published contract as a stranger would: `node contract.mjs CONTRACT`. The document is
// valid AsyncAPI, its schemas and the .proto files say the same, and every example is what it claims.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Parser, fromFile } from '@asyncapi/parser';
import { ProtoBuffSchemaParser } from '@asyncapi/protobuf-schema-parser';
import { loadTypes, toJson } from './types.mjs';

const contract = process.argv[2];
const types = loadTypes(contract);

// That there is a later version of AsyncAPI 3 is no fault.
const HARMLESS = new Set(['asyncapi-latest-version']);

async function readDocument() {
  const parser = new Parser();
  parser.registerSchemaParser(ProtoBuffSchemaParser());
  const file = path.join(contract, 'asyncapi.json');
  const { document, diagnostics } = await fromFile(parser, file).parse();
  const faults = diagnostics.filter(({ code }) => !HARMLESS.has(code));
  assert.deepEqual(faults, []);
  return document;
}

// protobuf's JSON mapping names fields in camel case, and the schema's properties are as written.
const camelCase = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

function checkMessage(message) {
  const type = types.lookupType(message.name());
  const properties = Object.keys(message.payload().json().schema.properties ?? {});
  const fields = type.fieldsArray.filter((field) => !field.partOf).map((field) => field.name);
  assert.deepEqual(properties.map(camelCase).filter((name) => fields.includes(name)).sort(), fields.sort());
  for (const example of message.examples()) {
    const packed = type.encode(type.fromObject(example.payload())).finish();
    assert.deepEqual(toJson(type, type.decode(packed)), example.payload());
  }
}

function checkPublish({ topic, header, messages, payload }, messageType) {
  const frame = types.lookupType('qkdnf.v1.Frame').decode(Buffer.from(payload, 'hex'));
  const headerType = types.lookupType('qkdnf.v1.Header');
  assert.deepEqual(toJson(headerType, headerType.decode(frame.header)), header);
  assert.equal(topic, ['qkdnf/v1', header.kind, header.from, header.to].join('/'));
  const type = types.lookupType(messageType(header.kind));
  assert.deepEqual(frame.messages.map((message) => toJson(type, type.decode(message))), messages);
}

const document = await readDocument();
const messages = document.messages().all();
messages.forEach(checkMessage);
const vectors = JSON.parse(readFileSync(path.join(contract, 'vectors.json')));
const messageType = (kind) => messages.find((message) => message.id() === kind).name();
vectors.publishes.forEach((publish) => checkPublish(publish, messageType));
assert.equal(vectors.publishes.length, document.channels().all().length);
assert.equal(messages.length, document.channels().all().length);
console.log(`${messages.length} kinds, ${document.operations().all().length} operations`);
