// The page's right half, "What the server saw", in a real browser on the real server. What it
// shows is compared with two others who know: the browser's own tools, and the page's log.
//
//   node --test browser/wire.test.mjs        (in tests/, after npm ci)
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startServer } from '../server.mjs';
import { DEADLINE_MS, TEST_MS, connect, lastRow, launchBrowser, noSidewaysScroll, pageTest as testOnPage, picture,
  state } from './browser.mjs';

const SHOWN = 64;                 // bytes of a payload that the trace holds

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

// Asks again until check no longer throws.
async function eventually(check) {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((done) => { setTimeout(done, 20); });
    }
  }
}

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

// The frames in the page's right half. Each is opened, for its bytes to be read.
function framesIn(page) {
  return page.evaluate(() => [...document.querySelectorAll('#wire-list .frame')].map((row) => {
    const button = row.querySelector('button');
    if (button.getAttribute('aria-expanded') === 'false') button.click();
    const dump = row.querySelector('.dump:not(.masked)')?.textContent;
    const cells = [...row.querySelectorAll('.xor .payload td')].map((cell) => cell.textContent);
    const { dir, opcode, fin, length, group } = row.dataset;
    return { dir, opcode: Number(opcode), fin: fin === 'true', length: Number(length), group,
      hex: (dump ?? cells.join('')).replace(/\s/g, '') };
  }));
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

async function expectSameMessages(page, spied, count) {
  await eventually(async () => {
    const frames = await framesIn(page);
    for (const dir of ['in', 'out']) {
      assert.equal(spied[dir].length, count, `messages ${dir}, as the browser's tools count them`);
      assert.deepEqual(messagesOf(frames, dir), spied[dir]);
    }
  });
}

const wire = (page, selector = '') => page.locator(`#wire-list .wire-row${selector}`);

// Plays the server's part on /wire, to send what a real server seldom has to.
function playTest(name, play, body) {
  const prepare = (page) => page.routeWebSocket('**/wire', (socket) => {
    let n = 0;
    play((event) => socket.send(JSON.stringify({ n: n += 1, t: n * 100, conn: 1, ...event })));
  });
  pageTest(name, body, { prepare });
}

// ---- What is sent ----------------------------------------------------------------

const buttons = [['#send-text', 1], ['#send-empty', 1], ['#send-emoji', 1], ['#send-125', 1], ['#send-126', 1],
  ['#send-65536', 1], ['#send-hundred', 100], ['#send-hex', 1]];

for (const [button, count] of buttons) {
  pageTest(`${button}: both halves agree with the browser's tools`, async (page) => {
    const spied = await spyOn(page);
    await connect(page);
    await page.click(button);
    await expectSameMessages(page, spied, count);
    assert.equal(await wire(page, '.bad').count(), 0);
  });
}

pageTest('large messages: both halves agree with the browser’s tools', async (page) => {
  const spied = await spyOn(page);
  await connect(page);
  const sizes = await page.locator('#large option').evaluateAll((options) => options.map((option) => option.value));
  for (const size of sizes) {
    await page.selectOption('#large', size);
    await page.click('#send-large');
  }
  await expectSameMessages(page, spied, sizes.length);
  assert.equal(await wire(page, '.bad').count(), 0);
});

pageTest('the lengths 125, 126 and 65,536 take their three forms', async (page) => {
  await connect(page);
  for (const [length, words] of [[125, /1111101\s*125 bytes/], [126, /extended length\s*00 7e\s*126 bytes/],
    [65536, /extended length\s*00 00 00 00 00 01 00 00\s*65,536 bytes/]]) {
    await page.click(`#send-${length}`);
    const row = wire(page, `[data-length="${length}"][data-dir="out"]`);
    await row.locator('button').click();
    assert.match(await row.locator('.fields').innerText(), words);
    if (length === 125) assert.doesNotMatch(await row.locator('.fields').innerText(), /extended/);
    assert.match(await row.locator('.fields').innerText(), /MASK\s*0/);
  }
});

// ---- Closing ---------------------------------------------------------------------

const closes = [
  ['4000', 'grüße 👋', '4000 "grüße 👋"', 'code 4000, reason "grüße 👋"'],
  ['1000', '', '1000', 'code 1000, no reason'],
  ['', 'unsent', '', 'code 1005, no reason'],
];

for (const [code, reason, seen, reported] of closes) {
  pageTest(`Close ${code || 'without a code'}: both halves agree`, async (page) => {
    await connect(page);
    await page.fill('#close-code', code);
    await page.fill('#close-reason', reason);
    await page.click('#close');
    await lastRow(page, 'close', reported, 'wasClean true');
    const frames = wire(page, '[data-opcode="8"]');
    const texts = () => frames.evaluateAll((rows) => rows.map((row) =>
      [row.dataset.dir, row.querySelector('.preview').textContent.trim()]));
    await eventually(async () => assert.deepEqual(await texts(), [['in', seen], ['out', seen]]));
    await wire(page, '.small', { hasText: 'disconnected' }).last().waitFor();
  });
}

// ---- The handshake ---------------------------------------------------------------

pageTest('the handshake shows how the accept value comes about', async (page) => {
  const spied = await spyOn(page);
  await connect(page);
  const row = wire(page, '.http');
  await row.locator('button', { hasText: '101 Switching Protocols' }).click();
  await row.locator('.same', { hasText: 'the same Sec-WebSocket-Accept' }).waitFor();
  const accept = createHash('sha1').update(`${spied.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  assert.equal(await row.locator('.accept dd').last().innerText(), accept);
  assert.ok((await row.locator('.lines').last().innerText()).includes(`Sec-WebSocket-Accept: ${accept}`));
  assert.ok((await row.locator('.lines').first().innerText()).includes(`Sec-WebSocket-Key: ${spied.key}`));
});

pageTest('if the browser offers no SHA-1, the page says so', async (page) => {
  await connect(page);
  await wire(page, '.http').locator('button').click();
  await wire(page).locator('.accept', { hasText: 'only for pages that came by https:' }).waitFor();
}, { prepare: (page) => page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined })) });

// ---- Whose rows ------------------------------------------------------------------

pageTest('other connections show when asked for', async (page) => {
  await connect(page);
  const other = await page.context().newPage();
  other.setDefaultTimeout(DEADLINE_MS);
  await other.goto(server.url);
  await connect(other);
  await other.fill('#text', 'from the other page');
  await other.click('#send-text');
  const theirs = wire(page, '.frame').filter({ hasText: 'from the other page' });
  await lastRow(other, 'message', 'from the other page');
  await page.locator('#wire-count', { hasText: /Hidden: \d+ rows of other connections/ }).waitFor();
  assert.equal(await theirs.count(), 0);
  await page.check('#wire-all');
  await eventually(async () => assert.equal(await theirs.count(), 2));
  await wire(page, '.http').filter({ hasText: 'GET /style.css' }).filter({ hasText: '200 OK' }).waitFor();
  const numbers = await wire(page).evaluateAll((rows) => rows.map((row) => Number(row.dataset.n)));
  assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
  await page.check('#wire-mine');
  await eventually(async () => assert.deepEqual([await theirs.count(), await wire(page, '.http').count()], [0, 1]));
});

pageTest('a page that connects again finds itself again', async (page) => {
  for (const text of ['first time', 'second time']) {
    await connect(page);
    await page.fill('#text', text);
    await page.click('#send-text');
    await wire(page).filter({ hasText: text }).nth(1).waitFor();
    await page.click('#close');
    await state(page, 'CLOSED');
  }
  assert.equal(await wire(page, '.http').count(), 2);
  await page.click('#wire-clear');
  assert.equal(await wire(page).count(), 0);
});

// ---- What belongs together -------------------------------------------------------

const together = (page, list) =>
  page.locator(`${list} .together`).evaluateAll((rows) => rows.map((row) => row.textContent));

async function expectTogether(page, log, wireRows) {
  const [left, right] = [await together(page, '#log'), await together(page, '#wire-list')];
  assert.deepEqual([left.length, right.length], [log.length, wireRows.length], JSON.stringify([left, right]));
  log.forEach((words, i) => assert.match(left[i], words));
  wireRows.forEach((words, i) => assert.match(right[i], words));
}

async function twoMessages(page) {
  await connect(page);
  await page.click('#send-text');
  await page.click('#send-hex');
  await wire(page).filter({ hasText: 'binary' }).nth(1).waitFor();
}

pageTest('the keyboard leads through the rows, and marks what belongs together', async (page) => {
  await twoMessages(page);
  await page.focus('#wire-list');
  await page.keyboard.press('ArrowDown');                 // connected
  await page.keyboard.press('ArrowDown');
  await expectTogether(page, [/new WebSocket/, /open/], [/handshake/]);
  await page.keyboard.press('ArrowDown');
  await expectTogether(page, [/send\(\)\s*text/], [/→[^]*text/]);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator(':focus').getAttribute('aria-expanded'), 'true');
  await page.keyboard.press('Enter');
  assert.equal(await page.locator(':focus').getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('End');
  await expectTogether(page, [/message\s*binary/], [/←[^]*binary/]);
  await page.focus('#log');
  await expectTogether(page, [], []);
  await page.keyboard.press('Home');
  await expectTogether(page, [/new WebSocket/, /open/], [/handshake/]);
});

pageTest('the pointer marks what belongs together', async (page) => {
  await twoMessages(page);
  await page.hover('#log .entry:has-text("send()"):has-text("binary")');
  await expectTogether(page, [/send\(\)\s*binary/], [/→[^]*binary/]);
  await page.hover('h1');
  await expectTogether(page, [], []);
});

pageTest('all frames of a message belong to it, and both Close frames to the close', async (page) => {
  await connect(page);
  await page.selectOption('#large', 'text 1048576');
  await page.click('#send-large');
  await lastRow(page, 'message', '1,048,576');
  await page.click('#close');
  await state(page, 'CLOSED');
  await page.hover('#log .entry:has-text("send()")');
  const frames = (await framesIn(page)).filter(({ dir, opcode }) => dir === 'in' && opcode < 8);
  const marked = await wire(page, '.together').evaluateAll((rows) => rows.map((row) => Number(row.dataset.length)));
  assert.deepEqual(marked, frames.map(({ length }) => length));
  assert.equal(marked.reduce((sum, length) => sum + length), 1048576);
  await page.hover('#log .entry:last-child');
  await expectTogether(page, [/close\(\)/, /close/], [/→[^]*close/, /←[^]*close/]);
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
  await page.check('#wire-all');
  for (const words of ['connected from 127.0.0.1:5', '<i>no</i> end', 'no reply to a ping',
    'header is not whole: 1 of its bytes', 'dropped 12 events: this page was too slow',
    'disconnected done', 'unheard of']) {
    await wire(page).filter({ hasText: words }).waitFor();
  }
  await wire(page, '.http').locator('button').click();
  await wire(page, '.http').locator('.lines', { hasText: 'GET /<b>bold</b>\\x85 HTTP/1.1 …' }).waitFor();
  assert.equal(await page.locator('#wire-list b, #wire-list i').count(), 0);
  await page.check('#wire-mine');
  await wire(page).filter({ hasText: 'dropped 12 events' }).waitFor();
});

const broken = ['', '81', '818', '81fe', 'f385', '8105', '03ff80', '88020001', '880103', '0900', 'ff'];

playTest('frames that break rules say so, also when they are opened', (tell) => {
  for (const bytes of broken) tell({ event: 'frame', dir: 'in', bytes, length: 5 });
}, async (page) => {
  await page.check('#wire-all');
  await eventually(async () => assert.equal(await wire(page, '.bad').count(), broken.length));
  for (const button of await wire(page, '.bad').locator('button').all()) await button.click();
  assert.equal(await wire(page).locator('.figure').count(), broken.length);
  assert.ok(await wire(page).locator('.figure .problem').count() >= broken.length);
});

playTest('the list keeps 10,000 rows, says so, and stays quick', (tell) => {
  const frame = { event: 'frame', dir: 'out', bytes: '810568656c6c6f', length: 5 };
  for (let i = 0; i < 12_000; i += 1) tell(frame);
}, async (page) => {
  await page.check('#wire-all');
  await page.locator('#wire-dropped', { hasText: '10,000 rows. Dropped from its beginning: 2,000 rows' }).waitFor();
  await page.locator('#wire-count', { hasText: '10,000 rows' }).waitFor();
  assert.equal(await wire(page).count(), 10_000);
  assert.equal(await wire(page).last().getAttribute('data-n'), '12000');
  const took = await page.evaluate(() => new Promise((done) => {
    const start = performance.now();
    document.querySelector('#wire-list').scrollTop = 100_000;
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
  }));
  assert.ok(took < 1000, `scrolling took ${took} ms`);
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

test('without --wire the panel says how to turn it on', { timeout: TEST_MS }, () => onOwnServer([], async (page) => {
  const help = page.locator('#wire-help');
  await help.filter({ hasText: 'make run' }).filter({ hasText: './server --wire' }).waitFor();
  assert.match(await help.innerText(), /or it is not running now/);
  await connect(page);                                    // the left half does not need it
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'The same as was sent');
  assert.equal(await wire(page).count(), 0);
}));

const seeItEnd = async (page, own) => {
  await connect(page);
  await wire(page).nth(1).waitFor();
  await own.stop();
  await page.locator('#wire-state', { hasText: 'Code 1001, "the server is stopping"' }).waitFor();
  await state(page, 'CLOSED');
  await page.click('#connect');
  await lastRow(page, 'close', 'code 1006');
  await page.locator('#wire-help', { hasText: 'or it is not running now' }).waitFor();
  assert.ok(await wire(page).count() >= 2, 'what was seen stays');
};

test('if the trace ends, the page says so, and Connect asks for it again', { timeout: TEST_MS },
  () => onOwnServer(['--wire'], seeItEnd));

const views = [];

pageTest('Connect asks for the trace again', async (page) => {
  await connect(page);
  await wire(page).nth(1).waitFor();
  await views[0].close({ code: 1001 });
  await page.locator('#wire-state', { hasText: 'The trace has ended' }).waitFor();
  await page.click('#close');
  await state(page, 'CLOSED');
  await page.click('#connect');
  await state(page, 'OPEN');
  await wire(page).filter({ hasText: 'The trace begins again' }).waitFor();
  await eventually(async () => assert.equal(await wire(page, '.http').count(), 2));
  assert.equal(views.length, 2);
}, { prepare: (page) => page.routeWebSocket('**/wire', (socket) => {
  views.push(socket);
  socket.connectToServer();
}) });

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

pageTest('the list follows its end, until one looks at something older', async (page) => {
  const list = page.locator('#wire-list');
  const fromEnd = () => list.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
  await connect(page);
  for (let i = 1; i <= 3; i += 1) {
    await page.click('#send-hundred');
    await eventually(async () => assert.equal(await wire(page).count(), 2 + 200 * i));
    await eventually(async () => assert.ok(await fromEnd() < 8, `${await fromEnd()} pixels from its end`));
  }
  await list.hover();
  await page.mouse.wheel(0, -2000);
  await eventually(async () => assert.ok(await fromEnd() > 1000));
  await page.click('#send-text');
  await eventually(async () => assert.equal(await wire(page).count(), 604));
  assert.ok(await fromEnd() > 1000);
});

pageTest('Connect does not wait for ever for the trace', connect, { prepare: (page) => page.addInitScript(silentView) });

// ---- How it looks ----------------------------------------------------------------

async function someTalk(page) {
  await connect(page);
  for (const button of ['#send-text', '#send-emoji', '#send-126', '#send-hex']) await page.click(button);
  await page.click('#close');
  await state(page, 'CLOSED');
  await wire(page).filter({ hasText: 'disconnected' }).waitFor();
  await wire(page, '.http').locator('button').click();
  await wire(page, '.frame').first().locator('button').click();
  await wire(page).locator('.same').waitFor();
  await page.locator('#wire-list').evaluate((list) => { list.scrollTop = 0; });
  await page.hover('#log .entry:has-text("send()")');
}

const looks = [
  ['wire-light', { viewport: { width: 1280, height: 2000 }, colorScheme: 'light' }],
  ['wire-dark', { viewport: { width: 1280, height: 2000 }, colorScheme: 'dark' }],
  ['wire-light-narrow', { viewport: { width: 360, height: 740 }, colorScheme: 'light', reducedMotion: 'reduce' }],
  ['wire-dark-narrow', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' }],
];

for (const [name, settings] of looks) {
  pageTest(`it fits its window: ${name}`, async (page) => {
    await someTalk(page);
    await noSidewaysScroll(page);
    await picture(page, name);
  }, { settings });
}
