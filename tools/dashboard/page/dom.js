// SPDX-License-Identifier: Apache-2.0
//
// Elements made and kept. All text goes in as text: what members say is never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false)
      element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== String(text))
    element.textContent = text;
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString('en-GB');
}

export function bitRate(bps) {
  if (bps < 10e3)
    return `${Math.round(bps)} b/s`;
  return bps < 10e6 ? `${Math.round(bps / 1e3)} kb/s` : `${Math.round(bps / 1e6)} Mb/s`;
}

// Small tables whose rows change: the same row stays the same element, so that neither focus nor
// selection is lost. `columns`: [{title, isNumber, cell(row) → text or element}]; `about(row)` gives
// {key, tone, data}; `empty` is said where there is no row.
export class Table {
  constructor(place, caption, columns, about, empty = 'none') {
    Object.assign(this, { columns, about, rows: new Map() });
    this.body = html('tbody');
    this.empty = html('p', { class: 'empty' }, empty);
    this.table = html('table', { 'aria-label': caption },
      html('thead', {}, html('tr', {}, ...columns.map(({ title, isNumber }) =>
        html('th', { scope: 'col', class: isNumber && 'number' }, title)))), this.body);
    place.replaceChildren(this.table, this.empty);
  }

  makeRow() {
    return html('tr', {}, ...this.columns.map(({ isNumber }) => html('td', { class: isNumber && 'number' })));
  }

  show(items) {
    const seen = new Set();
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    items.forEach((item, index) => {
      const { key, tone = '', data = {} } = this.about(item);
      const row = this.rows.get(key) ?? this.makeRow();
      this.rows.set(key, row);
      seen.add(key);
      Object.assign(row.dataset, { tone, ...data });
      this.columns.forEach(({ cell }, i) => fillCell(row.children[i], cell(item)));
      if (this.body.children[index] !== row)
        this.body.insertBefore(row, this.body.children[index] ?? null);
    });
    for (const [key, row] of this.rows) {
      if (!seen.has(key)) {
        row.remove();
        this.rows.delete(key);
      }
    }
  }
}

function fillCell(cell, content) {
  if (content instanceof Node) {
    if (!cell.firstChild?.isEqualNode?.(content) || cell.childNodes.length !== 1)
      cell.replaceChildren(content);
  } else {
    setText(cell, content ?? '');
  }
}
