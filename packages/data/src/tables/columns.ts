import { nearestOf, WbdcError } from '@wbdc/io/errors';

/** Fields of a video, with the names of columns that hold them: lower case, without blanks, dashes and underscores. */
const NAMES = {
  video: [
    'video',
    'file',
    'filename',
    'path',
    'filepath',
    'videopath',
    'videofile',
    'videoname',
    'clip',
    '文件',
    '文件名',
    '视频',
    '视频文件',
    '视频名',
    '路径',
  ],
  id: ['id', 'videoid', 'vid', 'itemid', 'feedid', 'key', '编号', '视频id', '视频编号'],
  title: ['title', 'caption', 'videotitle', '标题', '视频标题', '文案'],
  ocr: ['ocr', 'ocrtext', 'videoocr', '字幕', '画面文字'],
  asr: ['asr', 'asrtext', 'speech', 'transcript', 'videoasr', '语音', '语音文字'],
  category: [
    'category',
    'categoryid',
    'label',
    'class',
    'classname',
    'category1',
    'level1',
    'categorylevel1',
    '类别',
    '分类',
    '类目',
    '一级类目',
    '一级分类',
    '一级类别',
  ],
  subcategory: [
    'subcategory',
    'category2',
    'level2',
    'categorylevel2',
    'subclass',
    'sublabel',
    '子类',
    '二级类目',
    '二级分类',
    '二级类别',
  ],
  tags: ['tags', 'tag', 'keywords', 'hashtags', 'taglist', '标签', '关键词', '话题'],
  split: ['split', 'subset', 'fold', '划分'],
  group: ['group', 'author', 'uploader', 'series', '分组', '作者'],
} as const;

/** What a column of a table of texts may hold. */
export type TextField = keyof typeof NAMES;
export const TEXT_FIELDS = Object.keys(NAMES) as TextField[];

/** The column of each field that has one. */
export type Columns = Partial<Record<TextField, string>>;

/** Columns that are set rather than recognised by name; null: no column holds that field. */
export type ColumnChoice = Readonly<Partial<Record<TextField, string | null>>>;

/**
 * Which column holds which field: as chosen, else by its name, in English or Chinese.
 *
 * @throws WbdcError when a chosen column does not exist (`column-missing`) or nothing names the videos (`column-video`)
 */
export function chooseColumns(path: string, columns: readonly string[], choice: ColumnChoice = {}): Columns {
  const chosen: Columns = {};
  for (const [field, column] of Object.entries(choice) as [TextField, string | null | undefined][]) {
    if (column === null || column === undefined) continue;
    if (!columns.includes(column)) throw missingColumn(path, field, column, columns);
    chosen[field] = column;
  }
  const taken = new Set(Object.values(chosen));
  for (const field of TEXT_FIELDS.filter((name) => choice[name] === undefined)) {
    const recognised = columns.find((column) => !taken.has(column) && isNamed(field, column));
    if (recognised === undefined) continue;
    chosen[field] = recognised;
    taken.add(recognised);
  }
  if (chosen.video !== undefined || chosen.id !== undefined) return chosen;
  throw new WbdcError({
    where: path,
    expected: "a column that names the videos, such as 'video' or 'id'",
    got: listed(columns),
    advice: 'choose the column that does',
    code: 'column-video',
  });
}

function missingColumn(path: string, field: TextField, column: string, columns: readonly string[]): WbdcError {
  const nearest = nearestOf(column, columns);
  return new WbdcError({
    where: path,
    expected: `the column '${column}' for the field '${field}'`,
    got: `${listed(columns)}${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`,
    code: 'column-missing',
  });
}

function isNamed(field: TextField, column: string): boolean {
  const plain = column.toLowerCase().replaceAll(/[\s_-]/g, '');
  return (NAMES[field] as readonly string[]).includes(plain);
}

function listed(columns: readonly string[]): string {
  const names = columns.map((name) => `'${name}'`).join(', ');
  return `the columns ${names.slice(0, 300)}`;
}

/**
 * What somebody says of columns, as `title=name`; a field without a column (`title=`) has none, whatever the names say.
 *
 * @throws WbdcError `column-assignment` where a text says nothing of the kind
 */
export function parseColumnChoice(assignments: readonly string[]): ColumnChoice {
  const choice: Partial<Record<TextField, string | null>> = {};
  for (const text of assignments) {
    const [name, ...rest] = text.split('=');
    const field = TEXT_FIELDS.find((known) => known === name);
    if (field === undefined || rest.length === 0) {
      const expected = `<field>=<column> with a field out of ${TEXT_FIELDS.join(', ')}`;
      throw new WbdcError({ where: 'columns', expected, got: `'${text}'`, code: 'column-assignment' });
    }
    choice[field] = rest.join('=').trim() || (choice[field] ?? null);
  }
  return choice;
}
