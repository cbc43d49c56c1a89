// SPDX-License-Identifier: Apache-2.0
//
// Tables of what providers have agreed, did, owe, and are worth.

import { without } from './bounds.js';
import { judge } from './dealings.js';
import { Table, bitRate, byId, clock, html, setText } from './dom.js';

const NEWS = 'since this page was opened';
const PURPOSES = ['RELAY', 'SERVE_VISITOR', 'REROUTE', 'SHARE'];

const percent = (share, digits) => `${(100 * share).toFixed(digits)} %`;
const millionths = (ppm) => `${(ppm / 1e4).toFixed(2)} %`;
const shareOf = (part, all) => (all > 0 ? part / all : 1);
const milliseconds = (us) => `${(us / 1e3).toFixed(1)} ms`;

export function money(amount, currency) {
  const decimals = currency?.decimals ?? 0;
  return `${(amount / 10 ** decimals).toFixed(decimals)} ${currency?.code ?? ''}`.trim();
}

const ratingTable = () => new Table(byId('ratings'), 'service ratings', [
  { title: 'provider', cell: ({ provider }) => provider },
  { title: 'of 1000', isNumber: true, cell: ({ score, low }) => html('span', { class: low ? 'bad' : '' }, String(score)) },
  { title: 'paths by', isNumber: true, cell: ({ routed }) => routed },
  { title: 'orders', isNumber: true, cell: ({ orders }) => orders },
  { title: 'lost', isNumber: true, cell: ({ loss_ppm: ppm }) => millionths(ppm) },
  { title: 'wrong', isNumber: true, cell: ({ error_ppm: ppm }) => millionths(ppm) },
  { title: 'half within', isNumber: true, cell: ({ delay_p50_us: us }) => milliseconds(us) },
  { title: '95 % within', isNumber: true, cell: ({ delay_p95_us: us }) => milliseconds(us) },
  { title: 'there', isNumber: true, cell: ({ down_us: down, observed_us: all }) => percent(shareOf(all - down, all), 2) },
  { title: 'carried', isNumber: true, cell: ({ delivered_bits: done, promised_bits: all }) => percent(shareOf(done, all), 1) },
  { title: 'disputed', isNumber: true, cell: ({ disputed_ppm: ppm }) => millionths(ppm) },
], ({ provider, score, low }) => ({ key: provider, tone: low ? 'bad' : '', data: { provider, score } }),
'nobody was rated yet: that takes ten seconds');

function purposesOf({ purposes = [] } = {}) {
  const names = purposes.map((purpose) => without('PURPOSE_', purpose));
  return names.length === PURPOSES.length ? 'everything' : names.map((name) => name.toLowerCase().replace('_', ' ')).join(', ');
}

function limitsOf({ quota_bits: bits = 0, period_s: period = 0, rate_bps: rate = 0 } = {}) {
  return [bits && `${bits} bits in ${period} s`, rate && bitRate(rate)].filter(Boolean).join(', ') || 'no limit';
}

const isInForce = ({ state }) => ['AVAILABLE', 'ACCEPTED', 'OFFERED', 'PROPOSED'].includes(state);

const agreementTable = () => new Table(byId('agreements'), 'agreements', [
  { title: 'may use', cell: ({ buyer, seller }) => `${buyer} → ${seller}` },
  { title: 'state', cell: (agreement) => html('span', { class: isInForce(agreement) ? 'good' : 'bad', title: `${agreement.actor}: ${agreement.reason}` },
    agreement.state.toLowerCase().replace('_', ' ')) },
  { title: 'for', cell: ({ terms }) => purposesOf(terms) },
  { title: 'limit', cell: ({ terms }) => limitsOf(terms) },
], ({ id, state }) => ({ key: id, data: { agreement: id, state } }), `none was said ${NEWS}: qkdnf agreement list`);

const pairTable = () => new Table(byId('usage'), 'usage', [
  { title: 'done by', cell: ({ seller }) => seller },
  { title: 'for', cell: ({ buyer }) => buyer },
  { title: 'records', isNumber: true, cell: ({ records }) => records },
  { title: 'keys', isNumber: true, cell: ({ keys }) => keys },
  { title: 'bits', isNumber: true, cell: ({ bits }) => bits },
], ({ seller, buyer }) => ({ key: `${seller}/${buyer}`, data: { pair: `${seller}/${buyer}` } }), `nothing ${NEWS}`);

const statementTable = () => new Table(byId('statements'), 'statements', [
  { title: 'until', cell: ({ until_us: us }) => clock(us / 1e3) },
  { title: 'paid to', cell: ({ seller }) => seller },
  { title: 'by', cell: ({ buyer }) => buyer },
  { title: 'number', isNumber: true, cell: ({ sequence }) => sequence },
  { title: 'records', isNumber: true, cell: ({ n_records: n }) => n },
  { title: 'keys', isNumber: true, cell: ({ keys }) => keys },
  { title: 'bits', isNumber: true, cell: ({ bits }) => bits },
  { title: 'amount', isNumber: true, cell: ({ amount, currency }) => money(amount, currency) },
  { title: 'state', cell: (statement) => html('span', { class: judge(statement).isBad ? 'bad' : '' }, judge(statement).text) },
], (statement) => ({ key: statement.key, tone: judge(statement).isBad ? 'bad' : '', data: { statement: statement.key } }),
`none ${NEWS}: qkdnf accounts statements`);

const byKey = (map) => [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);

export class DealingsPanels {
  constructor() {
    this.ratings = ratingTable();
    this.agreements = agreementTable();
    this.pairs = pairTable();
    this.statements = statementTable();
  }

  show({ ratings, agreements, pairs, statements, nForgotten }) {
    const note = byId('dealings-note');
    note.hidden = nForgotten === 0;
    setText(note, `only the latest are shown: ${nForgotten} were forgotten`);
    this.ratings.show(byKey(ratings));
    this.agreements.show(byKey(agreements));
    this.pairs.show(byKey(pairs));
    this.statements.show([...statements.values()].reverse());
  }
}
