import type { Table } from './components.js';

/** A table in Markdown; numbers, in all columns but the first, stand at the right. */
export function markdownTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const rule = line(head.map((_, i) => (i === 0 ? '---' : '--:')));
  return `${line(head)}${rule}${rows.map(line).join('')}`;
}
