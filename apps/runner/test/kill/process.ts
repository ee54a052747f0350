import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { compiled } from '../../../../tools/compiled.js';

const PROGRAM = await compiled('apps/runner/src/cli.ts');

/** A command in a process of its own, compiled from the sources. */
export interface Started {
  kill(signal: NodeJS.Signals): void;
  /** Its first words: the modules are loaded, the work begins. */
  readonly spoke: Promise<unknown>;
  readonly ended: Promise<Ended>;
}

export interface Ended {
  /** The exit code, or what killed it. */
  readonly code: number | NodeJS.Signals;
  /** What it printed, stdout and stderr together. */
  readonly said: string;
}

export interface Place {
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Loses what the command prints: nobody reads it any more, or the disk of its log is full. */
  readonly lost?: LostOutput;
}

export type LostOutput = 'closed' | 'disk full';

export function start(args: readonly string[], { folder, env, lost }: Place): Started {
  const full = lost === 'disk full' ? openSync('/dev/full', 'w') : undefined;
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', full ?? 'pipe', full ?? 'pipe'],
  });
  if (full !== undefined) closeSync(full);
  let said = '';
  const spoke = new Promise<unknown>((done) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (lost) stream?.destroy();
      else stream?.setEncoding('utf8').on('data', (text: string) => done((said += text)));
    }
  });
  const ended = new Promise<Ended>((done, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => done({ code: code ?? signal ?? 1, said }));
  });
  return { kill: (signal) => void child.kill(signal), spoke: Promise.race([spoke, ended]), ended };
}
