import { appendFileSync } from 'node:fs';
import { ResultStream } from '@wbdc/io/result-stream';
import type { Host } from './core/host.js';
import type { JobMessage } from './core/messages.js';
import { CHILD_VARIABLE, MESSAGES_VARIABLE } from './jobs/variables.js';

/**
 * This process around a command. Words that are lost, with `| head` or a log on a full disk, end nothing: what a
 * command makes is not in them. Where another process started this one as a job, that one is told how far it is.
 */
export function processHost(): Host {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  const send = env[CHILD_VARIABLE] === undefined ? undefined : process.send?.bind(process);
  if (send) {
    // Without a parent nobody waits for the result: end as if interrupted, with everything needed to go on.
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref(); // the parent alone is no reason to stay
  }
  const file = env[MESSAGES_VARIABLE];
  return {
    ...{ stdout, stderr, env, results: new ResultStream(stdout) },
    folder: process.cwd(),
    now: () => Date.now(),
    signals: process,
    exit: (code) => process.exit(code),
    ...(send && { report: (message) => void (process.connected && send(message)) }),
    ...(file && { report: reportTo(file) }),
  };
}

/** Progress once a second: whoever reads the file looks less often. */
function reportTo(file: string): (message: JobMessage) => void {
  let last = 0;
  return (message) => {
    if (message.type === 'progress' && message.done < message.total && Date.now() - last < 1000) return;
    last = Date.now();
    appendFileSync(file, `${JSON.stringify(message)}\n`);
  };
}
