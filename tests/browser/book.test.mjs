// The book in build/book, as a reader has it: opened from the folder, without a server. make check-book
// makes it first.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser, pageTest } from './browser.mjs';

const folder = new URL('../../build/book/', import.meta.url);
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const recordings = readdirSync(new URL('recordings/', folder)).map((name) => name.replace('.js', ''));
const pages = ['index.html', 'course.html', 'lesson-03.html', 'lesson-10.html', 'source/utf8.c.html',
  ...(recordings.length > 0 ? ['player.html'] : [])];
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
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(width, 390, 'the page is wider than the screen');
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
    assert.equal(await step(page.getByLabel('To the stop before').click()), 0);
    assert.ok(await step(page.getByLabel('To where the next bytes').click()) > stop);
    assert.match(await page.locator('.player .wires').innerText(), /received\s+13\s+GET \/echo HTT/);
  });
}
