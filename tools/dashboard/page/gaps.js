// SPDX-License-Identifier: Apache-2.0
//
// What the page has not seen: the frames of a sender are numbered without a gap. As the tap counts.

const SENDERS_MAX = 10000;

// What is retained may be old: a life begins, for whoever listens, with what is not.
const RETAINED = new Set(['presence', 'member', 'resource', 'rating']);

export class Gaps {
  constructor() {
    this.senders = new Map(); // ID → {incarnation, last, nMissing}
    this.nMissing = 0;
  }

  take(kind, from, { incarnation, sequence }) {
    const sender = this.senders.get(from);
    const isRetained = RETAINED.has(kind);
    if (!sequence || incarnation < sender?.incarnation)
      return;
    if (incarnation === sender?.incarnation)
      this.count(sender, sequence, isRetained);
    else if (!isRetained && (sender || this.senders.size < SENDERS_MAX))
      this.senders.set(from, { incarnation, last: sequence, nMissing: 0 });
  }

  count(sender, sequence, isRetained) {
    if (sequence > sender.last) {
      this.nMissing += sequence - sender.last - 1;
      sender.nMissing += sequence - sender.last - 1;
      sender.last = sequence;
    } else if (sequence < sender.last && sender.nMissing > 0 && !isRetained) {
      this.nMissing--;
      sender.nMissing--;
    }
  }
}
