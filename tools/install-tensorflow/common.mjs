import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

/** Something this machine lacks or cannot reach: another way may work, and `--if-possible` skips. */
export class Unavailable extends Error {
  name = 'Unavailable';
}

const start = performance.now();

/** A line of progress, with the seconds since the start. */
export function say(line) {
  console.log(`[${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s] ${line}`);
}

export const firstLine = (error) => (error instanceof Error ? error.message : String(error)).split('\n')[0];

/** Whether a program can be started and ends well. */
export function runs(command, ...args) {
  const { status } = spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 });
  return status === 0;
}

/**
 * Runs a program to its end and gives its output; where it fails, the error has the last lines and the file with all
 * of them.
 */
export async function run(command, args, { cwd, env = process.env, timeout } = {}) {
  const child = spawn(command, args, { cwd, env, timeout, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (log += text));
  const outcome = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code ?? `signal ${signal}`));
  });
  if (outcome === 0) return log;
  const file = join(mkdtempSync(join(tmpdir(), 'install-tensorflow-')), 'output.txt');
  writeFileSync(file, log);
  const tail = log.trimEnd().split('\n').slice(-15).join('\n  ');
  throw new Error(`${command} ${args[0]}: expected it to end with 0, got ${outcome}; all output in ${file}\n  ${tail}`);
}
