// SPDX-License-Identifier: Apache-2.0
//
// What is shown beside map, timeline and bus: figures and tables.

import { DealingsPanels } from './dealings-panels.js';
import { Table, bitRate, byId, clock, html, setText } from './dom.js';
import { N_COLOURS, levelOf } from './map.js';

const ALARMS_SHOWN = 40;
const SESSIONS_SHOWN = 50;

const FIGURES = [
  ['providers', 'providers'], ['links', 'border links'], ['sessions', 'sessions'],
  ['faults', 'faults'], ['granted', 'granted'], ['refused', 'refused'], ['open', 'requests open'],
  ['rate', 'requests'], ['median', 'median time'], ['slowest', '99 % within'], ['bus', 'on the bus'],
];

function bar(level, share) {
  const inner = html('i');
  inner.style.width = `${Math.round(100 * share)}%`;
  return html('span', { class: 'bar', 'data-level': level }, inner);
}

function makeFigures() {
  const values = new Map();
  byId('figures').replaceChildren(...FIGURES.map(([id, title]) => {
    const value = html('dd', { 'data-figure': id });
    values.set(id, value);
    return html('div', {}, html('dt', {}, title), value);
  }));
  return values;
}

const toneOf = ({ isAlive, state }) => (isAlive && state === 'ACTIVE' ? '' : 'bad');

const providerTable = () => new Table(byId('providers'), 'providers', [
  { title: 'provider', cell: ({ id }) => id },
  { title: 'state', cell: ({ state }) => state.toLowerCase() },
  { title: 'bus', cell: ({ isAlive }) => html('span', { class: isAlive ? 'good' : 'bad' }, isAlive ? 'there' : 'gone') },
  { title: 'region', cell: ({ resource }) => resource.region },
  { title: 'nodes', isNumber: true, cell: ({ resource }) => resource.nodes.length },
  { title: 'users', isNumber: true, cell: ({ resource }) => resource.applications.length },
], (provider) => ({ key: provider.id, tone: toneOf(provider), data: { provider: provider.id } }));

const linkTable = () => new Table(byId('links'), 'border links', [
  { title: 'border link', cell: ({ id }) => id },
  { title: 'state', cell: ({ isUp }) => html('span', { class: isUp ? 'good' : 'bad' }, isUp ? 'up' : 'down') },
  { title: 'stock', cell: (link) => bar(levelOf(link), link.share) },
  { title: 'slots', isNumber: true, cell: ({ nOpen }) => nOpen },
  { title: 'of', isNumber: true, cell: ({ capacity }) => capacity },
  { title: 'filled at', isNumber: true, cell: ({ fillBps }) => bitRate(fillBps) },
  { title: 'between', cell: ({ ends }) => ends.map(({ provider, node }) => `${provider} (${node})`).join(' – ') },
], (link) => ({ key: link.id, tone: link.isUp ? '' : 'bad', data: { link: link.id, up: String(link.isUp) } }));

const endsOf = ({ initiator, targets, ends }) =>
  (initiator ? `${initiator} → ${targets.join(', ')}` : [...ends].sort().join(', '));

const sessionTable = () => new Table(byId('sessions'), 'sessions', [
  { title: 'who', cell: ({ index, ...session }) =>
    html('span', {}, html('span', { class: `swatch c${index % N_COLOURS}` }), endsOf(session)) },
  { title: 'phase', cell: ({ phase }) => phase.toLowerCase() },
  { title: 'keys', isNumber: true, cell: ({ delivered }) => delivered },
  { title: 'way', cell: ({ paths }) => html('span', { class: 'path' }, [...paths.values()].map((path) => path.join(' · ')).join(' | ')) },
  { title: 'session', cell: ({ id }) => html('span', { class: 'mono dim' }, id) },
], ({ id }) => ({ key: id, data: { session: id } }));

export class Panels {
  constructor() {
    this.figures = makeFigures();
    this.providers = providerTable();
    this.links = linkTable();
    this.sessions = sessionTable();
    this.dealings = new DealingsPanels();
  }

  figure(id, text, isBad = false) {
    const value = this.figures.get(id);
    setText(value, text);
    value.parentElement.classList.toggle('bad', isBad);
  }

  showFigures(model, { providers, links, sessions }, busRate, atMs) {
    const nThere = providers.filter(({ isAlive }) => isAlive).length;
    const nUp = links.filter(({ isUp }) => isUp).length;
    this.figure('providers', `${nThere} of ${providers.length}`, nThere < providers.length);
    this.figure('links', `${nUp} of ${links.length}`, nUp < links.length);
    this.figure('sessions', sessions.length);
    this.figure('faults', model.faults.size, model.faults.size > 0);
    for (const id of ['granted', 'refused', 'open'])
      this.figure(id, model.counts[id]);
    this.figure('rate', `${model.answers.perSecond(atMs).toFixed(1)}/s`);
    this.figure('median', `${model.quantileMs(0.5).toFixed(1)} ms`);
    this.figure('slowest', `${model.quantileMs(0.99).toFixed(1)} ms`);
    this.figure('bus', `${busRate.perSecond(atMs).toFixed(0)}/s`);
  }

  showFaults(faults) {
    const rows = [...faults.values()].map(({ member, scope, subject, cause, since }) =>
      html('p', { 'data-fault': `${member}/${subject}` }, html('b', {}, `${scope} ${subject} `), `at ${member}: ${cause} `,
        html('span', { class: 'dim' }, `since ${clock(since)}`)));
    const drawing = rows.map((row) => row.textContent).join('\n');
    if (drawing === this.faultsDrawn)
      return;
    this.faultsDrawn = drawing;
    byId('faults').replaceChildren(...(rows.length ? rows : [html('p', { class: 'empty' }, 'no fault is reported')]));
  }

  // New ones are put before the old ones, so that they are read out, and only they.
  showAlarms(alarms) {
    const list = byId('alarms');
    const n = this.newestAlarm ? alarms.indexOf(this.newestAlarm) : alarms.length;
    const fresh = alarms.slice(0, n < 0 ? alarms.length : n).slice(0, ALARMS_SHOWN);
    this.newestAlarm = alarms[0];
    list.prepend(...fresh.map(({ severity, name, from, at, text, cause, subject }) =>
      html('li', { 'data-name': name, 'data-subject': subject }, html('time', {}, clock(at)),
        html('b', { class: severity === 'ALARM' ? 'bad' : 'fair' }, severity.toLowerCase()),
        `${from}: ${text}`, cause ? html('span', { class: 'dim' }, ` (${cause})`) : null)));
    while (list.children.length > ALARMS_SHOWN)
      list.lastChild.remove();
  }

  show(model, view, busRate, atMs) {
    this.showFigures(model, view, busRate, atMs);
    this.providers.show(view.providers);
    this.links.show(view.links);
    this.sessions.show(view.sessions.slice(0, SESSIONS_SHOWN).map((session, index) => ({ ...session, index })));
    this.showFaults(model.faults);
    this.showAlarms(model.alarms);
    this.dealings.show(model.dealings);
    for (const row of document.querySelectorAll('#providers tr[data-provider]'))
      row.classList.toggle('chosen', row.dataset.provider === view.chosen);
  }
}
