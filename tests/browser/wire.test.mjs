// The ladder's right end, what the server saw, in a real browser on the real server. What it shows is
// compared with two others who know: the browser's own tools, and the ladder's left end.
//
//   node --test browser/wire.test.mjs        (in tests/, after npm ci)
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { startServer, within } from '../harness/server.mjs';
import { DEADLINE_MS, TEST_MS, connect, eventually, framesIn, lastRow, launchBrowser, noSidewaysScroll,
  pageTest as testOnPage, picture, row, rowCount, rowsOf, sendFrom, state } from './browser.mjs';

const SHOWN = 498;                // bytes of a payload that the trace holds

let browser;
let server;

before(async () => {
  server = await startServer(['--timeout', '20', '--wire']);
  browser = await launchBrowser();
}, { timeout: TEST_MS });

after(async () => {
  await browser?.close();
  await server?.stop();
}, { timeout: TEST_MS });

const pageTest = (name, body, options) => testOnPage(name, () => browser, () => server.url, body, options);

// ---- What the tests say --------------------------------------------------------

// What the browser's tools say of the echo connection: whole messages, without control frames.
async function spyOn(page) {
  const tools = await page.context().newCDPSession(page);
  const spied = { in: [], out: [], key: null };
  const echo = new Set();
  tools.on('Network.webSocketCreated', ({ requestId, url }) => { if (url.includes('/echo')) echo.add(requestId); });
  tools.on('Network.webSocketWillSendHandshakeRequest', ({ requestId, request }) => {
    if (echo.has(requestId)) spied.key = request.headers['Sec-WebSocket-Key'];
  });
  const add = (dir) => ({ requestId, response }) => { if (echo.has(requestId)) spied[dir].push(messageOf(response)); };
  tools.on('Network.webSocketFrameSent', add('in'));
  tools.on('Network.webSocketFrameReceived', add('out'));
  await tools.send('Network.enable');
  return spied;
}

function messageOf({ opcode, payloadData }) {
  const bytes = Buffer.from(payloadData, opcode === 1 ? 'utf8' : 'base64');
  return { opcode, length: bytes.length, start: bytes.subarray(0, SHOWN).toString('hex') };
}

// Frames to whole messages, as a receiver would.
function messagesOf(frames, dir) {
  const messages = [];
  for (const frame of frames.filter((one) => one.dir === dir && one.opcode < 8)) {
    if (frame.opcode !== 0) messages.push({ opcode: frame.opcode, length: 0, start: '' });
    const message = messages.at(-1);
    if (message.length < SHOWN) message.start = (message.start + frame.hex).slice(0, 2 * SHOWN);
    message.length += frame.length;
  }
  return messages;
}

// Each message has its frames, as the browser's tools tell of it, and each has its call or its event.
async function expectSameMessages(page, spied, count) {
  await eventually(async () => {
    const frames = await framesIn(page);
    for (const dir of ['in', 'out']) {
      assert.equal(spied[dir].length, count, `messages ${dir}, as the browser's tools count them`);
      assert.deepEqual(messagesOf(frames, dir), spied[dir]);
      const api = { in: 'send', out: 'message' }[dir];
      assert.equal(frames.filter((frame) => frame.dir === dir && frame.api === api).length, count, `frames with ${api}`);
    }
  });
  assert.equal(await row(page, '.bad').count(), 0);
}

// Plays the server's part on /wire, to send what a real server seldom has to.
function playTest(name, play, body) {
  const prepare = (page) => page.routeWebSocket('**/wire', (socket) => {
    let n = 0;
    play((event) => socket.send(JSON.stringify({ n: n += 1, t: n * 100, conn: 1, ...event })));
  });
  pageTest(name, body, { prepare });
}

const openRow = async (page, selector) => {
  await row(page, selector).first().click();
  await page.locator('#detail').waitFor();
};

// ---- What is sent ----------------------------------------------------------------

const sends = [['text', 'Hello'], ['text', ''], ['text', 'Grüße 👋'], ['large', 'text 125'], ['large', 'text 126'],
  ['large', 'text 65535'], ['large', 'text 65536'], ['hex', '00 ff'], ['many', '100', 100]];

for (const [tab, value, count = 1] of sends) {
  pageTest(`${tab}, "${value}": both ends agree with the browser's tools`, async (page) => {
    const spied = await spyOn(page);
    await connect(page);
    await sendFrom(page, tab, value);
    await expectSameMessages(page, spied, count);
  });
}

pageTest('large messages: both ends agree with the browser’s tools', async (page) => {
  const spied = await spyOn(page);
  await connect(page);
  for (const size of ['text 1048576', 'binary 65536', 'binary 1048576']) await sendFrom(page, 'large', size);
  await expectSameMessages(page, spied, 3);
});

pageTest('the frames of one message have a bracket, and say what they are to the page', async (page) => {
  await connect(page);
  await sendFrom(page, 'large', 'text 1048576');
  await lastRow(page, 'message', '1,048,576');
  await page.focus('#ladder');
  await page.keyboard.press('Home');
  await row(page, '.part.first[data-api="send"]').waitFor();
  assert.match((await rowsOf(page)).find(({ opcode }) => opcode === '0').left, /the same message goes on/);
  const parts = await page.evaluate(async () => (await import('/ladder.js')).session.rows
    .filter(({ right }) => right?.message?.endsWith(' in 0')).map(({ right }) => [right.opcode, right.fin, right.length]));
  assert.equal(parts.reduce((sum, [, , length]) => sum + length, 0), 1048576);
  assert.deepEqual(parts.map(([opcode, fin], i) => [opcode, fin]), parts.map((_, i) => [i ? 0 : 1, i === parts.length - 1]));
});

pageTest('the lengths 125, 126 and 65,536 take their three forms', async (page) => {
  await connect(page);
  for (const [length, words] of [[125, /1111101\s*125 bytes/], [126, /extended length\s*00 7e\s*126 bytes/],
    [65536, /extended length\s*00 00 00 00 00 01 00 00\s*65,536 bytes/]]) {
    await sendFrom(page, 'large', `text ${length}`);
    await openRow(page, `[data-length="${length}"][data-dir="out"]`);
    const said = await page.locator('#detail .fields').innerText();
    assert.match(said, words);
    if (length === 125) assert.doesNotMatch(said, /extended/);
    assert.match(said, /MASK\s*0/);
    await page.keyboard.press('Escape');
  }
});

// ---- Compression -----------------------------------------------------------------

const compressed = deflateRawSync('Hello, Hello, Hello, Hello', { finishFlush: 2 }).subarray(0, -4);

playTest('a compressed payload is shown beside what it inflates to', (tell) => {
  tell({ event: 'connected', address: '127.0.0.1:5' });
  tell({ event: 'line', dir: 'in', text: 'GET /echo HTTP/1.1' });
  tell({ event: 'line', dir: 'out', text: 'HTTP/1.1 101 Switching Protocols' });
  tell({ event: 'line', dir: 'out', text: 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover' });
  tell({ event: 'frame', dir: 'out', length: compressed.length,
    bytes: `c1${compressed.length.toString(16).padStart(2, '0')}${compressed.toString('hex')}` });
}, async (page) => {
  await page.selectOption('#whose', 'all');
  const frame = row(page, '.frame').filter({ hasText: `${compressed.length} bytes, inflated 26 "` });
  await frame.click();
  await page.locator('#detail', { hasText: 'Inflated, 26 bytes: "Hello, Hello, Hello, Hello"' }).waitFor();
  assert.match(await page.locator('#detail').innerText(), /RSV1: the message is compressed/);
  assert.equal(await row(page, '.bad').count(), 0);
});

// ---- Closing ---------------------------------------------------------------------

const closes = [
  ['4000', 'grüße 👋', '4000 "grüße 👋"', 'code 4000, reason "grüße 👋"'],
  ['1000', '', '1000', 'code 1000, no reason'],
  ['', 'unsent', '', 'code 1005, no reason'],
];

for (const [code, reason, seen, reported] of closes) {
  pageTest(`Close ${code || 'without a code'}: both ends agree`, async (page) => {
    await connect(page);
    await page.fill('#close-code', code);
    await page.fill('#close-reason', reason);
    await page.click('#close');
    await lastRow(page, 'close', reported, 'wasClean true');
    await eventually(async () => {
      const rows = (await rowsOf(page)).filter(({ opcode }) => opcode === '8');
      assert.deepEqual(rows.map(({ api, dir, left }) => [api, dir, left.slice(0, 6).trim()]),
        [['close', 'in', 'close('], ['close', 'out', 'close']]);
      for (const { right } of rows) assert.ok(right.includes(`bytes ${seen}`.trim()), right);
    });
    await row(page, '.note').filter({ hasText: 'disconnected' }).waitFor();
  });
}

// ---- The handshake ---------------------------------------------------------------

pageTest('the handshake shows how the accept key comes about', async (page) => {
  const spied = await spyOn(page);
  await connect(page);
  await row(page, '[data-api="open"]').filter({ hasText: '101 Switching Protocols' }).click();
  await page.locator('#detail .same', { hasText: 'the same Sec-WebSocket-Accept' }).waitFor();
  const accept = createHash('sha1').update(`${spied.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  assert.equal(await page.locator('#detail .accept dd').last().innerText(), accept);
  assert.ok((await page.locator('#detail .lines').innerText()).includes(`Sec-WebSocket-Accept: ${accept}`));
  await row(page, '[data-api="new WebSocket"]').click();
  assert.ok((await page.locator('#detail .lines').innerText()).includes(`Sec-WebSocket-Key: ${spied.key}`));
});

pageTest('if the browser offers no SHA-1, the page says so', async (page) => {
  await connect(page);
  await row(page, '.response').click();
  await page.locator('#detail .accept', { hasText: 'only for pages that came by https:' }).waitFor();
}, { prepare: (page) => page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined })) });

// ---- One clock -------------------------------------------------------------------

pageTest('a row says how its time splits, and how well the clock is known', async (page) => {
  await connect(page);
  await page.click('#send-text');
  await eventually(async () => {
    const { left, took } = await lastRow(page, 'message');
    assert.match(left, /As sent\. [\d.]+ ms: there [\d.]+, server [\d.]+, back [\d.]+ \(±[\d.]+\)$/);
    assert.match(took, /ms$/);
  });
  assert.match(await page.locator('#clock').innerText(), /known to ±[\d.]+ ms\.$/);
  const times = await page.evaluate(async () => {
    const { splitOf } = await import('/session.js');
    const { rows } = (await import('/ladder.js')).session;
    return splitOf(rows.find(({ left }) => left?.sent));
  });
  assert.ok(Math.abs(times.there + times.server + times.back - times.all) < 0.001, JSON.stringify(times));
});

// gdb stops the server where it is to write the echo, for a second, and lets it go on.
async function holdASecond(pid, then) {
  const gdb = spawn('gdb', ['-nx', '-q', '-batch', '-p', String(pid), '-ex', 'break frame_write if opcode == 1 && flags == 0',
    '-ex', 'echo ready\\n', '-ex', 'continue', '-ex', 'shell sleep 1', '-ex', 'delete', '-ex', 'detach'],
  { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise((done) => { gdb.on('close', done).on('error', done); });
  try {
    await within(new Promise((done) => {
      let said = '';
      gdb.stdout.on('data', (data) => { if ((said += data).includes('ready\n')) done(); });
      ended.then(done);
    }), 'gdb to be ready');
    await then();
    await within(ended, 'gdb to end');
  } finally {
    gdb.kill('SIGKILL');
  }
}

test('a second in gdb, between read and write, is a second at the server', { timeout: TEST_MS }, () =>
  onOwnServer(['--wire'], async (page, own) => {
    await connect(page);
    await page.click('#send-text');
    await lastRow(page, 'message', 'server');
    await holdASecond(own.pid, async () => {
      await page.fill('#text', 'stopped');
      await page.click('#send-text');
    });
    const { left } = await lastRow(page, 'message', '"stopped"', 'server');
    const [, there, atServer, back, give] = left.match(/there ([\d.,]+), server ([\d.,]+), back ([\d.,]+) \(±([\d.]+)\)/)
      .map((one) => Number(one.replace(',', '')));
    assert.ok(atServer >= 1000 - give && atServer < 5000, left);
    assert.ok(there + back < atServer, left);
  }));

// ---- Whose rows ------------------------------------------------------------------

pageTest('other connections show when asked for', async (page) => {
  await connect(page);
  const other = await page.context().newPage();
  other.setDefaultTimeout(DEADLINE_MS);
  await other.goto(server.url);
  await connect(other);
  await other.fill('#text', 'from the other page');
  await other.click('#send-text');
  const theirs = row(page, '.frame').filter({ hasText: 'from the other page' });
  await lastRow(other, 'message', 'from the other page');
  await page.locator('#count', { hasText: /\d+ rows of other connections hidden/ }).waitFor();
  assert.equal(await theirs.count(), 0);
  await page.selectOption('#whose', 'all');
  await eventually(async () => assert.equal(await theirs.count(), 2));
  const numbers = (await rowsOf(page)).filter(({ n }) => n > 0).map(({ n }) => Number(n));
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  await page.selectOption('#whose', 'mine');
  await eventually(async () => assert.deepEqual([await theirs.count(), await row(page, '.request').count()], [0, 1]));
});

pageTest('a page that connects again finds itself again', async (page) => {
  for (const text of ['first time', 'second time']) {
    await connect(page);
    await page.fill('#text', text);
    await page.click('#send-text');
    await row(page, '[data-dir]').filter({ hasText: text }).nth(1).waitFor();
    await page.click('#close');
    await state(page, 'CLOSED');
  }
  await eventually(async () => assert.equal(await page.evaluate(async () => (await import('/ladder.js')).session.rows
    .filter(({ left, right }) => left?.api === 'new WebSocket' && right?.kind === 'request').length), 2));
});

// ---- A row, opened ---------------------------------------------------------------

async function twoMessages(page) {
  await connect(page);
  await page.click('#send-text');
  await sendFrom(page, 'hex');
  await row(page, '[data-opcode="2"][data-api="message"]').waitFor();
}

pageTest('the keyboard leads through the rows, and Escape closes', async (page) => {
  await twoMessages(page);
  const title = () => page.locator('#detail-title').innerText();
  await page.focus('#ladder');
  await page.keyboard.press('Home');
  assert.equal(await title(), 'request, to the server');
  for (const words of [/^connected/, /^response, from/, /^text, to the server, 11 bytes/, /^text, from the server, 7 bytes/]) {
    await page.keyboard.press('ArrowDown');
    assert.match(await title(), words);
  }
  const active = await page.getAttribute('#ladder', 'aria-activedescendant');
  assert.equal(await page.getAttribute(`#${active}`, 'aria-selected'), 'true');
  await page.keyboard.press('End');
  assert.match(await title(), /^binary, from the server/);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#detail').isVisible(), false);
  assert.equal(await page.getAttribute('#ladder', 'aria-activedescendant'), null);
});

pageTest('on a phone an opened row stays in sight, and the controls come back when it is closed', async (page) => {
  await twoMessages(page);
  for (const api of ['send', 'message']) {
    await openRow(page, `[data-api="${api}"][data-opcode="1"]`);
    await eventually(async () => {
      const [ladder, opened] = await Promise.all(['#ladder', '#ladder [aria-selected="true"]'].map((one) => page.locator(one).boundingBox()));
      assert.ok(opened.y >= ladder.y && opened.y + opened.height <= ladder.y + ladder.height + 1, JSON.stringify({ ladder, opened }));
    });
    assert.equal(await page.locator('#send-text').isVisible(), false);
    await page.locator('#detail').getByRole('button', { name: 'Close' }).click();
    assert.equal(await page.locator('#tabs').isVisible(), true);
  }
}, { settings: { viewport: { width: 390, height: 844 } } });

pageTest('a field and its bytes light each other; the mask is shown on the bytes', async (page) => {
  await twoMessages(page);
  await openRow(page, '[data-api="send"][data-opcode="1"]');
  const lit = () => page.locator('#detail .cell.lit .byte').allInnerTexts();
  const cells = await page.locator('#detail .cell').evaluateAll((all) => all.map((one) => [one.dataset.field, one.innerText]));
  assert.deepEqual(cells.map(([field]) => field), ['first', 'second', ...Array(4).fill('key'), ...Array(5).fill('payload')]);
  const key = cells.slice(2, 6).map(([, text]) => text);
  cells.slice(6).forEach(([, text], i) => {
    const [masked, keyByte, plain, letter] = text.split(/\s+/);
    assert.equal(keyByte, key[i % 4]);
    assert.equal(parseInt(masked, 16) ^ parseInt(keyByte, 16), parseInt(plain, 16));
    assert.equal(letter, 'Hello'[i]);
  });
  await page.hover('#detail li[data-field="key"]');
  assert.deepEqual(await lit(), key);
  await page.hover('#detail .cell[data-field="second"]');
  assert.deepEqual(await page.locator('#detail li.lit').evaluateAll((all) => all.map((one) => one.dataset.field)), ['mask', 'length']);
  await page.hover('#detail-title');
  assert.deepEqual(await lit(), []);
  await page.focus('#detail li[data-field="opcode"]');
  assert.deepEqual(await lit(), ['81']);
});

pageTest('what can be copied: the bytes, the text, a breakpoint, and a line for talk.py', async (page) => {
  await twoMessages(page);
  await openRow(page, '[data-api="send"][data-opcode="1"]');
  const copied = async (name) => {
    await page.locator('#detail').getByRole('button', { name }).first().click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const bytes = (await page.locator('#detail .cell .byte').allInnerTexts()).join(' ');
  assert.equal(await copied('Copy hex'), bytes);
  assert.equal(await copied('Copy text'), 'Hello');
  const lines = await page.locator('#detail .copy-line code').allInnerTexts();
  assert.equal(lines[0], 'break check_rules if frame->opcode == 1');
  assert.equal(lines[1], `lessons/tools/talk.py --port ${new URL(server.url).port} =${bytes.replaceAll(' ', '')}`);
  assert.match(await page.locator('#detail .code').innerText(), /frame_unmask takes the mask off the payload, frame\.c, lesson 10/);
}, { settings: { permissions: ['clipboard-read', 'clipboard-write'] } });

pageTest('where the book is built, the C leads to its player; where it is not, the names stay', async (page) => {
  await twoMessages(page);
  await openRow(page, '[data-api="send"]');
  await page.locator('.code li', { hasText: 'check_rules checks the first two bytes, frame.c, lesson 9' }).waitFor();
  assert.equal(await page.locator('.code a').count(), 0);
  await page.route('**/book/', (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '' }));
  await page.reload();
  await twoMessages(page);
  await openRow(page, '[data-api="send"]');
  const links = page.locator('.code li', { hasText: 'check_rules' }).locator('a');
  await eventually(async () => assert.deepEqual(await links.evaluateAll((all) => all.map((a) => a.getAttribute('href'))),
    ['/book/player.html#check_rules', '/book/source/frame.c.html#check_rules', '/book/lesson-09.html']));
});

pageTest('the text of a row can be marked without opening it', async (page) => {
  await twoMessages(page);
  const box = await row(page, '[data-api="send"][data-opcode="1"]').locator('.left .text').boundingBox();
  await page.mouse.move(box.x + 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  assert.match(await page.evaluate(() => getSelection().toString()), /text, 5 bytes/);
  assert.equal(await page.locator('#detail').isVisible(), false);
});

pageTest('an invisible character that turns the text is written out, at both ends', async (page) => {
  await connect(page);
  await sendFrom(page, 'text', 'exe.\u202egpj');
  const { left } = await lastRow(page, 'message', String.raw`"exe.\u202egpj"`);
  await eventually(async () => assert.ok((await lastRow(page, left.slice(0, 7))).right.includes(String.raw`"exe.\u202egpj"`)));
});

// ---- What a server seldom sends --------------------------------------------------

playTest('news of the server are rows, and text stays text', (tell) => {
  tell({ event: 'connected', address: '127.0.0.1:5' });
  tell({ event: 'line', dir: 'in', text: 'GET /<b>bold</b>\u0085 HTTP/1.1', cut: true });
  tell({ event: 'error', why: '<i>no</i> end' });
  tell({ event: 'ping-timeout', why: 'no reply to a ping' });
  tell({ event: 'frame', dir: 'in', bytes: 'c3', length: 0 });
  tell({ event: 'dropped', count: 12, conn: 0 });
  tell({ event: 'disconnected', why: 'done' });
  tell({ event: 'unheard-of' });
}, async (page) => {
  await page.selectOption('#whose', 'all');
  for (const words of ['connected from 127.0.0.1:5', '<i>no</i> end', 'no reply to a ping',
    'header is not whole: 1 of its bytes', 'dropped 12 events: this page was too slow',
    'disconnected done', 'unheard of']) {
    await row(page).filter({ hasText: words }).waitFor();
  }
  await row(page, '.request').click();
  await page.locator('#detail .lines', { hasText: 'GET /<b>bold</b>\\u0085 HTTP/1.1 …' }).waitFor();
  assert.equal(await page.locator('#ladder b, #ladder i').count(), 0);
  await page.selectOption('#whose', 'mine');
  await row(page).filter({ hasText: 'dropped 12 events' }).waitFor();
});

const broken = ['', '81', '818', '81fe', 'f385', '8105', '03ff80', '88020001', '880103', '0900', 'ff'];

playTest('frames that break rules say so, also when they are opened', (tell) => {
  for (const bytes of broken) tell({ event: 'frame', dir: 'in', bytes, length: 5 });
}, async (page) => {
  await page.selectOption('#whose', 'all');
  await eventually(async () => assert.equal(await row(page, '.bad').count(), broken.length));
  await page.focus('#ladder');
  await page.keyboard.press('Home');
  for (let i = 0; i < broken.length; i += 1) {
    assert.ok(await page.locator('#detail .problem').count() >= 1, `row ${i + 1}`);
    await page.keyboard.press('ArrowDown');
  }
});

pageTest('the ladder keeps 50,000 rows, says so, and stays quick', async (page) => {
  await page.evaluate(async () => {
    const modules = ['/ladder.js', '/session.js', '/track.js'].map((name) => import(name));
    const [{ changed, look }, { Session }, { Tracker }] = await Promise.all(modules);
    const tracker = new Tracker(), session = new Session();    // of its own: the page's goes on meanwhile
    const frame = { event: 'frame', conn: 1, dir: 'out', bytes: '810568656c6c6f', length: 5 };
    for (let n = 1; n <= 52_000; n += 1) session.addRight(tracker.add({ ...frame, n, t: n })[0]);
    look(session, '52,000 frames');
    changed();
  });
  await page.selectOption('#whose', 'all');
  await page.locator('#count', { hasText: '50,000 rows, 2,000 rows dropped from the beginning' }).waitFor();
  assert.ok(await row(page).count() < 60);
  await eventually(async () => assert.equal((await rowsOf(page)).at(-1).n, '52000'));
  const took = await page.evaluate(() => new Promise((done) => {
    const start = performance.now();
    document.querySelector('#ladder').scrollTop = 100_000;
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
  }));
  assert.ok(took < 1000, `scrolling took ${took} ms`);
});

// ---- Many ------------------------------------------------------------------------

// How many elements are made for each of five echoes.
const madeForAnEcho = (page) => within(page.evaluate(async () => {
  const made = [];
  const { session } = await import('/ladder.js');
  const picture = () => new Promise((done) => { requestAnimationFrame(() => setTimeout(done, 50)); });
  for (let i = 0; i < 5; i += 1) {
    let nodes = 0;
    const observer = new MutationObserver((records) => { for (const { addedNodes } of records) nodes += addedNodes.length; });
    await picture();
    observer.observe(document.getElementById('ladder'), { childList: true, subtree: true });
    document.getElementById('text-form').requestSubmit();
    while (!session.rows.at(-1).right || session.rows.at(-1).left?.api !== 'message') await picture();
    await picture();
    observer.disconnect();
    made.push(nodes);
  }
  return Math.min(...made);                 // when the clock has become better, all rows in sight are drawn anew
}), 'five echoes');

// The longest time between two pictures of the browser is printed: on an idle machine it is below 100 ms.
pageTest('20,000 echoes: the page goes on drawing, and takes no more than 100 MB', async (page) => {
  const tools = await page.context().newCDPSession(page);
  const used = async () => {
    await tools.send('HeapProfiler.collectGarbage');
    return (await tools.send('Runtime.getHeapUsage')).usedSize / 1e6;
  };
  await connect(page);
  const before = await used();
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const next = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(next); };
    requestAnimationFrame(next);
  });
  await sendFrom(page, 'many', '20000');
  await page.waitForFunction(() => document.querySelector('#ladder').innerText.includes('"number 20000"'), null, { timeout: 40_000 });
  await lastRow(page, 'message', '"number 20000"', 'As sent.');
  const grown = await used() - before;
  const longest = await page.evaluate(() => window.longest);
  const one = await page.evaluate(() => {
    const start = performance.now();
    document.getElementById('send-many').form.many.value = '10';
    document.getElementById('send-text').form.requestSubmit();
    return performance.now() - start;
  });
  console.log(`# 20,000 echoes: longest picture ${longest.toFixed(0)} ms, ${grown.toFixed(0)} MB, then one send ${one.toFixed(2)} ms`);
  assert.ok(grown < 100, `${grown} MB`);
  assert.ok(longest < 2000, `${longest} ms between two pictures`);
  assert.ok(await rowCount(page) >= 40_000);
  const made = await madeForAnEcho(page);
  assert.ok(made > 0 && made < 100, `${made} elements were made for one echo`);
});

// ---- Never lose the end ------------------------------------------------------------

const fromEnd = (page) => page.locator('#ladder').evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);

for (const [width, height] of [[1366, 768], [390, 844]]) {
  pageTest(`the ladder follows its end, until one scrolls away: ${width} by ${height}`, async (page) => {
    await connect(page);
    for (let i = 1; i <= 3; i += 1) {
      await sendFrom(page, 'many', '1000');
      await eventually(async () => assert.ok(await rowCount(page) >= 2 + 2000 * i));
      await eventually(async () => assert.ok(await fromEnd(page) < 2, `${await fromEnd(page)} pixels from its end`));
    }
    const last = async () => row(page, `[aria-posinset="${await rowCount(page)}"]`);
    await (await last()).click();                                     // an opened row does not stop it
    await sendFrom(page, 'many', '10').catch(() => {});
    await eventually(async () => assert.ok(await fromEnd(page) < 2, `${await fromEnd(page)} pixels from its end`));
    await page.keyboard.press('Escape');
    await page.locator('#ladder').hover();
    await page.mouse.wheel(0, -2000);
    await eventually(async () => assert.ok(await fromEnd(page) > 1000));
    const eighth = async () => (await rowsOf(page))[8].left.match(/^.*"number \d+"/)[0];
    const first = await eighth();
    await sendFrom(page, 'text', 'new');
    await page.locator('#newest', { hasText: '2 new ↓' }).waitFor();
    assert.ok(await fromEnd(page) > 1000);
    assert.equal(await eighth(), first);
    await page.click('#newest');
    await eventually(async () => assert.ok(await fromEnd(page) < 2));
    assert.equal(await page.locator('#newest').isVisible(), false);
  }, { settings: { viewport: { width, height } } });
}

pageTest('rows that are opened and closed again do not stop it either', async (page) => {
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"');
  for (const api of ['send', 'open']) {
    await openRow(page, `[data-api="${api}"]`);
    await eventually(async () => assert.ok(await page.locator('#ladder').evaluate((one) => one.scrollHeight > one.clientHeight)));
    await page.keyboard.press('Escape');
    await eventually(async () => assert.equal(await page.locator('#ladder').evaluate((one) => one.scrollHeight - one.clientHeight), 0));
  }
  await sendFrom(page, 'many', '100');
  await lastRow(page, 'message', '"number 100"');
  await eventually(async () => assert.ok(await fromEnd(page) < 2, `${await fromEnd(page)} pixels from its end`));
}, { settings: { viewport: { width: 1366, height: 768 } } });

// ---- Filter, pause, save, open, compose --------------------------------------------

pageTest('a filter shows text, binary or control frames alone', async (page) => {
  await twoMessages(page);
  for (const [kind, apis] of [['text', ['send', 'message']], ['binary', ['send', 'message']], ['control', []]]) {
    await page.selectOption('#kinds', kind);
    await eventually(async () => assert.deepEqual((await rowsOf(page)).map(({ api }) => api), apis, kind));
  }
  await page.selectOption('#kinds', '');
  await eventually(async () => assert.equal(await rowCount(page), 7));
});

pageTest('while it is paused the ladder stays as it is, and says how many rows wait', async (page) => {
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message');
  await page.click('#pause');
  await page.click('#send-text');
  await page.locator('#pause', { hasText: 'Go on: 2 new' }).waitFor();
  assert.equal(await rowCount(page), 5);
  await page.click('#pause');
  await eventually(async () => assert.equal(await rowCount(page), 7));
});

const saved = join(tmpdir(), `ladder-${process.pid}.json`);

pageTest('a session is saved, opened again as it was, and its frames are sent again', async (page) => {
  await twoMessages(page);
  const before = await rowsOf(page);
  const download = page.waitForEvent('download');
  await page.click('#save');
  await (await download).saveAs(saved);
  await page.reload();
  await page.setInputFiles('#open-file', saved);
  await page.locator('#banner', { hasText: /\d+ rows from a file/ }).waitFor();
  const shown = (rows) => rows.map(({ left, right, took, n, conn, length }) => [left, right, took, n, conn, length]);
  await eventually(async () => assert.deepEqual(shown(await rowsOf(page)), shown(before)));
  await page.selectOption('#whose', 'all');
  const replay = spawn(fileURLToPath(new URL('../../lessons/tools/talk.py', import.meta.url)),
    ['--port', new URL(server.url).port, '--replay', saved], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  replay.stdout.on('data', (data) => { said += data; });
  await within(new Promise((done) => { replay.on('close', done); }), 'talk.py to end');
  rmSync(saved);
  assert.match(said, /^sent {2}81 85[^]*\ngot {3}81 05 48[^]*\nsent {2}82 85[^]*\ngot {3}82 05 48/);
  await page.click('#back');
  await eventually(async () => assert.equal(
    (await rowsOf(page)).filter(({ opcode }) => ['1', '2'].includes(opcode)).length, 4));
}, { settings: { acceptDownloads: true } });

pageTest('a saved session that is longer than the list is shown from its first row', async (page) => {
  await connect(page);
  await sendFrom(page, 'many', '100');
  await lastRow(page, 'number 100');
  const download = page.waitForEvent('download');
  await page.click('#save');
  await (await download).saveAs(saved);
  await page.setInputFiles('#open-file', saved);
  await page.locator('#banner', { hasText: /\d+ rows from a file/ }).waitFor();
  await eventually(async () => assert.match((await rowsOf(page))[0].left, /new WebSocket/));
  rmSync(saved);
  await page.click('#back');
  await lastRow(page, 'number 100');
}, { settings: { acceptDownloads: true } });

pageTest('a file that is no session says so', async (page) => {
  await page.setInputFiles('#open-file', { name: 'other.json', mimeType: 'application/json', buffer: Buffer.from('{}') });
  await page.locator('#banner', { hasText: 'other.json cannot be shown. It holds no saved session.' }).waitFor();
});

pageTest('a frame is composed, and the page says whether the server will take it', async (page) => {
  await page.click('#compose-open');
  const place = page.locator('#compose');
  await place.locator('.same', { hasText: 'Will the server take it? Yes.' }).waitFor();
  assert.match(await place.locator('.copy-line code').innerText(), /talk\.py --port \d+ =818537fa213d7f9f4d5158$/);
  await place.locator('[name="mask"]').uncheck();
  await place.locator('.problem', { hasText: 'It is not masked' }).waitFor();
  assert.match(await place.locator('.copy-line code').innerText(), /=810548656c6c6f$/);
  await place.locator('[name="form"]').selectOption('16');
  await place.locator('.problem', { hasText: 'has to use the shortest' }).waitFor();
  assert.match(await place.locator('.copy-line code').innerText(), /=817e000548656c6c6f$/);
  await place.locator('[name="form"]').selectOption('');
  await place.locator('[name="claims"]').fill('70000');
  assert.match(await place.locator('.copy-line code').innerText(), /=817f000000000001117048656c6c6f$/);
  await place.locator('[name="as"]').selectOption('hex');
  await place.locator('.problem', { hasText: 'is not a hex digit' }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await place.isVisible(), false);
});

// ---- With and without the trace --------------------------------------------------

async function onOwnServer(options, body) {
  const own = await startServer(['--timeout', '20', ...options]);
  const page = await browser.newPage();
  try {
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(own.url);
    await body(page, own);
  } finally {
    await page.close();
    await own.stop();
  }
}

test('without --wire the ladder has its left end, and says how to get the other', { timeout: TEST_MS }, () => onOwnServer([], async (page) => {
  const help = page.locator('#wire-help');
  await help.filter({ hasText: 'make run' }).filter({ hasText: './server --wire' }).waitFor();
  assert.match(await help.innerText(), /or it is not running now/);
  await connect(page);
  await page.click('#send-text');
  const { right } = await lastRow(page, 'message', '"Hello"', 'As sent.');
  assert.equal(right, 'no trace of the server');
}));

const seeItEnd = async (page, own) => {
  await connect(page);
  await row(page, '.response').waitFor();
  await own.stop();
  await page.locator('#wire-state', { hasText: 'Code 1001, "the server is stopping"' }).waitFor();
  await state(page, 'CLOSED');
  await page.click('#connect');
  await lastRow(page, 'close', 'code 1006');
  await page.locator('#connect-problem', { hasText: 'The server may be stopped' }).waitFor();
  assert.equal(await page.locator('#wire-help').isVisible(), false);        // once is enough
  assert.ok(await row(page, '.response').count() >= 1, 'what was seen stays');
};

test('if the trace ends, the page says so, and Connect asks for it again', { timeout: TEST_MS },
  () => onOwnServer(['--wire'], seeItEnd));

const views = [];

pageTest('Connect asks for the trace again', async (page) => {
  await connect(page);
  await row(page, '.response').waitFor();
  await views[0].close({ code: 1001 });
  await page.locator('#wire-state', { hasText: 'The trace has ended' }).waitFor();
  await page.click('#close');
  await state(page, 'CLOSED');
  await page.click('#connect');
  await state(page, 'OPEN');
  await row(page).filter({ hasText: 'trace begins again' }).waitFor();
  await eventually(async () => assert.equal((await rowsOf(page)).filter(({ kind }) => kind === 'request').length, 2));
  assert.equal(views.length, 2);
}, { prepare: (page) => page.routeWebSocket('**/wire', (socket) => {
  views.push(socket);
  socket.connectToServer();
}) });

test('one page too many has no trace, and is not told that it begins again', { timeout: TEST_MS }, async () => {
  const own = await startServer(['--wire', '--max-watchers', '1']);
  const [first, second] = [await browser.newPage(), await browser.newPage()];
  try {
    for (const page of [first, second]) {
      page.setDefaultTimeout(DEADLINE_MS);
      await page.goto(own.url);
      await connect(page);
    }
    await second.locator('#wire-state', { hasText: 'too many pages show all traffic' }).waitFor();
    assert.deepEqual((await rowsOf(second)).map(({ api }) => api), ['new WebSocket', 'open']);
  } finally {
    await Promise.all([first.close(), second.close()]);
    await own.stop();
  }
});

// This looks like a server that accepts the connection and then says nothing.
const silentView = () => {
  const Real = WebSocket;
  window.WebSocket = class extends Real {
    constructor(url) {
      super(url);
      if (url.endsWith('/wire')) this.addEventListener('open', (event) => event.stopImmediatePropagation());
    }
  };
};

pageTest('Connect does not wait for ever for the trace', connect, { prepare: (page) => page.addInitScript(silentView) });

test('a ping says why the page has no part in it', { timeout: TEST_MS }, async () => {
  const own = await startServer(['--timeout', '1', '--wire']);
  const page = await browser.newPage();
  try {
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(own.url);
    await connect(page);
    await row(page, '[data-opcode="9"][data-dir="out"]').filter({ hasText: 'the browser replies by itself; the page is not told' }).first().waitFor();
    await row(page, '[data-opcode="10"][data-dir="in"]').filter({ hasText: 'the browser’s own reply' }).first().waitFor();
  } finally {
    await page.close();
    await own.stop();
  }
});

// ---- How it looks ----------------------------------------------------------------

async function someTalk(page) {
  await connect(page);
  for (const text of ['Hello', 'Grüße 👋']) await sendFrom(page, 'text', text);
  await lastRow(page, 'message', 'Grüße');
  await openRow(page, '[data-api="send"][data-opcode="1"]');
}

const looks = [
  ['wire-light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['wire-dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
  ['wire-light-phone', { viewport: { width: 390, height: 844 }, colorScheme: 'light', reducedMotion: 'reduce' }],
  ['wire-dark-phone', { viewport: { width: 390, height: 844 }, colorScheme: 'dark', reducedMotion: 'reduce' }],
];

for (const [name, settings] of looks) {
  pageTest(`it fits its window: ${name}`, async (page) => {
    await someTalk(page);
    await noSidewaysScroll(page);
    await picture(page, name);
  }, { settings });
}
