// Prints 'N passed, N failed' from Vitest's JSON report, after checking that every package's tests were run: Vitest
// reports no error for a workspace file that it does not read.
import { readFileSync, readdirSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const projects = ['packages', 'apps'].flatMap((group) => readdirSync(group).map((name) => `/${group}/${name}/`));
const silent = projects.filter((project) => !report.testResults.some(({ name }) => name.includes(project)));
if (silent.length > 0) console.error(`no test ran in ${silent.join(', ')}`);
const broken = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && !assertionResults.length,
);
const failed = report.numFailedTests + broken.length + silent.length;
console.log(`${report.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
