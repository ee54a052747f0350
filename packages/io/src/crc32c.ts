/** CRC-32C (Castagnoli, RFC 3720), eight bytes a turn over eight tables ("slicing-by-8", Kounavis and Berry 2005). */
const POLYNOMIAL = 0x82f63b78; // reflected
const MASK_DELTA = 0xa282ead8;
const TABLE_SIZE = 256;
const tables = buildTables();

function buildTables(): Int32Array {
  const all = new Int32Array(8 * TABLE_SIZE);
  for (let byte = 0; byte < TABLE_SIZE; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    all[byte] = crc;
  }
  for (let i = TABLE_SIZE; i < all.length; i++) {
    const before = all[i - TABLE_SIZE];
    all[i] = (before >>> 8) ^ all[before & 0xff];
  }
  return all;
}

export function crc32c(bytes: Uint8Array): number {
  const t = tables;
  const eights = bytes.length & ~7;
  let crc = -1;
  let i = 0;
  for (; i < eights; i += 8) {
    const a = crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    crc =
      t[0x700 + (a & 0xff)] ^
      t[0x600 + ((a >>> 8) & 0xff)] ^
      t[0x500 + ((a >>> 16) & 0xff)] ^
      t[0x400 + (a >>> 24)] ^
      t[0x300 + bytes[i + 4]] ^
      t[0x200 + bytes[i + 5]] ^
      t[0x100 + bytes[i + 6]] ^
      t[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}

/** As TFRecord stores it: rotated and shifted, since a CRC over data that hold CRCs is weak. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}
