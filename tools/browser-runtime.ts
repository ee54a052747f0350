import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

/** A value of a model on its way to the browser or back. */
export interface WebTensor {
  readonly type: string;
  readonly data: readonly number[];
  readonly dims: readonly number[];
}

/** onnxruntime-web in a page of a browser, called from here. */
export interface BrowserRuntime {
  /** Loads a model; gives its number and the names of its inputs and outputs. */
  create(model: Uint8Array): Promise<{ session: number; inputNames: string[]; outputNames: string[] }>;
  run(session: number, feeds: Readonly<Record<string, WebTensor>>): Promise<Record<string, WebTensor>>;
  close(): Promise<void>;
}

/** How long tests wait for a page, ms: the processor plays the GPU there, others may want it, and a hang ends too. */
export const PAGE_PATIENCE = 280_000;

/** The first Chromium of the PATH. */
export function findBrowser(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Asks for jobs until the browser is closed. */
const PAGE = `<!doctype html><meta charset="utf-8"><script type="module">
import * as ort from '/ort.wasm.min.mjs';
ort.env.wasm.numThreads = 1;
const sessions = [];
const calls = {
  async create({ model }) {
    const bytes = Uint8Array.from(atob(model), (letter) => letter.charCodeAt(0));
    const { inputNames, outputNames } = sessions[sessions.length] = await ort.InferenceSession.create(bytes);
    return { session: sessions.length - 1, inputNames, outputNames };
  },
  async run({ session, feeds }) {
    const tensors = Object.entries(feeds).map(([name, { type, data, dims }]) => {
      return [name, new ort.Tensor(type, data, dims)];
    });
    const results = await sessions[session].run(Object.fromEntries(tensors));
    const given = ([name, { type, data, dims }]) => [name, { type, data: [...data], dims }];
    return Object.fromEntries(Object.entries(results).map(given));
  },
};
for (;;) {
  const { call, ...given } = await (await fetch('/job')).json();
  const told = (error) => ({ error: String(error) });
  const answer = await Promise.resolve(given).then(calls[call]).then((value) => ({ value }), told);
  await fetch('/answer', { method: 'POST', body: JSON.stringify(answer) });
}
</script>`;

/** Opens a headless browser on a page of this process's own, on this machine only; one call at a time. */
export async function openBrowser(program: string): Promise<BrowserRuntime> {
  const jobs = new Mailbox<string>();
  const answers = new Mailbox<{ value?: unknown; error?: string }>();
  const server = createServer((request, response) => void serve(request, response, jobs, answers));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const profile = await mkdtemp(join(tmpdir(), 'wbdc-browser-'));
  const browser = launch(program, profile, (server.address() as AddressInfo).port, (reason) =>
    answers.put({ error: reason }),
  );
  const call = async <T>(name: string, given: object = {}): Promise<T> => {
    jobs.put(JSON.stringify({ call: name, ...given }));
    const { value, error } = await answers.take();
    if (error !== undefined) throw new Error(`${program}: ${error}`);
    return value as T;
  };
  return {
    create: (model) => call('create', { model: Buffer.from(model).toString('base64') }),
    run: (session, feeds) => call('run', { session, feeds }),
    close: () => close(browser, server, profile),
  };
}

function launch(program: string, profile: string, port: number, onEnd: (reason: string) => void): ChildProcess {
  // No sandbox of its own: it shows one page that stands above, and root has none.
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${profile}`];
  const browser = spawn(program, [...flags, `http://127.0.0.1:${port}/`], { stdio: 'ignore' });
  browser.once('error', (cause) => onEnd(cause.message));
  browser.once('exit', (code) => onEnd(`the browser ended with code ${code}`));
  return browser;
}

async function close(browser: ChildProcess, server: Server, profile: string): Promise<void> {
  const ended = new Promise((resolve) => browser.once('exit', resolve));
  if (browser.exitCode === null && browser.kill()) await ended;
  server.closeAllConnections();
  server.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  jobs: Mailbox<string>,
  answers: Mailbox<{ value?: unknown; error?: string }>,
): Promise<void> {
  const path = request.url ?? '/';
  if (path === '/') response.setHeader('content-type', 'text/html').end(PAGE);
  else if (path === '/job') response.end(await jobs.take());
  else if (path === '/answer') {
    answers.put(JSON.parse(await text(request)) as { value?: unknown; error?: string });
    response.end();
  } else sendRuntime(basename(path), response);
}

/** A file of onnxruntime-web, as a web server would send it. */
function sendRuntime(name: string, response: ServerResponse): void {
  const folder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
  response.setHeader('content-type', name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript');
  createReadStream(join(folder, name))
    .once('error', () => response.writeHead(404).end())
    .pipe(response);
}

/** Hands each value to one who waits for it, in order. */
class Mailbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#values.push(value);
  }

  take(): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
