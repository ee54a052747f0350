import { mkdir } from 'node:fs/promises';
import { loadConfig } from '../src/config/load.js';
import { Output } from '../src/core/output.js';
import type { RunFolder } from '../src/run/run-folder.js';
import type { StageContext } from '../src/run/stage.js';

export interface Surroundings {
  /** Where relative paths of settings start. */
  readonly folder: string;
  readonly run: RunFolder;
  readonly stage: string;
  readonly set: readonly string[];
  /** Gets what the stage prints. */
  readonly write?: (text: string) => void;
}

/** What a stage gets from its command; `own` in place of that. */
export async function stageContext(
  { folder, run, stage, set, write = () => undefined }: Surroundings,
  own: Partial<StageContext> = {},
): Promise<StageContext> {
  await mkdir(run.folderOf(stage), { recursive: true });
  return {
    config: await loadConfig({ folder, set }),
    folder: run.folderOf(stage),
    upstream: (name) => run.folderOf(name),
    upstreamSummary: () => ({}),
    resume: false,
    signal: new AbortController().signal,
    output: new Output({ stdout: { write }, stderr: { write }, env: {}, folder, now: () => 0 }, {}),
    run,
    ...own,
  };
}
