/** A server's refusal, placed at the fields of the form: pure. */

import type { FieldError } from '../../api/wire';
import type { IDraft, IProblem } from './draft';
import type { IField } from './fields';

/**
 * Place what a server says is wrong.
 *
 * @param errors - What is wrong with which field.
 * @param draft - What was submitted.
 * @param fields - The fields that are shown.
 * @returns What belongs to a field; what belongs to none is left out, and stands in the refusal's own sentence.
 */
export function placed(
  errors: ReadonlyArray<FieldError>,
  draft: IDraft,
  fields: ReadonlyArray<IField>
): IProblem[] {
  const shown = new Set(['model', 'tasks', 'model_args', ...fields.map(field => field.name)]);
  const seen = new Set<string>();
  return errors.flatMap(error => {
    const message = asSentence(error.message, error.field, !!error.nearest?.length);
    const key = `${error.field} ${message}`;
    if (!shown.has(error.field) || seen.has(key)) {
      return [];
    }
    seen.add(key);
    const given =
      error.field === 'tasks' ? draft.tasks.find(task => message.includes(`'${task}'`)) : undefined;
    return [{ field: error.field, message, nearest: error.nearest ?? [], given }];
  });
}

/** A message without the name of the field beside which it stands, and without the names that are offered. */
function asSentence(message: string, field: string, offered: boolean): string {
  const said = message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message;
  const short = offered ? said.replace(/; did you mean '.*'\?$/, '') : said;
  return short.charAt(0).toUpperCase() + short.slice(1);
}
