/** Sizes, signatures and marks of the ZIP format (PKWARE APPNOTE 6.3.10). */
export const ZIP = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
  localSize: 30,
  centralSize: 46,
  endSize: 22,
  end64Size: 56,
  locatorSize: 20,
  /** Stands in a 32-bit field whose value is in the ZIP64 part. */
  full32: 0xffffffff,
  full16: 0xffff,
  /** Flag of an encrypted entry. */
  encrypted: 1,
  /** Flag of a name in UTF-8. */
  utf8: 0x0800,
} as const;

/** Methods of compression. */
export const STORED = 0;
export const DEFLATED = 8;

/** An entry that a part file already holds. */
export interface WrittenEntry {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly crc: number;
}
