import {
  assignSetting,
  describeIssues,
  merge,
  plain,
  readSettings,
  toSetting,
  type SettingMap,
} from '@wbdc/pipeline/configuration';
import { UserError } from '../core/errors.js';
import { applyPreset } from './preset.js';
import { configSchema, type Config } from './schema.js';

export interface ConfigRequest {
  /** A YAML file; without one every setting has its default. */
  readonly path?: string | undefined;
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** `a.b=value`, laid on the file in this order. */
  readonly set?: readonly string[];
  /** Settings with an option of their own, by option, laid on last. */
  readonly flags?: readonly Flag[];
}

export interface Flag {
  /** As typed, for messages: `--seed 3`. */
  readonly option: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Reads, merges and checks a configuration.
 * @throws UserError or WbdcError naming every problem at once, each with file, line and column or the flag it came from
 */
export async function loadConfig({ path, folder, set = [], flags = [] }: ConfigRequest): Promise<Config> {
  const empty: SettingMap = { kind: 'map', where: 'the defaults', entries: new Map() };
  const file = path === undefined ? empty : await readSettings(path, { folder, asked: '--config' });
  const assigned = set.reduce((base, assignment) => assignSetting(base, assignment, '--set'), file);
  return checkConfig(applyPreset(flags.reduce(applyFlag, assigned)));
}

function applyFlag(base: SettingMap, { option, path, value }: Flag): SettingMap {
  const nested = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  return merge(base, toSetting(nested, option) as SettingMap);
}

/** Checks a merged configuration against the schema and fills in defaults. */
function checkConfig(settings: SettingMap): Config {
  const value = plain(settings);
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = describeIssues(result.error.issues, configSchema, settings, value);
  const head =
    problems.length === 1 ? 'the configuration has a problem' : `the configuration has ${problems.length} problems`;
  throw new UserError(`${head}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
}
