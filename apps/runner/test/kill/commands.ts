/** A command that writes, at a size that takes a second of work. */
export interface WritingCommand {
  /** What it is called here; the command and what tells it from others of that command. */
  readonly name: string;
  readonly args: string;
  /** Options that the command needs to go on; where nothing is said, the same line does. */
  readonly again?: string;
  /** Files and folders that it makes. */
  readonly makes: readonly string[];
  /** It changes what it makes: that is there before. */
  readonly changes?: true;
  /** It reads the hub. */
  readonly hub?: true;
  /** The short test leaves it out. */
  readonly long?: true;
  /** Others need what it makes, or it is another of a command: the short test does not kill it. */
  readonly unhurt?: true;
}

const MY = '--config my.yaml --name my';
const SIMILAR = '--config my.yaml --name pairs --set run.base=my --set finetune.kind=similarity';
const MINED =
  `${SIMILAR.replace('pairs', 'mined')} --set finetune.pairs.train=clicks.tsv ` +
  '--set finetune.loss=negatives --set finetune.mined.index=my-index --set finetune.mined.margin=0';
const TAGGED = '--config my.yaml --name tagged --set run.base=my --set finetune.kind=tags --set finetune.folds=2';
const CORPUS = JSON.stringify({
  splits: ['unlabeled'],
  heldOutSplits: ['test_a'],
  train: { batchSize: 4, epochs: 3, rules: [], checkpointEvery: 2 },
});
const READ = `--config my.yaml --name read --set run.base=my --set corpus=${CORPUS}`;
const RESUME = '--resume';
/** Of the index: one of each of two splits. */
const REMOVED = ['1000000000000000001', '3000000000000000000'].join(' ');

/** All commands that write, each behind those whose results it reads. */
export const WRITING: readonly WritingCommand[] = [
  {
    name: 'prepare',
    args: 'prepare videos --texts texts.csv --out prepared --category-from-folder --held-out 0.2',
    makes: ['prepared'],
  },
  { name: 'data', args: 'data --config qq.yaml --name qq', again: RESUME, makes: ['runs/qq/data'] },
  {
    name: 'data embedded',
    args: 'data --name demo --set data.imageSize=16 --set data.variants=1',
    again: RESUME,
    makes: ['runs/demo/data'],
    long: true,
  },
  { name: 'run', args: `run vocab ${MY}`, makes: ['runs/my'] },
  {
    name: 'vocab',
    args: 'vocab --config my.yaml --name own --set run.base=my',
    again: RESUME,
    makes: ['runs/own/vocab'],
  },
  { name: 'clip', args: `clip ${MY}`, again: RESUME, makes: ['runs/my/clip'] },
  ...[0, 1].map((shard) => ({
    name: `features shard ${shard}`,
    args: `features ${MY} --shard ${shard}/2`,
    again: RESUME,
    makes: [`runs/my/features-shards/000${shard}-of-0002`],
    unhurt: true as const,
  })),
  { name: 'merge-features', args: `merge-features ${MY}`, makes: ['runs/my/features'] },
  {
    name: 'features',
    args: 'features --config my.yaml --name own --set run.base=my',
    again: RESUME,
    makes: ['runs/own/features'],
  },
  { name: 'vocab corpus', args: `vocab ${READ}`, again: RESUME, makes: ['runs/read/vocab'], unhurt: true },
  { name: 'text', args: `text ${READ}`, again: RESUME, makes: ['runs/read/text'] },
  { name: 'pretrain', args: `pretrain ${MY}`, again: RESUME, makes: ['runs/my/pretrain'] },
  { name: 'finetune', args: `finetune ${MY}`, again: RESUME, makes: ['runs/my/finetune'] },
  {
    name: 'finetune folds',
    args: 'finetune --config my.yaml --name folds --set run.base=my --set finetune.folds=3',
    again: RESUME,
    makes: ['runs/folds'],
    long: true,
  },
  {
    name: 'finetune similarity',
    args: `finetune ${SIMILAR} --set finetune.pairs.train=pairs.tsv --set finetune.epochs=1`,
    again: RESUME,
    makes: ['runs/pairs'],
    unhurt: true,
  },
  {
    name: 'finetune tags',
    args: `finetune ${TAGGED} --set finetune.epochs=2`,
    again: RESUME,
    makes: ['runs/tagged'],
    unhurt: true,
  },
  {
    name: 'finetune tag folds',
    args: `finetune ${TAGGED.replace('tagged', 'tag-folds')} --set finetune.fold=all --set finetune.epochs=1`,
    again: RESUME,
    makes: ['runs/tag-folds'],
    long: true,
  },
  { name: 'ensemble', args: 'ensemble runs/my --out fused', makes: ['fused'] },
  {
    name: 'evaluate',
    args: 'evaluate runs/my --truth truth.csv --samples 100 --out evaluated',
    makes: ['evaluated'],
  },
  {
    name: 'report',
    args: `report ${MY}`,
    makes: ['clip', 'pretrain', 'finetune'].map((stage) => `runs/my/${stage}/report.html`),
  },
  { name: 'export', args: `export ${MY} --model --out exported`, again: '--overwrite', makes: ['exported'] },
  { name: 'demo', args: `demo ${MY} --out page`, makes: ['page'] },
  {
    name: 'predict',
    args: `predict data/zip_frames --texts data/annotations/test_a.json ${MY} --out predicted.jsonl`,
    again: RESUME,
    makes: ['predicted.jsonl'],
  },
  {
    name: 'embed',
    args: `embed data/zip_frames --texts data/annotations/test_a.json ${SIMILAR} --out embedded.jsonl`,
    again: RESUME,
    makes: ['embedded.jsonl'],
  },
  {
    name: 'index add',
    args: `index add data/zip_frames --texts data/annotations/test_a.json ${SIMILAR} --in my-index`,
    makes: ['my-index'],
  },
  {
    name: 'index add another',
    args: `index add data/zip_frames --texts data/annotations/test_a.json ${SIMILAR} --in other-index`,
    makes: ['other-index'],
    unhurt: true,
  },
  { name: 'index remove', args: `index remove ${REMOVED} --in other-index`, makes: ['other-index'], changes: true },
  {
    name: 'finetune mined',
    args: `finetune ${MINED} --set finetune.epochs=1`,
    again: RESUME,
    makes: ['runs/mined'],
    unhurt: true,
  },
  { name: 'index compact', args: 'index compact --in other-index', makes: ['other-index'], changes: true },
  {
    name: 'tag',
    args: `tag data/zip_frames --texts data/annotations/test_a.json ${TAGGED} --out tagged.jsonl`,
    again: RESUME,
    makes: ['tagged.jsonl'],
  },
  {
    name: 'zero-shot',
    args: `zero-shot data/zip_frames --texts data/annotations/test_a.json ${MY} --labels 猫,狗 --out labelled.jsonl`,
    again: RESUME,
    makes: ['labelled.jsonl'],
  },
  { name: 'download', args: 'download owner/name', makes: ['cache'], hub: true },
];

/** Commands that leave every file as it is. */
export const READING: readonly { readonly args: string; readonly long?: true }[] = [
  { args: `verify-features ${MY}` },
  {
    args: `similar data/zip_frames --texts data/annotations/test_a.json ${SIMILAR} --among embedded.jsonl`,
    long: true,
  },
  { args: 'search 黑猫 --in my-index' },
  { args: 'index stats --in my-index', long: true },
  { args: 'check clip --config my.yaml', long: true },
  { args: 'config --config my.yaml' },
  { args: 'submit kubernetes pretrain --image wbdc --claim work --workers 2' },
  { args: 'doctor', long: true },
  { args: 'help' },
];

/** Commands that end when they are told to: what they write, others here write too, or their package's tests kill. */
export const LASTING = ['serve'];

/** The command of a line. */
export function nameIn({ args }: { readonly args: string }): string {
  return args.split(' ')[0];
}
