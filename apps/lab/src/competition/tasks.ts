import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { STAGES } from '@wbdc/runner';
import type { StageTask } from '../jobs/run-jobs.js';
import { BASE, type Entry } from './plan.js';

const CONFIGS = fileURLToPath(new URL('../../configs/competition', import.meta.url));

/** The stages of entries as tasks: those of an entry one after another, all after what they read. */
export function tasksOf(entries: readonly Entry[], runs: string): StageTask[] {
  return [BASE, ...entries].flatMap((entry) => {
    const stages = STAGES.filter((name) => entry.stages.includes(name));
    return stages.map((stage, i) => ({
      name: `${entry.name} ${stage}`,
      needs: [...(i > 0 ? [`${entry.name} ${stages[i - 1]}`] : readBy(entry)), ...(i > 0 ? [] : fromOf(entry))],
      run: entry.name,
      stage,
      config: resolve(CONFIGS, entry.file),
      set: settingsOf(entry, runs),
      alone: entry === BASE,
    }));
  });
}

/** The last stage of the base that an entry reads: one with a tower of its own does not wait for the base's. */
function readBy(entry: Entry): string[] {
  if (entry === BASE) return [];
  return [entry.stages.includes('clip') ? `${BASE.name} vocab` : `${BASE.name} features`];
}

function fromOf({ from, teachers = [] }: Entry): string[] {
  return [...(from ? [`${from.entry} pretrain`] : []), ...teachers.map((entry) => `${entry} finetune`)];
}

function settingsOf(entry: Entry, runs: string): string[] {
  const { from, teachers, set = [] } = entry;
  const taught = teachers?.map((name) => join(runs, name, 'finetune'));
  return [
    ...(entry === BASE ? [] : [`run.base=${BASE.name}`]),
    ...(from ? [`${from.setting}=${join(runs, from.entry, 'pretrain', 'checkpoints')}`] : []),
    ...(taught ? [`finetune.distill={from: [${taught.join(', ')}]}`] : []),
    ...set,
  ];
}
