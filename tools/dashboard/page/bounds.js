// SPDX-License-Identifier: Apache-2.0
//
// What models of the bus share.

// Of a Map or a Set: the oldest go.
export function shrink(some, max) {
  while (some.size > max)
    some.delete(some.keys().next().value);
}

// A name of an enumeration, without what all its names begin with.
export const without = (prefix, name) => String(name ?? '').replace(prefix, '');
