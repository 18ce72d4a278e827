// What the browser tests share: a Chromium, pages whose complaints are collected, and the words for
// what a user does and sees.
//
// CHROMIUM names the browser if it is not on the PATH.
// BROWSER=firefox takes Debian's Firefox instead; FIREFOX names it if it is not on the PATH.
// Screenshots, for a person to look at, go to build/screenshots/.

import assert from 'node:assert/strict';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium, firefox } from 'playwright-core';

export const DEADLINE_MS = 10_000;       // of each wait
export const TEST_MS = 60_000;           // of a whole test
const isFirefox = process.env.BROWSER === 'firefox';
// Firefox's tools say nothing of a page's WebSockets.
export const toolsTellOfWebSockets = !isFirefox;
const screenshots = fileURLToPath(
  new URL(`../../build/screenshots/${isFirefox ? 'firefox/' : ''}`, import.meta.url));

export function launchBrowser() {
  mkdirSync(screenshots, { recursive: true });
  return isFirefox ? launchFirefox() : launchChromium();
}

function launchChromium() {
  return chromium.launch({
    executablePath: findProgram('CHROMIUM', ['chromium', 'chromium-browser', 'google-chrome']),
    headless: true,               // and a fresh profile, which launch() always makes
    timeout: 3 * DEADLINE_MS,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// "moz-firefox" stands for Firefox as it is, which is spoken to in the standard's way, WebDriver
// BiDi. It would write into the home folder, so it gets one that goes away.
function launchFirefox() {
  const home = mkdtempSync(join(tmpdir(), 'firefox-'));
  process.on('exit', () => rmSync(home, { recursive: true, force: true }));
  return firefox.launch({
    channel: 'moz-firefox',
    executablePath: findProgram('FIREFOX', ['firefox-esr']),
    headless: true,
    timeout: 6 * DEADLINE_MS,
    env: { ...process.env, HOME: home },
    // Nothing but the server under test is to be asked for anything.
    firefoxUserPrefs: { 'app.normandy.enabled': false, 'extensions.update.enabled': false,
      'network.captive-portal-service.enabled': false, 'network.connectivity-service.enabled': false },
  });
}

function findProgram(variable, names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [process.env[variable], ...paths].find(canRun);
  assert.ok(found,
    `a browser is needed: none of ${names.join(', ')} is on the PATH, and ${variable} names none`);
  return found;
}

function canRun(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// Runs body on a page of its own, and then expects that the browser had nothing to complain of.
// browser and url are functions: at the time of the call there is neither. prepare comes before
// the page is loaded.
export function pageTest(name, browser, url, body, { settings = {}, prepare, complaintsExpected = false } = {}) {
  test(name, { timeout: TEST_MS }, async () => {
    const context = await browser().newContext({ viewport: { width: 1280, height: 900 }, ...settings });
    try {
      const page = await context.newPage();
      page.setDefaultTimeout(DEADLINE_MS);
      const complaints = collectComplaints(page);
      await prepare?.(page);
      await page.goto(url(), { waitUntil: 'load' });
      await body(page);
      if (!complaintsExpected) assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  });
}

// In Firefox, playwright-core adds an inline style to the page before it takes a picture: "body {}",
// which has this SHA-256. The page does not allow it, which does no harm.
const OF_A_PICTURE = 'sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA=';

// The page asks whether the book of the lessons is there; it may not have been built.
const isBook = (url) => url.endsWith('/book/');

function collectComplaints(page) {
  const complaints = [];
  page.on('pageerror', ({ message }) => {
    if (!message.includes(OF_A_PICTURE)) complaints.push(`exception: ${message}`);
  });
  page.on('requestfailed', (request) => {
    if (!isBook(request.url())) complaints.push(`request failed: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400 && !isBook(response.url())) complaints.push(`${response.status()} for ${response.url()}`);
  });
  page.on('console', (message) => {
    if (isBook(message.location().url)) return;
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  return complaints;
}

// ---- What the tests say --------------------------------------------------------

/** Asks again until check no longer throws. */
export async function eventually(check) {
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

export const state = (page, name) => page.locator('#state', { hasText: new RegExp(`^${name}`) }).waitFor();

/**
 * The ladder's rows that are in the document, from top to bottom: { left, right, took: the text of each;
 * api, kind, dir, opcode, length, n, conn }.
 */
export const rowsOf = (page) => page.locator('#ladder').evaluate((ladder) =>
  [...ladder.querySelectorAll('.row:not(.probe)')]
    .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
    .map((row) => {
      const text = (part) => row.querySelector(part)?.innerText.replace(/\s+/g, ' ').trim() ?? '';
      return { ...row.dataset, left: text('.left'), right: text('.right'), took: text('.took'),
        bad: row.classList.contains('bad'), position: Number(row.getAttribute('aria-posinset')) };
    }));

/** The newest row with an end at the browser's side, once that holds all these words. */
export async function lastRow(page, ...words) {
  return eventually(async () => {
    const rows = await rowsOf(page);
    const row = rows.findLast(({ api }) => api !== '');
    const text = `${row?.left}`;
    assert.ok(words.every((word) => text.includes(word)),
      `expected a last row with ${JSON.stringify(words)}; the rows are:\n${rows.map((one) => `${one.left} | ${one.right}`).join('\n')}`);
    return row;
  });
}

/** A row of the ladder. Only those in sight are in the document. */
export const row = (page, selector = '') => page.locator(`#ladder .row:not(.probe)${selector}`);

/** How many rows the ladder has, in sight or not. */
export const rowCount = async (page) =>
  Number((await page.locator('#count').innerText()).match(/^[\d,]+/)?.[0].replaceAll(',', '') ?? 0);

/**
 * All frames that the ladder shows: each row is opened, and what its drawing says is read. hex is the
 * payload without its mask.
 */
export const framesIn = (page) => page.locator('#ladder').evaluate((ladder) => {
  const press = (key) => ladder.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  const frames = [];
  const size = Number(ladder.querySelector('.row:not(.probe)')?.getAttribute('aria-setsize') ?? 0);
  press('Home');
  for (let i = 0; i < size; i += 1, press('ArrowDown')) {
    const row = document.getElementById(ladder.getAttribute('aria-activedescendant'));
    if (row.dataset.kind !== 'frame') continue;
    const strip = document.querySelector('#detail .strip');
    const masked = strip.classList.contains('masked');
    const cells = [...strip.querySelectorAll(`[data-field="payload"] ${masked ? '.plain' : '.byte'}`)];
    frames.push({ dir: row.dataset.dir, opcode: Number(row.dataset.opcode), length: Number(row.dataset.length),
      fin: document.querySelector('#detail li[data-field="fin"] .bytes').textContent === '1',
      api: row.dataset.api, hex: cells.map((cell) => cell.textContent).join('') });
  }
  press('Escape');
  return frames;
});

/** Opens a tab of what to send, and sends it. */
export async function sendFrom(page, tab, value) {
  await page.click(`#tab-${tab}`);
  if (value !== undefined && ['large', 'many'].includes(tab)) await page.selectOption(`#${tab}`, value);
  else if (value !== undefined) await page.fill(`#${tab}`, value);
  await page.click(`#send-${tab}`);
}

export async function connect(page) {
  await page.click('#connect');
  await state(page, 'OPEN');
}

export async function noSidewaysScroll(page) {
  const { content, width } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth, width: document.documentElement.clientWidth }));
  assert.ok(content <= width, `the page is ${content} pixels wide, its window ${width}`);
}

export const picture = (page, name) =>
  page.screenshot({ path: join(screenshots, `${name}.png`), animations: 'disabled' });
