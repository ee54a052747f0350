/** What stands for a missing value in a cell of text, as `read_csv` of pandas has it by default. */
const MISSING = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
]);

/** Whether a cell says no more than that there is nothing: `nan`, `None`, `NULL` and the like. */
export function isMissing(text: string): boolean {
  return MISSING.has(text);
}
