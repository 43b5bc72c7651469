import { HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Device } from '../../api/wire';
import type { IProblem } from './draft';
import { Field, Marked } from './Field';
import type { IField } from './fields';

/** A field of a request that has no place of its own. */
export interface IOptionFieldProps {
  readonly id: string;
  readonly field: IField;
  /** Undefined: not touched. */
  readonly value: string | boolean | undefined;
  readonly problems: ReadonlyArray<IProblem>;
  readonly devices: ReadonlyArray<Device>;
  readonly trans: TranslationBundle;
  readonly onChange: (name: string, value: string | boolean | undefined) => void;
}

/** One field, typed as its kind asks for. */
export const OptionField = React.memo(function OptionField(props: IOptionFieldProps): React.ReactElement {
  const { id, field, value, problems, trans, onChange } = props;
  const help = <Marked text={field.help} />;
  if (field.kind === 'switch') {
    const on = value === undefined ? field.initial === true : value === true;
    return (
      <div className="jp-LmmsEval-field jp-LmmsEval-switch" data-invalid={problems.length > 0 || undefined}>
        <div className="jp-LmmsEval-labels">
          <input
            id={id}
            type="checkbox"
            checked={on}
            aria-describedby={`${id}-help`}
            onChange={event => onChange(field.name, event.target.checked)}
          />
          <label htmlFor={id}>{labelOf(field.name, trans)}</label>
          <code aria-hidden="true">{field.name}</code>
        </div>
        <div id={`${id}-help`} className="jp-LmmsEval-help">
          {help}
        </div>
        {problems.map((problem, index) => (
          <div key={index} className="jp-LmmsEval-problem" role="alert">
            <span aria-hidden="true">⚠ </span>
            {problem.message}
          </div>
        ))}
      </div>
    );
  }
  const text = value === undefined ? '' : String(value);
  const set = (said: string) => onChange(field.name, said === '' ? undefined : said);
  const long = LONG.has(field.name) || field.lines;
  return (
    <Field
      id={id}
      label={labelOf(field.name, trans)}
      code={field.name}
      help={help}
      problems={problems}
      trans={trans}
      wide={long || WIDE.has(field.name)}
    >
      {describedBy => {
        const common = {
          id,
          value: text,
          'aria-describedby': describedBy,
          'aria-invalid': problems.length > 0 || undefined
        };
        if (field.kind === 'choice' || field.name === 'device') {
          const choices =
            field.kind === 'choice'
              ? [...(field.choices ?? [])]
              : devicesToChoose(props.devices, text).map(each => ({ value: each, label: each }));
          const empty = field.initial === undefined ? trans.__('What the server has') : null;
          return (
            <HTMLSelect
              {...common}
              value={text || String(field.initial ?? '')}
              options={[...(empty === null ? [] : [{ value: '', label: empty }]), ...choices]}
              onChange={event => set(event.target.value)}
            />
          );
        }
        if (long) {
          return (
            <textarea
              {...common}
              className="jp-LmmsEval-input"
              rows={Math.min(8, Math.max(2, text.split('\n').length))}
              spellCheck={field.name === 'system_instruction'}
              placeholder={placeholderOf(field, trans)}
              onChange={event => set(event.target.value)}
            />
          );
        }
        return (
          <input
            {...common}
            className="jp-LmmsEval-input"
            type="text"
            autoComplete="off"
            spellCheck={false}
            inputMode={field.kind === 'whole' ? 'numeric' : field.kind === 'number' ? 'decimal' : undefined}
            data-number={field.kind === 'whole' || field.kind === 'number' || undefined}
            placeholder={placeholderOf(field, trans)}
            onChange={event => set(event.target.value)}
          />
        );
      }}
    </Field>
  );
});

/** Fields of several lines, and those that need the whole width. */
const LONG = new Set(['system_instruction']);
const WIDE = new Set(['gen_kwargs', 'output_dir', 'launcher_args', 'reasoning_tags']);

function devicesToChoose(devices: ReadonlyArray<Device>, text: string): string[] {
  const gpus = devices.filter(device => device.kind === 'cuda').map(device => device.id);
  const known = [...(gpus.length ? ['cuda', ...gpus] : []), 'cpu'];
  return text && !known.includes(text) ? [text, ...known] : known;
}

function placeholderOf(field: IField, trans: TranslationBundle): string {
  if (field.initial !== undefined) {
    return String(field.initial);
  }
  switch (field.name) {
    case 'limit':
      return trans.__('all');
    case 'gen_kwargs':
      return 'max_new_tokens=64,temperature=0';
    case 'seed':
      return '0,1234,1234,1234';
    case 'reasoning_tags':
      return '[["<think>", "</think>"]]';
    default:
      return '';
  }
}

/** What a field is called in front of people. */
export function labelOf(name: string, trans: TranslationBundle): string {
  const labels: Record<string, string> = {
    limit: trans.__('Samples per task'),
    batch_size: trans.__('Batch size'),
    num_fewshot: trans.__('Few-shot'),
    num_gpus: trans.__('GPUs'),
    device: trans.__('Device'),
    gen_kwargs: trans.__('Generation arguments'),
    name: trans.__('Name'),
    system_instruction: trans.__('System message'),
    reasoning_tags: trans.__('Reasoning tags'),
    seed: trans.__('Seed'),
    repeats: trans.__('Repeats'),
    offset: trans.__('First sample'),
    max_tokens: trans.__('Token budget'),
    apply_chat_template: trans.__('Apply the chat template'),
    fewshot_as_multiturn: trans.__('Few-shot as a conversation'),
    force_simple: trans.__('Use the simple adapter'),
    one_process: trans.__('All GPUs for one process'),
    gpu_memory: trans.__('GPU memory (GiB)'),
    priority: trans.__('Priority'),
    timeout: trans.__('Time limit (seconds)'),
    max_batch_size: trans.__('Largest batch size'),
    output_dir: trans.__('Copy results to'),
    baseline: trans.__('Baseline'),
    log_samples: trans.__('Keep samples'),
    predict_only: trans.__('Only generate'),
    process_with_media: trans.__('Score with media'),
    include_path: trans.__('Task folders'),
    process_docs_parallel: trans.__('Scoring threads'),
    agentic_trace_mode: trans.__('Agentic traces'),
    launcher_args: trans.__('Judge launcher'),
    verbosity: trans.__('Log level')
  };
  const words = name.replace(/_/g, ' ');
  return Object.hasOwn(labels, name) ? labels[name] : words.charAt(0).toUpperCase() + words.slice(1);
}
