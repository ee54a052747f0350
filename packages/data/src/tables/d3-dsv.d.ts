/** The part of d3-dsv that is used here. */
declare module 'd3-dsv' {
  export function dsvFormat(delimiter: string): { parseRows(text: string): string[][] };
}
