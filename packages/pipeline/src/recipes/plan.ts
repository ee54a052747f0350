import {
  chineseWords,
  ftc,
  ftm,
  mfm,
  mlm,
  mmm,
  tag,
  type Plan,
  type Task,
  type WeightedTask,
} from '@wbdc/pretrain-tasks';
import type { Tokenizer } from '@wbdc/tokenizer';
import type { TaskName, TaskSettings, ViewSettings } from '../settings/tasks.js';

/** Videos are exchanged before anything is masked, so that targets follow the frames. */
const ORDER: readonly TaskName[] = ['ftm', 'mlm', 'mfm', 'mmm', 'ftc', 'tag'];

/** Tasks that share one corrupted batch, and so one encoder pass. */
export interface NamedView {
  readonly name: string;
  readonly tasks: readonly TaskName[];
  /** The share of the batch that it takes. */
  readonly share: number;
  /** Where it begins in the shuffled batch; null where it is drawn for this view alone. */
  readonly from: number | null;
}

/** The objectives of a pretraining. */
export interface PlanSettings {
  readonly tasks: TaskSettings;
  readonly views: ViewSettings;
}

/** What tasks read of a tokenizer: the ids of its special tokens, and its entries. */
export type TaskVocabulary = Pick<Tokenizer, 'special' | 'vocabSize' | 'vocab'>;

/** The views of some settings, with the tasks that have a weight. */
export function viewsOf({ tasks, views }: PlanSettings): NamedView[] {
  const used = ORDER.filter((name) => (tasks[name]?.weight ?? 0) > 0);
  const names = [...new Set(used.map((name) => tasks[name]!.view))];
  return names.map((name) => ({
    name,
    tasks: used.filter((task) => tasks[task]!.view === name),
    share: views[name]?.share ?? 1,
    from: views[name]?.from ?? null,
  }));
}

/** For people: `masked (mlm, mfm, tag), onesided (mmm) on 25 %`. */
export function describeViews(views: readonly NamedView[]): string {
  const part = ({ name, tasks, share }: NamedView): string =>
    `${name} (${tasks.join(', ')})${share === 1 ? '' : ` on ${Math.round(100 * share)} %`}`;
  return views.map(part).join(', ');
}

/**
 * The plan of some settings: tasks of the same view share one corrupted batch.
 *
 * @param tokenCounts for heads that start at the tokens' frequencies; without them they start at 0
 */
export function planOf(
  settings: PlanSettings,
  tokenizer: TaskVocabulary,
  tagCount: number,
  tokenCounts?: ArrayLike<number>,
): Plan {
  const make = tasksOf(settings.tasks, tokenizer, tagCount, tokenCounts);
  return viewsOf(settings).map(({ tasks, share, from }) => {
    const weighted = tasks.map((name): WeightedTask => ({ task: make[name]()!, weight: settings.tasks[name]!.weight }));
    return share === 1 ? { tasks: weighted } : { tasks: weighted, share, ...(from !== null && { from }) };
  });
}

function tasksOf(
  tasks: TaskSettings,
  tokenizer: TaskVocabulary,
  tagCount: number,
  tokenCounts: ArrayLike<number> | undefined,
): Record<TaskName, () => Task | undefined> {
  const { special, vocabSize, vocab } = tokenizer;
  const masking = { mask: special.mask, special: Object.values(special) };
  const startingAt = (prior: 'frequency' | null) => (prior === 'frequency' && tokenCounts ? { tokenCounts } : {});
  return {
    ftm: () => tasks.ftm && ftm(tasks.ftm),
    mlm: () => {
      if (!tasks.mlm) return undefined;
      const { probability, fields, wholeWord, prior } = tasks.mlm;
      const words = wholeWord && { words: chineseWords(vocab) };
      const optional = { ...(fields && { fields }), ...words, ...startingAt(prior) };
      return mlm({ ...masking, vocabSize, probability, ...optional });
    },
    mfm: () => tasks.mfm && mfm(tasks.mfm),
    mmm: () => tasks.mmm && mmm({ ...masking, ...tasks.mmm, ...startingAt(tasks.mmm.prior) }),
    ftc: () => {
      if (!tasks.ftc) return undefined;
      return ftc({ ...tasks.ftc, separator: special.sep, temperature: tasks.ftc.temperature ?? 'learned' });
    },
    tag: () => {
      if (!tasks.tag) return undefined;
      const { of, ...head } = tasks.tag;
      return tag({ ...head, tagCount, exclusive: of === 'category' });
    },
  } as Record<TaskName, () => Task | undefined>;
}
