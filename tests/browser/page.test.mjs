// The page in a real browser, speaking to the real server: what a user does, and sees.
//
//   node --test browser/page.test.mjs        (in tests/, after npm ci)
//   BROWSER=firefox node --test browser/page.test.mjs
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { startServer, within } from '../harness/server.mjs';
import {
  DEADLINE_MS, TEST_MS, connect, eventually, lastRow, launchBrowser, noSidewaysScroll, pageTest as testOnPage, picture,
  row, rowCount, rowsOf, sendFrom, state, toolsTellOfWebSockets,
} from './browser.mjs';

const MIB = 1048576;
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

let browser;
let server;

before(async () => {
  server = await startServer(['--timeout', '5', '--wire']);
  browser = await launchBrowser();
}, { timeout: TEST_MS });

after(async () => {
  await browser?.close();
  await server?.stop();
}, { timeout: TEST_MS });

const pageTest = (name, body, options) => testOnPage(name, () => browser, () => server.url, body, options);

async function problem(page, id, words) {
  await page.locator(id, { hasText: words }).waitFor();
}

// ---- The tests -----------------------------------------------------------------

pageTest('the page loads, with all its files and no complaint', async (page) => {
  await state(page, 'Not connected');
  assert.equal(await rowCount(page), 0);
  const names = await page.evaluate(() => performance.getEntriesByType('resource')
    .map(({ name }) => new URL(name).pathname));
  const modules = readdirSync(new URL('../../client/', import.meta.url)).filter((name) => name.endsWith('.js'));
  for (const name of ['style.css', 'icon.svg', ...modules]) assert.ok(names.includes(`/${name}`), `${name} was loaded`);
});

// The page itself needs nothing inline: a violation is a complaint, on which any test fails.
pageTest('inline scripts and styles do nothing', async (page) => {
  const seen = await within(page.evaluate(() => new Promise((done) => {
    const violated = new Set();
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
      violated.add(effectiveDirective);
      if (!violated.has('style-src-attr') || !violated.has('script-src-elem')) return;
      done({ hasRun: window.hasRun, width: document.getElementById('styled').clientWidth });
    });
    document.body.insertAdjacentHTML('beforeend', '<p id="styled" style="width: 7px">');
    document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.hasRun = true' }));
  })), 'the browser to report both violations');
  assert.equal(seen.hasRun, undefined);
  assert.notEqual(seen.width, 7);
}, { complaintsExpected: true });

// ---- Pages of other origins ----------------------------------------------------

// Tries, from the page that is open, to use what is at this URL: a frame, an image, a file, a WebSocket.
const use = (page, url) => within(page.evaluate(async (at) => {
  const outcome = (tag, attributes) => new Promise((done) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.onload = () => done('works');
    element.onerror = () => done('fails');
    document.body.append(element);
  });
  const socket = new WebSocket(`${at.replace('http:', 'ws:')}echo`);
  return {
    socket: await new Promise((done) => {
      socket.onopen = () => done('works');
      socket.onerror = () => done('fails');
    }),
    image: await outcome('img', { src: `${at}icon.svg` }),
    style: await outcome('link', { rel: 'stylesheet', href: `${at}style.css` }),
    file: await fetch(`${at}page.js`, { mode: 'no-cors' }).then(() => 'works', () => 'fails'),
  };
}, url), 'the page to have tried everything');

const works = { socket: 'works', image: 'works', style: 'works', file: 'works' };
const fails = { socket: 'fails', image: 'fails', style: 'fails', file: 'fails' };

pageTest('our own page may use our files and our WebSocket', async (page) => {
  assert.deepEqual(await use(page, server.url), works);
});

test('a page of another origin may use neither, and may not have our page in a frame', { timeout: TEST_MS }, async () => {
  const other = createServer(({ url }, response) => {
    const frames = `<iframe src="/inner"></iframe><iframe src="${server.url}"></iframe>`;
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><h1>${url}</h1>${url === '/' ? frames : ''}`);
  });
  await new Promise((done) => { other.listen(0, '127.0.0.1', done); });
  const page = await browser.newPage();
  try {
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(`http://127.0.0.1:${other.address().port}/`, { waitUntil: 'load' });
    const [title, inner, ours] = await Promise.all(page.frames().map((frame) => frame.locator('h1').innerText()));
    assert.deepEqual([title, inner], ['/', '/inner']);
    assert.doesNotMatch(ours, /WebSocket/);                 // but the browser's own words
    assert.deepEqual(await use(page, server.url), fails);
  } finally {
    await page.close();
    other.closeAllConnections();
    other.close();
  }
});

// ---- What a user does ----------------------------------------------------------

pageTest('Connect opens a WebSocket, and then there is Close instead', async (page) => {
  const opened = toolsTellOfWebSockets &&
    page.waitForEvent('websocket', (socket) => !socket.url().endsWith('/wire'));
  assert.equal(await page.locator('#close-form').isVisible(), false);
  await connect(page);
  if (opened) assert.match((await opened).url(), /^ws:\/\/127\.0\.0\.1:\d+\/echo\?page=[0-9a-f]{16}$/);
  await lastRow(page, 'open');
  assert.match(await page.locator('#state').innerText(), /OPEN, readyState 1/);
  assert.match((await rowsOf(page))[0].left, /new WebSocket\(\)/);
  assert.deepEqual([await page.locator('#connect').isVisible(), await page.locator('#close').isVisible()], [false, true]);
});

pageTest('text comes back, with its time', async (page) => {
  await connect(page);
  await page.fill('#text', 'grüße 👋');
  await page.click('#send-text');
  await lastRow(page, 'message', 'text, 12 bytes: "grüße 👋"', 'As sent.');
  await page.locator('#round-trip', { hasText: /^\d+(\.\d+)? ms$/ }).waitFor();
  await page.fill('#text', '<b>not HTML</b>');
  await page.press('#text', 'Enter');
  await lastRow(page, 'message', '"<b>not HTML</b>"', 'As sent.');
});

pageTest('a text of several lines; the arrow keys bring back what was sent', async (page) => {
  await connect(page);
  await page.fill('#text', 'first');
  await page.press('#text', 'Enter');
  await page.fill('#text', 'second');
  await page.press('#text', 'Shift+Enter');
  await page.keyboard.type('line');
  await page.press('#text', 'Enter');
  await lastRow(page, 'message', String.raw`"second\nline"`, 'As sent.');
  await page.press('#text', 'ArrowUp');                     // from its last line to its first
  await page.press('#text', 'ArrowUp');
  assert.equal(await page.inputValue('#text'), 'first');
  await page.press('#text', 'ArrowDown');
  assert.equal(await page.inputValue('#text'), 'second\nline');
});

pageTest('an empty message is a message', async (page) => {
  await connect(page);
  await sendFrom(page, 'text', '');
  await lastRow(page, 'message', 'text, 0 bytes', 'As sent.');
  await sendFrom(page, 'hex', '');
  await lastRow(page, 'message', 'binary, 0 bytes', 'As sent.');
});

pageTest('bytes given as hex come back', async (page) => {
  await connect(page);
  await sendFrom(page, 'hex', '00 fF 80 0a48');
  await lastRow(page, 'message', 'binary, 5 bytes: 00 ff 80 0a 48', 'As sent.');
});

pageTest('bad hex is explained, and not sent', async (page) => {
  await connect(page);
  await sendFrom(page, 'hex', '48 6g');
  await problem(page, '#hex-problem', '"g" is not a hex digit');
  await page.fill('#hex', '48 6');
  await page.press('#hex', 'Enter');
  await problem(page, '#hex-problem', '"6" is half a byte short');
  assert.equal((await rowsOf(page)).filter(({ api }) => api === 'send').length, 0);
  await page.fill('#hex', '48 65');
  await page.press('#hex', 'Enter');
  await lastRow(page, 'message', 'binary, 2 bytes: 48 65');
  assert.equal(await page.locator('#hex-problem').innerText(), '');
});

for (const type of ['text', 'binary']) {
  pageTest(`1 MiB of ${type} comes back whole`, async (page) => {
    await connect(page);
    await sendFrom(page, 'large', `${type} ${MIB}`);
    const { left } = await lastRow(page, 'message', `${type}, 1,048,576 bytes`, 'As sent.');
    assert.ok(left.length < 300, 'the row shows only its beginning');
  });
}

pageTest('messages sent at once come back in order', async (page) => {
  await connect(page);
  await sendFrom(page, 'many', '100');
  await lastRow(page, 'message', '"number 100"', 'As sent.', 'behind');
  const notes = await page.evaluate(async () => (await import('/ladder.js')).session.rows
    .filter(({ left }) => left?.api === 'message').map(({ left }) => left.note));
  assert.deepEqual(notes, Array(100).fill('As sent. '));
  await page.locator('#behind', { hasText: 'the page’s own queue is in it' }).waitFor();
  await page.locator('#median', { hasText: /^Of the last 100: median .* ms, 99th percentile .* ms\.$/ }).waitFor();
  assert.equal((await page.getAttribute('#dots', 'd')).split('M').length - 1, 100);
});

pageTest('only what can be seen is in the document, and Clear empties it', async (page) => {
  await connect(page);
  await sendFrom(page, 'many', '1000');
  await lastRow(page, 'message', '"number 1000"');
  await eventually(async () => assert.ok(await rowCount(page) >= 2002));
  assert.ok(await row(page).count() < 60, `${await row(page).count()} rows are in the document`);
  await page.click('#clear');
  await eventually(async () => assert.equal(await rowCount(page), 0));
});

pageTest('a close code and a reason come back, and one can connect again', async (page) => {
  await connect(page);
  await page.fill('#close-code', '4000');
  await page.fill('#close-reason', 'done');
  await page.click('#close');
  await lastRow(page, 'close', 'code 4000, reason "done", wasClean true');
  assert.match(await page.locator('#state').innerText(), /CLOSED, readyState 3/);
  await page.click('#send-text');
  await problem(page, '#text-problem', 'There is no open connection');
  await page.locator('#connect', { hasText: 'Connect again' }).waitFor();
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'As sent.');
});

pageTest('a close without a code is reported as 1005', async (page) => {
  await connect(page);
  await page.fill('#close-code', '');
  await page.click('#close');
  await lastRow(page, 'close', 'code 1005, no reason, wasClean true', 'No code was given');
});

pageTest('what close() refuses is said in words, and the connection stays', async (page) => {
  await connect(page);
  await page.fill('#close-code', '1001');
  await page.click('#close');
  await problem(page, '#close-problem', 'A page may use 1000, and 3000 to 4999');
  await lastRow(page, 'close()', 'threw InvalidAccessError');
  await page.fill('#close-code', 'soon');
  await page.click('#close');
  await problem(page, '#close-problem', '"soon" is not a number');
  await page.fill('#close-code', '1000');
  await page.fill('#close-reason', 'é'.repeat(62));         // 62 characters, and 124 bytes
  await page.click('#close');
  await problem(page, '#close-problem', 'this one has 124');
  await lastRow(page, 'close()', 'threw SyntaxError');
  await state(page, 'OPEN');
  await page.fill('#close-reason', 'é'.repeat(61));
  await page.click('#close');
  await lastRow(page, 'close', 'code 1000', 'wasClean true');
});

test('a server that stops says 1001, and a stopped server is explained', { timeout: TEST_MS }, async () => {
  const own = await startServer(['--timeout', '5', '--wire']);
  const page = await browser.newPage();
  try {
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(own.url);
    await connect(page);
    await own.stop();
    await lastRow(page, 'close', 'code 1001', 'wasClean true', 'the server is stopping');
    await state(page, 'CLOSED');
    await page.click('#connect');
    await lastRow(page, 'close', 'code 1006', 'wasClean false', 'never came to be');
    const words = page.locator('#connect-problem', { hasText: /The server may be stopped[^]*curl -i http:/ });
    await words.waitFor();
    assert.ok((await words.boundingBox()).y < 500, 'it stands beside the button');
  } finally {
    await page.close();
    await own.stop();
  }
});

pageTest('another path; what the server does not have there is explained', async (page) => {
  await page.selectOption('#path', '');
  await page.fill('#other', '/nothing?a=b');
  await page.click('#connect');
  await lastRow(page, 'close', 'code 1006');
  await problem(page, '#connect-problem', 'have nothing at this path');
  assert.match((await rowsOf(page)).find(({ kind }) => kind === 'request').right, /GET \/nothing\?a=b&page=/);
  await row(page, '[data-kind="response"]').filter({ hasText: '404' }).waitFor();
  await page.selectOption('#path', '/chat');
  await page.fill('#name', 'ada');
  await page.click('#connect');
  await eventually(async () => assert.match((await rowsOf(page)).findLast(({ kind }) => kind === 'request').right,
    /GET \/chat\?name=ada&page=/));
}, { complaintsExpected: true });

async function tabTo(page, id, key = 'Tab') {
  for (let i = 0; i < 20; i += 1) {
    await page.keyboard.press(key);
    if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
  }
  assert.fail(`${key} does not lead to #${id}`);
}

pageTest('everything can be done with the keyboard', async (page) => {
  await tabTo(page, 'connect');
  await page.keyboard.press('Enter');
  await state(page, 'OPEN');
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement.id), 'text'));
  await page.keyboard.press('Control+A');
  await page.keyboard.type('by hand');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', '"by hand"');
  await tabTo(page, 'tab-text', 'Shift+Tab');
  await page.keyboard.press('ArrowRight');
  await tabTo(page, 'hex');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', 'binary, 5 bytes');
  await tabTo(page, 'tab-hex', 'Shift+Tab');
  await page.keyboard.press('ArrowRight');
  await tabTo(page, 'send-large');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', 'text, 65,536 bytes');
  await tabTo(page, 'clear');
  await page.keyboard.press('Enter');
  await eventually(async () => assert.equal(await rowCount(page), 0));
  await tabTo(page, 'ladder');
  await tabTo(page, 'close', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await lastRow(page, 'close', 'code 1000, reason "done", wasClean true');
  await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement.id), 'connect'));
});

// ---- How it looks --------------------------------------------------------------

// Whether all of an element's box is in the window, and nothing has been scrolled.
async function inWindow(page, locator) {
  const box = await locator.boundingBox();
  const { width, height } = page.viewportSize();
  return box && box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height
    && await page.evaluate(() => scrollX === 0 && scrollY === 0);
}

for (const [width, height] of [[1366, 768], [390, 844]]) {
  pageTest(`Connect and Send by keyboard: all is in sight at ${width} by ${height}`, async (page) => {
    await tabTo(page, 'connect');
    await page.keyboard.press('Enter');
    await state(page, 'OPEN');
    await eventually(async () => assert.equal(await page.evaluate(() => document.activeElement.id), 'text'));
    await page.keyboard.press('Enter');
    await lastRow(page, 'message', '"Hello"');
    for (const [api, dir] of [['send', 'in'], ['message', 'out']]) {
      const one = row(page, `[data-api="${api}"][data-dir="${dir}"]`).filter({ hasText: '5 bytes' });
      await one.waitFor();
      assert.ok(await inWindow(page, one), `the row of ${api} is in the window`);
    }
    for (const id of ['state', 'close', 'text', 'send-text']) {
      assert.ok(await inWindow(page, page.locator(`#${id}`)), `#${id} is in the window`);
    }
  }, { settings: { viewport: { width, height } } });
}

async function expectNoViolations(page, when) {
  const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false }));
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join('; ')}`), [], when);
}

for (const colorScheme of ['light', 'dark']) {
  pageTest(`axe finds nothing: ${colorScheme}`, async (page) => {
    await page.evaluate(axe);
    await expectNoViolations(page, 'at the beginning');
    await connect(page);
    await page.click('#send-text');
    await lastRow(page, 'message', '"Hello"');
    await page.fill('#close-code', '1001');
    await page.click('#close');
    await row(page, '[data-api="send"]').click();
    await expectNoViolations(page, 'with a row opened, and a problem');
    await row(page, '[data-api="open"]').click();
    await expectNoViolations(page, 'with a handshake opened');
    await page.click('#compose-open');
    await expectNoViolations(page, 'with a frame composed');
  }, { settings: { colorScheme, reducedMotion: 'reduce' } });
}

async function someTalk(page) {
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"');
  await sendFrom(page, 'hex');
  await lastRow(page, 'message', 'binary');
  await sendFrom(page, 'large', `text ${MIB}`);
  await lastRow(page, 'message', '1,048,576 bytes', 'As sent.');
}

const looks = [
  ['light-laptop', { viewport: { width: 1366, height: 768 }, colorScheme: 'light' }],
  ['dark-laptop', { viewport: { width: 1366, height: 768 }, colorScheme: 'dark' }],
  ['light-desktop', { viewport: { width: 1920, height: 1080 }, colorScheme: 'light' }],
  ['dark-desktop', { viewport: { width: 1920, height: 1080 }, colorScheme: 'dark' }],
  ['light-phone', { viewport: { width: 390, height: 844 }, colorScheme: 'light', reducedMotion: 'reduce' }],
  ['dark-phone', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' }],
];

for (const [name, settings] of looks) {
  pageTest(`it fits its window: ${name}`, async (page) => {
    await noSidewaysScroll(page);
    await someTalk(page);
    await noSidewaysScroll(page);
    await picture(page, `${name}-open`);
    await page.fill('#close-code', '1001');
    await page.click('#close');
    await page.fill('#close-code', '4000');
    await sendFrom(page, 'hex', '4g');
    await picture(page, `${name}-problem`);
    await page.click('#close');
    await state(page, 'CLOSED');
    await page.focus('#ladder');
    await page.keyboard.press('Home');
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('ArrowDown');
    await noSidewaysScroll(page);
    await picture(page, `${name}-closed`);
  }, { settings });
}
