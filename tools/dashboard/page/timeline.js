// SPDX-License-Identifier: Apache-2.0
//
// What faults, reroutes, handovers and members have done of late, as lanes over time.

import { clock, html } from './dom.js';

const SPANS_MS = [60e3, 5 * 60e3, 15 * 60e3, 60 * 60e3];
const LANES_SHOWN = 14;
const AXIS_MARKS = 5;

const latest = (lane) => Math.max(lane.begin, lane.end ?? 0, lane.points.at(-1)?.at ?? 0);
const isOpen = (lane) => lane.end === null;
const earliest = (lane) => Math.min(lane.begin, lane.points[0]?.at ?? lane.begin);

function describe(lane) {
  const until = lane.end ? ` to ${clock(lane.end)}` : isOpen(lane) ? ', goes on' : '';
  return `${lane.sort} ${lane.label}, ${clock(lane.begin)}${until}`;
}

export class Timeline {
  constructor(element, note) {
    Object.assign(this, { element, note });
  }

  show(lanes, now) {
    const shown = [...lanes.values()]
      .filter((lane) => isOpen(lane) || now - latest(lane) < SPANS_MS.at(-1))
      .sort((a, b) => isOpen(b) - isOpen(a) || latest(b) - latest(a)).slice(0, LANES_SHOWN);
    const oldest = Math.min(now, ...shown.map(earliest));
    const span = SPANS_MS.find((ms) => now - oldest < ms) ?? SPANS_MS.at(-1);
    this.note.textContent = shown.length ? `the last ${span / 60e3} min` : '';
    if (shown.length === 0) {
      this.element.replaceChildren(html('p', { class: 'empty' }, 'nothing has happened'));
      return;
    }
    const begin = now - span;
    const axis = Array.from({ length: AXIS_MARKS }, (_, i) =>
      html('span', {}, clock(begin + span * i / (AXIS_MARKS - 1))));
    this.element.replaceChildren(html('div', { class: 'lanes' },
      ...shown.flatMap((lane) => this.makeLane(lane, begin, span, now)),
      html('div', { class: 'axis', 'aria-hidden': 'true' }, ...axis)));
  }

  makeLane(lane, begin, span, now) {
    const percent = (at) => Math.min(100, Math.max(0, 100 * (at - begin) / span));
    const track = html('div', { class: 'track', role: 'img', 'aria-label': describe(lane), 'data-sort': lane.sort,
      'data-label': lane.label, 'data-open': String(isOpen(lane)) });
    if (lane.end !== undefined) {
      const bar = html('span', { class: 'span', title: describe(lane), 'data-sort': lane.sort });
      bar.style.left = `${percent(lane.begin)}%`;
      bar.style.width = `${percent(lane.end ?? now) - percent(lane.begin)}%`;
      track.append(bar);
    }
    for (const { at, what, text } of lane.points) {
      if (at < begin)
        continue;
      const point = html('span', { class: 'point', title: `${clock(at)} ${what}: ${text}`, 'data-what': what });
      point.style.left = `${percent(at)}%`;
      track.append(point);
    }
    return [html('div', { class: 'label', title: describe(lane) }, html('small', {}, lane.sort), lane.label), track];
  }
}
