/** Something to run, and what must be done before. */
export interface Task {
  readonly name: string;
  /** Names of other tasks of the same list. */
  readonly needs: readonly string[];
}

/** `blocked`: what it needs has failed; `stopped`: interrupted, or not begun because of an interruption. */
export type Outcome = 'done' | 'failed' | 'stopped' | 'blocked';

export interface ScheduleOptions<T extends Task> {
  /** Tasks at a time. */
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly run: (task: T) => Promise<Exclude<Outcome, 'blocked'>>;
}

/** Runs tasks in their order, several side by side; one that fails holds up those that need it and no others. */
export async function runTasks<T extends Task>(
  tasks: readonly T[],
  { limit, signal, run }: ScheduleOptions<T>,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const running = new Map<string, Promise<void>>();
  const waiting = new Set(tasks);
  const start = (task: T): void => {
    waiting.delete(task);
    const ended = run(task).then((outcome) => void outcomes.set(task.name, outcome));
    running.set(
      task.name,
      ended.finally(() => running.delete(task.name)),
    );
  };
  for (;;) {
    for (const task of waiting) {
      const needed = task.needs.map((name) => outcomes.get(name));
      if (needed.some((outcome) => outcome === 'failed' || outcome === 'blocked')) {
        waiting.delete(task);
        outcomes.set(task.name, 'blocked');
      } else if (running.size < limit && !signal.aborted && needed.every((outcome) => outcome === 'done')) start(task);
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  for (const { name } of waiting) outcomes.set(name, 'stopped');
  return outcomes;
}
