// SPDX-License-Identifier: Apache-2.0
//
// The map: providers where the forces of their border links put them (the same federation always
// looks the same), links coloured by stock, the ways of running sessions on them.

import { svg } from './dom.js';

const STEPS = 300;
const MARGIN = { x: 74, y: 46 };
const GATEWAY_AT = 34; // from a provider's centre
const WAYS_MAX = 12;
export const N_COLOURS = 6;

export function levelOf({ isUp, share }) {
  if (!isUp)
    return 'down';
  return share < 0.2 ? 'low' : share < 0.6 ? 'part' : 'full';
}

// Fruchterman and Reingold's, from a circle in the order of the IDs; positions from 0 to 1.
function place(ids, pairs) {
  const n = ids.length;
  const at = ids.map((_, i) => ({
    x: 0.5 + 0.4 * Math.cos(2 * Math.PI * i / n - Math.PI / 2),
    y: 0.5 + 0.4 * Math.sin(2 * Math.PI * i / n - Math.PI / 2) }));
  const ideal = 0.7 / Math.sqrt(n);
  for (let step = 0; step < STEPS; step++)
    relax(at, pairs, ideal, 0.1 * (1 - step / STEPS));
  return stretch(at);
}

function relax(at, pairs, ideal, limit) {
  const push = at.map(() => ({ x: 0, y: 0 }));
  const pull = (i, j, strength) => {
    const dx = at[i].x - at[j].x;
    const dy = at[i].y - at[j].y;
    const distance = Math.max(0.001, Math.hypot(dx, dy));
    const force = strength(distance) / distance;
    push[i].x += dx * force; push[i].y += dy * force;
    push[j].x -= dx * force; push[j].y -= dy * force;
  };
  for (let i = 0; i < at.length; i++) {
    for (let j = i + 1; j < at.length; j++)
      pull(i, j, (distance) => ideal * ideal / distance);
  }
  for (const [i, j] of pairs)
    pull(i, j, (distance) => -distance * distance / ideal);
  at.forEach((point, i) => {
    const length = Math.max(0.001, Math.hypot(push[i].x, push[i].y));
    point.x += push[i].x / length * Math.min(length, limit);
    point.y += push[i].y / length * Math.min(length, limit);
  });
}

function stretch(at) {
  const scale = (axis) => {
    const low = Math.min(...at.map((point) => point[axis]));
    const high = Math.max(...at.map((point) => point[axis]));
    return (value) => (high - low < 0.02 ? 0.5 : (value - low) / (high - low));
  };
  const [x, y] = [scale('x'), scale('y')];
  return at.map((point) => ({ x: x(point.x), y: y(point.y) }));
}

function towards(from, to, distance) {
  const length = Math.max(1, Math.hypot(to.x - from.x, to.y - from.y));
  return { x: from.x + (to.x - from.x) / length * distance, y: from.y + (to.y - from.y) / length * distance };
}

// Side by side with others on the same link.
function aside(a, b, offset) {
  const length = Math.max(1, Math.hypot(b.x - a.x, b.y - a.y));
  const [dx, dy] = [-(b.y - a.y) / length * offset, (b.x - a.x) / length * offset];
  return [{ x: a.x + dx, y: a.y + dy }, { x: b.x + dx, y: b.y + dy }];
}

export class Map2d {
  constructor(element, choose) {
    Object.assign(this, { element, choose, shape: -1, points: new Map(), parts: new Map() });
    this.links = svg('g');
    this.ways = svg('g');
    this.providers = svg('g');
    this.svg = svg('svg', { role: 'group', 'aria-label': 'map of the federation' },
      this.links, this.ways, this.providers);
    element.append(this.svg);
    new ResizeObserver(() => { this.shape = -1; this.onResize?.(); }).observe(element);
  }

  // Everything where it is; only when there is something new, or another size.
  arrange(providers, links, shape) {
    const ids = providers.map(({ id }) => id);
    const index = new Map(ids.map((id, i) => [id, i]));
    const pairs = links.filter(({ ends }) => ends.length === 2)
      .map(({ ends }) => ends.map(({ provider }) => index.get(provider)));
    const width = Math.max(280, this.element.clientWidth);
    const height = Math.max(260, Math.min(560, width * (width < 560 ? 1.05 : 0.55)));
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    place(ids, pairs).forEach(({ x, y }, i) => this.points.set(ids[i], {
      x: MARGIN.x + x * (width - 2 * MARGIN.x), y: MARGIN.y + y * (height - 2 * MARGIN.y) }));
    this.shape = shape;
    this.isDense = ids.length > 24;
    this.parts.clear();
    this.links.replaceChildren(...links.map((link) => this.makeLink(link)));
    this.providers.replaceChildren(...providers.map((provider) => this.makeProvider(provider, links)));
  }

  makeLink(link) {
    const [a, b] = link.ends.map(({ provider }) => this.points.get(provider));
    if (!b)
      return svg('g');
    const title = svg('title');
    const line = svg('line', { class: 'link', x1: a.x, y1: a.y, x2: b.x, y2: b.y });
    const text = svg('text', { class: 'stock', x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + 4, hidden: this.isDense });
    this.parts.set(`link ${link.id}`, { title, line, text });
    return svg('g', { 'data-link': link.id }, title, line, this.isDense ? null : text);
  }

  makeProvider(provider, links) {
    const { id, resource } = provider;
    const at = this.points.get(id);
    const size = this.isDense ? 9 : 24;
    const group = svg('g', { class: 'provider', tabindex: 0, role: 'button', 'data-provider': id },
      svg('circle', { class: 'node', cx: at.x, cy: at.y, r: size }),
      ...this.gatewaysOf(id, links).map(({ node, x, y }) => svg('circle', { class: 'gateway', cx: x, cy: y, r: this.isDense ? 2.5 : 4.5 },
        svg('title', {}, `gateway ${node}`))),
      svg('text', { class: 'name', x: at.x, y: at.y + size + 18 }, id),
      this.isDense ? null : svg('text', { class: 'sub', x: at.x, y: at.y + 4 }, resource.region));
    group.addEventListener('click', () => this.choose(id));
    group.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        this.choose(id);
      }
    });
    this.parts.set(`provider ${id}`, { group });
    return group;
  }

  gatewaysOf(id, links) {
    const here = this.points.get(id);
    return links.filter(({ ends }) => ends.length === 2 && ends.some(({ provider }) => provider === id))
      .map(({ ends }) => {
        const own = ends.find(({ provider }) => provider === id);
        const other = ends.find(({ provider }) => provider !== id) ?? own;
        return { node: own.node, ...towards(here, this.points.get(other.provider), this.isDense ? 12 : GATEWAY_AT - 4) };
      });
  }

  show({ providers, links, sessions, shape, chosen }) {
    if (providers.length === 0)
      return;
    if (shape !== this.shape)
      this.arrange(providers, links, shape);
    links.forEach((link) => this.showLink(link));
    for (const { id, isAlive, state } of providers) {
      const { group } = this.parts.get(`provider ${id}`);
      group.dataset.tone = isAlive && state === 'ACTIVE' ? '' : 'bad';
      group.classList.toggle('chosen', id === chosen);
      group.setAttribute('aria-label', `${id}, ${state.toLowerCase()}, ${isAlive ? 'there' : 'gone'}`);
    }
    this.showWays(sessions);
  }

  showLink(link) {
    const part = this.parts.get(`link ${link.id}`);
    if (!part)
      return;
    const stock = link.isUp ? `${Math.round(100 * link.share)} %` : 'down';
    part.line.dataset.level = levelOf(link);
    if (part.text.textContent !== stock)
      part.text.textContent = stock;
    const title = `${link.id}: ${stock}, ${link.nOpen} of ${link.capacity} slots`;
    if (part.title.textContent !== title)
      part.title.textContent = title;
  }

  // Redrawn only when they have changed, so that they go on moving.
  showWays(sessions) {
    const ways = sessions.slice(0, WAYS_MAX).flatMap((session, i) =>
      [...session.paths.values()].map((path) => ({ id: session.id, path, colour: i % N_COLOURS, lane: i })));
    const drawing = JSON.stringify([this.shape, ways, this.svg.getAttribute('viewBox')]);
    if (drawing === this.drawing)
      return;
    this.drawing = drawing;
    this.ways.replaceChildren(...ways.map((way) => this.makeWay(way)).filter(Boolean));
  }

  makeWay({ id, path, colour, lane }) {
    const points = path.map((provider) => this.points.get(provider)).filter(Boolean);
    const offset = 7 + 5 * (lane >> 1);
    const pieces = points.slice(1).map((to, i) => {
      const isForward = path[i] < path[i + 1];
      const side = (lane % 2 ? -1 : 1) * (isForward ? 1 : -1);
      const [a, b] = aside(points[i], to, side * offset);
      return `M${a.x.toFixed(1)} ${a.y.toFixed(1)}L${b.x.toFixed(1)} ${b.y.toFixed(1)}`;
    });
    return pieces.length > 0
      ? svg('path', { class: `way c${colour}`, d: pieces.join(''), 'data-session': id, 'data-path': path.join(' ') })
      : null;
  }
}
