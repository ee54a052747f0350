import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { assertSame, type Communicator } from '@wbdc/distributed';
import { launchedAs, runAsRanks } from '@wbdc/distributed/node';
import { packageVersion } from './version.js';
import { describeError, exitCodeOf, UserError } from './errors.js';
import type { Host } from './host.js';
import { Output, type Terminal } from './output.js';

/** Says that a command is no work for several processes, where a launcher started it as that. */
export function assertAlone(what: string, env: Terminal['env']): void {
  const launched = launchedAs(env);
  if (launched === undefined) return;
  const { launcher, size } = launched;
  throw new UserError(`${what}: runs in one process, got ${size} of ${launcher}: start it without`, 2);
}

/** {@link runAsRanks} in the words of this command line. */
export function asRanks({ env, stderr }: Host, run: (communicator: Communicator) => Promise<number>): Promise<number> {
  const describe = (error: unknown): string => describeError(error, Boolean(env['WBDC_DEBUG']));
  return runAsRanks(run, { env, stderr, describe, exitCodeOf });
}

/** @throws WbdcError where ranks run other versions or configurations, with the parts that differ */
export async function assertSameProgram(communicator: Communicator, config: object): Promise<void> {
  const parts = Object.entries(config).filter(([name]) => name !== 'threads'); // machines may differ
  const settings = parts.map(([name, value]) => [`configuration of ${name}`, JSON.stringify(value)]);
  await assertSame(communicator, { 'wbdc version': packageVersion(), ...Object.fromEntries(settings) }, hostname());
}

/** What a rank prints: rank 0 on the terminal, the others in a file of their own in the stage's folder. */
export function outputOf({ rank }: Communicator, output: Output, folder: string): Output {
  if (rank === 0) return output;
  const path = `${folder}/ranks/rank-${rank}.log`;
  mkdirSync(dirname(path), { recursive: true });
  const file = { write: (text: string): void => appendFileSync(path, text) };
  const { env, folder: at, now } = output.terminal;
  return new Output({ env, folder: at, now, stdout: file, stderr: file }, { ...output.options, json: false });
}
