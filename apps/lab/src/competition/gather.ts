import { join } from 'node:path';
import { RunFolder } from '@wbdc/runner';
import { secondsOf } from '../seconds.js';
import { gatherEvidence, type Evidence } from './evidence.js';
import { BASE, ENTRIES, trialEntries, type Half } from './plan.js';
import { dataName, heldOutTruth, type OwnData } from './own-data.js';
import { aiacResults, submitCategories, wbdcResults, type AiacResults, type WbdcResults } from './results.js';

/** All that a competition has measured. */
export interface CompetitionResults {
  readonly name: string;
  /** What they were measured on, for people. */
  readonly data: string;
  readonly aiac?: AiacResults;
  readonly wbdc?: WbdcResults;
  readonly evidence: readonly Evidence[];
  /** Of the first model: engine, versions, machine. */
  readonly environment: Readonly<Record<string, string>>;
  /** Of all stages together, also those of earlier attempts. */
  readonly seconds: number;
  /** Of the last command, which may have found stages done before. */
  readonly wallSeconds: number;
}

export interface Gathering {
  readonly name: string;
  /** The folder of all runs. */
  readonly root: string;
  /** Where submissions are written. */
  readonly folder: string;
  /** Halves whose models are all there. */
  readonly halves: readonly Half[];
  /** Halves whose trials are all there. */
  readonly trials: readonly Half[];
  readonly wallSeconds: number;
  /** Nothing for the embedded data. */
  readonly own?: OwnData | undefined;
  readonly onWarning?: ((line: string) => void) | undefined;
}

/** Gathers what the models measured, combines them and writes their submissions. */
export async function competitionResults(gathering: Gathering): Promise<CompetitionResults> {
  const { name, root, folder, halves, trials, wallSeconds, own, onWarning } = gathering;
  const evidence: Evidence[] = [];
  for (const half of trials) evidence.push(await gatherEvidence(root, half));
  return {
    name,
    data: dataName(own),
    ...(halves.includes('aiac') && { aiac: await aiacResults(root, folder, own) }),
    ...(halves.includes('wbdc') && (await measuredWbdc({ root, folder, own, onWarning }))),
    evidence,
    environment: await environmentOf(gathering),
    seconds: await secondsOf(root, [BASE, ...halves.flatMap((half) => ENTRIES[half]), ...trials.flatMap(trialEntries)]),
    wallSeconds,
  };
}

/** What is measured of the WBDC half; where no held-out category is known, the submission is written alone. */
async function measuredWbdc({
  root,
  folder,
  own,
  onWarning,
}: Pick<Gathering, 'root' | 'folder' | 'own' | 'onWarning'>) {
  if ((await heldOutTruth(own, root)) !== undefined) return { wbdc: await wbdcResults(root, folder, own) };
  await submitCategories(root, folder);
  onWarning?.('no categories of the held-out videos are known: result.csv is written, nothing of it is measured');
  return {};
}

async function environmentOf({ root, halves }: Gathering): Promise<Readonly<Record<string, string>>> {
  const { name } = ENTRIES[halves[0]][0];
  return (await new RunFolder(join(root, name), name).record('finetune'))?.environment ?? {};
}
