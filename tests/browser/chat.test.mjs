// Two tabs talk in the chat, through a server that is built as a learner's is: from a folder of the
// workshop in which all lessons are written.
//
//   node --test browser/chat.test.mjs        (in tests/, after npm ci)
//
// Each tab opens a WebSocket of its own from the page's origin; one test talks through the page as well.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DEADLINE_MS, TEST_MS, launchBrowser } from './browser.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ALL_LESSONS = '99'; // a stage in which every lesson is written

let workshop;
let browser;
let server;

before(async () => {
  execFileSync('mkdir', ['-p', join(root, 'build')]);
  workshop = mkdtempSync(join(root, 'build', 'chat-'));
  execFileSync('python3', ['lessons/tools/functions.py', 'stage', ALL_LESSONS, workshop], { cwd: root });
  process.env.SERVER = join(workshop, 'server');
  execFileSync('python3', ['lessons/tools/build.py', workshop, process.env.SERVER], { cwd: root, stdio: 'inherit' });
  const { startServer } = await import('../harness/server.mjs'); // reads SERVER
  server = await startServer([]);
  browser = await launchBrowser();
}, { timeout: 2 * TEST_MS });

after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(workshop, { recursive: true, force: true });
}, { timeout: TEST_MS });

// A tab in which somebody has joined; what it hears is in window.heard.
async function joinAs(context, name) {
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(server.url, { waitUntil: 'load' });
  await page.evaluate((name) => {
    window.heard = [];
    window.socket = new WebSocket(`ws://${location.host}/chat?name=${name}`);
    window.socket.onmessage = ({ data }) => window.heard.push(data);
    window.socket.onclose = ({ code, wasClean }) => window.heard.push(`(close ${code}, clean: ${wasClean})`);
  }, name);
  await hears(page, `* ${name} has joined`);
  return page;
}

const say = (page, text) => page.evaluate((text) => window.socket.send(text), text);

async function hears(page, text) {
  try {
    await page.waitForFunction((text) => window.heard.includes(text), text);
  } catch (error) {
    const heard = await page.evaluate(() => window.heard);
    throw new Error(`expected ${JSON.stringify(text)}, but heard ${JSON.stringify(heard)}`, { cause: error });
  }
}

test('two tabs talk through a server from the workshop', { timeout: TEST_MS }, async () => {
  const context = await browser.newContext();
  const ada = await joinAs(context, 'ada');
  const bob = await joinAs(context, 'bob');
  await hears(ada, '* bob has joined');
  await say(ada, 'Hello bob, h\u00e9!');
  await hears(bob, 'ada: Hello bob, h\u00e9!');
  await say(bob, '<b>\u{1f600}</b>');
  await hears(ada, 'bob: <b>\u{1f600}</b>');
  await bob.evaluate(() => window.socket.send(new TextEncoder().encode('as bytes')));
  await hears(ada, 'bob: as bytes');
  await bob.evaluate(() => window.socket.close(1000, 'bye'));
  await hears(ada, '* bob has left');
  await hears(bob, '(close 1000, clean: true)');
  assert.deepEqual(await ada.evaluate(() => window.heard), ['* ada has joined', '* bob has joined',
    'ada: Hello bob, h\u00e9!', 'bob: <b>\u{1f600}</b>', 'bob: as bytes', '* bob has left']);
  assert.deepEqual(await bob.evaluate(() => window.heard), ['* bob has joined', 'ada: Hello bob, h\u00e9!',
    'bob: <b>\u{1f600}</b>', 'bob: as bytes', '(close 1000, clean: true)']);
  await context.close();
});

test('the page itself talks with a tab', { timeout: TEST_MS }, async () => {
  const context = await browser.newContext();
  const bob = await joinAs(context, 'bob');
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.goto(server.url, { waitUntil: 'load' });
  await page.selectOption('#path', '/chat');
  await page.fill('#name', 'ada');
  await page.click('#connect');
  await hears(bob, '* ada has joined');
  await page.fill('#text', 'Hello bob');
  await page.click('#send-text');
  await hears(bob, 'ada: Hello bob');
  await say(bob, 'Hello ada');
  await page.getByText('bob: Hello ada').first().waitFor();
  await context.close();
});

test('a name that is not allowed opens nothing', { timeout: TEST_MS }, async () => {
  const page = await browser.newPage();
  await page.goto(server.url, { waitUntil: 'load' });
  const event = await page.evaluate(() => new Promise((done) => {
    new WebSocket(`ws://${location.host}/chat?name=a:b`).onclose = ({ code }) => done(code);
  }));
  assert.equal(event, 1006);
  await page.close();
});
