import { TEXT_FIELDS, type ColumnChoice, type TextField } from '@wbdc/data';
import { UserError } from '../core/errors.js';

/**
 * What --column says, as often as it is given; a field without a column (`title=`) has none, whatever the names say.
 */
export function columnsOf(assignments: readonly string[]): ColumnChoice {
  const choice: Partial<Record<TextField, string | null>> = {};
  for (const text of assignments) {
    const [name, ...rest] = text.split('=');
    const field = TEXT_FIELDS.find((known) => known === name);
    if (field === undefined || rest.length === 0) {
      const expected = `<field>=<column> with a field out of ${TEXT_FIELDS.join(', ')}`;
      throw new UserError(`--column: expected ${expected}, got '${text}'`, 2);
    }
    choice[field] = rest.join('=').trim() || (choice[field] ?? null);
  }
  return choice;
}
