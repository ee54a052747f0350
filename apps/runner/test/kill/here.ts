import { EventEmitter } from 'node:events';
import { runCommandLine } from '../../src/program.js';
import type { Place, Started } from './process.js';

/** Starts a command in this process, which has loaded everything long ago: for one that nobody kills. */
export function startHere(args: readonly string[], { folder, env = {} }: Place): Started {
  let said = '';
  let first: (value: unknown) => void = () => undefined;
  const spoke = new Promise<unknown>((done) => (first = done));
  const write = (text: string): boolean => {
    first((said += text));
    return true;
  };
  const host = {
    ...{ stdout: { write }, stderr: { write }, env, folder },
    now: () => Date.now(),
    signals: new EventEmitter(),
    exit: () => undefined,
  };
  Object.assign(process.env, env); // where TMPDIR is read
  const ended = runCommandLine([...args], host).then((code) => ({ code, said }));
  const kill = (): never => {
    throw new Error('a command in this process cannot be killed');
  };
  return { kill, spoke: Promise.race([spoke, ended]), ended };
}
