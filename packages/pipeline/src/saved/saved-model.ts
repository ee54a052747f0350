import { assertSameConfig } from '@wbdc/train';
import { WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';
import { SAVED_MODEL_VERSION, savedModelSchema, type SavedModel, type SavedModelKind } from './schema.js';

type Saved<Kind extends SavedModelKind> = Extract<SavedModel, { readonly kind: Kind }>;

/** The description of a model to write beside its weights, in the present format. */
export function describeModel<Kind extends SavedModelKind>(
  kind: Kind,
  fields: Omit<Saved<Kind>, 'kind' | 'version'>,
): Saved<Kind> {
  const model = savedModelSchema.parse({ version: SAVED_MODEL_VERSION, kind, ...fields });
  assertClasses(model);
  return model as Saved<Kind>;
}

/**
 * The contents of a `config.json`, of this version or of 0.1.0.
 *
 * @param where names the file in messages
 * @throws WbdcError `saved-model` where it is none of a model of wbdc, or of a later version
 */
export function parseSavedModel(json: unknown, where: string): SavedModel {
  const upgraded = upgradeSavedModel(json);
  const parsed = savedModelSchema.safeParse(upgraded);
  if (parsed.success) {
    assertClasses(parsed.data, where);
    return parsed.data;
  }
  const version = isRecord(upgraded) ? upgraded['version'] : undefined;
  if (typeof version === 'number' && version > SAVED_MODEL_VERSION) {
    throw new WbdcError({
      where,
      expected: `a model saved in version ${SAVED_MODEL_VERSION} of the format, or an earlier one`,
      got: `version ${version}`,
      advice: 'a newer wbdc wrote it: update this one',
      code: 'saved-model-version',
    });
  }
  throw new WbdcError({
    where,
    expected: 'the description of a model that wbdc saved',
    got: version === undefined ? describeForeign(json) : describeIssues(parsed.error),
    code: 'saved-model',
  });
}

/**
 * The same in the present format; 0.1.0 wrote no version, named the encoder or `clip` as `model`, and no kind for a
 * pretraining. Anything else stays as it is.
 */
export function upgradeSavedModel(json: unknown): unknown {
  if (!isRecord(json) || 'version' in json) return json;
  const { model, ...rest } = json;
  if (model === 'clip') return { version: SAVED_MODEL_VERSION, kind: 'clip', ...rest };
  if (model !== 'uni-model' && model !== 'lxmert-model') return json;
  const { sizes } = rest;
  return {
    version: SAVED_MODEL_VERSION,
    kind: 'pretrained',
    ...rest,
    ...(isRecord(sizes) && { sizes: { ...sizes, kind: model } }),
  };
}

/**
 * Checks some fields of a saved model, such as those that an encoder's weights depend on, against what is expected.
 *
 * @throws Error that lists what differs, by paths such as `sizes.width`
 */
export function assertSameModel(expected: Partial<SavedModel>, json: unknown, where: string): void {
  assertSameConfig({ ...expected }, parseSavedModel(json, where), where);
}

function assertClasses(model: SavedModel, where?: string): void {
  if (model.kind === 'tags') return assertTags(model, where);
  if (model.kind !== 'category' || model.classes.length === model.head.outputs) return;
  throw new WbdcError({
    ...(where !== undefined && { where }),
    expected: `${model.head.outputs} classes, as many as outputs`,
    got: String(model.classes.length),
    code: 'saved-model',
  });
}

function describeIssues({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

function describeForeign(json: unknown): string {
  const type = isRecord(json) ? (json['model'] ?? json['model_type']) : undefined;
  return typeof type === 'string' ? `that of a '${type}' model` : 'something else';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function assertTags({ tags, thresholds, head: { outputs } }: Saved<'tags'>, where?: string): void {
  const fits = tags.length === outputs && (thresholds.length === 0 || thresholds.length === outputs);
  if (fits) return;
  throw new WbdcError({
    ...(where !== undefined && { where }),
    expected: `${outputs} tags and thresholds, as many as outputs`,
    got: `${tags.length} and ${thresholds.length}`,
    code: 'saved-model',
  });
}
