import { closeIcon, HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { TaskDetails } from '../../api/wire';
import type { ICatalog } from './catalog';
import { Combobox } from './Combobox';
import type { IProblem } from './draft';
import { Field } from './Field';
import { findTasks, isPattern, matching } from './searching';

/** Which tasks. */
export interface ITasksFieldProps {
  readonly id: string;
  readonly tasks: ReadonlyArray<string>;
  /** Null: not listed yet. */
  readonly catalog: ICatalog | null;
  readonly problems: ReadonlyArray<IProblem>;
  readonly trans: TranslationBundle;
  readonly onTasks: (tasks: ReadonlyArray<string>) => void;
}

/** Searches tasks, groups and tags of a server; those that are chosen stand above as chips. */
export const TasksField = React.memo(function TasksField(props: ITasksFieldProps): React.ReactElement {
  const { id, tasks, catalog, problems, trans, onTasks } = props;
  const [words, setWords] = React.useState('');
  // Whether something was chosen by these words: then they are done with when the focus goes.
  const [used, setUsed] = React.useState(false);
  const [focused, setFocused] = React.useState(false);
  const [kind, setKind] = React.useState<TaskDetails['kind'] | ''>('');
  const options = React.useMemo(() => findTasks(catalog?.tasks ?? [], words, kind), [catalog, words, kind]);
  const chosen = React.useMemo(() => new Set(tasks), [tasks]);

  const add = (names: string[]) => onTasks([...new Set([...tasks, ...names])]);
  const remove = (name: string) => onTasks(tasks.filter(each => each !== name));
  const replace = (before: string, after: string) =>
    onTasks([...new Set(tasks.map(each => (each === before ? after : each)))]);
  const search = (said: string) => {
    setWords(said);
    setUsed(false);
  };
  const takeWords = (said: string) => {
    add(said.split(/[\s,]+/).filter(Boolean));
    search('');
  };
  const pending = words.trim() && !used && !focused;

  return (
    <Field
      id={id}
      label={trans.__('Tasks')}
      code="tasks"
      wide
      problems={problems}
      trans={trans}
      onNearest={(problem, name) => problem.given && replace(problem.given, name)}
      help={
        pending ? (
          <span className="jp-LmmsEval-warning">
            <span aria-hidden="true">⚠ </span>
            {trans.__(
              '"%1" is only searched for; choose from the list, or press Enter to add it.',
              words.trim()
            )}
          </span>
        ) : (
          trans.__(
            'Several can be pasted at once, separated by commas. * in a name matches anything; press Enter to add it.'
          )
        )
      }
    >
      {describedBy => (
        <>
          {tasks.length > 0 && (
            <ul className="jp-LmmsEval-chips" aria-label={trans.__('Chosen tasks')}>
              {tasks.map(name => (
                <Chip
                  key={name}
                  name={name}
                  catalog={catalog}
                  trans={trans}
                  onRemove={() => {
                    remove(name);
                    // What was pressed goes with the chip.
                    document.getElementById(id)?.focus();
                  }}
                />
              ))}
            </ul>
          )}
          <div
            className="jp-LmmsEval-taskSearch"
            onFocus={() => setFocused(true)}
            onBlur={event => {
              if (!event.currentTarget.contains(event.relatedTarget)) {
                setFocused(false);
                if (used) {
                  search('');
                }
              }
            }}
          >
            <Combobox
              id={id}
              text={words}
              options={options}
              nameOf={each => each.task.name}
              onText={said => (said.endsWith(',') ? takeWords(said) : search(said))}
              onChoose={each => {
                setUsed(true);
                if (chosen.has(each.task.name)) {
                  remove(each.task.name);
                } else {
                  add([each.task.name]);
                }
              }}
              about={each => <About task={each.task} trans={trans} />}
              eager={!isPattern(words)}
              chosen={chosen}
              required
              listName={trans.__('Tasks, groups and tags')}
              nothing={
                isPattern(words)
                  ? trans.__('Press Enter to add this pattern or path')
                  : trans.__('No task of this server fits; press Enter to add the name as it is')
              }
              placeholder={
                catalog
                  ? trans.__('Search %1 tasks, groups and tags', catalog.tasks.length.toLocaleString())
                  : trans.__('Names of tasks')
              }
              describedBy={describedBy}
              invalid={problems.length > 0}
              onKeyDown={event => {
                if (event.key === 'Enter' && words.trim()) {
                  event.preventDefault();
                  takeWords(words);
                } else if (event.key === 'Backspace' && !words && tasks.length) {
                  onTasks(tasks.slice(0, -1));
                }
              }}
              onPaste={event => {
                const said = event.clipboardData.getData('text');
                if (/[,\n]/.test(said.trim())) {
                  event.preventDefault();
                  takeWords(`${words} ${said}`);
                }
              }}
            >
              {each => (
                <>
                  <span className="jp-LmmsEval-optionName">{each.task.name}</span>
                  <span className="jp-LmmsEval-optionFacts">{factsOf(each.task, trans)}</span>
                </>
              )}
            </Combobox>
            <HTMLSelect
              aria-label={trans.__('Kind')}
              value={kind}
              options={[
                { value: '', label: trans.__('All kinds') },
                { value: 'task', label: trans.__('Tasks') },
                { value: 'group', label: trans.__('Groups') },
                { value: 'tag', label: trans.__('Tags') }
              ]}
              onChange={event => setKind(event.target.value as TaskDetails['kind'] | '')}
            />
          </div>
        </>
      )}
    </Field>
  );
});

function Chip(props: {
  name: string;
  catalog: ICatalog | null;
  trans: TranslationBundle;
  onRemove: () => void;
}): React.ReactElement {
  const { name, catalog, trans } = props;
  const task = catalog?.byName.get(name)?.task;
  const note = React.useMemo(() => {
    if (!catalog || task?.kind === 'task') {
      return '';
    }
    if (task) {
      return `${kindOf(task.kind, trans)}, ${trans.__('%1 inside', task.tasks?.length ?? 0)}`;
    }
    if (!isPattern(name)) {
      return trans.__('not known');
    }
    const count = name.includes('/') ? null : matching(name, catalog.byName.keys());
    return count === null ? '' : trans.__('matches %1', count);
  }, [name, catalog, task, trans]);
  return (
    <li className="jp-LmmsEval-chip" data-unknown={(catalog && !task && !isPattern(name)) || undefined}>
      <span>{name}</span>
      {note && <span className="jp-LmmsEval-chipNote">{note}</span>}
      <button
        type="button"
        aria-label={trans.__('Remove %1', name)}
        title={trans.__('Remove %1', name)}
        onClick={props.onRemove}
      >
        <closeIcon.react tag="span" className="jp-LmmsEval-icon" />
      </button>
    </li>
  );
}

function kindOf(kind: TaskDetails['kind'], trans: TranslationBundle): string {
  return { task: trans.__('task'), group: trans.__('group'), tag: trans.__('tag') }[kind];
}

function factsOf(task: TaskDetails, trans: TranslationBundle): string {
  return [
    kindOf(task.kind, trans),
    task.kind === 'task' ? '' : trans.__('%1 inside', task.tasks?.length ?? 0),
    task.output_type ?? '',
    [task.dataset_path, task.dataset_name].filter(Boolean).join(' '),
    task.samples ? trans.__('%1 samples', task.samples.toLocaleString()) : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

/** What is known of a task. */
function About({ task, trans }: { task: TaskDetails; trans: TranslationBundle }): React.ReactElement {
  const members = task.tasks ?? [];
  const facts: [string, string][] = [
    [trans.__('Answers'), task.output_type ?? ''],
    [trans.__('Data set'), [task.dataset_path, task.dataset_name, task.split].filter(Boolean).join(', ')],
    [trans.__('Samples'), task.samples ? task.samples.toLocaleString() : ''],
    [trans.__('Metrics'), someOf(task.metrics ?? [], 6, trans)],
    [trans.__('Few-shot'), task.num_fewshot ? String(task.num_fewshot) : ''],
    [trans.__('Part of'), someOf(task.tags ?? [], 6, trans)],
    [trans.__('Members'), someOf(members, 24, trans)]
  ];
  return (
    <>
      <div className="jp-LmmsEval-aboutName">
        {task.name} <span>{kindOf(task.kind, trans)}</span>
      </div>
      {task.description?.trim() && <p>{task.description.trim()}</p>}
      <dl>
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </React.Fragment>
          ))}
      </dl>
    </>
  );
}

function someOf(names: ReadonlyArray<string>, most: number, trans: TranslationBundle): string {
  const more = names.length - most;
  return names.slice(0, most).join(', ') + (more > 0 ? trans.__(' and %1 more', more) : '');
}
