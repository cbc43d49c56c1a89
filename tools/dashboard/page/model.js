// SPDX-License-Identifier: Apache-2.0
//
// The federation as its messages show it. No page and no clock in here: times come with what is told.
// Everything that grows with the bus is bounded.

import { shrink, without } from './bounds.js';
import { Dealings } from './dealings.js';

const REQUESTS_MAX = 20000;
const SESSIONS_MAX = 5000;
const FAULTS_MAX = 2000;
const ALARMS_MAX = 100;
const LANES_MAX = 200;
const POINTS_MAX = 60;
const DURATIONS_MAX = 256;
const WINDOW_S = 10;

// Happenings per second, over the last ten whole seconds and this one.
export class Rate {
  constructor() {
    this.counts = new Array(WINDOW_S).fill(0);
    this.second = 0;
  }

  advance(atMs) {
    const second = Math.floor(atMs / 1000);
    for (let each = Math.max(this.second + 1, second - WINDOW_S + 1); each <= second; each++)
      this.counts[each % WINDOW_S] = 0;
    this.second = Math.max(this.second, second);
  }

  add(atMs, n = 1) {
    this.advance(atMs);
    this.counts[this.second % WINDOW_S] += n;
  }

  perSecond(atMs) {
    this.advance(atMs);
    return this.counts.reduce((sum, n) => sum + n, 0) / WINDOW_S;
  }
}

// Of two presences of one member the one of the higher incarnation counts, then that of the higher
// connection, then the death.
function isNewer(presence, known) {
  if (!known || presence.incarnation !== known.incarnation)
    return !known || presence.incarnation > known.incarnation;
  if (presence.connection !== known.connection)
    return presence.connection > known.connection;
  return known.alive && !presence.alive;
}

export class Model {
  constructor() {
    this.members = new Map(); // ID → Presence
    this.platform = null; // its ID
    this.states = new Map(); // provider → name of its state of membership
    this.resources = new Map(); // provider → Resource
    this.stocks = new Map(); // provider → link → LinkStock
    this.requests = new Map(); // ID → {at, isAnswered}
    this.counts = { granted: 0, refused: 0, open: 0 };
    this.answers = new Rate();
    this.durations = [];
    this.nDurations = 0;
    this.sessions = new Map(); // ID → session
    this.faults = new Map(); // "member/ID" → fault
    this.alarms = []; // newest first
    this.lanes = new Map(); // what the timeline shows, oldest first
    this.dealings = new Dealings();
    this.shape = 0; // grows when the map has other providers or links
  }

  take({ kind, from, to, header, messages }, atMs) {
    const taker = TAKERS[kind];
    const isPlatform = from === this.platform;
    for (const message of messages)
      taker?.call(this, message, { from, to, header, atMs, isPlatform });
  }

  // --- who and what there is ---------------------------------------------------------------------

  takePresence(presence, { from }) {
    if (isNewer(presence, this.members.get(from)))
      this.members.set(from, presence);
  }

  // Only the platform may say this: the broker sees to it.
  takeMember(member, { from, to }) {
    this.platform = from;
    this.states.set(to, without('MEMBER_STATE_', member.state));
  }

  takeResource(resource, { from }) {
    const known = this.resources.get(from);
    if (known && known.version >= resource.version)
      return;
    this.resources.set(from, resource);
    this.shape++;
  }

  takeStock(stock, { from }) {
    const known = this.stocks.get(from) ?? new Map();
    for (const link of stock.links)
      known.set(link.link, link);
    this.stocks.set(from, known);
  }

  // --- requests ----------------------------------------------------------------------------------

  findRequest(id, atMs) {
    let asked = this.requests.get(id);
    if (asked)
      return asked;
    asked = { at: atMs, isAnswered: false };
    this.requests.set(id, asked);
    this.counts.open++;
    while (this.requests.size > REQUESTS_MAX) {
      const [oldest, { isAnswered }] = this.requests.entries().next().value;
      this.counts.open -= isAnswered ? 0 : 1;
      this.requests.delete(oldest);
    }
    return asked;
  }

  takeRequest(request, { atMs }) {
    this.findRequest(request.id, atMs);
  }

  // An answer that is repeated counts once; one whose question was not seen has no time.
  takeReply(reply, { atMs }) {
    const wasSeen = this.requests.has(reply.id);
    const asked = this.findRequest(reply.id, atMs);
    if (asked.isAnswered)
      return;
    asked.isAnswered = true;
    this.counts.open--;
    this.counts[reply.status === 'STATUS_OK' ? 'granted' : 'refused']++;
    this.answers.add(atMs);
    if (wasSeen)
      this.durations[this.nDurations++ % DURATIONS_MAX] = atMs - asked.at;
  }

  quantileMs(share) {
    const sorted = [...this.durations].sort((a, b) => a - b);
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : 0;
  }

  // --- sessions ----------------------------------------------------------------------------------

  findSession(id) {
    const known = this.sessions.get(id);
    const session = known ?? { id, initiator: '', targets: [], phase: '', version: 0, delivered: 0, pathsAt: 0,
      ends: new Set(), paths: new Map() };
    if (!known) {
      this.sessions.set(id, session);
      shrink(this.sessions, SESSIONS_MAX);
    }
    return session;
  }

  // A session is over when the platform wants one of its ends gone that is not about to be elsewhere.
  takeLeg(leg) {
    const phase = without('LEG_PHASE_', leg.phase);
    if (phase === 'DRAIN') {
      this.sessions.delete(leg.session);
      return;
    }
    if (leg.sae !== leg.initiator || phase === 'END')
      return;
    const session = this.findSession(leg.session);
    const { initiator, targets, version } = leg;
    if (version >= session.version)
      Object.assign(session, { initiator, targets, version, phase });
  }

  // Also how a page that was opened later hears of it, though not yet which end is which.
  takeLegState(state) {
    const phase = without('LEG_PHASE_', state.phase);
    if (phase === 'DRAIN') {
      this.sessions.delete(state.session);
      return;
    }
    if (phase !== 'SERVE' && !this.sessions.has(state.session))
      return;
    const session = this.findSession(state.session);
    session.ends.add(state.sae);
    session.phase ||= phase;
    if (session.initiator ? state.sae === session.initiator : state.delivered > 0)
      session.delivered = state.delivered;
  }

  // Where a session's keys go is told by each order that fills it, but for one that copies keys from
  // the agent that a user leaves.
  takeOrder(order, { header }) {
    const session = order.session && this.sessions.get(order.session.session);
    if (!session || order.copy || header.sent_at_us < session.pathsAt)
      return;
    session.pathsAt = header.sent_at_us;
    for (const branch of order.branches) {
      if (branch.providers.length > 0)
        session.paths.set(`${branch.target}/${branch.path}`, branch.providers);
    }
  }

  // --- what happens ------------------------------------------------------------------------------

  takeFault(fault, { from, header }) {
    const key = `${from}/${fault.id}`;
    const at = header.sent_at_us / 1000;
    const scope = without('FAULT_SCOPE_', fault.scope).toLowerCase();
    const lane = this.findLane(`fault ${key}`, `${fault.subject || scope} (${from})`, 'fault', at);
    if (fault.cleared) {
      lane.end = at;
      this.faults.delete(key);
      return;
    }
    lane.end = null;
    if (!this.faults.has(key) && this.faults.size < FAULTS_MAX)
      this.faults.set(key, { member: from, scope, subject: fault.subject, cause: fault.cause, since: at });
  }

  takeEvent(event, { from, header }) {
    const at = event.at_us / 1000 || header.sent_at_us / 1000;
    const severity = without('SEVERITY_', event.severity);
    this.markEvent(event, at, severity);
    if (event.name.startsWith('session.'))
      this.takeSessionEvent(event, header);
    if (severity === 'WARNING' || severity === 'ALARM') {
      this.alarms.unshift({ ...event, severity, from, at });
      this.alarms.length = Math.min(this.alarms.length, ALARMS_MAX);
    }
  }

  takeSessionEvent({ name, subject, new_path: path }, header) {
    if (name === 'session.closed') {
      this.sessions.delete(subject);
      return;
    }
    if (path.length === 0 || (name !== 'session.opened' && !this.sessions.has(subject)))
      return;
    const session = this.findSession(subject);
    session.paths.set('0/0', path);
    session.pathsAt = header.sent_at_us;
  }

  // --- the timeline: a lane for each fault, session, handover and member that something happens to -

  findLane(key, label, sort, at) {
    const known = this.lanes.get(key);
    if (known)
      return known;
    const lane = { label, sort, begin: at, end: undefined, points: [] };
    this.lanes.set(key, lane);
    shrink(this.lanes, LANES_MAX);
    return lane;
  }

  markEvent({ name, subject, text, cause, old_path: oldPath, new_path: newPath }, at, severity) {
    const [sort, what] = name.split('.');
    if (!LANES.has(sort) || !subject)
      return;
    const lane = this.findLane(`${sort} ${subject}`, this.sessions.get(subject)?.initiator || subject, sort, at);
    const ways = newPath.length ? `${oldPath.join(' · ')} → ${newPath.join(' · ')}` : '';
    lane.points.push({ at, what, severity, text: [text, cause, ways].filter(Boolean).join('; ') });
    if (lane.points.length > POINTS_MAX)
      lane.points.shift();
    if (BEGINS.has(name))
      Object.assign(lane, { begin: at, end: null });
    else if (ENDS.has(name))
      lane.end = at;
  }

  // --- what the page asks ------------------------------------------------------------------------

  providers() {
    return [...this.resources].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, resource]) => ({
      id, resource, isAlive: this.members.get(id)?.alive ?? false, state: this.states.get(id) ?? '' }));
  }

  // A link is up when both its ends say so; its stock is that of the end that has less.
  links() {
    const links = new Map();
    for (const { id, resource } of this.providers()) {
      for (const border of resource.border_links) {
        const link = links.get(border.id) ?? { id: border.id, ends: [] };
        link.ends.push({ provider: id, node: border.node, peer: border.peer,
          stock: this.stocks.get(id)?.get(border.id) });
        links.set(border.id, link);
      }
    }
    return [...links.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).map(summarize);
  }
}

function summarize(link) {
  const stocks = link.ends.map(({ stock }) => stock).filter(Boolean);
  const nOpen = stocks.length ? Math.min(...stocks.map(({ n_open: n }) => n)) : 0;
  const capacity = Math.max(0, ...stocks.map((stock) => stock.capacity));
  return { ...link, nOpen, capacity,
    share: capacity > 0 ? Math.min(1, nOpen / capacity) : 0,
    fillBps: Math.max(0, ...stocks.map((stock) => stock.fill_bps)),
    isUp: link.ends.length === 2 && stocks.length === 2 && stocks.every((stock) => stock.up) };
}

const LANES = new Set(['session', 'handover', 'member', 'link', 'rating']);
const BEGINS = new Set(['session.degraded', 'handover.requested', 'member.down', 'link.down', 'rating.low']);
const ENDS = new Set(['session.active', 'session.closed', 'handover.released', 'handover.refused',
  'handover.fallen-back', 'member.up', 'link.up', 'rating.recovered']);

const dealing = (name) => function take(message, about) { this.dealings[name](message, about); };

const TAKERS = {
  presence: Model.prototype.takePresence,
  member: Model.prototype.takeMember,
  resource: Model.prototype.takeResource,
  stock: Model.prototype.takeStock,
  request: Model.prototype.takeRequest,
  reply: Model.prototype.takeReply,
  leg: Model.prototype.takeLeg,
  'leg-state': Model.prototype.takeLegState,
  order: Model.prototype.takeOrder,
  fault: Model.prototype.takeFault,
  event: Model.prototype.takeEvent,
  rating: dealing('takeRating'),
  agreement: dealing('takeAgreement'),
  usage: dealing('takeUsage'),
  'usage-state': dealing('takeUsageState'),
  statement: dealing('takeStatement'),
  dispute: dealing('takeDispute'),
};
