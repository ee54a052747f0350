import type { TextLayout } from '@wbdc/tokenizer';
import type { Config, TaskName } from './schema.js';

/** Tasks that share one corrupted copy of a part of the batch, hence one encoder pass. */
export interface ViewPlan {
  readonly name: string;
  readonly share: number;
  /** In the order in which they corrupt the batch. */
  readonly tasks: readonly { readonly name: TaskName; readonly weight: number }[];
}

/** Videos are exchanged before frames and tokens are masked, so that the targets follow the frames. */
const ORDER: readonly TaskName[] = ['ftm', 'mlm', 'mfm', 'mmm', 'ftc', 'tag'];

/** The tasks of a configuration by view; tasks without weight are left out. */
export function planViews({ tasks, views }: Pick<Config, 'tasks' | 'views'>): ViewPlan[] {
  const plan = new Map<string, { name: TaskName; weight: number }[]>();
  for (const name of ORDER) {
    const task = tasks[name];
    if (task === null || task.weight === 0) continue;
    plan.set(task.view, [...(plan.get(task.view) ?? []), { name, weight: task.weight }]);
  }
  return [...plan].map(([name, members]) => ({ name, share: views[name]?.share ?? 1, tasks: members }));
}

/** The token row that a configuration asks for. */
export function textLayout({ fields, budget, limits, separatorFirst }: Config['text']): TextLayout {
  const given = Object.entries(limits).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return { fields, budget, separatorFirst, limits: Object.fromEntries(given) };
}
