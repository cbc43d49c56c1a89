// SPDX-License-Identifier: Apache-2.0
//
// What providers grant each other, do for each other and owe for it, and how they serve, as the
// platform says it. No page and no clock in here; everything that grows with the bus is bounded.

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
    this.reported = new Map(); // record → {seller, buyer, keys, bits}, until it is answered
    this.answered = new Set(); // records
  }

  takeRating(rating) {
    const known = this.ratings.get(rating.provider);
    if (known && known.at_us > rating.at_us)
      return;
    this.ratings.set(rating.provider, rating);
    shrink(this.ratings, RATINGS_MAX);
  }

  // What parties say is what they would like.
  takeAgreement(agreement) {
    const known = this.agreements.get(agreement.id);
    if (agreement.action !== 'AGREEMENT_ACTION_UNSPECIFIED' || known?.version > agreement.version)
      return;
    this.agreements.set(agreement.id, { ...agreement, state: without('AGREEMENT_STATE_', agreement.state) });
    shrink(this.agreements, AGREEMENTS_MAX);
  }

  // A record counts once it is in the platform's accounts, however often it is told.
  takeUsage({ record, buyer, keys, bits }, { from }) {
    if (this.answered.has(record))
      return;
    this.reported.set(record, { seller: from, buyer, keys, bits });
    shrink(this.reported, RECORDS_MAX);
  }

  takeUsageState({ record, status }) {
    const usage = this.reported.get(record);
    if (!usage)
      return;
    this.reported.delete(record);
    this.answered.add(record);
    shrink(this.answered, RECORDS_MAX);
    if (status === 'STATUS_OK')
      this.count(usage);
  }

  count({ seller, buyer, keys, bits }) {
    const pair = this.pairs.get(`${seller}/${buyer}`) ?? { seller, buyer, records: 0, keys: 0, bits: 0 };
    this.pairs.set(`${seller}/${buyer}`, pair);
    shrink(this.pairs, PAIRS_MAX);
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
