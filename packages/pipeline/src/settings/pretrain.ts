import type { ModelSettings } from './model.js';
import type { Problem } from './problem.js';
import { VIEWS, type TaskSettings, type ViewSettings } from './tasks.js';
import type { TextSettings } from './text.js';

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
  return problems;
}
