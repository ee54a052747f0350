import { WbdcError } from '@wbdc/io/errors';
import type { BertConfig } from '@wbdc/nn';
import { pathKeys, type KeyMap } from './key-map.js';
import type { ParamShapes } from './shapes.js';
import { shapeOf, type WeightSource } from './source.js';

/**
 * What an encoder reads of the `config.json` that wbdc writes beside a checkpoint. Other sizes stand in the tensors.
 */
export interface SavedEncoder {
  /** `uni-model` or `lxmert-model`. */
  readonly model: string;
  readonly bert: Omit<BertConfig, 'vocabSize' | 'segments'>;
  readonly videoLayers: number;
  readonly crossLayers: number;
  readonly videoNorm: 'pre' | 'post';
  readonly videoActivation: 'erf' | 'quick';
  /** How texts become a row of tokens. */
  readonly text: unknown;
}

/** What stands before the encoder's paths in such a checkpoint. */
export const SAVED_ENCODER_PREFIX = 'encoder.';

/** The map of an encoder in a checkpoint of wbdc, for {@link readWeights}. */
export function savedEncoderKeys(shapes: ParamShapes): KeyMap {
  return {
    entries: pathKeys(shapes, SAVED_ENCODER_PREFIX).entries,
    unused: [
      { pattern: 'heads.**', reason: 'the head of a pretraining task' },
      { pattern: 'head.**', reason: 'the head of a finetuning' },
      { pattern: `${SAVED_ENCODER_PREFIX}vision.**`, reason: 'the vision tower' },
    ],
  };
}

/** The sizes of the encoder's BERT: those that are described, and those that stand in the tensors. */
export function savedBertConfig({ bert }: SavedEncoder, source: WeightSource): BertConfig {
  const rows = (name: string): number => shapeOf(source, `${SAVED_ENCODER_PREFIX}bert.embeddings.${name}`)[0];
  return { ...bert, vocabSize: rows('word'), segments: rows('segment') };
}

/** @throws WbdcError where a folder holds another model than the one that is to be read */
export function assertModelKind(got: unknown, expected: string, where: string): void {
  if (got === expected) return;
  throw new WbdcError({
    where,
    expected: `a ${expected}`,
    got: `one of a '${String(got)}' model`,
    code: 'model-kind',
  });
}

/** @throws WbdcError where a tokenizer has more tokens than the model has word embeddings */
export function assertVocabularyFits(
  tokens: number,
  { vocabSize }: Pick<BertConfig, 'vocabSize'>,
  where: string,
): void {
  if (tokens <= vocabSize) return;
  const expected = `a tokenizer of at most ${vocabSize} tokens, the rows of the word embeddings`;
  throw new WbdcError({ where, expected, got: `one of ${tokens}` });
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * The encoder of a checkpoint of wbdc, of this version or of 0.1.0.
 *
 * @returns undefined where the file is none of wbdc
 * @throws WbdcError where it describes another model, or sizes that cannot be
 */
export function parseSavedEncoder(json: unknown, where: string): SavedEncoder | undefined {
  const fields = asFields(json);
  const sizes = asFields(fields?.sizes);
  const model = typeof fields?.version === 'number' ? (sizes?.kind ?? fields.kind) : fields?.model;
  if (fields === undefined || typeof model !== 'string') return undefined;
  if (sizes === undefined) {
    throw new WbdcError({
      where,
      expected: 'the checkpoint of a video-text encoder',
      got: `one of a '${model}' model`,
    });
  }
  const width = count(sizes, 'width', where);
  const { intermediate, dropout = 0.1 } = sizes;
  if (!(typeof dropout === 'number' && dropout >= 0 && dropout < 1))
    throw wrongSize(where, 'dropout', '[0, 1)', dropout);
  return {
    model,
    bert: {
      hiddenSize: width,
      layers: count(sizes, 'layers', where),
      heads: count(sizes, 'heads', where),
      intermediateSize: intermediate === null ? 4 * width : count(sizes, 'intermediate', where),
      maxPositions: count(sizes, 'maxPositions', where),
      dropout,
    },
    videoLayers: count(sizes, 'videoLayers', where),
    crossLayers: count(sizes, 'crossLayers', where),
    videoNorm: oneOf(sizes, 'videoNorm', ['pre', 'post'], where),
    videoActivation: oneOf(sizes, 'videoActivation', ['erf', 'quick'], where),
    text: fields.text,
  };
}

function count(sizes: Fields, name: string, where: string): number {
  const value = sizes[name];
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw wrongSize(where, name, 'a whole number from 1', value);
}

/** The first where the file, of an earlier version, does not say it. */
function oneOf<T extends string>(sizes: Fields, name: string, choices: readonly [T, ...T[]], where: string): T {
  const value = sizes[name] ?? choices[0];
  const choice = choices.find((one) => one === value);
  if (choice !== undefined) return choice;
  throw wrongSize(where, name, `{${choices.join(', ')}}`, value);
}

function wrongSize(where: string, name: string, expected: string, got: unknown): WbdcError {
  return new WbdcError({ where, expected: `sizes.${name} in ${expected}`, got: JSON.stringify(got) ?? 'nothing' });
}

function asFields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}
