/** A noun with its count: 1 video, 1,200 videos. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${value.toLocaleString('en-US')} ${value === 1 ? noun : plural}`;
}

/** Three significant digits, without an exponent where that stays readable: 0.123, 12.3, 1,230, 1.2e-5. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-3) return value.toExponential(1).replace('e+', 'e');
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}
