import { addIcon, Button, closeIcon, HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ModelArgument, ModelClass } from '../../api/wire';
import { Combobox } from './Combobox';
import { nextId, type IDraft, type IProblem } from './draft';
import { Problems } from './Field';
import {
  guess,
  parseArguments,
  readValue,
  writeArguments,
  type IArgumentRow,
  type ValueKind
} from './modelargs';
import { isSecretName } from './secrets';

/** The arguments of the model. */
export interface IModelArgumentsProps {
  readonly id: string;
  readonly rows: ReadonlyArray<IArgumentRow>;
  /** The arguments as one text while they are edited so; null: in rows. */
  readonly text: string | null;
  /** The class that takes them; null: not known. */
  readonly used: ModelClass | null;
  readonly problems: ReadonlyArray<IProblem>;
  readonly trans: TranslationBundle;
  readonly onChange: (change: Partial<Pick<IDraft, 'args' | 'argsText'>>) => void;
}

/** A row for each argument, or all as lmms-eval's `key=value,key=value`. */
export const ModelArguments = React.memo(function ModelArguments(
  props: IModelArgumentsProps
): React.ReactElement {
  const { id, rows, text, used, problems, trans, onChange } = props;
  const [before, setBefore] = React.useState<ReadonlyArray<IArgumentRow> | null>(null);
  const of = (field: string) => problems.filter(problem => problem.field === field);
  const change = (row: IArgumentRow, changes: Partial<IArgumentRow>) =>
    onChange({ args: rows.map(each => (each.id === row.id ? { ...each, ...changes } : each)) });
  const add = (name = '') => {
    const row = { id: nextId(rows), name, value: '', kind: null };
    onChange({ args: [...rows, row] });
    focusSoon(`${id}-${row.id}-${name ? 'value' : 'name'}`);
  };
  const remove = (row: IArgumentRow) => {
    const at = rows.indexOf(row);
    const near = rows[at + 1] ?? rows[at - 1];
    onChange({ args: rows.filter(each => each !== row) });
    // What was pressed goes with the row.
    document.getElementById(near ? `${id}-${near.id}-name` : `${id}-add`)?.focus();
  };
  const take = (said: string): boolean => {
    const read = parseArguments(said);
    if (!read.ok || !read.rows.length) {
      return false;
    }
    setBefore(rows);
    const given = new Set(read.rows.map(row => row.name));
    const kept = rows.filter(row => row.value.trim() && !given.has(row.name));
    let next = nextId(rows);
    onChange({ args: [...kept, ...read.rows.map(row => ({ ...row, id: next++ }))], argsText: null });
    return true;
  };
  const given = new Set(rows.map(row => row.name));
  const offered = (used?.arguments ?? []).filter(argument => !given.has(argument.name));
  const missing = offered.filter(argument => argument.required);

  const head = (
    <div className="jp-LmmsEval-labels">
      <span id={`${id}-label`} className="jp-LmmsEval-label">
        {trans.__('Model arguments')}
      </span>
      <code aria-hidden="true">model_args</code>
      <span className="jp-LmmsEval-spring" />
      {before && text === null && (
        <button
          type="button"
          className="jp-LmmsEval-link"
          onClick={() => {
            onChange({ args: before, argsText: null });
            setBefore(null);
            document.getElementById(`${id}-add`)?.focus();
          }}
        >
          {trans.__('Undo paste')}
        </button>
      )}
      <button
        type="button"
        className="jp-LmmsEval-link"
        onClick={() => {
          if (text === null) {
            onChange({ argsText: asText(rows) });
            focusSoon(id);
          } else if (!text.trim()) {
            onChange({ args: [], argsText: null });
          } else if (parseArguments(text).ok) {
            onChange({ args: intoRows(text, rows), argsText: null });
          }
        }}
        disabled={text !== null && !parseArguments(text).ok}
      >
        {text === null ? trans.__('Edit as text') : trans.__('Edit in rows')}
      </button>
    </div>
  );

  if (text !== null) {
    return (
      <div className="jp-LmmsEval-field" data-wide data-invalid={problems.length > 0 || undefined}>
        {head}
        <textarea
          id={id}
          className="jp-LmmsEval-input jp-LmmsEval-code"
          aria-labelledby={`${id}-label`}
          aria-describedby={`${id}-help ${id}-problems`}
          aria-invalid={problems.length > 0 || undefined}
          rows={Math.min(8, Math.max(3, Math.ceil(text.length / 70)))}
          spellCheck={false}
          value={text}
          placeholder="pretrained=Qwen/Qwen2.5-VL-3B-Instruct,max_pixels=1605632"
          onChange={event => onChange({ argsText: event.target.value })}
        />
        <div id={`${id}-help`} className="jp-LmmsEval-help">
          {trans.__("As on lmms-eval's command line: key=value, separated by commas.")}
        </div>
        <Problems id={`${id}-problems`} problems={problems} trans={trans} />
      </div>
    );
  }
  return (
    <div
      className="jp-LmmsEval-field"
      data-wide
      role="group"
      aria-labelledby={`${id}-label`}
      data-invalid={problems.length > 0 || undefined}
    >
      {head}
      <div className="jp-LmmsEval-args">
        {rows.map(row => (
          <Row
            key={row.id}
            id={`${id}-${row.id}`}
            row={row}
            argument={used?.arguments?.find(argument => argument.name === row.name) ?? null}
            unknown={!!used?.arguments && !used.more_arguments}
            className={used?.name ?? ''}
            offered={offered}
            problems={of(`model_args/${row.id}`)}
            trans={trans}
            onChange={change}
            onRemove={() => remove(row)}
            onTake={take}
          />
        ))}
      </div>
      <div className="jp-LmmsEval-argsFoot">
        <Button
          id={`${id}-add`}
          minimal
          small
          type="button"
          className="jp-LmmsEval-add"
          onClick={() => add()}
        >
          <addIcon.react tag="span" className="jp-LmmsEval-icon" />
          {trans.__('Add argument')}
        </Button>
        {missing.map(argument => (
          <button
            key={argument.name}
            type="button"
            className="jp-LmmsEval-suggestion"
            onClick={() => add(argument.name)}
          >
            {trans.__('%1 is needed', argument.name)}
          </button>
        ))}
      </div>
      <Problems id={`${id}-problems`} problems={of('model_args')} trans={trans} />
    </div>
  );
});

interface IRowProps {
  id: string;
  row: IArgumentRow;
  argument: ModelArgument | null;
  /** Whether only arguments that are known can be given. */
  unknown: boolean;
  className: string;
  offered: ReadonlyArray<ModelArgument>;
  problems: ReadonlyArray<IProblem>;
  trans: TranslationBundle;
  onChange: (row: IArgumentRow, changes: Partial<IArgumentRow>) => void;
  onRemove: () => void;
  onTake: (text: string) => boolean;
}

function Row(props: IRowProps): React.ReactElement {
  const { id, row, argument, problems, trans, onChange } = props;
  const name = row.name.trim();
  const asked = name.toLowerCase();
  const options = props.offered.filter(each => each.name.toLowerCase().includes(asked));
  const kinds: Record<ValueKind, string> = {
    text: trans.__('text'),
    number: trans.__('number'),
    boolean: trans.__('true/false'),
    json: 'JSON'
  };
  const secret = isSecretName(name);
  const kind = row.kind ?? guess(row.value);
  const paste = (event: React.ClipboardEvent<HTMLInputElement>) => {
    const said = event.clipboardData.getData('text');
    // One value may hold a sign of equality; several arguments, or one in an empty row, are meant as such.
    if (!row.value && said.includes('=') && (!name || /,\s*[A-Za-z_]\w*=/.test(said)) && props.onTake(said)) {
      event.preventDefault();
    }
  };
  const strange =
    name && props.unknown && !argument ? trans.__('%1 has no argument of this name.', props.className) : '';
  return (
    <div className="jp-LmmsEval-arg" data-invalid={problems.length > 0 || undefined}>
      <div className="jp-LmmsEval-argRow">
        <Combobox
          id={`${id}-name`}
          text={row.name}
          options={options}
          nameOf={each => each.name}
          onText={said => onChange(row, { name: said })}
          onChoose={each => {
            onChange(row, { name: each.name });
            focusSoon(`${id}-value`);
          }}
          listName={trans.__('Arguments of the model')}
          nothing={trans.__('No argument of this name is known')}
          label={trans.__('Name of the argument')}
          placeholder={trans.__('name')}
          describedBy={`${id}-problems`}
          invalid={problems.length > 0 && !name}
          onPaste={paste}
        >
          {each => (
            <>
              <span className="jp-LmmsEval-optionName">
                {each.name}
                {each.required && <span className="jp-LmmsEval-needed"> {trans.__('needed')}</span>}
              </span>
              <span className="jp-LmmsEval-optionFacts">{factsOf(each)}</span>
            </>
          )}
        </Combobox>
        <span className="jp-LmmsEval-equals" aria-hidden="true">
          =
        </span>
        <input
          id={`${id}-value`}
          className="jp-LmmsEval-input jp-LmmsEval-code"
          type={secret ? 'password' : 'text'}
          autoComplete={secret ? 'new-password' : 'off'}
          spellCheck={false}
          aria-label={name ? trans.__('Value of %1', name) : trans.__('Value of the argument')}
          aria-describedby={`${id}-problems`}
          aria-invalid={(problems.length > 0 && !!name) || undefined}
          value={row.value}
          placeholder={
            row.again
              ? trans.__('give it again')
              : row.kind === 'text'
                ? trans.__('empty text')
                : argument?.default
                  ? plain(argument.default)
                  : ''
          }
          onChange={event => onChange(row, { value: event.target.value })}
          onPaste={paste}
        />
        <HTMLSelect
          className="jp-LmmsEval-kind"
          aria-label={name ? trans.__('Type of %1', name) : trans.__('Type of the value')}
          title={trans.__('What the value is')}
          value={kind}
          options={Object.entries(kinds).map(([value, label]) => ({ value, label }))}
          onChange={event => onChange(row, { kind: event.target.value as ValueKind })}
        />
        <button
          type="button"
          className="jp-LmmsEval-remove"
          title={name ? trans.__('Remove %1', name) : trans.__('Remove this argument')}
          aria-label={name ? trans.__('Remove %1', name) : trans.__('Remove this argument')}
          onClick={props.onRemove}
        >
          <closeIcon.react tag="span" className="jp-LmmsEval-icon" />
        </button>
      </div>
      <Problems
        id={`${id}-problems`}
        problems={problems.length || !strange ? problems : [{ field: '', message: strange }]}
        trans={trans}
      />
    </div>
  );
}

function factsOf(argument: ModelArgument): string {
  return [argument.annotation ?? '', argument.default ? `= ${argument.default}` : '']
    .filter(Boolean)
    .join(' ');
}

/** A default as it would be typed. */
function plain(python: string): string {
  const text = /^(['"])([^'"\\]*)\1$/.exec(python);
  return text ? text[2] : python;
}

function asText(rows: ReadonlyArray<IArgumentRow>): string {
  const values: Record<string, unknown> = {};
  for (const row of rows) {
    if (row.name.trim() && row.value.trim()) {
      const read = readValue(row.value, row.kind);
      values[row.name.trim()] = read.ok ? read.value : row.value;
    }
  }
  return writeArguments(values).text;
}

/** Text in rows; those that were there before keep what their value is. */
function intoRows(text: string, before: ReadonlyArray<IArgumentRow>): IArgumentRow[] {
  const read = parseArguments(text);
  const known = new Map(before.map(row => [`${row.name.trim()}=${row.value}`, row]));
  return read.ok
    ? read.rows.map((row, index) => ({
        ...row,
        kind: known.get(`${row.name}=${row.value}`)?.kind ?? row.kind,
        id: index + 1
      }))
    : [...before];
}

function focusSoon(id: string): void {
  setTimeout(() => document.getElementById(id)?.focus());
}
