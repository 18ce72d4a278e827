// A session as a file: "Save" writes what the ladder shows, both ends and the clock, as JSON; "Open" shows
// such a file without a server. lessons/tools/talk.py --replay sends its frames again.
//
//     { "format": "websocket-ladder", "version": 1, "saved": "2026-11-28T22:00:00.000Z",
//       "clock": { "most": 501, "least": 499 },
//       "rows": [{ "left": { "api": "send", ... }, "right": { "kind": "frame", "dir": "in", "bytes": "8185...", ... } }] }

import { look, session } from './ladder.js';
import { Session } from './session.js';
import { count } from './words.js';

const byId = (id) => document.getElementById(id);

/** A session as text. An echo's left end names its message by the index of that row. */
export function toJson({ rows, clock }) {
  const indexOf = new Map(rows.map((row, i) => [row, i]));
  const leftOf = (left) => left && { ...left, sent: left.sent && indexOf.get(left.sent) };
  return JSON.stringify({
    format: 'websocket-ladder', version: 1, saved: new Date().toISOString(), clock: { most: clock.most, least: clock.least },
    rows: rows.map(({ left, right }) => ({ left: leftOf(left), right })),
  }, null, 1);
}

/** The session of such a text; throws an error whose message can be shown. */
export function fromJson(text) {
  const file = JSON.parse(text);
  if (file?.format !== 'websocket-ladder' || !Array.isArray(file.rows)) throw new Error('It holds no saved session.');
  const read = new Session(Infinity);
  Object.assign(read.clock, { most: file.clock.most ?? Infinity, least: file.clock.least ?? -Infinity });
  for (const { left, right } of file.rows) Object.assign(left ? read.addLeft(left) : read.addRight(right), { left, right });
  const rows = [...read.rows];
  for (const { left } of rows) if (left) left.sent = rows[left.sent];
  read.settle();
  return read;
}

function save() {
  session.settle();
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([toJson(session)], { type: 'application/json' }));
  link.download = `websocket-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function open([file]) {
  try {
    const read = fromJson(await file.text());
    look(read, `${file.name}: ${count(read.rows.length, 'row')} from a file. What happens now is not shown.`);
  } catch (error) {
    look(null);
    byId('banner').hidden = false;
    byId('banner-words').textContent = `${file.name} cannot be shown. ${error.message}`;
  }
}

byId('save').addEventListener('click', save);
byId('open').addEventListener('click', () => byId('open-file').click());
byId('open-file').addEventListener('change', async ({ target }) => {
  await open(target.files);
  target.value = '';                // so that the same file can be opened again
});
byId('back').addEventListener('click', () => look(null));
