import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { SvdEnsemble } from './svd.js';

/** Written into the file, so that another safetensors file is recognised. */
const FORMAT = 'wbdc-svd-ensemble-1';

interface TensorEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Saves an ensemble as one safetensors file: `components` `[K, W]` and `singular_values` `[K]` in float64, the rest in
 * its metadata. Python's safetensors reads it. Written whole or not at all.
 */
export async function save(ensemble: SvdEnsemble, file: string): Promise<void> {
  const { components, singularValues, dimension, names, widths, weights, share } = ensemble;
  const [first, second] = [components.byteLength, singularValues.byteLength];
  const header = {
    __metadata__: { format: FORMAT, ensemble: JSON.stringify({ names, widths, weights, share }) },
    components: { dtype: 'F64', shape: [dimension, components.length / dimension], data_offsets: [0, first] },
    singular_values: { dtype: 'F64', shape: [dimension], data_offsets: [first, first + second] },
  };
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  await writeFileAtomic(file, [length, padded, bytesOf(components), bytesOf(singularValues)]);
}

/** @throws when the file is not one that {@link save} wrote, or is cut */
export async function load(file: string): Promise<SvdEnsemble> {
  const bytes = await readFile(file);
  const { header, dataStart } = readHeader(bytes, file);
  const metadata = readMetadata(header['__metadata__'], file);
  const width = metadata.widths.reduce((sum, w) => sum + w, 0);
  const read = (name: string) => readTensor(bytes.subarray(dataStart), header[name], `${file}: ${name}`);
  const [components, singularValues] = [read('components'), read('singular_values')];
  const dimension = singularValues.length;
  if (dimension === 0 || components.length !== dimension * width) {
    throw new WbdcError(
      `${file}: components: expected ${dimension} x ${width} values (singular_values x widths of ` +
        `${metadata.names.join(', ')}), got ${components.length}. Save the ensemble again.`,
    );
  }
  return { ...metadata, dimension, components, singularValues };
}

function bytesOf(values: Float64Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function readHeader(bytes: Buffer, file: string): { header: Record<string, unknown>; dataStart: number } {
  const fail = (got: string, cause?: unknown) => {
    return new WbdcError(
      `${file}: expected a safetensors file written by save(), got ${got}. Save the ensemble again.`,
      {
        cause,
      },
    );
  };
  if (bytes.length < 8) throw fail(`${bytes.length} bytes`);
  const length = Number(bytes.readBigUInt64LE(0));
  if (length > bytes.length - 8) throw fail(`a header of ${length} bytes in a file of ${bytes.length}`);
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  } catch (cause) {
    throw fail('a header that is not JSON', cause);
  }
  if (typeof header !== 'object' || header === null) throw fail('a header that is no JSON object');
  return { header: header as Record<string, unknown>, dataStart: 8 + length };
}

function readMetadata(value: unknown, file: string): Pick<SvdEnsemble, 'names' | 'widths' | 'weights' | 'share'> {
  const { format, ensemble } = (value ?? {}) as Record<string, string | undefined>;
  if (format === FORMAT && ensemble !== undefined) return parseEnsemble(ensemble, file);
  throw new WbdcError(
    `${file}: __metadata__.format: expected '${FORMAT}', got ${JSON.stringify(format) ?? 'nothing'}. ` +
      'This is another safetensors file, or of another version: give the file that save() wrote.',
  );
}

function parseEnsemble(text: string, file: string): Pick<SvdEnsemble, 'names' | 'widths' | 'weights' | 'share'> {
  try {
    const ensemble = JSON.parse(text);
    const { names, widths, weights } = ensemble;
    if ([names, widths, weights].every((list) => Array.isArray(list) && list.length === names.length)) return ensemble;
  } catch {
    // told below
  }
  throw new WbdcError(
    `${file}: __metadata__.ensemble: expected the names, widths and weights of the models, got ` +
      `${JSON.stringify(text.slice(0, 60))}: ` +
      'the file is changed. Save the ensemble again.',
  );
}

function readTensor(data: Buffer, entry: unknown, where: string): Float64Array {
  const { dtype, shape = [], data_offsets: [start, end] = [0, -1] } = (entry ?? {}) as Partial<TensorEntry>;
  const count = shape.reduce((product, size) => product * size, 1);
  if (dtype !== 'F64' || end - start !== count * 8 || start < 0 || end > data.length) {
    throw new WbdcError(
      `${where}: expected F64 [${shape.join(', ')}] within ${data.length} bytes of data, got ${dtype} at ` +
        `[${start}, ${end}): the file is cut or changed. Save the ensemble again.`,
    );
  }
  const values = new Float64Array(count);
  data.copy(bytesOf(values), 0, start, end); // a copy, because the file's values need not be aligned in memory
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new WbdcError(`${where}[${bad}]: expected a finite number, got ${values[bad]}. Fit the ensemble again.`);
  return values;
}
