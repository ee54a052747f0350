// Writes the table of kernels into the README, from the code built in dist/.
import { readFileSync, writeFileSync } from 'node:fs';
import { withKernelTable } from '../dist/kernel-table.js';

const readme = new URL('../README.md', import.meta.url);
writeFileSync(readme, withKernelTable(readFileSync(readme, 'utf8')));
