/** Bytes that are read in ranges: a file, memory, or a file on a server. */
export interface ByteSource {
  /** Where they are, for messages. */
  readonly path: string;
  readonly size: number;
  /** What changes with the content, where a server says it. */
  readonly version?: string | undefined;
  /** Bytes `[start, start + length)`. @throws FormatError where they end before */
  read(start: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
