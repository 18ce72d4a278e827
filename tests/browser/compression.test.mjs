// A browser and a server with --compress: every browser offers permessage-deflate by itself, so nothing
// but the server's word is needed. What comes back is compared in the page.
//
//   node --test browser/compression.test.mjs        (in tests/, after npm ci; BROWSER=firefox for Firefox)
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before } from 'node:test';
import { startServer } from '../harness/server.mjs';
import { TEST_MS, connect, launchBrowser, pageTest as testOnPage } from './browser.mjs';

let browser;
let server;

before(async () => {
  server = await startServer(['--compress', '--wire']);
  browser = await launchBrowser();
}, { timeout: 2 * TEST_MS });

after(async () => {
  await browser?.close();
  await server?.stop();
}, { timeout: TEST_MS });

const pageTest = (name, body, options) =>
  testOnPage(name, () => browser, () => server.url, body, options);

pageTest('text and binary up to 1 MiB are exchanged compressed', async (page) => {
  const result = await page.evaluate(async (url) => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    await new Promise((done, fail) => { socket.onopen = done; socket.onerror = fail; });
    const echo = (message) => new Promise((done, fail) => {
      socket.onmessage = ({ data }) => done(data);
      socket.onclose = ({ code, reason }) => fail(new Error(`closed: ${code} ${reason}`));
      socket.send(message);
    });
    const wrong = [];
    for (const length of [0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20]) {
      const text = 'aé€😀'.repeat(length / 10) + 'x'.repeat(length % 10);
      const noise = new Uint8Array(length);
      for (let i = 0; i < length; i += 65536) crypto.getRandomValues(noise.subarray(i, i + 65536));
      if (await echo(text) !== text) wrong.push(`text ${length}`);
      const back = new Uint8Array(await echo(noise));
      if (back.length !== length || back.some((byte, i) => byte !== noise[i])) wrong.push(`binary ${length}`);
    }
    const closed = new Promise((done) => { socket.onclose = ({ code, wasClean }) => done([code, wasClean]); });
    socket.close(1000);
    return { extensions: socket.extensions, wrong, closed: await closed };
  }, `${server.wsUrl}echo`);
  assert.match(result.extensions, /^permessage-deflate/);
  assert.deepEqual(result.wrong, []);
  assert.deepEqual(result.closed, [1000, true]);
});

pageTest('a composed frame may have RSV1 once compression was agreed on, if its payload is compressed', async (page) => {
  const place = page.locator('#compose');
  const compose = async (words) => {
    await page.click('#compose-open');
    await place.locator('.verdict', { hasText: words }).waitFor();
  };
  await page.click('#compose-open');
  await place.locator('[name="rsv1"]').check();
  await place.locator('.verdict', { hasText: 'none was agreed on' }).waitFor();
  await page.keyboard.press('Escape');
  await connect(page);
  await compose('The payload is not compressed');
  await place.locator('[name="as"]').selectOption('deflate');
  await place.locator('.verdict', { hasText: 'Yes. It inflates to 5 bytes.' }).waitFor();
  const line = await place.locator('.copy-line code').innerText();
  assert.match(line, /--offer permessage-deflate =c188/);
  const talk = spawnSync('python3', line.split(' '), { cwd: new URL('../..', import.meta.url), encoding: 'utf8' });
  assert.match(talk.stdout, /^got .* text, 5 bytes "Hello"$/m);
});

pageTest('what becomes too long is answered by 1009', async (page) => {
  const code = await page.evaluate((url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.onopen = () => socket.send(new Uint8Array((1 << 20) + 1));
    socket.onclose = (event) => done(event.code);
  }), `${server.wsUrl}echo`);
  assert.equal(code, 1009);
});
