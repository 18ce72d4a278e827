// Lesson 17: nginx with TLS in front of two servers, and Chromium, which speaks wss: to them.
//
//   node --test browser/tls.test.mjs        (in tests/, after npm ci)
//
// nginx is Debian's, started for each test with lesson 17's nginx.conf on ports of its own, in a
// temporary folder; a system's own nginx is not touched. The certificate is made on the spot.
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { startServer, within } from '../harness/server.mjs';
import { DEADLINE_MS, TEST_MS, connect, lastRow, launchBrowser, row, sendFrom, state } from './browser.mjs';

const lesson = fileURLToPath(new URL('../../lessons/17-out-of-the-workshop/', import.meta.url));
const template = readFileSync(join(lesson, 'nginx.conf'), 'utf8');
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

let browser;
let folder;
const running = new Set();           // whatever a failing test, or an interrupted one, leaves behind
process.on('exit', () => {
  for (const child of running) child.kill('SIGTERM');
  if (folder) rmSync(folder, { recursive: true, force: true });
});

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lesson-16-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout',
    join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')], { stdio: 'ignore', timeout: DEADLINE_MS });
  browser = await launchBrowser();
}, { timeout: TEST_MS });

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
}, { timeout: TEST_MS });

// ---- What the tests start ------------------------------------------------------

const pause = (ms) => new Promise((done) => { setTimeout(done, ms); });

async function eventually(check, what) {
  const end = performance.now() + DEADLINE_MS;
  while (!await check()) {
    assert.ok(performance.now() < end, `expected ${what}`);
    await pause(20);
  }
}

// A port that is free now; nginx cannot be told to let the system choose.
const freePort = () => new Promise((done) => {
  const trial = createServer().listen(0, '127.0.0.1', () => {
    const { port } = trial.address();
    trial.close(() => done(port));
  });
});

function run(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
  running.add(child);
  child.text = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding('utf8').on('data', (text) => { child.text += text; });
  child.over = new Promise((done) => {
    child.on('error', (error) => { child.text += error.message; done('not started'); });
    child.on('close', (code, signal) => { running.delete(child); done(signal ?? code); });
  });
  child.over.then((how) => { child.how = how; });
  return child;
}

// The lesson's nginx.conf with these ports. changes: [what stands there, what is to stand there].
async function startNginx(port, servers, changes) {
  const ports = [port, ...servers.map(({ url }) => new URL(url).port)];
  let text = ['8443', '8081', '8082'].reduce((all, old, i) => all.replaceAll(`:${old}`, `:${ports[i]}`), template);
  for (const [old, replacement] of changes) {
    assert.ok(text.includes(old), `nginx.conf holds "${old}"`);
    text = text.replace(old, replacement);
  }
  writeFileSync(join(folder, 'nginx.conf'), text);
  rmSync(join(folder, 'nginx.pid'), { force: true });
  const child = run('nginx', ['-e', 'stderr', '-p', `${folder}/`, '-c', 'nginx.conf']);
  await eventually(() => {
    assert.equal(child.how, undefined, `nginx has ended:\n${child.text}`);
    try {
      return readFileSync(join(folder, 'nginx.pid'), 'utf8') !== '';
    } catch {
      return false;
    }
  }, 'nginx to write nginx.pid');
  return child;
}

async function stop(child, signal = 'SIGTERM') {
  child.kill(signal);
  return within(child.over, `${child.spawnfile} to end after ${signal}`);
}

// What a server sees: the events of its own /wire, received without nginx.
async function traceOf(server) {
  const socket = new WebSocket(`${server.wsUrl}wire`);
  const events = [];
  socket.on('message', (data) => events.push(JSON.parse(data)));
  await within(new Promise((done, fail) => { socket.on('open', done); socket.on('error', fail); }), '/wire to open');
  const lines = (dir) => events.filter((one) => one.event === 'line' && one.dir === dir).map((one) => one.text);
  return {
    close: () => socket.terminate(),
    requests: (start) => lines('in').filter((line) => line.startsWith(start)).length,
    header: (name) => lines('in').filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)),
    frames: (dir, opcode) => events.filter((one) => one.event === 'frame' && one.dir === dir
      && (parseInt(one.bytes.slice(0, 2), 16) & 15) === opcode).length,
  };
}

// A test with nginx and two servers: body({ page, url, port, servers, traces }). options: each server's.
function tlsTest(name, body, { options = [], origin = true, changes = [] } = {}) {
  test(name, { timeout: TEST_MS }, async () => {
    const stand = { servers: [], traces: [], sockets: [] };
    try {
      const port = await freePort();
      const all = ['--wire', ...options, ...origin ? ['--origin', `https://localhost:${port}`] : []];
      for (let i = 0; i < 2; i += 1) stand.servers.push(await startServer(all));
      for (const server of stand.servers) stand.traces.push(await traceOf(server));
      stand.nginx = await startNginx(port, stand.servers, changes);
      Object.assign(stand, { port, url: `https://localhost:${port}/` });
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      try {
        const page = await context.newPage();
        page.setDefaultTimeout(DEADLINE_MS);
        await body({ ...stand, page });
      } finally {
        await context.close();
      }
    } finally {
      for (const trace of stand.traces) trace.close();
      for (const socket of stand.sockets) socket.destroy();        // or the servers would wait for their Close frames
      await Promise.all(stand.servers.map((server) => server.stop()));
      if (stand.nginx) await stop(stand.nginx);
    }
  });
}

// Asks nginx for a WebSocket without a browser; returns the status, and the words of a rejection.
function ask(stand, headers = {}) {
  const answered = new Promise((done, fail) => {
    const asked = request(`${stand.url}echo`, { ca: readFileSync(join(folder, 'certificate.pem')), agent: false,
      headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers } });
    asked.on('error', fail);
    asked.on('upgrade', (response, socket) => {
      stand.sockets.push(socket);
      done({ status: response.statusCode, words: '' });
    });
    asked.on('response', (response) => {
      let words = '';
      response.setEncoding('utf8').on('data', (text) => { words += text; });
      response.on('end', () => done({ status: response.statusCode, words }));
    });
    asked.end();
  });
  return within(answered, 'an answer from nginx');
}

// The values of this header field that have come to the servers, each once.
async function headerSeen(traces, name) {
  const values = () => traces.flatMap((trace) => trace.header(name));
  await eventually(() => values().length > 0, `a line ${name}: to arrive`);
  return [...new Set(values())];
}

// ---- The tests -----------------------------------------------------------------

tlsTest('the page comes by https: and speaks wss:, both ways', async ({ page, url, port, traces }) => {
  const opened = page.waitForEvent('websocket', (socket) => socket.url().includes('/echo'));
  await page.goto(url);
  await connect(page);
  assert.match((await opened).url(), new RegExp(`^wss://localhost:${port}/echo\\?page=[0-9a-f]{16}$`));
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'As sent.');
  await sendFrom(page, 'large', 'binary 1048576');
  await lastRow(page, 'message', 'binary, 1,048,576 bytes', 'As sent.');
  await page.fill('#close-code', '4000');
  await page.fill('#close-reason', 'done');
  await page.click('#close');
  await lastRow(page, 'close', 'code 4000, reason "done", wasClean true');
  assert.deepEqual(await headerSeen(traces, 'Host'), [`localhost:${port}`]);
  assert.deepEqual(await headerSeen(traces, 'Origin'), [`https://localhost:${port}`]);
  assert.deepEqual(await headerSeen(traces, 'X-Forwarded-For'), ['127.0.0.1']);
  assert.deepEqual(await headerSeen(traces, 'X-Forwarded-Proto'), ['https']);
});

tlsTest('what a client claims in X-Forwarded-For does not pass', async (stand) => {
  assert.equal((await ask(stand, { 'X-Forwarded-For': '192.0.2.1' })).status, 101);
  assert.deepEqual(await headerSeen(stand.traces, 'X-Forwarded-For'), ['127.0.0.1']);
});

tlsTest('without --origin, nginx’s own page is rejected: it comes by https:, the server knows http:', async (stand) => {
  await stand.page.goto(stand.url);
  await stand.page.click('#connect');
  await lastRow(stand.page, 'close', 'code 1006');
  const { status, words } = await ask(stand, { Origin: `https://localhost:${stand.port}` });
  assert.equal(status, 403);
  assert.match(words, /--origin/);
  assert.equal((await ask(stand)).status, 101);                       // a program that names no origin
}, { origin: false });

tlsTest('with --origin, the pages of others are still rejected', async (stand) => {
  for (const other of ['https://localhost:1', 'http://localhost:1', 'https://evil.example', 'null']) {
    assert.equal((await ask(stand, { Origin: other })).status, 403, other);
  }
  assert.equal((await ask(stand, { Origin: `https://localhost:${stand.port}` })).status, 101);
  // This one the server takes for its own: it does not know that TLS is in front.
  assert.equal((await ask(stand, { Origin: `http://localhost:${stand.port}` })).status, 101);
});

const shortTimeout = ['proxy_read_timeout 60s', 'proxy_read_timeout 4s'];

tlsTest('idle: the server’s pings keep nginx from ending the connection', async ({ page, url, traces }) => {
  await page.goto(url);
  await connect(page);
  // There are 2 seconds or more between them, so the third comes later than nginx's 4 seconds.
  await eventually(() => traces.some((trace) => trace.frames('out', 9) >= 3), 'pings to be sent');
  await eventually(() => traces.some((trace) => trace.frames('in', 10) >= 3), 'the browser to reply to them');
  await state(page, 'OPEN');
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'As sent.');
}, { options: ['--timeout', '1'], changes: [shortTimeout] });

tlsTest('idle without pings: nginx ends the connection, and the page sees 1006', async ({ page, url }) => {
  await page.goto(url);
  await connect(page);
  const began = performance.now();
  await lastRow(page, 'close', 'code 1006', 'wasClean false');
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds > 3.5 && seconds < 7, `after 4 seconds, not ${seconds}`);
}, { options: ['--timeout', '0'], changes: [shortTimeout] });

// Opens n WebSockets from the page, which stay; returns when all are open.
const openMany = (page, n) => page.evaluate((many) => Promise.all(Array.from({ length: many }, () => new Promise((done, fail) => {
  const socket = new WebSocket(`wss://${location.host}/echo`);
  (window.sockets ??= []).push(socket);
  socket.addEventListener('open', done);
  socket.addEventListener('error', () => fail(new Error('a WebSocket did not open')));
}))), n);

tlsTest('both servers get connections, and /wire shows its own server’s only', async ({ page, url, traces }) => {
  await page.goto(`${url}icon.svg`);                                    // which opens no WebSocket of its own
  await openMany(page, 10);
  const counts = () => traces.map((trace) => trace.requests('GET /echo'));
  await eventually(() => counts()[0] + counts()[1] === 10, 'ten requests in the two traces');
  assert.deepEqual(counts(), [5, 5]);
  await page.evaluate(() => { for (const socket of window.sockets) socket.send('to the server that I am with'); });
  await eventually(() => traces.every((trace) => trace.frames('in', 1) === 5), 'five messages in each server’s trace');
});

tlsTest('the page’s trace may be the one server’s, and its echo with the other', async ({ page, url }) => {
  await page.goto(url);
  await connect(page);
  await page.click('#send-text');
  await pause(300);
  const { right } = await lastRow(page, 'message', '"Hello"', 'As sent.');
  assert.equal(right, 'not in the trace');
});

tlsTest('ip_hash brings a page’s connections to one server', async ({ page, url }) => {
  await page.goto(url);
  await connect(page);
  await page.click('#send-text');
  await row(page, '.frame').nth(1).waitFor();
}, { changes: [['least_conn;', 'ip_hash;']] });

// Which server has the page's echo. The trace comes by a connection of its own, so maybe a little later.
async function whoServes(traces) {
  const at = () => traces.findIndex((trace) => trace.requests('GET /echo') === 1);
  await eventually(() => at() >= 0, 'the request in one of the traces');
  return at();
}

tlsTest('one server stops: its clients see 1001, and the next connection goes to the other', async (stand) => {
  const { page, url, servers, traces } = stand;
  await page.goto(url);
  await connect(page);
  const at = await whoServes(traces);
  await servers[at].stop();
  await lastRow(page, 'close', 'code 1001', 'the server is stopping', 'wasClean true');
  await connect(page);
  await page.click('#send-text');
  await lastRow(page, 'message', '"Hello"', 'As sent.');
  await eventually(() => traces[1 - at].requests('GET /echo') === 1, 'the request in the other trace');
  await servers[1 - at].stop();
  await lastRow(page, 'close', 'code 1001');
  assert.equal((await ask(stand)).status, 502);
});

tlsTest('a server is killed: its clients see 1006', async ({ page, url, servers, traces }) => {
  await page.goto(url);
  await connect(page);
  const at = await whoServes(traces);
  process.kill(servers[at].pid, 'SIGKILL');
  await lastRow(page, 'close', 'code 1006', 'wasClean false');
  servers.splice(at, 1);                                               // nothing is left to stop
  await connect(page);
});

tlsTest('a full server says so, and nginx passes it on', async (stand) => {
  const answers = [];
  for (let i = 0; i < 3; i += 1) answers.push(await ask(stand));
  assert.deepEqual(answers.map(({ status }) => status), [101, 101, 503]);
  assert.match(answers[2].words, /^The server is full/);
}, { options: ['--max-connections', '2'] });                           // the test's own /wire takes one

// ---- What others forget ----------------------------------------------------------

const line = (start) => template.split('\n').find((one) => one.trim().startsWith(start));

tlsTest('without the Upgrade line, an upgrade arrives as a plain request', async (stand) => {
  assert.equal((await ask(stand)).status, 426);
}, { changes: [[line('proxy_set_header Upgrade'), '']] });

tlsTest('without the Connection line, nginx says close, and the server rejects it', async (stand) => {
  const { status, words } = await ask(stand);
  assert.equal(status, 400);
  assert.match(words, /Connection field does not list Upgrade/);
}, { changes: [[line('proxy_set_header Connection'), '']] });

tlsTest('in HTTP/1.0, an upgrade arrives as a plain request', async (stand) => {
  assert.equal((await ask(stand)).status, 426);
}, { changes: [['proxy_http_version 1.1', 'proxy_http_version 1.0']] });

tlsTest('without the Host line, the server gets the name that only nginx knows', async (stand) => {
  await ask(stand);
  assert.deepEqual(await headerSeen(stand.traces, 'Host'), ['echo_servers']);
}, { changes: [[line('proxy_set_header Host'), '']] });

tlsTest('a page that came by https: may not open ws: to another machine', async ({ page, url }) => {
  await page.goto(url);
  const name = await page.evaluate(() => {
    try {
      return new WebSocket('ws://echo.example/').url;
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(name, 'SecurityError');
});

// ---- The lesson's own script -----------------------------------------------------

test('start.sh starts all, and Ctrl-C ends all, with a Close frame', { timeout: TEST_MS }, async () => {
  const port = await freePort();
  const script = run(join(lesson, 'start.sh'), [String(port), '0', '0', '--timeout', '5']);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  try {
    await eventually(() => script.text.includes('nginx in front of them') || script.how !== undefined, 'start.sh to be ready');
    assert.equal(script.how, undefined, script.text);
    const page = await context.newPage();
    await page.goto(`https://localhost:${port}/`);
    await connect(page);
    const pids = ['server-1', 'server-2', 'nginx'].map((name) => Number(
      readFileSync(join(lesson, `../../build/tls/${name}.pid`), 'utf8')));
    assert.equal(await stop(script, 'SIGINT'), 0, script.text);
    await lastRow(page, 'close', 'code 1001', 'wasClean true');
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  } finally {
    await context.close();
    script.kill('SIGTERM');
  }
});
