import { fileError } from '@wbdc/io';
import { WbdcError, type Mismatch } from '@wbdc/io/errors';

/**
 * What may be wrong with an index or its use.
 *
 * - `lancedb-missing`: the database is not installed; `usearch-missing`: usearch is not
 * - `index-missing`: there is none at a place; `index-foreign`: something else is there
 * - `index-place`: an address of a kind that is not understood
 * - `index-damaged`: the database cannot read or write its files
 * - `index-closed`: it is used after `close()`
 * - `model-missing`: it has no vectors of such a model; `model-other`: vectors of another model than its own
 * - `row`: a row that is none; `query`: a query that asks for nothing, or the impossible
 */
export type SearchErrorCode =
  | 'index-closed'
  | 'index-damaged'
  | 'index-foreign'
  | 'index-missing'
  | 'index-place'
  | 'lancedb-missing'
  | 'model-missing'
  | 'model-other'
  | 'query'
  | 'row'
  | 'usearch-missing';

/** A failure of an index that whoever called can act on. */
export class SearchError extends WbdcError {
  override readonly name = 'SearchError';
  override readonly code: SearchErrorCode;

  constructor(problem: Mismatch & { readonly code: SearchErrorCode }, options?: ErrorOptions) {
    super(problem, options);
    this.code = problem.code;
  }
}

/** What an index was to be when its database failed. */
export type Doing = 'compacted' | 'indexed' | 'made' | 'opened' | 'reached' | 'read' | 'searched' | 'written';

/** What the system refuses the database with, by the number that Rust's words end with. */
const SYSTEM_CODES: Readonly<Record<string, string>> = {
  ...{ 1: 'EPERM', 13: 'EACCES', 24: 'EMFILE', 28: 'ENOSPC', 30: 'EROFS', 122: 'EDQUOT' },
};

/**
 * A failure of the database in a few words: its own go on with paths of its sources. A `FileError` where the system
 * has refused a file.
 */
export function databaseError(where: string, doing: Doing, cause: unknown): WbdcError {
  const said = (cause instanceof Error ? cause.message : String(cause))
    .split(/[\n]|, \/|\s+Caused by:/)[0]
    .slice(0, 300);
  const system = SYSTEM_CODES[/\(os error (\d+)\)/.exec(cause instanceof Error ? cause.message : '')?.[1] ?? ''];
  if (system !== undefined) {
    const refused = Object.assign(new Error(said, { cause }), { code: system });
    return fileError(/^(compacted|indexed|made|written)$/.test(doing) ? 'write' : 'read', where, refused) as WbdcError;
  }
  const got = /panicked|^Panic in/.test(said) ? 'damaged files' : said; // the database's own fault, in Rust's words
  return new SearchError({ where, expected: `an index that can be ${doing}`, got, code: 'index-damaged' }, { cause });
}
