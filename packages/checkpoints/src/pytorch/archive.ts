import type { ByteSource } from '@wbdc/io';
import { FormatError, WbdcError } from '@wbdc/io/errors';
import { entryStart, findDirectory, STORED, visitEntries, type ZipEntry } from '@wbdc/io/zip';

const DIRECTORY_LIMIT = 64 * 2 ** 20;
/** Of a local header without its name. */
const HEADER_SIZE = 30;

/** The entries of a zip archive by name. PyTorch stores without compression; anything else is an error. */
export async function readDirectory(source: ByteSource): Promise<Map<string, ZipEntry>> {
  const { path } = source;
  const entries = new Map<string, ZipEntry>();
  try {
    const directory = await findDirectory(source);
    const size = directory.end - directory.start;
    if (size > DIRECTORY_LIMIT) throw damaged(path, `a directory of ${size} bytes from byte ${directory.start}`);
    await visitEntries(source, directory, (entry) => {
      assertPlain(entry, directory.start, path);
      if (entries.has(entry.name)) {
        throw new WbdcError(`${path}: expected every name once in the archive, got '${entry.name}' again`);
      }
      entries.set(entry.name, entry);
    });
  } catch (error) {
    throw error instanceof FormatError ? damaged(path, error.got ?? error.message, error) : error;
  }
  return entries;
}

/** First byte of an entry's data. */
export async function dataStart(source: ByteSource, entry: ZipEntry): Promise<number> {
  return entryStart(source, entry, entry.name).catch((cause: unknown) => {
    throw cause instanceof FormatError ? damaged(source.path, `no header for '${entry.name}'`, cause) : cause;
  });
}

function assertPlain(entry: ZipEntry, directoryStart: number, path: string): void {
  const { name, size, packedSize, offset } = entry;
  if (entry.encrypted || entry.method !== STORED) {
    throw new WbdcError(
      `${path}: '${name}': expected a stored entry, as torch.save writes it, got a packed or encrypted one`,
    );
  }
  if (size !== packedSize) throw damaged(path, 'a stored entry of two sizes');
  if (offset + HEADER_SIZE + size > directoryStart) throw damaged(path, `'${name}' reaches into the directory`);
}

function damaged(path: string, got: string, cause?: unknown): WbdcError {
  const advice = 'cut or damaged; download it again';
  return new WbdcError({ where: path, expected: 'a zip archive as torch.save writes it', got, advice }, { cause });
}
