import { MultiBar, type SingleBar } from 'cli-progress';
import { formatSeconds } from '@wbdc/report/format';
import type { Output, Terminal } from '@wbdc/runner/cli';
import type { ProgressMessage } from '@wbdc/runner/jobs';
import { Pace, progressLine } from '@wbdc/report/progress';

/** Shows several tasks at once: a bar each on a terminal, a line every few seconds elsewhere. */
export interface Display {
  start(name: string): void;
  /** A word in place of progress that is not known yet. */
  note(name: string, text: string): void;
  update(name: string, progress: Omit<ProgressMessage, 'type'>): void;
  /** Takes the task away and writes a line that stays. */
  end(name: string, line: string): void;
  /** Takes it away without a line: it waits again, or belongs to another that will end. */
  drop(name: string): void;
  stop(): void;
}

/** Seconds between plain lines. */
const LINE_EVERY = 10;

export function createDisplay(output: Output, total: number): Display {
  const { terminal, options } = output;
  const none = (): void => undefined;
  if (options.quiet) return { start: none, note: none, update: none, end: none, drop: none, stop: none };
  const interactive = terminal.stderr.isTTY === true && terminal.env['CI'] === undefined;
  return interactive ? barDisplay(terminal, total) : lineDisplay(terminal, total);
}

/** `3/24 done; job1 pretrain 120/400 steps (30 %), 12 s left; job2 pretrain starting` */
export function lineDisplay({ stderr, now }: Terminal, total: number, every = LINE_EVERY): Display {
  const running = new Map<string, { pace: Pace; text: string }>();
  let [done, shown] = [0, now()];
  const write = (line: string): void => void stderr.write(`${line}\n`);
  return {
    start: (name) => void running.set(name, { pace: new Pace(now), text: 'starting' }),
    note: (name, text) => {
      const task = running.get(name);
      if (task) task.text = text;
    },
    update: (name, { done: steps, total: all, unit }) => {
      const task = running.get(name);
      if (task) task.text = progressLine(task.pace.at(steps, all), unit);
      if (now() - shown < every * 1000) return;
      shown = now();
      write(`${done}/${total} done; ${[...running].map(([other, { text }]) => `${other} ${text}`).join('; ')}`);
    },
    end: (name, line) => {
      running.delete(name);
      done++;
      write(line);
    },
    drop: (name) => void running.delete(name),
    stop: () => running.clear(),
  };
}

function barDisplay({ stderr, now }: Terminal, total: number): Display {
  const bars = new MultiBar({
    format: '{bar} {percentage}% {name}  {value}/{total} {unit}  {note}  {left}',
    stream: stderr as NodeJS.WritableStream,
    barsize: 16,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false, // Ctrl-C is ours
    barCompleteChar: '\u2588',
    barIncompleteChar: '\u2591',
  });
  const begun = now();
  const elapsed = (): string => formatSeconds((now() - begun) / 1000);
  const overall = bars.create(total, 0, { name: 'all', unit: 'stages', note: '', left: '' });
  const running = new Map<string, { bar: SingleBar; pace: Pace }>();
  const take = (name: string): void => {
    const task = running.get(name);
    if (task) bars.remove(task.bar);
    running.delete(name);
  };
  return {
    start: (name) => {
      const bar = bars.create(1, 0, { name, unit: '', note: 'starting', left: '' });
      running.set(name, { bar, pace: new Pace(now) });
    },
    note: (name, note) => running.get(name)?.bar.update({ note }),
    update: (name, { done, total: all, unit, note }) => {
      const task = running.get(name);
      if (!task) return;
      task.bar.setTotal(all);
      task.bar.update(done, { unit, note, left: `${formatSeconds(task.pace.at(done, all).secondsLeft)} left` });
      overall.update({ left: elapsed() });
    },
    drop: take,
    end: (name, line) => {
      take(name);
      bars.log(`${line}\n`);
      overall.increment({ left: elapsed() });
    },
    stop: () => {
      bars.update(); // the last lines, which the timer may not have written yet
      bars.stop();
    },
  };
}
