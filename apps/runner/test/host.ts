import { EventEmitter } from 'node:events';
import type { Host } from '../src/core/host.js';
import { runCommandLine } from '../src/program.js';

/** A process in which a command line runs: what it wrote, and a clock that stands still. */
export class TestHost implements Host {
  out = '';
  err = '';
  exits: number[] = [];
  time = 0;
  readonly signals = new EventEmitter();
  readonly env: Record<string, string> = {};
  readonly stdout = { write: (text: string) => (this.out += text) };
  readonly stderr = { write: (text: string) => (this.err += text) };
  readonly exit = (code: number): void => void this.exits.push(code);
  readonly now = (): number => this.time;
  constructor(readonly folder: string) {}
}

/** Runs a command line in a folder: its exit code and what it wrote. */
export async function runIn(
  folder: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; out: string; err: string }> {
  const host = new TestHost(folder);
  Object.assign(host.env, env);
  const code = await runCommandLine([...args], host);
  return { code, out: host.out, err: host.err };
}
