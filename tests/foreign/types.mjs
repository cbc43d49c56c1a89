// SPDX-License-Identifier: Apache-2.0
//
// The message types of a published contract, by protobufjs.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';

export function loadTypes(contract) {
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => path.join(contract, target);
  const files = readdirSync(path.join(contract, 'schemas')).map((name) => path.join('schemas', name));
  root.loadSync(files);
  root.resolveAll();
  return root;
}

// The type of each kind's messages, from the AsyncAPI document.
export function typesOfKinds(contract, root) {
  const document = JSON.parse(readFileSync(path.join(contract, 'asyncapi.json')));
  return new Map(Object.entries(document.components.messages)
    .map(([kind, message]) => [kind, root.lookupType(message.name)]));
}

// protobuf's JSON mapping.
export function toJson(type, message) {
  return type.toObject(message, { longs: String, enums: String, bytes: String });
}
