import { z } from 'zod';
import { framesSchema } from './frames.js';
import { modelSchema, type ModelSettings } from './model.js';
import { assertNoProblems, parseSettings } from './parse.js';
import type { Problem } from './problem.js';
import { tasksSchema, VIEWS, viewsSchema, type TaskSettings, type ViewSettings } from './tasks.js';
import { textSchema, type TextSettings } from './text.js';
import { trainSchema } from './training.js';
import { withPreset } from './with-preset.js';

interface Reading {
  readonly text: TextSettings;
  readonly model: ModelSettings;
  readonly tasks: TaskSettings;
  readonly views: ViewSettings;
}

/** What of a pretraining's settings does not go together. */
export function pretrainProblems({ text, model, tasks, views }: Reading): Problem[] {
  const problems: Problem[] = [];
  if (text.budget > model.maxPositions) {
    const message = `expected at most model.maxPositions (${model.maxPositions}), got ${text.budget}`;
    problems.push({ path: ['text', 'budget'], message });
  }
  const used = Object.values(tasks).flatMap((task) => (task === null ? [] : [task.view]));
  const known = [...new Set([...used, ...VIEWS])]; // those of dropped tasks too: dropping one is one change
  for (const name of Object.keys(views).filter((view) => !known.includes(view))) {
    const message = `expected the view of a task (${known.join(', ')}), got '${name}'`;
    problems.push({ path: ['views', name], message });
  }
  if (tasks.mmm?.heads === 'shared' && tasks.mmm.weight > 0) {
    const gone = (['mlm', 'mfm'] as const).filter((name) => (tasks[name]?.weight ?? 0) === 0);
    if (gone.length > 0) {
      const message = `expected own without the tasks whose heads it shares (${gone.join(', ')}), got shared`;
      problems.push({ path: ['tasks', 'mmm', 'heads'], message });
    }
  }
  if (tasks.mfm?.start === 'mlm' && tasks.mfm.weight > 0 && (tasks.mlm?.weight ?? 0) === 0) {
    problems.push({ path: ['tasks', 'mfm', 'start'], message: "expected fresh without tasks.mlm, got 'mlm'" });
  }
  return problems;
}

/** Everything that decides a pretraining, with defaults. */
const pretrainSettingsSchema = z.strictObject({
  model: modelSchema.prefault({}),
  text: textSchema.prefault({}),
  frames: framesSchema.prefault({}),
  tasks: tasksSchema.prefault({}),
  views: viewsSchema.prefault({}),
  train: trainSchema.prefault({}),
});

/** Settings of a pretraining; what is left out has its default. */
export type PretrainSettingsInput = z.input<typeof pretrainSettingsSchema>;
export type PretrainSettings = z.output<typeof pretrainSettingsSchema>;

/**
 * Fills in the defaults, and the sizes of `model.preset`.
 *
 * @throws WbdcError that names everything that is wrong, by paths such as `train.epochs`
 */
export function pretrainSettings(input: PretrainSettingsInput = {}): PretrainSettings {
  const model = input.model && { model: withPreset(input.model) };
  const settings = parseSettings(pretrainSettingsSchema, { ...input, ...model });
  assertNoProblems(pretrainProblems(settings));
  return settings;
}
