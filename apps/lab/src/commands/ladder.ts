import { resolve } from 'node:path';
import { wbdcLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { EMBEDDED_CORPORA } from '../general-text.js';
import { OBJECTIVES, PROBES, type Ladder, type Probe, type Start } from '../objectives/plan.js';

export interface LadderOptions {
  readonly data: string;
  readonly upTo: number;
  readonly ends?: boolean;
  readonly start?: Start;
  readonly probe: Probe | 'both';
}

/** What has one. */
export const WITH_CORPUS = "--data 'text', 'large' or a folder with annotations/corpus.json";

/**
 * The data of a ladder; a corpus is used where there is one.
 *
 * @param withCorpus what pretraining starts from then, where nothing is said
 * @throws WbdcError for more objectives than there are, or a start from a corpus that is not there
 */
export async function ladderOf(options: LadderOptions, from: string, withCorpus: Start = 'both'): Promise<Ladder> {
  const { data, upTo, ends = false, probe } = options;
  if (upTo > OBJECTIVES.length) {
    throw new WbdcError({ where: '--up-to', expected: `at most ${OBJECTIVES.length}`, got: String(upTo) });
  }
  const corpus = await corpusOf(data, from);
  const { start = corpus ? withCorpus : 'fresh' } = options;
  if (!corpus && start !== 'fresh') {
    throw new WbdcError({
      where: `--start ${start}`,
      expected: WITH_CORPUS,
      got: `--data ${data}, which has no corpus`,
    });
  }
  const words = [
    data === 'demo' ? '' : `--data ${data}`,
    upTo === OBJECTIVES.length ? '' : `--up-to ${upTo}`,
    ends ? '--ends' : '',
    options.start === undefined ? '' : `--start ${start}`,
    probe === 'category' ? '' : `--probe ${probe}`,
  ];
  return {
    ...{ upTo, ends, start, words: words.filter((word) => word !== '').join(' ') },
    ...(corpus && { corpus }),
    probes: probe === 'both' ? PROBES : [probe],
    data: isEmbedded(data) ? (data === 'demo' ? [] : [`data.set=${data}`]) : [`data.folder=${resolve(from, data)}`],
  };
}

/** The splits of the corpus. */
async function corpusOf(data: string, from: string): Promise<readonly string[] | undefined> {
  if (isEmbedded(data)) return EMBEDDED_CORPORA[data];
  return (await exists(wbdcLayout(resolve(from, data)).annotations('corpus'))) ? ['corpus'] : undefined;
}

const isEmbedded = (data: string): boolean => data === 'demo' || data in EMBEDDED_CORPORA;
