import type { WbdcError } from '@wbdc/io/errors';

/** What the command line makes of a failure of the libraries. */
interface Advice {
  /** The option at fault, in place of the library's name for it. */
  readonly where?: string;
  readonly expected?: string;
  /** All of it in other words. */
  readonly message?: (error: WbdcError) => string;
  /** What to do, in place of the library's words. */
  readonly advice?: string | ((error: WbdcError) => string);
  /** 2: the command line itself is wrong. Default 1. */
  readonly exitCode?: 1 | 2;
}

/** By the code of the failure: the libraries know nothing of options. */
const ADVICE: Readonly<Record<string, Advice>> = {
  assignment: { message: ({ message }) => message, exitCode: 2 },
  engine: { message: ({ message }) => message.replaceAll(/use (engine|precision) '(\w+)'/g, 'use --$1 $2') },
  'calibration-split': { advice: 'name another --calibrate, or give the folder of the data with --data' },
  'onnx-provider': { where: '--provider webgpu', advice: 'use --provider cpu' },
  'lines-there': {
    message: ({ where }) => `${where} is there already: --resume adds what is missing, --overwrite replaces it`,
  },
  'lines-foreign': { advice: 'choose another --out' },
  'column-assignment': { where: '--column', exitCode: 2 },
  'column-missing': { advice: 'say which column it is with --column <field>=<name>' },
  'column-video': { advice: 'say which with --column video=<name>' },
  'out-foreign': {
    expected: 'no folder or one that wbdc prepare made',
    advice: 'choose another --out',
  },
  'out-damaged': { advice: 'choose another --out, or --overwrite (the old folder is renamed, not deleted)' },
  'out-inside': { advice: 'choose another --out', exitCode: 2 },
  'out-other-settings': {
    message: ({ where, got }) =>
      `${where} was made with other settings:\n${got?.replace(/^.*\n/, '')}\n` +
      'choose another --out, or --overwrite to make it again (the old folder is renamed, not deleted)',
  },
  names: { where: '--model', exitCode: 2 },
  'rows-unmatched': { advice: 'say which column has the names with --column video=<name>' },
  'separator-unknown': { where: '--separator', exitCode: 2 },
  'encoding-unknown': { where: '--encoding', exitCode: 2 },
  'feature-widths': { advice: 'make them again with wbdc features --overwrite' },
  'feature-order': { advice: 'make them again with wbdc features --overwrite' },
  'shard-wrong': { message: ({ message }) => message, exitCode: 2 },
  'shards-incomplete': { advice: 'were the annotations changed? Make the shards again with --overwrite' },
  'mined-none': { advice: 'add them by wbdc index add <data>/zip_frames --texts <data>/annotations/labeled.json' },
  'recognizer-unnamed': {
    ...{ where: '--asr', expected: '--asr-model <folder> or --asr-command <program> with it', exitCode: 2 },
  },
  'model-folds': { advice: 'choose with --checkpoint runs/<name>/finetune/fold-0' },
  'tower-foreign': { advice: 'give the vision tower with --tower' },
  'tower-missing': {
    advice: 'give the vision tower with --tower (runs/<name>/clip, or a folder with a published CLIP)',
  },
  'tower-other': { advice: 'give the right one with --tower' },
  'split-missing': {
    message: ({ message }) =>
      `${message}: check data.folder, or name the splits you have with data.trainSplits and data.heldOutSplits`,
  },
  'table-encoding': {
    advice: 'save it as UTF-8, or name its encoding, such as --encoding gb18030 for a table from a Chinese Excel',
  },
  'too-many-bad': { message: ({ message }) => message.replace('raise maxBadShare', 'raise data.maxBadShare') },
  'tags-missing': { advice: 'set tasks.tag=null, or lower tasks.tag.minFrequency' },
  'too-many-skipped': {
    advice: ({ where }) => `repair those in ${where}.skipped.tsv of the shards, or raise data.maxBadShare`,
  },
};

/** The message of a library's failure, in the words of the command line where it has some. */
export function advisedMessage(error: WbdcError): string {
  const { message, code, where, expected, got } = error;
  const advice = code === undefined ? undefined : ADVICE[code];
  if (advice === undefined) return message;
  if (advice.message) return advice.message(error);
  const start = advice.where ?? where;
  const words = typeof advice.advice === 'function' ? advice.advice(error) : advice.advice;
  const end = words === undefined ? '' : `: ${words}`;
  return `${start === undefined ? '' : `${start}: `}expected ${advice.expected ?? expected}, got ${got}${end}`;
}

export function advisedExitCode({ code }: WbdcError): 1 | 2 {
  return (code === undefined ? undefined : ADVICE[code]?.exitCode) ?? 1;
}
