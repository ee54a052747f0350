import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { formatSeconds } from '@wbdc/report/format';
import { Fuzzer, FuzzFailure, type Reader } from './reader.js';
import { READERS } from './readers.js';

/**
 * Reads mutated files with every public reader, each in a process of its own: a heap that grows and a loop that never
 * ends are found too. `npm run fuzz [-- reader... --mutations N --seed S --from K]`; a failure leaves its file in
 * `fuzz-failures/` and says how to run that mutation alone.
 */
const ROOT = join(import.meta.dirname, '..', '..');
const FAILURES = join(ROOT, 'fuzz-failures');
const REGISTER = join(ROOT, 'tools', 'from-source', 'register.mjs');

/** Of a reader's process, in MiB: the largest of what it may hold at once. */
const HEAP = 1024;
/** Without a word for so long, a process hangs. Generous: the machine may be busy. */
const SILENCE_SECONDS = 300;
const MOST_FAILURES = 5;

interface Range {
  readonly from: number;
  readonly to: number;
  readonly seed: number;
}

type Message =
  | { readonly type: 'done'; readonly number: number; readonly refused: boolean }
  | { readonly type: 'failed'; readonly number: number; readonly problem: string };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mutations: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    child: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(
    'npm run fuzz [-- READER...] [--mutations 10000] [--seed 1] [--from 0]\n\nReaders, by any part of their names:\n' +
      READERS.map(({ name }) => `  ${name}\n`).join(''),
  );
} else {
  const from = Number(values.from);
  const range = { from, to: from + Number(values.mutations), seed: Number(values.seed) };
  if (values.child === undefined) process.exitCode = await fuzzAll(positionals, range);
  else
    await fuzzHere(
      READERS.find(({ name }) => name === values.child)!,
      range,
    );
}

/** In the process of one reader. */
async function fuzzHere(reader: Reader, { from, to, seed }: Range): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wbdc-fuzz-'));
  try {
    const fuzzer = await Fuzzer.create(reader, folder);
    await fuzzer.readOriginals();
    for (let number = from; number < to; number++) {
      try {
        process.send?.({ type: 'done', number, refused: await fuzzer.run(number, seed) } satisfies Message);
      } catch (error) {
        if (!(error instanceof FuzzFailure)) throw error;
        save(reader, number, seed, error.bytes);
        const stack = error.cause instanceof Error ? `\n${error.cause.stack}` : '';
        process.send?.({
          type: 'failed',
          number,
          problem: `${error.message}${stack}`.slice(0, 3000),
        } satisfies Message);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fuzzAll(wanted: readonly string[], range: Range): Promise<number> {
  const readers = READERS.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  if (readers.length === 0) {
    process.stderr.write(`expected a part of a reader's name, got ${wanted.join(' ')}: --help lists them\n`);
    return 2;
  }
  const start = performance.now();
  let failures = 0;
  for (const [i, reader] of readers.entries()) {
    const reason = reader.skip?.();
    if (reason !== undefined) {
      process.stdout.write(`skipped  ${reader.name}: ${reason}\n`);
      continue;
    }
    const left = (share: number): string => {
      const done = (i + share) / readers.length;
      return done < 0.005 ? '' : `, ${formatSeconds(((performance.now() - start) / 1000) * (1 / done - 1))} left`;
    };
    failures += await fuzzReader(reader, range, `${i + 1}/${readers.length}`, left);
  }
  const time = formatSeconds((performance.now() - start) / 1000);
  process.stdout.write(
    `${readers.length} readers, ${range.to - range.from} mutations each, ${failures} failures, ${time}\n`,
  );
  return failures > 0 ? 1 : 0;
}

/** Starts a process for a reader, and another one behind what ended it. */
async function fuzzReader(
  reader: Reader,
  { from, to, seed }: Range,
  place: string,
  left: (share: number) => string,
): Promise<number> {
  const tally = { next: from, refused: 0, failures: 0 };
  const began = performance.now();
  let shown = performance.now();
  const show = (): void => {
    if (performance.now() - shown < (process.stderr.isTTY ? 500 : 15_000)) return;
    shown = performance.now();
    const share = (tally.next - from) / (to - from);
    const state = `${tally.next - from} of ${to - from}, ${tally.failures} failures${left(share)}`;
    const line = `[${place}] ${reader.name}: ${state}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
  const fail = (number: number, problem: string): void => {
    tally.failures++;
    const again = `npm run fuzz -- '${reader.name}' --seed ${seed} --from ${number} --mutations 1`;
    process.stdout.write(
      [
        '',
        `FAILED   ${problem}`,
        `         ${again}`,
        `         ${relative(ROOT, pathOf(reader, number, seed))}`,
        '',
      ].join('\n'),
    );
  };
  while (tally.next < to && tally.failures < MOST_FAILURES) {
    const reason = await watch(reader, { from: tally.next, to, seed }, (message) => {
      tally.next = message.number + 1;
      if (message.type === 'done') tally.refused += Number(message.refused);
      else fail(message.number, message.problem);
      show();
      return tally.failures < MOST_FAILURES;
    });
    if (reason === undefined || tally.failures >= MOST_FAILURES) break;
    await saveAnew(reader, tally.next, seed);
    fail(tally.next, `${reader.name}, seed ${seed}, mutation ${tally.next}: ${reason}`);
    tally.next++;
  }
  const state = tally.failures === 0 ? 'ok      ' : 'FAILED  ';
  const share = Math.round((100 * tally.refused) / Math.max(1, tally.next - from));
  const seconds = formatSeconds((performance.now() - began) / 1000);
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  process.stdout.write(`${state} ${reader.name}: ${tally.next - from} mutations, ${share} % refused, ${seconds}\n`);
  return tally.failures;
}

/** Runs a process until its end; gives why it ended before its work did. */
function watch(
  reader: Reader,
  { from, to, seed }: Range,
  onMessage: (message: Message) => boolean,
): Promise<string | undefined> {
  const args = [
    '--child',
    reader.name,
    '--from',
    String(from),
    '--mutations',
    String(to - from),
    '--seed',
    String(seed),
  ];
  const execArgv = ['--import', REGISTER, `--max-old-space-size=${HEAP}`];
  const child = fork(import.meta.filename, args, { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let last = '';
  let silent = false;
  let stopped = false;
  child.stderr!.on('data', (bytes: Buffer) => (last = `${last}${bytes.toString()}`.slice(-2000)));
  return new Promise((resolve) => {
    const hang = (): void => {
      silent = true;
      child.kill('SIGKILL');
    };
    let timer = setTimeout(hang, 1000 * SILENCE_SECONDS);
    child.on('message', (message: Message) => {
      clearTimeout(timer);
      timer = setTimeout(hang, 1000 * SILENCE_SECONDS);
      if (onMessage(message) || stopped) return;
      stopped = true;
      child.kill('SIGKILL');
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (silent) resolve(`no end after ${SILENCE_SECONDS} s`);
      else if (code === 0 || stopped) resolve(undefined);
      else resolve(`the process died (${signal ?? `exit code ${code}`}): ${last}`);
    });
  });
}

function pathOf(reader: Reader, number: number, seed: number): string {
  return join(FAILURES, `${reader.name.replaceAll(/\W+/g, '-')}-${seed}-${number}`);
}

function save(reader: Reader, number: number, seed: number, bytes: Uint8Array): void {
  mkdirSync(FAILURES, { recursive: true });
  writeFileSync(pathOf(reader, number, seed), bytes);
}

/** The file of a mutation that ended its process. */
async function saveAnew(reader: Reader, number: number, seed: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wbdc-fuzz-'));
  try {
    save(reader, number, seed, (await Fuzzer.create(reader, folder)).mutated({ seed, number }).bytes);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
