// Starts the server for a test, on a port that the system chooses, and stops
// it again. The program is ../server, or the one that the environment
// variable SERVER names (a build with sanitizers, for example).
//
//   const server = await startServer(['--max-message', '1000']);
//   ... connect to server.url or server.wsUrl ...
//   await server.stop();

import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEADLINE_MS = 10_000;

const program = process.env.SERVER
  ? resolve(process.env.SERVER)
  : fileURLToPath(new URL('../../server', import.meta.url));

// What the sanitizers print when they have found something.
const SANITIZER_REPORT = /ERROR: AddressSanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer/;

// A test that fails, or is interrupted, must not leave its server running.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
// Node raises no 'exit' event for a signal unless the signal is handled.
for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]]) {
  process.once(signal, () => process.exit(128 + number));
}

/** The promise's result, or an error that says what did not happen in time. */
export function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected ${what} within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

const describe = ({ code, signal }) => (signal ? `signal ${signal}` : `exit code ${code}`);

/** The started program: child, what it has written (stdout, stderr), and how it ended, as a promise. */
function start(options) {
  const child = spawn(program, ['--port', '0', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  const started = { child, stdout: '', stderr: '', startError: null, ended: false };
  running.add(child);
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => { started[name] += text; });
  }
  child.on('error', (error) => { started.startError = error; });
  // 'close' comes after 'exit', once all the output has been read as well. It
  // comes too for a program that could not be started.
  started.end = new Promise((done) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      started.ended = true;
      done({ code, signal });
    });
  });
  return started;
}

const failure = ({ stdout, stderr }, what) =>
  new Error(`${program}: ${what}\nIts stdout:\n${stdout}\nIts stderr:\n${stderr}`);

/** The URL of its ready line. */
function whenReady(started) {
  const ready = new Promise((done, reject) => {
    started.child.stdout.on('data', () => {
      const line = started.stdout.match(/^listening on (http:\/\/127\.0\.0\.1:\d+\/)\n/m);
      if (line) done(line[1]);
    });
    started.end.then((result) => reject(new Error(started.startError
      ? `it could not be started: ${started.startError.message}` : `it ended with ${describe(result)}`)));
  });
  return within(ready, 'the line "listening on http://127.0.0.1:PORT/"').catch((error) => {
    started.child.kill('SIGKILL');
    throw failure(started, `it did not become ready: ${error.message}`);
  });
}

/** Stops it; an error where it does not end as it should. */
async function stop(started) {
  const { child, end } = started;
  if (started.ended) {
    throw failure(started, `it ended by itself, with ${describe(await end)}, before the test stopped it`);
  }
  child.kill('SIGTERM');
  const result = await within(end, 'it to end after SIGTERM').catch((error) => {
    child.kill('SIGKILL');
    throw failure(started, error.message);
  });
  if (SANITIZER_REPORT.test(started.stderr)) throw failure(started, 'a sanitizer reported an error');
  if (result.code !== 0) throw failure(started, `expected exit code 0 after SIGTERM, got ${describe(result)}`);
}

export async function startServer(options = []) {
  const started = start(options);
  const url = await whenReady(started);
  let stopping; // so that a second stop() waits for the first
  return {
    url,
    wsUrl: url.replace('http:', 'ws:'),
    pid: started.child.pid,
    stop: () => (stopping ??= stop(started)),
  };
}
