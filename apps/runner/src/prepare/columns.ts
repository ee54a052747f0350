import { nearestOf } from '../config/problems.js';
import { UserError } from '../errors.js';

/** What a column may hold, with the names it is found by, in lower case and without blanks, dashes and underlines. */
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

export type Field = keyof typeof NAMES;
export const FIELDS = Object.keys(NAMES) as Field[];

/** Field -> column. */
export type Columns = Partial<Record<Field, string>>;

/**
 * Which column holds what: as asked (`field=column`), else by its name. A field that is asked for as `field=` is left out.
 *
 * @throws UserError when an asked field or column does not exist, or nothing names the videos
 */
export function chooseColumns(path: string, columns: readonly string[], asked: readonly string[]): Columns {
  const chosen: Columns = {};
  const settled = new Set<Field>();
  for (const assignment of asked) {
    const { field, column } = parseAssignment(assignment);
    settled.add(field);
    if (column === '') continue;
    if (!columns.includes(column))
      throw new UserError(
        `${path}: expected the column '${column}' (--column ${assignment}), got ${listed(columns)}${hint(column, columns)}`,
      );
    chosen[field] = column;
  }
  const taken = new Set(Object.values(chosen));
  for (const field of FIELDS.filter((name) => !settled.has(name))) {
    const found = columns.find((column) => !taken.has(column) && isNamed(field, column));
    if (found === undefined) continue;
    chosen[field] = found;
    taken.add(found);
  }
  if (chosen.video !== undefined || chosen.id !== undefined) return chosen;
  throw new UserError(
    `${path}: expected a column that names the videos, such as 'video' or 'id', got ${listed(columns)}: say which with --column video=<name>`,
  );
}

function isNamed(field: Field, column: string): boolean {
  const plain = column.toLowerCase().replaceAll(/[\s_-]/g, '');
  return (NAMES[field] as readonly string[]).includes(plain);
}

function parseAssignment(text: string): { field: Field; column: string } {
  const [field, ...rest] = text.split('=');
  if (rest.length > 0 && FIELDS.includes(field as Field))
    return { field: field as Field, column: rest.join('=').trim() };
  throw new UserError(`--column: expected <field>=<column> with a field out of ${FIELDS.join(', ')}, got '${text}'`, 2);
}

function listed(columns: readonly string[]): string {
  return `the columns ${columns
    .map((name) => `'${name}'`)
    .join(', ')
    .slice(0, 300)}`;
}

function hint(name: string, columns: readonly string[]): string {
  const nearest = nearestOf(name, columns);
  return nearest === undefined ? '' : `; did you mean '${nearest}'?`;
}
