import { Button } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IKnownServer } from '../../model/known';
import type { IEvaluations } from '../../tokens';
import type { Catalogs } from './catalog';
import { requestOf, type IDraft } from './draft';
import { Equivalent } from './Equivalent';
import { byRoom, type IField } from './fields';
import { ModelArguments } from './ModelArguments';
import { classOf, ModelField } from './ModelField';
import { MoreOptions } from './MoreOptions';
import { OptionField } from './OptionField';
import { Says } from './Says';
import { ServerField } from './ServerField';
import { TasksField } from './TasksField';
import { useCatalog, useModelDetails } from './useCatalog';
import { useDraft, useFitted, type Change } from './useDraft';
import { showFirst, usePlaced } from './useProblems';
import { useServer } from './useServer';
import { useOutcome, useSubmission } from './useSubmission';

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
  const { id, model, catalogs, trans } = props;
  const [more, setMore] = React.useState(false);
  const root = React.useRef<HTMLFormElement>(null);
  const typing = useDraft(props.initial, props.onDraft);
  const { draft, change, emptied } = typing;
  const { outcome, setOutcome, corrected, forget } = useOutcome();
  const update = React.useCallback(
    (changes: Change, field: string) => {
      change(changes);
      corrected(field);
    },
    [change, corrected]
  );
  const setServer = React.useCallback((chosen: string) => update({ server: chosen }, ''), [update]);
  const setModel = React.useCallback((name: string) => update({ model: name }, 'model'), [update]);
  const setTasks = React.useCallback((tasks: ReadonlyArray<string>) => update({ tasks }, 'tasks'), [update]);
  const setArgs = React.useCallback((args: Partial<IDraft>) => update(args, 'model_args'), [update]);
  const setOption = React.useCallback(
    (name: string, value: string | boolean | undefined) =>
      update(({ options: { [name]: _, ...others } }) => {
        return { options: value === undefined ? others : { ...others, [name]: value } };
      }, name),
    [update]
  );

  const { alive, server, starting, trouble, start } = useServer({
    servers: props.servers,
    typing,
    onChoose: setServer,
    meant: props.serverMeant,
    onStart: props.onStart
  });
  const { catalog, trouble: catalogTrouble, again } = useCatalog(catalogs, server);
  const details = useModelDetails(catalogs, server, draft.model.trim(), catalog);
  const forceSimple = draft.options.force_simple === true;
  const used = classOf(details, forceSimple);
  useFitted(typing.amend, used);

  const fields = catalog?.fields ?? NO_FIELDS;
  const rooms = React.useMemo(() => byRoom(fields), [fields]);
  const { request, problems } = React.useMemo(() => requestOf(draft, fields, trans), [draft, fields, trans]);
  const { refusal, tried } = outcome;
  const visible = React.useMemo(
    () => [...problems.filter(each => tried || !each.missing), ...(refusal?.problems ?? [])],
    [problems, refusal, tried]
  );
  const of = usePlaced(visible);
  const { submitting, long, submit } = useSubmission({
    model,
    server,
    request,
    fields: catalog && fields,
    problems,
    typing,
    setOutcome,
    onAccepted: props.onAccepted,
    onProblems: () => showFirst(root.current, setMore)
  });

  const focusModel = (): void => document.getElementById(`${id}-model`)?.focus();
  const reset = (): void => {
    typing.empty(server);
    forget();
    focusModel();
  };
  const undo = (): void => {
    typing.undo();
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
              trouble={trouble || (props.heard ? '' : model.trouble)}
              trans={trans}
              onServer={setServer}
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
            <MoreOptions rooms={rooms} options={draft.options} open={more} trans={trans} onOpen={setMore}>
              {renderOptions}
            </MoreOptions>
          </div>
          <Equivalent id={`${id}-code`} request={request} url={url} trans={trans} />
        </div>
      </div>
      <div className="jp-LmmsEval-formFoot">
        <Says
          submitting={submitting}
          long={long}
          emptied={emptied !== null}
          outcome={outcome}
          problems={problems.length}
          trans={trans}
          onUndo={undo}
          onOpen={props.onOpen}
        />
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

const NO_FIELDS: ReadonlyArray<IField> = [];
const NO_NAMES: ReadonlyArray<string> = [];
const NO_DEVICES: IKnownServer['devices'] = [];

function isMac(): boolean {
  return /mac/i.test(navigator.platform);
}
