/** Most bytes of a message, in UTF-8. */
const MOST_BYTES = 1024;

const GAP = ' ... ';
const encoder = new TextEncoder();

/**
 * A text as a message may show it: whole up to a kilobyte, else its start and its end, where the advice stands. A file
 * that is damaged or hostile may hold a name of any length.
 */
export function briefly(text: string, mostBytes = MOST_BYTES): string {
  if (text.length * 3 <= mostBytes) return text; // no UTF-16 unit takes more than three bytes
  if (text.length <= mostBytes && encoder.encode(text).length <= mostBytes) return text;
  const room = mostBytes - GAP.length;
  const start = startOf(text, Math.ceil(room * 0.7));
  return `${start}${GAP}${endOf(text, Math.floor(room * 0.3))}`;
}

function startOf(text: string, bytes: number): string {
  const { read } = encoder.encodeInto(text.slice(0, bytes), new Uint8Array(bytes));
  return text.slice(0, read);
}

function endOf(text: string, bytes: number): string {
  let end = text.slice(-bytes);
  for (let over = 1; over > 0;) {
    over = encoder.encode(end).length - bytes;
    end = end.slice(Math.max(0, Math.ceil(over / 3)));
  }
  return end.replace(/^[\udc00-\udfff]/, ''); // half of a character
}
