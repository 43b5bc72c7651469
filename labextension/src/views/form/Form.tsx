import { Button } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Refusal, sentence } from '../../api/connection';
import type { IKnownServer } from '../../model/known';
import type { IEvaluations } from '../../tokens';
import { Accepted, type IAccepted } from './Accepted';
import type { Catalogs } from './catalog';
import { EMPTY, fitted, requestOf, type IDraft, type IProblem } from './draft';
import { Equivalent } from './Equivalent';
import { byRoom, type IField } from './fields';
import { ModelArguments } from './ModelArguments';
import { classOf, ModelField } from './ModelField';
import { labelOf, OptionField } from './OptionField';
import { placed } from './refused';
import { ServerField } from './ServerField';
import { TasksField } from './TasksField';
import { useCatalog, useModelDetails } from './useCatalog';
import { showFirst, usePlaced } from './useProblems';
import { useSubmit } from './useSubmit';

/** The form of a new evaluation. */
export interface IFormProps {
  /** Tells the controls of several forms apart. */
  readonly id: string;
  readonly model: IEvaluations;
  readonly servers: ReadonlyArray<IKnownServer>;
  readonly heard: boolean;
  readonly catalogs: Catalogs;
  /** What the form begins with. */
  readonly initial: IDraft;
  readonly trans: TranslationBundle;
  /** Tells of a server that is chosen elsewhere, by its id. */
  readonly serverMeant?: ISignal<unknown, string>;
  /** What is typed changed. */
  readonly onDraft: (draft: IDraft) => void;
  /** A job was accepted. */
  readonly onAccepted: (draft: IDraft) => void;
  readonly onOpen: (server: string, job: string) => void;
  /** Start a server; answers its id, or null if nobody wants it any more. */
  readonly onStart: () => Promise<string | null>;
}

/** Everything that makes an evaluation, and a button that submits it. */
export function Form(props: IFormProps): React.ReactElement {
  const { id, model, catalogs, trans, onDraft } = props;
  const [draft, setDraft] = React.useState(props.initial);
  const [refusal, setRefusal] = React.useState<{ sentence: string; problems: IProblem[] } | null>(null);
  const [accepted, setAccepted] = React.useState<IAccepted | null>(null);
  const [tried, setTried] = React.useState(false);
  const [starting, setStarting] = React.useState(false);
  const [startTrouble, setStartTrouble] = React.useState('');
  const [emptied, setEmptied] = React.useState<IDraft | null>(null);
  const [more, setMore] = React.useState(false);
  const root = React.useRef<HTMLFormElement>(null);

  const alive = React.useMemo(
    () =>
      props.servers.map(server => server.info).filter(({ state }) => state === 'alive' || state === 'busy'),
    [props.servers]
  );
  const server = alive.some(info => info.id === draft.server) ? draft.server : (alive[0]?.id ?? '');
  React.useEffect(() => {
    // Another one that starts meanwhile does not take its place.
    setDraft(before => (before.server || !server ? before : { ...before, server }));
  }, [server]);
  const { catalog, trouble: catalogTrouble, again } = useCatalog(catalogs, server);
  const details = useModelDetails(catalogs, server, draft.model.trim(), catalog);
  const fields = catalog?.fields ?? NO_FIELDS;
  const rooms = React.useMemo(() => byRoom(fields), [fields]);

  const update = React.useCallback(
    (changes: Partial<IDraft>, changed: string) => {
      // Another request is another job.
      setDraft(before => ({ ...before, ...changes, key: '' }));
      setAccepted(null);
      setEmptied(null);
      setRefusal(before => {
        const left = before?.problems.filter(each => each.field !== changed) ?? [];
        // A refusal of no field stands until the form changes, others until all is corrected.
        return before && left.length ? { ...before, problems: left } : null;
      });
    },
    [setDraft]
  );
  const { serverMeant } = props;
  React.useEffect(() => {
    const choose = (_: unknown, meant: string): void => {
      if (meant !== server) {
        update({ server: meant }, '');
      }
    };
    serverMeant?.connect(choose);
    return () => void serverMeant?.disconnect(choose);
  }, [serverMeant, server, update]);
  React.useEffect(() => onDraft(draft), [draft, onDraft]);

  const forceSimple = draft.options.force_simple === true;
  const used = classOf(details, forceSimple);
  React.useEffect(() => {
    setDraft(before => {
      const args = fitted(before.args, used);
      return args === before.args ? before : { ...before, args };
    });
  }, [used]);

  const { request, problems } = React.useMemo(() => requestOf(draft, fields, trans), [draft, fields, trans]);
  const visible = React.useMemo(
    () => [...problems.filter(each => tried || !each.missing), ...(refusal?.problems ?? [])],
    [problems, refusal, tried]
  );
  const of = usePlaced(visible);

  const { submitting, long, submit } = useSubmit(async () => {
    setTried(true);
    setAccepted(null);
    setEmptied(null);
    if (problems.length || !server || !catalog) {
      if (problems.length) {
        showFirst(root.current, setMore);
      }
      return;
    }
    const key = draft.key || UUID.uuid4();
    setDraft(before => ({ ...before, key }));
    try {
      const answer = await model.act(server, api => api.submit(request, key));
      setRefusal(null);
      setTried(false);
      setAccepted({ server, answer });
      setDraft(before => (before.key === key ? { ...before, key: '', again: [], origin: '' } : before));
      props.onAccepted({ ...draft, server });
    } catch (error) {
      const [sentence, errors] =
        error instanceof Refusal ? [error.message, error.fields] : [String(error), []];
      const at = placed(errors, draft, fields);
      setRefusal({ sentence, problems: at });
      if (at.length) {
        showFirst(root.current, setMore);
      }
    }
  });

  const setModel = React.useCallback((name: string) => update({ model: name }, 'model'), [update]);
  const setTasks = React.useCallback((tasks: ReadonlyArray<string>) => update({ tasks }, 'tasks'), [update]);
  const setArgs = React.useCallback((change: Partial<IDraft>) => update(change, 'model_args'), [update]);
  const setOption = React.useCallback(
    (name: string, value: string | boolean | undefined) => {
      setDraft(before => {
        const others = Object.entries(before.options).filter(([each]) => each !== name);
        return {
          ...before,
          options: Object.fromEntries(value === undefined ? others : [...others, [name, value]])
        };
      });
      update({}, name);
    },
    [update]
  );
  const start = async (): Promise<void> => {
    setStarting(true);
    setStartTrouble('');
    try {
      const started = await props.onStart();
      if (started) {
        setDraft(before => ({ ...before, server: started, key: '' }));
      }
    } catch (error) {
      setStartTrouble(sentence(error));
    } finally {
      setStarting(false);
    }
  };
  const focusModel = (): void => document.getElementById(`${id}-model`)?.focus();
  const reset = (): void => {
    setEmptied(draft);
    setDraft({ ...EMPTY, server });
    setRefusal(null);
    setAccepted(null);
    setTried(false);
    focusModel();
  };
  const undo = (before: IDraft): void => {
    setDraft({ ...before, key: '' });
    setEmptied(null);
    // What was pressed goes with the offer.
    focusModel();
  };

  const devices = props.servers.find(each => each.info.id === server)?.devices ?? NO_DEVICES;
  const renderOptions = (shown: ReadonlyArray<IField>) =>
    shown.map(field => (
      <OptionField
        key={field.name}
        id={`${id}-${field.name}`}
        field={field}
        value={draft.options[field.name]}
        problems={of(field.name)}
        devices={devices}
        trans={trans}
        onChange={setOption}
      />
    ));
  const names: Record<string, string> = {
    prompt: trans.__('Prompts and sampling'),
    running: trans.__('Running'),
    results: trans.__('Results'),
    other: trans.__('Other')
  };
  const hidden = ['prompt', 'running', 'results', 'other'].filter(room => rooms[room]?.length);
  const set = hidden.flatMap(room => rooms[room]).filter(field => isSet(field, draft.options[field.name]));
  const url = alive.length > 1 ? alive.find(info => info.id === server)?.url : undefined;

  return (
    // Keys of the controls within pass through here.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      ref={root}
      className="jp-LmmsEval-form"
      noValidate
      aria-label={trans.__('New evaluation')}
      aria-busy={submitting}
      onSubmit={event => {
        event.preventDefault();
        submit();
      }}
      onKeyDown={event => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          event.stopPropagation();
          submit();
        } else if (event.key === 'Enter' && event.target instanceof HTMLInputElement) {
          // Enter in one field of many is no wish to submit them all.
          event.preventDefault();
        }
      }}
    >
      <div className="jp-LmmsEval-formScroll">
        <div className="jp-LmmsEval-formBody">
          <div className="jp-LmmsEval-formMain">
            {draft.origin && (
              <div className="jp-LmmsEval-notice">
                {draft.origin}
                {draft.again.length > 0 &&
                  ` ${trans.__('Secrets are told nobody; give these again: %1.', draft.again.join(', '))}`}
              </div>
            )}
            <ServerField
              id={`${id}-server`}
              servers={alive}
              chosen={server}
              starting={starting}
              heard={props.heard}
              trouble={startTrouble || (props.heard ? '' : model.trouble)}
              trans={trans}
              onServer={chosen => update({ server: chosen }, '')}
              onStart={() => void start()}
            />
            {catalogTrouble && (
              <div className="jp-LmmsEval-notice" data-kind="error" role="alert">
                <span>{trans.__("The server's models and tasks could not be read: %1", catalogTrouble)}</span>
                <Button type="button" minimal small className="jp-LmmsEval-again" onClick={again}>
                  {trans.__('Try again')}
                </Button>
              </div>
            )}
            <ModelField
              id={`${id}-model`}
              model={draft.model}
              models={catalog?.models ?? NO_NAMES}
              details={details}
              forceSimple={forceSimple}
              problems={of('model')}
              trans={trans}
              onModel={setModel}
            />
            <ModelArguments
              id={`${id}-args`}
              rows={draft.args}
              text={draft.argsText}
              used={used}
              problems={of('model_args')}
              trans={trans}
              onChange={setArgs}
            />
            <TasksField
              id={`${id}-tasks`}
              tasks={draft.tasks}
              catalog={catalog}
              problems={of('tasks')}
              trans={trans}
              onTasks={setTasks}
            />
            {server && !catalog && !catalogTrouble && (
              <p className="jp-LmmsEval-help" role="status">
                {trans.__('Reading models and tasks from the server; the first time takes some seconds…')}
              </p>
            )}
            <div className="jp-LmmsEval-grid">{renderOptions(rooms.often ?? [])}</div>
            {hidden.length > 0 && (
              <details
                className="jp-LmmsEval-more"
                open={more}
                onToggle={event => setMore(event.currentTarget.open)}
              >
                <summary>
                  {trans.__('More')}
                  {set.length > 0 && (
                    <span className="jp-LmmsEval-facts">
                      {set.map(field => labelOf(field.name, trans)).join(', ')}
                    </span>
                  )}
                </summary>
                {hidden.map(room => (
                  <fieldset key={room}>
                    <legend>{names[room]}</legend>
                    <div className="jp-LmmsEval-grid">{renderOptions(rooms[room])}</div>
                  </fieldset>
                ))}
              </details>
            )}
          </div>
          <Equivalent id={`${id}-code`} request={request} url={url} trans={trans} />
        </div>
      </div>
      <div className="jp-LmmsEval-formFoot">
        <div className="jp-LmmsEval-says" role="status">
          {submitting ? (
            <span>
              {long
                ? trans.__('Submitting… The server lists its tasks first; the first time takes some seconds.')
                : trans.__('Submitting…')}
            </span>
          ) : emptied ? (
            <div className="jp-LmmsEval-accepted">
              {trans.__('The form is empty again.')}
              <button type="button" className="jp-LmmsEval-link" onClick={() => undo(emptied)}>
                {trans.__('Undo')}
              </button>
            </div>
          ) : accepted ? (
            <Accepted accepted={accepted} trans={trans} onOpen={props.onOpen} />
          ) : refusal ? (
            <span className="jp-LmmsEval-problem">
              <span aria-hidden="true">⚠ </span>
              {refusal.problems.length
                ? trans.__('Not accepted; what to correct stands at the fields.')
                : refusal.sentence}
            </span>
          ) : tried && problems.length ? (
            <span className="jp-LmmsEval-problem">
              <span aria-hidden="true">⚠ </span>
              {trans._n('%1 thing to correct above.', '%1 things to correct above.', problems.length)}
            </span>
          ) : null}
        </div>
        <Button
          type="button"
          className="jp-mod-styled jp-mod-reject jp-LmmsEval-reset"
          disabled={submitting}
          onClick={reset}
        >
          {trans.__('Reset')}
        </Button>
        <Button
          type="submit"
          className="jp-mod-styled jp-mod-accept"
          disabled={submitting || !server || !catalog}
          title={trans.__('Submit (%1)', isMac() ? '⌘⏎' : 'Ctrl+Enter')}
        >
          {trans.__('Submit')}
        </Button>
      </div>
    </form>
  );
}

/** Whether a field says something else than the server would take by itself. */
function isSet(field: IField, value: string | boolean | undefined): boolean {
  return value !== undefined && value !== '' && String(value) !== String(field.initial ?? '');
}

const NO_FIELDS: ReadonlyArray<IField> = [];
const NO_NAMES: ReadonlyArray<string> = [];
const NO_DEVICES: IKnownServer['devices'] = [];

function isMac(): boolean {
  return /mac/i.test(navigator.platform);
}
