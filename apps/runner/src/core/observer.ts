import type { Observer } from '@wbdc/pipeline';
import type { Output } from './output.js';
import { createProgress, type Progress } from './progress.js';

/** Calls a library with an observer that shows on the terminal what is reported; no progress bar outlasts the call. */
export async function observed<T>(output: Output, work: (observer: Observer) => Promise<T>): Promise<T> {
  let current: { readonly noun: string; readonly bar: Progress } | undefined;
  const stop = (): void => {
    current?.bar.stop();
    current = undefined;
  };
  const barOf = (noun: string): Progress => {
    if (current?.noun !== noun) {
      stop();
      current = { noun, bar: createProgress(output, noun) };
    }
    return current!.bar;
  };
  try {
    return await work({
      onMessage: (line) => output.say(line),
      onWarning: output.onWarning,
      onProgress: ({ noun, done, total, about, ended }) => (ended ? stop() : barOf(noun).update(done, total, about)),
    });
  } finally {
    stop();
  }
}
