import type { Host } from './core/host.js';
import { CHILD_VARIABLE } from './jobs/child.js';

/** This process around a command. Where another one started it as a job, that one is told how far it is. */
export function processHost(): Host {
  const { stdout, stderr, env } = process;
  stdout.on('error', endQuietly);
  const send = env[CHILD_VARIABLE] === undefined ? undefined : process.send?.bind(process);
  if (send) {
    // Without a parent nobody waits for the result: end as if interrupted, with everything needed to go on.
    process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel?.unref(); // the parent alone is no reason to stay
  }
  return {
    ...{ stdout, stderr, env },
    folder: process.cwd(),
    now: () => Date.now(),
    signals: process,
    exit: (code) => process.exit(code),
    ...(send && { report: (message) => void (process.connected && send(message)) }),
  };
}

/** `wbdc ... | head` closes the pipe early: no reason for a stack. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
