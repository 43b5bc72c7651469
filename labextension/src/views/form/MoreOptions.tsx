import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IDraft } from './draft';
import type { IField } from './fields';
import { labelOf } from './OptionField';

/** The rooms of fields that are seldom touched, in their order. */
const ROOMS = ['prompt', 'running', 'results', 'other'];

/** What is seldom touched. */
export interface IMoreOptionsProps {
  /** Fields by their room. */
  readonly rooms: Readonly<Record<string, ReadonlyArray<IField>>>;
  readonly options: IDraft['options'];
  readonly open: boolean;
  readonly trans: TranslationBundle;
  readonly onOpen: (open: boolean) => void;
  /** Renders fields. */
  readonly children: (fields: ReadonlyArray<IField>) => React.ReactNode;
}

/** Folded away room by room; what is set all the same is named beside. */
export function MoreOptions(props: IMoreOptionsProps): React.ReactElement | null {
  const { rooms, options, trans } = props;
  const names: Record<string, string> = {
    prompt: trans.__('Prompts and sampling'),
    running: trans.__('Running'),
    results: trans.__('Results'),
    other: trans.__('Other')
  };
  const filled = ROOMS.filter(room => rooms[room]?.length);
  const set = filled.flatMap(room => rooms[room]).filter(field => isSet(field, options[field.name]));
  return filled.length ? (
    <details
      className="jp-LmmsEval-more"
      open={props.open}
      onToggle={event => props.onOpen(event.currentTarget.open)}
    >
      <summary>
        {trans.__('More')}
        {set.length > 0 && (
          <span className="jp-LmmsEval-facts">{set.map(field => labelOf(field.name, trans)).join(', ')}</span>
        )}
      </summary>
      {filled.map(room => (
        <fieldset key={room}>
          <legend>{names[room]}</legend>
          <div className="jp-LmmsEval-grid">{props.children(rooms[room])}</div>
        </fieldset>
      ))}
    </details>
  ) : null;
}

/** Whether a field says something else than the server would take by itself. */
function isSet(field: IField, value: string | boolean | undefined): boolean {
  return value !== undefined && value !== '' && String(value) !== String(field.initial ?? '');
}
