/** Strings of JSON, and the numbers that Python writes though JSON has no such. */
const STRING_OR_NONFINITE = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\bInfinity\b|\bNaN\b/gs;

/**
 * JSON, also with NaN and Infinity as `json.dumps` of Python writes them: null.
 *
 * @throws SyntaxError as `JSON.parse` does
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = text.replaceAll(STRING_OR_NONFINITE, (found) => (found.startsWith('"') ? found : 'null'));
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}
