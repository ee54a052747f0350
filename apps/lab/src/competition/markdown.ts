import { markdownTable, type TitledTable } from '@wbdc/report';
import { formatSeconds } from '@wbdc/report/format';
import type { CompetitionResults } from './gather.js';
import { ensembleTable, evidenceTable, jobsTable, wbdcTable } from './tables.js';

/** The measured tables as Markdown. */
export function competitionMarkdown(results: CompetitionResults): string {
  const { data, aiac, wbdc, evidence, seconds, environment } = results;
  const tables = [
    ...(aiac ? [jobsTable(aiac), ensembleTable(aiac)] : []),
    ...(wbdc ? [wbdcTable(wbdc)] : []),
    ...evidence.map(evidenceTable),
  ];
  const made =
    `Written by \`npx nx run lab:competition\` on ${data}, measured on held-out videos; the stages took ` +
    `${formatSeconds(seconds)}, added up (${Object.values(environment).join(', ')}). ` +
    'Published numbers are of the official data and of full-size models.';
  return `# The competition at demo size\n\n${made}\n\n${tables.map(tableOf).join('\n')}`;
}

function tableOf({ title, note, ...table }: TitledTable): string {
  return `## ${title}\n\n${note === undefined ? '' : `${note}\n\n`}${markdownTable(table)}`;
}
