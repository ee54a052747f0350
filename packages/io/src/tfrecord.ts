import { maskedCrc32c } from './crc32c.js';

/** Bytes around the payload of a record: u64 length and its CRC before it, the payload's CRC behind. */
export const RECORD_HEADER = 12;
export const RECORD_FOOTER = 4;

/** A payload as TFRecord files and TensorBoard's events frame it (tensorflow/core/lib/io/record_writer.h). */
export function frameRecord(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(RECORD_HEADER + payload.length + RECORD_FOOTER);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(payload.length), true);
  view.setUint32(8, maskedCrc32c(out.subarray(0, 8)), true);
  out.set(payload, RECORD_HEADER);
  view.setUint32(RECORD_HEADER + payload.length, maskedCrc32c(payload), true);
  return out;
}
