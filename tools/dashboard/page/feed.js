// SPDX-License-Identifier: Apache-2.0
//
// The bus, line by line, newest first; what is opened shows the whole publish. Only so many lines
// are kept, and so many are drawn at a time.

import { clock, html } from './dom.js';

const KEPT = 400;
const SHOWN = 60;
const TOLD = ['name', 'id', 'request', 'session', 'sae', 'link', 'subject', 'phase', 'state', 'status', 'text'];
const WORTH = 4;

// A few words on a message: of the fields that name or judge something, those that are set.
function tell(message) {
  const words = TOLD.map((name) => message[name])
    .filter((value) => typeof value === 'string' && value && !value.endsWith('_UNSPECIFIED'));
  return words.slice(0, WORTH).map((word) => word.replace(/^(STATUS|MEMBER_STATE|LEG_PHASE|HANDOVER_PHASE)_/, '')).join('  ');
}

function isAbout(publish, text) {
  const { kind, from, to, messages } = publish;
  return !text || `${kind} ${from} ${to}`.includes(text) || JSON.stringify(messages).toLowerCase().includes(text);
}

export class Feed {
  constructor(element, note) {
    Object.assign(this, { element, note, lines: [], kind: '', text: '', isPaused: false, isStale: false });
    this.nMatched = 0;
  }

  take(publish) {
    if (this.isPaused || (this.kind && publish.kind !== this.kind))
      return;
    this.lines.push(publish);
    this.nMatched++;
    if (this.lines.length > 2 * KEPT)
      this.lines = this.lines.slice(-KEPT);
    this.isStale = true;
  }

  filter(kind, text) {
    this.kind = kind;
    this.text = text.trim().toLowerCase();
    if (kind)
      this.lines = this.lines.filter((line) => line.kind === kind);
    this.isStale = true;
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.isStale = true;
  }

  // Not while somebody reads a message: it would be drawn away.
  show() {
    if (!this.isStale || this.element.querySelector('details[open]'))
      return;
    const found = [];
    for (let i = this.lines.length - 1; i >= 0 && found.length < SHOWN; i--) {
      if (isAbout(this.lines[i], this.text))
        found.push(this.lines[i]);
    }
    this.isStale = false;
    this.element.replaceChildren(...found.map(makeLine));
    const skipped = this.nMatched - this.nShown(found);
    this.note.textContent = this.isPaused ? 'paused' : skipped > SHOWN ? `sampled: the latest ${found.length} are shown` : '';
    this.nMatched = 0;
  }

  nShown(found) {
    return Math.min(found.length, this.nMatched);
  }
}

function makeLine(publish) {
  const { kind, from, to, header, messages } = publish;
  const more = messages.length > 1 ? `  (+${messages.length - 1})` : '';
  const details = html('details', { 'data-kind': kind },
    html('summary', {},
      html('span', { class: 'dim' }, clock(header.sent_at_us / 1000)),
      html('span', {}, kind), html('span', { class: 'dim' }, `${from} → ${to}`),
      html('span', { class: 'what' }, messages.length ? tell(messages[0]) + more : '')));
  details.addEventListener('toggle', () => {
    if (details.open && !details.querySelector('pre'))
      details.append(html('pre', { tabindex: 0 }, JSON.stringify({ ...header, messages }, null, 2)));
  });
  return details;
}
