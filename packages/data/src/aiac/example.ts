import { ProtoReader, protoField, protoText, protoVarint, WIRE } from '@wbdc/io/proto';
import { asDataError, DataError } from '../files/data-error.js';

/** One feature of a `tf.train.Example`: exactly one of the three lists. */
export type Feature =
  | { readonly kind: 'bytes'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'float'; readonly values: Float32Array }
  | { readonly kind: 'int64'; readonly values: readonly bigint[] };

export type Features = ReadonlyMap<string, Feature>;

/**
 * Decodes a `tf.train.Example` (tensorflow/core/example/{example,feature}.proto). Bytes are views of the message, not
 * copies: frame features are nearly all of it. Unknown fields are skipped, as protobuf wants.
 *
 * @throws DataError when the message is damaged
 */
export function decodeExample(message: Uint8Array, where: string): Features {
  const plain = new Uint8Array(message.buffer, message.byteOffset, message.length); // a Buffer's views would be Buffers
  try {
    return decodeFeatures(new ProtoReader(plain, where));
  } catch (error) {
    throw asDataError(error);
  }
}

function decodeFeatures(example: ProtoReader): Map<string, Feature> {
  const features = new Map<string, Feature>();
  while (example.next()) {
    if (example.field !== 1) continue;
    const map = example.message();
    while (map.next()) if (map.field === 1) decodeEntry(map.message(), features);
  }
  return features;
}

function decodeEntry(entry: ProtoReader, features: Map<string, Feature>): void {
  let name = '';
  let feature: Feature | undefined;
  while (entry.next()) {
    if (entry.field === 1) name = entry.text();
    if (entry.field === 2) feature = decodeFeature(entry.message());
  }
  if (feature) features.set(name, feature);
}

function decodeFeature(reader: ProtoReader): Feature | undefined {
  let feature: Feature | undefined;
  while (reader.next()) {
    if (reader.field === 1) feature = { kind: 'bytes', values: bytesList(reader.message()) };
    if (reader.field === 2) feature = { kind: 'float', values: floatList(reader.message()) };
    if (reader.field === 3) feature = { kind: 'int64', values: intList(reader.message()) };
  }
  return feature;
}

function bytesList(list: ProtoReader): Uint8Array[] {
  const values: Uint8Array[] = [];
  while (list.next()) if (list.field === 1) values.push(list.bytes());
  return values;
}

/** Numbers may be packed (one length, all values) or not (a tag before each): both are valid. */
function floatList(list: ProtoReader): Float32Array {
  const chunks: Uint8Array[] = [];
  while (list.next()) if (list.field === 1) chunks.push(list.wire === WIRE.fixed32 ? list.fixed32() : list.bytes());
  const all = Uint8Array.from(Buffer.concat(chunks)); // aligned
  if (all.length % 4 !== 0) throw new DataError(`${list.where}: expected floats of 4 bytes, got ${all.length} bytes`);
  return new Float32Array(all.buffer);
}

function intList(list: ProtoReader): bigint[] {
  const values: bigint[] = [];
  while (list.next()) {
    if (list.field !== 1) continue;
    if (list.wire === WIRE.varint) values.push(list.int64());
    else for (const packed = list.message(); packed.more;) values.push(packed.int64());
  }
  return values;
}

/** Encodes a `tf.train.Example`, features in the order of their names: the same content gives the same bytes. */
export function encodeExample(features: Features): Uint8Array {
  const names = [...features.keys()].sort();
  const entries = names.map((name) =>
    protoField(1, [protoText(1, name), protoField(2, [encodeFeature(features.get(name)!)])]),
  );
  return protoField(1, entries);
}

function encodeFeature(feature: Feature): Uint8Array {
  if (feature.kind === 'bytes')
    return protoField(
      1,
      feature.values.map((value) => protoField(1, [value])),
    );
  if (feature.kind === 'int64') return protoField(3, [protoField(1, feature.values.map(protoVarint))]);
  const floats = Buffer.alloc(feature.values.length * 4);
  feature.values.forEach((value, i) => floats.writeFloatLE(value, i * 4));
  return protoField(2, [protoField(1, [floats])]);
}
