import type { Config } from '../config/schema.js';
import type { Shard } from '@wbdc/pipeline/features';
import { shellQuoted } from '../core/shell.js';
import { STAGES, type Stage, type StageName } from '../run/stage.js';
import type { StageOptions } from './options.js';
import { ALL_STAGES } from './stages.js';

/** The command line that a stage runs in, where it is not its own: `wbdc run`. */
export interface Chain {
  /** The stage that all is made for. */
  readonly goal: StageName;
}

/** After a shard comes, when all of them are done, their merging. */
export function nextCommand(stage: Stage, config: Config, options: StageOptions, shard?: Shard): string | undefined {
  if (shard) return commandOf(`merge-${stage.name}`, options, []);
  const later = STAGES.slice(STAGES.indexOf(stage.name) + 1);
  const next = later.find((name) => !ALL_STAGES.find((other) => other.name === name)?.absentFor?.(config));
  return next === undefined ? undefined : commandOf(next, options, []);
}

/** Goes on with what was interrupted. */
export function resumeCommand(stage: Stage, options: StageOptions, shard?: Shard, chain?: Chain): string {
  if (chain) return commandOf(`run ${chain.goal}`, options, options.overwrite ? ['--overwrite'] : []);
  const part = shard ? ['--shard', `${shard.index}/${shard.count}`] : [];
  return commandOf(stage.command ?? stage.name, options, [...part, '--resume']);
}

/** The command for a stage of the same run, with the options that decide which run it is. */
function commandOf(stage: string, options: StageOptions, extra: readonly string[]): string {
  const option = (name: string, value: string | number | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, shellQuoted(String(value))];
  return [
    'npx wbdc',
    stage,
    ...option('config', options.config),
    ...option('name', options.name),
    ...options.set.flatMap((assignment) => option('set', assignment)),
    ...(['seed', 'engine', 'precision', 'frames', 'features'] as const).flatMap((name) => option(name, options[name])),
    ...extra,
  ].join(' ');
}

/** Makes a stage again, and in a chain all that are out of date with it. */
export function againCommand(stage: StageName, options: StageOptions, chain?: Chain): string {
  return commandOf(chain ? `run ${chain.goal}` : stage, options, ['--overwrite']);
}
