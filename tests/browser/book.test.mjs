// The book in build/book, as a reader has it: opened from the folder, without a server. make check-book
// makes it first. BROWSER=firefox tests it in Firefox.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { after, before, test } from 'node:test';
import { DEADLINE_MS, TEST_MS, launchBrowser, noSidewaysScroll, pageTest } from './browser.mjs';

const folder = new URL('../../build/book/', import.meta.url);
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const recordings = readdirSync(new URL('recordings/', folder)).map((name) => name.replace('.js', ''));
const pages = ['index.html', 'course.html', 'lesson-03.html', 'lesson-10.html', 'source/utf8.c.html',
  ...(recordings.length > 0 ? ['player.html'] : [])];
const isFirefox = process.env.BROWSER === 'firefox';
let browser;

before(async () => { browser = await launchBrowser(); });
after(() => browser?.close());

const bookTest = (name, address, body, more) =>
  pageTest(name, () => browser, () => new URL(address, folder).href, body, more);

bookTest('the search finds "masking key", and opens its lesson', 'source/stream.c.html', async (page) => {
  await page.keyboard.press('/');
  await page.keyboard.type('masking key');
  await page.locator('#found a', { hasText: 'Lesson 10' }).or(page.locator('#found a', { hasText: 'Lesson 9' }))
    .first().click();
  await page.waitForURL(/lesson-(09|10)\.html#/);
  assert.match(await page.locator('main').innerText(), /masking key/);
});

bookTest('a command is copied without its prompt', 'lesson-03.html', async (page) => {
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: { writeText: (text) => { window.copied = text; } } });
  });
  await page.locator('.block', { has: page.locator('pre.console') }).first().getByText('Copy').click();
  assert.equal(await page.evaluate(() => window.copied), './server --port 8080');
});

bookTest('a function in the text leads to its lines, and from there back to its lesson', 'lesson-03.html',
  async (page) => {
    await page.locator('main a', { hasText: /^stream_fill$/ }).first().click();
    await page.waitForURL(/source\/stream\.c\.html#stream_fill$/);
    await page.locator('.row', { has: page.locator('#stream_fill') }).getByText('lesson 3').click();
    await page.waitForURL(/lesson-03\.html$/);
  });

for (const scheme of ['light', 'dark']) {
  for (const address of pages) {
    bookTest(`${address}, ${scheme}: axe finds nothing, and nothing moves sideways on a phone`, address,
      async (page) => {
        await noSidewaysScroll(page);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false }));
        assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).slice(0, 3)}`), []);
      }, { settings: { colorScheme: scheme, viewport: { width: 390, height: 844 } } });
  }
}

// ---- the players ----

for (const name of recordings) {
  const address = name === 'session' ? 'index.html' : `lesson-${name}.html`;
  bookTest(`the recording ${name} is played to its end and back, and shows the same both ways`, `${address}#${name}/0`,
    async (page) => {
      await page.locator('.player .now').first().waitFor();
      const different = await page.evaluate(() => {
        const { player } = document.querySelector('.player');
        player.box.hidden = true;                               // what it holds is compared, not how it looks
        const picture = () => player.box.innerHTML + player.range.value;
        const forwards = [];
        for (;;) {
          forwards.push(picture());
          if (player.at === player.last) break;
          player.show(player.at + 1);
        }
        const wrong = [];
        for (; ; player.show(player.at - 1)) {
          if (picture() !== forwards[player.at]) wrong.push(player.at);
          if (player.at === 0) break;
        }
        return { wrong, steps: forwards.length, told: new Set(forwards).size };
      });
      assert.deepEqual(different.wrong, [], 'these steps look different on the way back');
      assert.ok(different.steps > 20 && different.told === different.steps, JSON.stringify(different));
    });
}

if (recordings.includes('03')) {
  bookTest('a link to a step opens there', 'lesson-03.html#03/40', async (page) => {
    await page.getByText(/^step 40 of \d+$/).waitFor();
    assert.equal(await page.locator('.player .controls .link').getAttribute('href'), '#03/40');
    assert.ok(await page.locator('.player .controls').isVisible());
  });

  bookTest('on a phone, each part of the player shows what it holds', 'lesson-03.html#03/40', async (page) => {
    await page.getByText(/^step 40 of \d+$/).waitFor();
    for (const name of ['code', 'stack', 'values', 'buffer', 'wires']) {
      const { height } = await page.locator(`.player .${name}-part`).boundingBox();
      assert.ok(height >= 60, `"${name}" is ${height} pixels high`);
    }
  }, { settings: { viewport: { width: 390, height: 844 } } });

  bookTest('keys and buttons lead through a recording', 'lesson-03.html#03/0', async (page) => {
    const step = async (what) => {
      await what;
      return Number((await page.locator('.player .count').innerText()).split(' ')[1]);
    };
    await page.getByText(/^step 0 of \d+$/).waitFor();
    assert.equal(await step(page.locator('.player').press('ArrowRight')), 1);
    assert.equal(await step(page.locator('.player').press('ArrowLeft')), 0);
    const stop = await step(page.getByLabel('To the next stop of the tour').click());
    assert.match(await page.locator('.player .said').innerText(), /^Stop 1 of 5\s/);
    const [line, code] = [await page.locator('.code .now').boundingBox(), await page.locator('.code').boundingBox()];
    assert.ok(line.y >= code.y && line.y + line.height <= code.y + code.height, 'the line is not in sight');
    assert.equal(await step(page.getByLabel('To the stop before').click()), 0);
    assert.ok(await step(page.getByLabel('To where the next bytes').click()) > stop);
    assert.match(await page.locator('.player .wires').innerText(), /received\s+13\s+GET \/echo HTT/);
  });
}

if (recordings.includes('09')) {
  bookTest('a stop that asks folds the answer until one opens it or steps on', 'lesson-09.html#09/0', async (page) => {
    const next = page.getByLabel('To the next stop of the tour');
    await next.click();
    await next.click();
    const asked = page.locator('.player .asked');
    assert.equal(await asked.locator('summary').innerText(),
      'Predict first: The next message is 300 bytes long. What do the 7 bits say?');
    const answer = asked.getByText('The 7 bits say 126');
    assert.equal(await answer.isVisible(), false);
    await asked.locator('summary').click();
    await answer.waitFor();
    await next.click();
    await page.locator('.player .said > span', { hasText: 'The 7 bits say 126' }).waitFor();
    assert.equal(await asked.count(), 0, 'this stop asks nothing');
  });

  bookTest('a link to a function opens the player at its first step', 'player.html#frame_decode_start', async (page) => {
    await page.waitForURL(/player\.html#09\/\d+$/);
    await page.locator('.player .code-part .label', { hasText: /^frame_decode_start frame\.c:\d+ lesson 9$/ }).waitFor();
    const functions = await page.locator('.player').evaluate((box) => box.player.states.slice(0, box.player.at + 1)
      .map(({ at }) => box.player.recording.places[at][1]));
    assert.equal(functions.indexOf('frame_decode_start'), functions.length - 1);
    await page.evaluate(() => { location.hash = '#options_parse'; });     // which no recording has
    await page.waitForURL(/source\/options\.c\.html#options_parse$/);
  });
}

// ---- weight ----

const MOST_BYTES = 500_000;

test('a page weighs less than 500 KB without its recording', () => {
  for (const name of readdirSync(folder, { recursive: true }).filter((one) => one.endsWith('.html'))) {
    const page = new URL(name, folder);
    const loaded = readFileSync(page, 'utf8').matchAll(/(?:src="|rel="stylesheet" href=")([^"]+)"/g);
    const files = [page, ...[...loaded].map(([, href]) => new URL(href, page))];
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    assert.ok(bytes < MOST_BYTES, `${name} weighs ${bytes} bytes`);
  }
});

// A slow phone, as Lighthouse has it: 1.6 Mbit/s, 150 ms to the server, a processor four times as slow.
const SLOW = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

for (const address of ['cover.html', 'lesson-09.html', 'source/frame.c.html']) {
  test(`on a slow phone, ${address} shows text`, { skip: isFirefox, timeout: TEST_MS }, async (t) => {
    const server = createServer(({ url }, response) => {
      const type = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }[extname(url)] ?? 'text/html';
      if (url === '/favicon.ico') return response.writeHead(404).end();
      return response.setHeader('Content-Type', type).end(readFileSync(new URL(url.slice(1), folder)));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(DEADLINE_MS);
      const tools = await context.newCDPSession(page);
      await tools.send('Network.enable');
      await tools.send('Network.emulateNetworkConditions', SLOW);
      await tools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
      await page.goto(`http://127.0.0.1:${server.address().port}/${address}`, { waitUntil: 'load' });
      const { shown, loaded } = await page.evaluate(() => ({
        shown: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
        loaded: performance.getEntriesByType('navigation')[0].loadEventStart }));
      t.diagnostic(`${address}: text after ${shown?.toFixed()} ms, all of it after ${loaded.toFixed()} ms`);
      assert.ok(shown > 0, 'nothing was painted');
    } finally {
      await context.close();
      server.closeAllConnections();
      server.close();
    }
  });
}
