import { card, cardSection, confusionSection, markup, renderPage, tableSection, type Html } from '@wbdc/report';
import { formatSeconds } from '@wbdc/report/format';
import { aiacCurves, ensembleCard, wbdcCurves } from './curves.js';
import type { Evidence } from './evidence.js';
import type { CompetitionResults } from './gather.js';
import { neighboursPart, PARTS_STYLE } from './parts.js';
import { dataName, dataRootOf, type OwnData } from './own-data.js';
import type { Half } from './plan.js';
import type { AiacResults, WbdcResults } from './results.js';
import { ensembleTable, evidenceTable, hardestTable, jobsTable, wbdcTable } from './tables.js';
import { trialCard } from './trial-chart.js';
import { readCategoryNames, readVideos } from './videos.js';

/** The result page of a competition, which stands alone; `root` is the folder of its runs. */
export async function competitionPage(results: CompetitionResults, root: string, own?: OwnData): Promise<string> {
  const { name, aiac, wbdc, evidence, seconds, wallSeconds, environment } = results;
  const parts = [
    ...(aiac ? await aiacParts(aiac, root, own) : []),
    ...evidenceParts(evidence, 'aiac'),
    ...(wbdc ? await wbdcParts(wbdc, root, own) : []),
    ...evidenceParts(evidence, 'wbdc'),
  ];
  return renderPage({
    title: `${name}: the competition on ${dataName(own)}`,
    lead:
      'Measured on held-out videos. Published numbers are of the official data and of full-size models: compare ' +
      'their order, not their height.',
    facts: [
      ['all stages, added up', formatSeconds(seconds)],
      ['the last command', formatSeconds(wallSeconds)],
      ...(environment['engine'] === undefined ? [] : [['engine of each', environment['engine']] as const]),
      ...(environment['cpu'] === undefined ? [] : [['machine', environment['cpu']] as const]),
    ],
    body: parts,
    style: PARTS_STYLE,
  });
}

function evidenceParts(evidence: readonly Evidence[], half: Half): Html[] {
  return evidence
    .filter((one) => one.half === half)
    .map((one) => markup`${tableSection(evidenceTable(one))}<div class="wide">${card(trialCard(one))}</div>`);
}

async function aiacParts(aiac: AiacResults, root: string, own: OwnData | undefined): Promise<Html[]> {
  const ids = new Set(aiac.neighbours.flatMap(({ id, near }) => [id, ...near.map((one) => one.id)]));
  return [
    tableSection(jobsTable(aiac)),
    tableSection(ensembleTable(aiac)),
    cardSection({ title: 'AIAC: curves' }, [ensembleCard(aiac), ...(await aiacCurves(root))]),
    neighboursPart(aiac.neighbours, await readVideos(dataRootOf(own, root), 'test_a', ids)),
  ];
}

async function wbdcParts(wbdc: WbdcResults, root: string, own: OwnData | undefined): Promise<Html[]> {
  const nameOf = await readCategoryNames(dataRootOf(own, root));
  return [
    tableSection(wbdcTable(wbdc)),
    cardSection({ title: 'WBDC: curves' }, await wbdcCurves(root)),
    confusionSection({
      title: 'WBDC: confusion of level 1',
      note: 'Of the ensemble: truth in rows, predictions in columns, held-out videos.',
      confusion: wbdc.confusion,
      nameOf,
    }),
    tableSection(hardestTable(wbdc, nameOf)),
  ];
}
