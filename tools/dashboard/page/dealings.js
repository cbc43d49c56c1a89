// SPDX-License-Identifier: Apache-2.0
//
// What providers grant each other, do for each other and owe for it, and how they serve, as the
// platform says it: whatever others say of it does not count. No page and no clock in here; everything
// that grows with the bus is bounded, and what had to be forgotten is counted.

import { shrink, without } from './bounds.js';

const RATINGS_MAX = 5000;
const AGREEMENTS_MAX = 500;
const STATEMENTS_MAX = 200;
const PAIRS_MAX = 500;
const RECORDS_MAX = 20000;

export class Dealings {
  constructor() {
    this.ratings = new Map(); // provider → Rating
    this.agreements = new Map(); // ID → Agreement
    this.statements = new Map(); // "seller/buyer/number" → Statement with what both say of it
    this.pairs = new Map(); // "seller/buyer" → {seller, buyer, records, keys, bits}
    this.reported = new Map(); // "seller/record" → {seller, buyer, keys, bits}, until it is answered
    this.answered = new Set(); // "seller/record"
    this.nForgotten = 0; // agreements and pairs
  }

  takeRating(rating) {
    const known = this.ratings.get(rating.provider);
    if (known && known.at_us > rating.at_us)
      return;
    this.ratings.set(rating.provider, rating);
    shrink(this.ratings, RATINGS_MAX);
  }

  // As the newest, so that what is used is not what is forgotten.
  keep(map, max, key, value) {
    map.delete(key);
    map.set(key, value);
    this.nForgotten += Math.max(0, map.size - max);
    shrink(map, max);
  }

  // What parties say is what they would like.
  takeAgreement(agreement, { isPlatform }) {
    const known = this.agreements.get(agreement.id);
    if (!isPlatform || known?.version > agreement.version)
      return;
    this.keep(this.agreements, AGREEMENTS_MAX, agreement.id,
      { ...agreement, state: without('AGREEMENT_STATE_', agreement.state) });
  }

  // A record counts once it is in the platform's accounts, however often it is told.
  takeUsage({ record, buyer, keys, bits }, { from }) {
    const key = `${from}/${record}`;
    if (this.answered.has(key))
      return;
    this.reported.set(key, { seller: from, buyer, keys, bits });
    shrink(this.reported, RECORDS_MAX);
  }

  takeUsageState({ record, status }, { to }) {
    const key = `${to}/${record}`;
    const usage = this.reported.get(key);
    if (!usage)
      return;
    this.reported.delete(key);
    this.answered.add(key);
    shrink(this.answered, RECORDS_MAX);
    if (status === 'STATUS_OK')
      this.count(usage);
  }

  count({ seller, buyer, keys, bits }) {
    const key = `${seller}/${buyer}`;
    const pair = this.pairs.get(key) ?? { seller, buyer, records: 0, keys: 0, bits: 0 };
    this.keep(this.pairs, PAIRS_MAX, key, pair);
    pair.records++;
    pair.keys += keys;
    pair.bits += bits;
  }

  // Both parties are told, and answer.
  takeStatement(statement) {
    const key = `${statement.seller}/${statement.buyer}/${statement.sequence}`;
    const answers = this.statements.get(key)?.answers ?? new Map();
    this.statements.delete(key);
    this.statements.set(key, { ...statement, key, answers });
    shrink(this.statements, STATEMENTS_MAX);
  }

  takeDispute({ seller, buyer, sequence, status, text }, { from }) {
    if (from !== seller && from !== buyer)
      return;
    this.statements.get(`${seller}/${buyer}/${sequence}`)?.answers.set(from, { status, text });
  }
}

// What has become of a statement: what is wrong with it, or by whom it is not answered yet.
export function judge({ seller, buyer, answers }) {
  const wrong = [...answers].find(([, { status }]) => status !== 'STATUS_OK');
  if (wrong)
    return { isBad: true, text: `${wrong[0]}: ${wrong[1].text || without('STATUS_', wrong[1].status)}` };
  const silent = [seller, buyer].filter((party) => !answers.has(party));
  return { isBad: false, text: silent.length ? `told to ${silent.join(' and ')}` : 'accepted by both' };
}
