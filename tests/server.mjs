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
  : fileURLToPath(new URL('../server', import.meta.url));

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

export async function startServer(options = []) {
  const child = spawn(program, ['--port', '0', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);

  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });

  // 'close' comes after 'exit', once all the output has been read as well. It
  // comes too for a program that could not be started.
  let startError;
  let ended = false;
  child.on('error', (error) => { startError = error; });
  const end = new Promise((done) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      ended = true;
      done({ code, signal });
    });
  });

  const failure = (what) => new Error(`${program}: ${what}\nIts stdout:\n${stdout}\nIts stderr:\n${stderr}`);
  const describe = ({ code, signal }) => (signal ? `signal ${signal}` : `exit code ${code}`);

  const ready = new Promise((done, reject) => {
    child.stdout.on('data', () => {
      const line = stdout.match(/^listening on (http:\/\/127\.0\.0\.1:\d+\/)\n/m);
      if (line) done(line[1]);
    });
    end.then((result) => reject(new Error(
      startError ? `it could not be started: ${startError.message}` : `it ended with ${describe(result)}`)));
  });

  let url;
  try {
    url = await within(ready, 'the line "listening on http://127.0.0.1:PORT/"');
  } catch (error) {
    child.kill('SIGKILL');
    throw failure(`it did not become ready: ${error.message}`);
  }

  async function stopOnce() {
    if (ended) throw failure(`it ended by itself, with ${describe(await end)}, before the test stopped it`);
    child.kill('SIGTERM');
    let result;
    try {
      result = await within(end, 'it to end after SIGTERM');
    } catch (error) {
      child.kill('SIGKILL');
      throw failure(error.message);
    }
    if (SANITIZER_REPORT.test(stderr)) throw failure('a sanitizer reported an error');
    if (result.code !== 0) throw failure(`expected exit code 0 after SIGTERM, got ${describe(result)}`);
  }

  let stopping; // so that a second stop() waits for the first
  return {
    url,
    wsUrl: url.replace('http:', 'ws:'),
    pid: child.pid,
    stop: () => (stopping ??= stopOnce()),
  };
}
