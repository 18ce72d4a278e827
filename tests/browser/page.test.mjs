// The page in a real browser, speaking to the real server: what a user does, and sees.
//
//   node --test browser/page.test.mjs        (in tests/, after npm ci)
//   BROWSER=firefox node --test browser/page.test.mjs
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { startServer, within } from '../server.mjs';
import {
  DEADLINE_MS, TEST_MS, connect, lastRow, launchBrowser, noSidewaysScroll, pageTest as testOnPage, picture, state,
  toolsTellOfWebSockets,
} from './browser.mjs';

const MIB = 1048576;

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

const rows = (page) => page.locator('#log .entry').count();

// ---- The tests -----------------------------------------------------------------

pageTest('the page loads, with all its files and no complaint', async (page) => {
  await state(page, 'Not connected');
  assert.equal(await page.locator('#log .entry').count(), 0);
  const names = await page.evaluate(() => performance.getEntriesByType('resource')
    .map(({ name }) => new URL(name).pathname));
  const modules = ['page', 'words', 'list', 'wire', 'track', 'figure', 'view'].map((name) => `/${name}.js`);
  for (const name of ['/style.css', '/icon.svg', ...modules]) assert.ok(names.includes(name), `${name} was loaded`);
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

pageTest('Connect opens a WebSocket', async (page) => {
  const opened = toolsTellOfWebSockets &&
    page.waitForEvent('websocket', (socket) => !socket.url().endsWith('/wire'));
  await connect(page);
  if (opened) assert.match((await opened).url(), /^ws:\/\/127\.0\.0\.1:\d+\/echo\?page=[0-9a-f]{16}$/);
  await lastRow(page, 'open');
  assert.match(await page.locator('#state').innerText(), /OPEN, readyState 1/);
  assert.match(await page.locator('#log .entry').first().innerText(), /new WebSocket\(\)/);
  await page.click('#connect');
  await problem(page, '#connect-problem', 'There is a connection already');
});

pageTest('text comes back, with its time', async (page) => {
  await connect(page);
  await page.fill('#text', 'grüße 👋');
  await page.click('#send-text');
  await lastRow(page, 'message', 'text, 12 bytes: "grüße 👋"', 'The same as was sent');
  assert.match(await page.locator('#round-trip').innerText(), /^\d+\.\d ms$/);
  await page.fill('#text', '<b>not HTML</b>');
  await page.press('#text', 'Enter');
  await lastRow(page, 'message', '"<b>not HTML</b>"', 'The same as was sent');
});

pageTest('an empty message is a message', async (page) => {
  await connect(page);
  await page.fill('#text', '');
  await page.click('#send-text');
  await lastRow(page, 'message', 'text, 0 bytes', 'The same as was sent');
  await page.fill('#hex', '');
  await page.click('#send-hex');
  await lastRow(page, 'message', 'binary, 0 bytes', 'The same as was sent');
});

pageTest('bytes given as hex come back', async (page) => {
  await connect(page);
  await page.fill('#hex', '00 fF 80 0a48');
  await page.click('#send-hex');
  await lastRow(page, 'message', 'binary, 5 bytes: 00 ff 80 0a 48', 'The same as was sent');
});

pageTest('bad hex is explained, and not sent', async (page) => {
  await connect(page);
  const before = await rows(page);
  await page.fill('#hex', '48 6g');
  await page.click('#send-hex');
  await problem(page, '#hex-problem', '"g" is not a hex digit');
  await page.fill('#hex', '48 6');
  await page.press('#hex', 'Enter');
  await problem(page, '#hex-problem', '"6" is half a byte short');
  assert.equal(await rows(page), before);
  await page.fill('#hex', '48 65');
  await page.press('#hex', 'Enter');
  await lastRow(page, 'message', 'binary, 2 bytes: 48 65');
  assert.equal(await page.locator('#hex-problem').innerText(), '');
});

for (const type of ['text', 'binary']) {
  pageTest(`1 MiB of ${type} comes back whole`, async (page) => {
    await connect(page);
    await page.selectOption('#large', `${type} ${MIB}`);
    await page.click('#send-large');
    const row = await lastRow(page, 'message', `${type}, 1,048,576 bytes`, 'The same as was sent');
    assert.ok(row.length < 300, 'the log shows only its beginning');
  });
}

pageTest('messages sent at once come back in order', async (page) => {
  await connect(page);
  await page.evaluate(() => {
    for (let i = 0; i < 100; i += 1) {
      document.getElementById('text').value = `number ${i}`;
      document.getElementById('send-text').click();
    }
  });
  await lastRow(page, 'message', '"number 99"', 'The same as was sent');
  assert.equal(await page.locator('#log .entry', { hasText: 'The same as was sent' }).count(), 100);
});

pageTest('the log keeps 1000 rows, and says what it dropped', async (page) => {
  await connect(page);                                      // two rows; each message makes two more
  await page.evaluate(() => {
    for (let i = 0; i < 600; i += 1) document.getElementById('send-text').click();
  });
  await page.locator('#dropped', { hasText: 'beginning: 202 rows' }).waitFor();
  assert.equal(await rows(page), 1000);
  await page.click('#clear-log');
  assert.equal(await rows(page), 0);
  assert.equal(await page.locator('#dropped').isVisible(), false);
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
  await page.click('#close');
  await problem(page, '#close-problem', 'no connection to close');
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'The same as was sent');
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
    const words = await page.locator('#log .entry', { hasText: 'no detail' }).innerText();
    assert.match(words, /error[^]*The server may be stopped[^]*curl -i http:/);
  } finally {
    await page.close();
    await own.stop();
  }
});

pageTest('everything can be done with the keyboard', async (page) => {
  const tabTo = async (id, key = 'Tab') => {
    for (let i = 0; i < 20; i += 1) {
      await page.keyboard.press(key);
      if (await page.evaluate((wanted) => document.activeElement.id === wanted, id)) return;
    }
    assert.fail(`${key} does not lead to #${id}`);
  };
  await tabTo('connect');
  await page.keyboard.press('Enter');
  await state(page, 'OPEN');
  await tabTo('text');
  await page.keyboard.press('Control+A');
  await page.keyboard.type('by hand');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', '"by hand"');
  await tabTo('hex');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', 'binary, 5 bytes');
  await tabTo('large');
  await tabTo('send-large');
  await page.keyboard.press('Enter');
  await lastRow(page, 'message', 'text, 65,536 bytes');
  await tabTo('clear-log');
  await page.keyboard.press('Enter');
  await page.locator('#log:empty').waitFor();
  await tabTo('log');
  await tabTo('close', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await lastRow(page, 'close', 'code 1000, reason "done", wasClean true');
});

// ---- How it looks --------------------------------------------------------------

async function someTalk(page) {
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"');
  await page.click('#send-hex');
  await lastRow(page, 'message', 'binary');
  await page.selectOption('#large', `text ${MIB}`);
  await page.click('#send-large');
  await lastRow(page, 'message', '1,048,576 bytes', 'The same');
}

const looks = [
  ['light-wide', { viewport: { width: 1280, height: 900 }, colorScheme: 'light' }],
  ['dark-wide', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }],
  ['light-narrow', { viewport: { width: 360, height: 740 }, colorScheme: 'light', reducedMotion: 'reduce' }],
  ['dark-narrow', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', reducedMotion: 'reduce' }],
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
    await page.fill('#hex', '4g');
    await page.click('#send-hex');
    await picture(page, `${name}-problem`);
    await page.click('#close');
    await state(page, 'CLOSED');
    await noSidewaysScroll(page);
    await picture(page, `${name}-closed`);
  }, { settings });
}
