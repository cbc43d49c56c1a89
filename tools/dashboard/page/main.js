// SPDX-License-Identifier: Apache-2.0
//
// The page: what the bus says goes into the model at once, and from there onto the screen a few
// times a second.

import { Bus } from './bus.js';
import { Codec } from './codec.js';
import { byId, html } from './dom.js';
import { Feed } from './feed.js';
import { Map2d } from './map.js';
import { Model } from './model.js';
import { Panels } from './panels.js';
import { Timeline } from './timeline.js';

const DRAW_MS = 250;
const IDLE_MS = 1000;
const THEMES = ['auto', 'light', 'dark'];

class Page {
  constructor(codec) {
    this.model = new Model();
    this.chosen = null;
    this.drawnAt = -Infinity;
    this.panels = new Panels();
    this.map = new Map2d(byId('map'), (id) => this.choose(id));
    this.map.onResize = () => this.draw();
    this.timeline = new Timeline(byId('timeline'), byId('timeline-span'));
    this.feed = new Feed(byId('feed'), byId('feed-note'));
    this.bus = new Bus(codec, {
      take: (publish, at) => this.take(publish, at),
      told: (isThere, why) => this.tell(isThere, why),
      drawn: () => this.drawSoon(),
    });
    this.kinds = new Set();
    setInterval(() => this.draw(), IDLE_MS);
  }

  take(publish, at) {
    this.model.take(publish, at);
    this.feed.take(publish);
    if (!this.kinds.has(publish.kind)) {
      this.kinds.add(publish.kind);
      this.addKind(publish.kind);
    }
  }

  addKind(kind) {
    const select = byId('feed-kind');
    const before = [...select.options].find((option) => option.value > kind);
    select.insertBefore(html('option', { value: kind }, kind), before ?? null);
  }

  tell(isThere, why) {
    const pill = byId('connection');
    pill.dataset.state = isThere ? 'there' : 'lost';
    pill.textContent = isThere ? 'on the bus' : `the bus is lost${why ? `: ${why}` : ''}; trying again`;
  }

  drawSoon() {
    if (performance.now() - this.drawnAt >= DRAW_MS)
      this.draw();
    else
      this.pending ??= setTimeout(() => this.draw(), DRAW_MS);
  }

  draw() {
    clearTimeout(this.pending);
    this.pending = null;
    this.drawnAt = performance.now();
    const { model } = this;
    const view = { providers: model.providers(), links: model.links(), sessions: [...model.sessions.values()],
      shape: model.shape, chosen: this.chosen };
    this.map.show(view);
    this.panels.show(model, view, this.bus.rate, this.drawnAt);
    this.timeline.show(model.lanes, Date.now());
    this.feed.show();
    this.showSampling();
  }

  showSampling() {
    const { arrived, dropped, unreadable, missing } = this.bus.counts;
    const nLost = Math.min(missing, this.missing ?? 0);
    const notice = byId('sampling');
    const parts = [];
    if (dropped > 0)
      parts.push(`sampled: of ${arrived} publishes ${dropped} were left out, since more arrive than can be shown`);
    if (nLost > 0)
      parts.push(`sampled: ${nLost} publishes did not arrive, since more is said than the way here takes`);
    if (unreadable > 0)
      parts.push(`${unreadable} publishes cannot be read`);
    notice.hidden = parts.length === 0;
    notice.textContent = parts.join('; ');
    this.missing = missing;
  }

  // On the map; what is on the bus about it is shown, too.
  choose(id) {
    this.chosen = this.chosen === id ? null : id;
    byId('feed-text').value = this.chosen ?? '';
    this.filter();
    this.draw();
  }

  filter() {
    this.feed.filter(byId('feed-kind').value, byId('feed-text').value);
    this.feed.show();
  }

  pause() {
    const button = byId('feed-pause');
    this.feed.pause(button.getAttribute('aria-pressed') !== 'true');
    button.setAttribute('aria-pressed', String(this.feed.isPaused));
    this.feed.show();
  }
}

function setTheme(theme) {
  if (theme === 'auto')
    delete document.documentElement.dataset.theme;
  else
    document.documentElement.dataset.theme = theme;
  localStorage.setItem('theme', theme);
  byId('theme').textContent = `◐ ${theme}`;
  byId('theme').setAttribute('aria-label', `colours: ${theme === 'auto' ? 'as the system has them' : theme}`);
}

function nextTheme() {
  const theme = localStorage.getItem('theme') ?? THEMES[0];
  setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
}

function listen(page) {
  byId('theme').addEventListener('click', nextTheme);
  byId('feed-kind').addEventListener('change', () => page.filter());
  byId('feed-text').addEventListener('input', () => page.filter());
  byId('feed-pause').addEventListener('click', () => page.pause());
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && page.chosen)
      page.choose(page.chosen);
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('input, select'))
      return;
    const act = { '/': () => byId('feed-text').focus(), p: () => page.pause(), t: nextTheme }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

function drawLegend() {
  const items = [['full-stock', 'stock 60 % or more'], ['part', '20 %'], ['low', 'less'], ['down', 'down']];
  byId('legend').replaceChildren(...items.map(([name, text]) => html('li', {}, html('i', { class: name }), text)));
}

async function start() {
  setTheme(localStorage.getItem('theme') ?? THEMES[0]);
  drawLegend();
  const page = new Page(await Codec.load());
  listen(page);
  page.draw();
  page.bus.start(`ws://${location.host}/bus${location.search}`);
  return page;
}

// For tests, and for who is curious at the console.
export const page = start();
page.catch((error) => {
  byId('connection').dataset.state = 'lost';
  byId('connection').textContent = error.message;
});
