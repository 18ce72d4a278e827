// Plays a recording of the server in gdb, made by record.py: forwards, backwards, to any step.
//
// Each step of a recording has what differs from the step before it. They are put together once, into
// one state a step; what is drawn at a step depends on that state and the one before, never on the way
// by which one came there.
'use strict';

const ROW = 16;               // bytes in a row of the buffer
const ROWS = 4;               // rows that are shown at most
const KEYWORDS = new Set(('break case char const continue default do double else enum extern for goto if int long '
  + 'return short signed sizeof static struct switch typedef union unsigned void volatile while bool size_t '
  + 'true false NULL').split(' '));

// ---- the states ----

function statesOf(recording) {
  const states = [];
  let state = { variables: {}, seen: {} };
  for (const step of recording.steps) {
    const variables = { ...state.variables, ...step.variables };
    for (const name of Object.keys(variables)) if (variables[name] === null) delete variables[name];
    state = { ...state, ...step, variables };
    state.seen = { ...state.seen, [state.thread]: state.at };
    states.push(state);
  }
  return states;
}

// What the state before says of the same call, to tell what has changed.
function isSameCall(recording, a, b) {
  return a !== undefined && a.thread === b.thread && a.under.join() === b.under.join()
    && recording.places[a.at][1] === recording.places[b.at][1];
}

// ---- the wire: lines, then frames, field by field ----

function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const FIELDS = { line: 'a line', opcode: 'FIN and opcode', length: 'MASK and length', key: 'masking key',
  payload: 'payload', close: 'Close: code and reason' };
const textOf = (bytes) => [...bytes].map((byte) => byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·').join('');
const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

// The fields of what one side has sent: [{ from, to, kind }].
function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const add = (length, kind) => {
    if (length > 0) fields.push({ from: at, to: at += length, kind });
  };
  for (let end = 0; at < bytes.length && !(end - at <= 2 && end > 0 && fields.at(-1)?.empty);) {
    end = bytes.indexOf(10, at) + 1 || bytes.length;
    add(end - at, 'line');
    fields.at(-1).empty = fields.at(-1).to - fields.at(-1).from <= 2;
    if (fields.at(-1).empty) break;
  }
  const head = textOf(bytes.subarray(0, at));
  if (!/upgrade: *websocket/i.test(head)) add(bytes.length - at, 'payload');
  while (at + 1 < bytes.length) addFrame(bytes, at, add);
  add(bytes.length - at, 'opcode');
  return fields;
}

function addFrame(bytes, at, add) {
  const masked = bytes[at + 1] > 127;
  const short = bytes[at + 1] & 127;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const length = extended ? bytes.subarray(at + 2, at + 2 + extended).reduce((n, byte) => n * 256 + byte, 0) : short;
  add(1, 'opcode');
  add(1 + extended, 'length');
  add(masked ? 4 : 0, 'key');
  add(length, (bytes[at] & 15) === 8 ? 'close' : 'payload');
}

// ---- drawing ----

function make(name, className = '', ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

// A line of C, coloured as the book colours it.
function coloured(text) {
  const pattern = /(\/\*.*?(?:\*\/|$)|\/\/.*$)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\b(\d\w*)\b|\b([A-Za-z_]\w*)\b/g;
  const line = make('span');
  let at = 0;
  for (const found of text.matchAll(pattern)) {
    const [all, comment, string, number, word] = found;
    const kind = comment ? 'co' : string ? 'st' : number ? 'dv' : KEYWORDS.has(word) ? 'kw' : '';
    line.append(text.slice(at, found.index), kind ? make('span', kind, all) : all);
    at = found.index + all.length;
  }
  line.append(text.slice(at));
  return line;
}

class Player {
  constructor(box, name) {
    this.box = box;
    this.name = name;
    this.recording = window.recordings[name];
    this.states = statesOf(this.recording);
    this.wire = {};
    for (const [number, both] of Object.entries(this.recording.wire)) {
      this.wire[number] = [both.in, both.out].map((hex) => {
        const bytes = bytesOf(hex);
        return { bytes, fields: fieldsOf(bytes) };
      });
    }
    this.build();
  }

  get last() { return this.states.length - 1; }

  place(index) {
    const [file, name, offset] = this.recording.places[index];
    const found = this.recording.functions[`${file}/${name}`];
    return { file, name, ...found, line: found.first + offset };
  }

  // ---- the parts ----

  build() {
    const part = (name, label, scrolls = false) => {
      this[name] = make('div', name);
      const section = make('section', `part ${name}-part`, make('p', 'label', label), this[name]);
      if (scrolls) Object.assign(this[name], { tabIndex: 0, role: 'group', ariaLabel: label });
      return section;
    };
    this.said = make('div', 'said');
    this.box.replaceChildren(this.controls(), this.said, make('div', 'panes',
      part('code', 'Source', true),
      make('div', 'facts', part('stack', 'Stack'), part('values', 'Variables', true), part('threads', 'Threads'))),
    part('buffer', 'Read buffer', true), part('wires', 'On the wire', true));
    this.title = this.box.querySelector('.code-part .label');
    this.threads.parentElement.hidden = new Set(this.states.map(({ thread }) => thread)).size < 2;
    this.box.tabIndex = -1;
    this.box.onkeydown = (event) => this.onKey(event);
  }

  controls() {
    const button = (words, label, action) => {
      const made = make('button', '', words);
      Object.assign(made, { type: 'button', title: label, ariaLabel: label, onclick: action });
      return made;
    };
    this.range = Object.assign(make('input'), { type: 'range', min: 0, max: this.last, ariaLabel: 'Step',
      oninput: () => this.show(Number(this.range.value)) });
    this.count = make('span', 'count');
    this.link = make('a', 'link', 'Link');
    this.link.title = 'A link to this step';
    const marks = make('div', 'marks', ...this.recording.stops.map(({ step }) => {
      const mark = make('span');
      mark.style.left = `${100 * step / this.last}%`;
      return mark;
    }));
    return make('div', 'controls',
      make('div', 'buttons',
        button('« Stop', 'To the stop before', () => this.toStop(-1)),
        button('‹ Step', 'One step back (arrow left)', () => this.show(this.at - 1)),
        button('Step ›', 'One step on (arrow right)', () => this.show(this.at + 1)),
        button('Stop »', 'To the next stop of the tour (shift and arrow right)', () => this.toStop(1)),
        button('Bytes »', 'To where the next bytes have been received', () => this.toBytes()),
        this.count, this.link),
      make('div', 'slider', this.range, marks));
  }

  onKey(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (event.shiftKey) this.toStop(way);
    else this.show(this.at + way);
  }

  toStop(way) {
    const steps = this.recording.stops.map(({ step }) => step);
    this.show(way > 0 ? steps.find((step) => step > this.at) ?? this.last
      : steps.findLast((step) => step < this.at) ?? 0);
  }

  // A step by its number, or the first one in a function.
  stepAt(place) {
    if (/^\d+$/.test(place)) return Number(place);
    return Math.max(0, this.states.findIndex(({ at }) => this.recording.places[at][1] === place));
  }

  toBytes() {
    const next = this.states.findIndex((state, i) => i > this.at && state.received > this.states[i - 1].received
      && state.connection === this.states[i - 1].connection);
    this.show(next < 0 ? this.last : next);
  }

  // ---- a step ----

  show(step) {
    this.at = Math.min(Math.max(step, 0), this.last);
    const state = this.states[this.at];
    const before = this.states[this.at - 1];
    this.range.value = this.at;
    this.count.textContent = `step ${this.at} of ${this.last}`;
    this.link.href = `#${this.name}/${this.at}`;
    this.drawSaid();
    this.drawCode(state.at);
    this.drawStack(state);
    this.drawVariables(state, isSameCall(this.recording, before, state) ? before.variables : null);
    this.drawThreads(state);
    this.drawBuffer(state.buffer);
    this.drawWire(state, before);
  }

  drawSaid() {
    const stops = this.recording.stops;
    const number = stops.findLastIndex(({ step }) => step <= this.at);
    const here = number >= 0 && stops[number].step === this.at;
    const said = (number < 0 ? this.recording.intro : stops[number].said).join(' ');
    this.said.className = here ? 'said here' : 'said';
    this.said.replaceChildren(make('b', '', number < 0 ? `Before stop 1 of ${stops.length}`
      : `${here ? 'Stop' : 'After stop'} ${number + 1} of ${stops.length}`), make('span', '', said));
    if (number >= 0 && stops[number].asked) this.said.append(this.question(number));
  }

  // What the tour asks at a stop. The answer is what it says next.
  question(number) {
    const { stops } = this.recording;
    const answer = stops.slice(number + 1).find(({ said }) => said.length > 0)?.said ?? [];
    return make('details', 'asked', make('summary', '', make('b', '', 'Predict first: '), stops[number].asked),
      make('span', '', answer.join(' ')));
  }

  drawCode(index) {
    const { file, name, first, lesson, lines, line } = this.place(index);
    const up = document.body.dataset.up;
    const source = make('a', '', `${file}:${line}`);
    source.href = `${up}source/${file}.html#L${line}`;
    this.title.replaceChildren(make('code', '', name), ' ', source, lesson ? ` lesson ${lesson}` : '');
    if (this.shown !== `${file}/${name}`) {
      this.shown = `${file}/${name}`;
      this.code.replaceChildren(...lines.map((text, i) =>
        make('div', '', make('span', 'number', String(first + i)), coloured(text))));
    }
    for (const row of this.code.children) row.className = '';
    const row = this.code.children[line - first];
    row.className = 'now';
    this.code.scrollTop = row.offsetTop - this.code.clientHeight / 2;
  }

  drawStack(state) {
    this.stack.replaceChildren(...[state.at, ...state.under].map((index, i) => {
      const { file, name, line } = this.place(index);
      const row = make('button', i === 0 ? 'frame now' : 'frame', make('code', '', name), make('span', '', `${file}:${line}`));
      Object.assign(row, { type: 'button', title: `Show ${name}`, onclick: () => this.drawCode(index) });
      return row;
    }));
  }

  drawVariables(state, before) {
    const rows = Object.entries(state.variables).map(([name, value]) => {
      const changed = before !== null && before[name] !== value;
      return make('div', changed ? 'changed' : '', make('code', '', name), make('code', 'value', value));
    });
    this.values.replaceChildren(...rows.length ? rows : [make('p', '', 'none yet')]);
  }

  drawThreads(state) {
    this.threads.replaceChildren(...Object.entries(state.seen).map(([number, index]) => {
      const running = Number(number) === state.thread;
      return make('div', running ? 'now' : '', make('b', '', this.recording.threads[number] ?? 'a thread'),
        make('span', '', `${running ? 'in' : 'last seen in'} ${this.place(index).name}`));
    }));
  }

  drawBuffer(buffer) {
    const part = this.buffer.parentElement;
    part.hidden = !this.states.some((state) => state.buffer);
    if (!buffer) return this.buffer.replaceChildren(make('p', '', 'This thread serves no client.'));
    const { start, end, first, out } = buffer;
    const bytes = bytesOf(buffer.bytes);
    const words = `in_start ${start}, in_end ${end}: ${end - start} to be read`
      + (out ? `; write buffer: ${out} to be sent` : '');
    const from = Math.max(0, Math.min(Math.floor((start - first) / ROW) - 2, Math.ceil(bytes.length / ROW) - ROWS)) * ROW;
    const shown = [...bytes.subarray(from, from + ROW * ROWS)];
    const cells = (text) => shown.map((byte, i) => {
      const at = first + from + i;
      return make('span', (at < start ? 'read' : 'waits') + (at === start ? ' start' : '') + (at === end - 1 ? ' end' : ''),
        text(byte));
    });
    const rows = [];
    const hex = cells((byte) => hexOf([byte]));
    const text = cells((byte) => textOf([byte]));
    for (let i = 0; i < shown.length; i += ROW) {
      rows.push(make('div', 'bytes', make('span', 'number', String(first + from + i)),
        make('span', 'hex', ...hex.slice(i, i + ROW)), make('span', 'text', ...text.slice(i, i + ROW))));
    }
    return this.buffer.replaceChildren(make('p', '', words), ...rows);
  }

  drawWire(state, before) {
    this.wires.parentElement.hidden = Object.keys(this.wire).length === 0;
    const both = this.wire[state.connection];
    if (!both) return this.wires.replaceChildren(make('p', '', 'nothing yet'));
    const strips = both.map((way, i) => {
      const key = ['received', 'sent'][i];
      const old = before && before.connection === state.connection ? before[key] : 0;
      const strip = make('div', 'strip', ...way.fields.filter(({ from }) => from < state[key]).map((field) => {
        const piece = way.bytes.subarray(field.from, Math.min(field.to, state[key], field.from + 64));
        const shown = field.kind === 'line' ? textOf(piece).replace(/··$/, '\\r\\n') : hexOf(piece);
        const box = make('span', field.kind + (field.to > old ? ' new' : ''), shown + (field.to - field.from > 64 ? ' …' : ''));
        box.title = FIELDS[field.kind];
        return box;
      }));
      return make('div', 'way', make('b', '', i === 0 ? '→ received' : '← sent'), make('span', 'total', String(state[key])), strip);
    });
    this.wires.replaceChildren(...strips);
    strips.forEach((way) => { way.lastChild.scrollLeft = way.lastChild.scrollWidth; });
    return undefined;
  }
}

// ---- where it stands in a page ----

function loadScript(file) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), { onload: resolve, onerror: reject });
    script.src = document.body.dataset.up + file;
    document.head.append(script);
  });
}

async function loadRecording(name) {
  if (!window.recordings?.[name]) await loadScript(`recordings/${name}.js`);
}

// "#03/17": step 17 of lesson 3's recording; "#03/stream_fill": its first step in that function.
function wanted() {
  const [, name, place] = /^#(\w+)\/(\w+)$/.exec(location.hash) ?? [];
  return { name, place };
}

// "#stream_fill", on the player's own page, leads on to the recording that shows it best, or if none does, to
// its source. Returns whether it has led anywhere.
async function lead() {
  const [, name] = /^#([a-z_]\w*)$/i.exec(location.hash) ?? [];
  if (!name) return false;
  await loadScript('functions.js');
  const place = window.functions[name];
  if (place) location.replace(place);
  return place !== undefined;
}

async function begin(box) {
  if ('choose' in box.dataset && await lead()) return;
  const chosen = wanted();
  const name = 'choose' in box.dataset ? chosen.name ?? 'session' : box.dataset.recording;
  await loadRecording(name);
  if (box.player?.name !== name) box.player = new Player(box, name);
  box.player.show(chosen.name === name ? box.player.stepAt(chosen.place) : box.player.at ?? 0);
  if (chosen.name !== name) return;
  if (document.readyState !== 'complete') await new Promise((resolve) => addEventListener('load', resolve));
  box.scrollIntoView();
}

const boxes = document.querySelectorAll('.player');
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    begin(target);
  }
}, { rootMargin: '800px' });
for (const box of boxes) {
  const isWanted = 'choose' in box.dataset || wanted().name === box.dataset.recording;
  if (isWanted) begin(box);
  else observer.observe(box);
}
addEventListener('hashchange', () => {
  for (const box of boxes) if ('choose' in box.dataset || wanted().name === box.dataset.recording) begin(box);
});
