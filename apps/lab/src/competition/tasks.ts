import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGES } from '@wbdc/runner';
import type { StageTask } from '../jobs/run-jobs.js';
import { BASE, type Entry } from './plan.js';

const CONFIGS = fileURLToPath(new URL('../../configs/competition', import.meta.url));

/**
 * The stages of entries as tasks: those of an entry one after another, all after what they read.
 *
 * @param data settings that name the data; an entry's own come after them
 */
export function tasksOf(
  entries: readonly Entry[],
  runs: string,
  base: Entry = BASE,
  data: readonly string[] = [],
): StageTask[] {
  return [base, ...entries].flatMap((entry) => {
    const stages = STAGES.filter((name) => entry.stages.includes(name));
    return stages.map((stage, i) => ({
      name: `${entry.name} ${stage}`,
      needs: [...(i > 0 ? [`${entry.name} ${stages[i - 1]}`] : readBy(entry, base)), ...(i > 0 ? [] : fromOf(entry))],
      run: entry.name,
      stage,
      config: resolve(CONFIGS, entry.file),
      set: [...data, ...settingsOf(entry, runs, base)],
      alone: entry === base,
    }));
  });
}

/** The last stage of the base that an entry reads: one with a tower of its own does not wait for the base's. */
function readBy(entry: Entry, base: Entry): string[] {
  if (entry === base) return [];
  if (!entry.stages.includes('clip')) return [`${base.name} ${base.stages.at(-1)}`];
  return [`${base.name} vocab`, ...(base.stages.includes('text') ? [`${base.name} text`] : [])];
}

function fromOf({ from, teachers = [] }: Entry): string[] {
  return [...(from ? [`${from.entry} pretrain`] : []), ...teachers.map((entry) => `${entry} finetune`)];
}

function settingsOf(entry: Entry, runs: string, base: Entry): string[] {
  const { from, teachers, set = [] } = entry;
  const taught = teachers?.map((name) => join(runs, name, 'finetune'));
  return [
    ...(entry === base ? [] : [`run.base=${base.name}`]),
    ...(from ? [`${from.setting}=${join(runs, from.entry, 'pretrain', 'checkpoints')}`] : []),
    ...(taught ? [`finetune.distill={from: [${taught.join(', ')}]}`] : []),
    ...set,
  ];
}
