import type { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import React, { useCallback, useEffect, useId, useRef, useState } from 'react';
import { Refusal } from '../../api/connection';
import type { ISampleQuery, Sample, SamplePage } from '../../api/samples';
import { useLoaded, useRepeated, useSettled } from './loading';
import { SampleDetail } from './SampleDetail';
import type { ISampleSource } from './samplesource';
import { Step } from './Step';
import { Loading, Nothing, Trouble } from './Telling';
import { Verdict } from './Verdict';
import { count } from './words';

const PAGE = 50;
/** Between two questions while a job answers, in milliseconds. */
const EVERY = 3000;
/** The server's status for a job that has no samples (yet); its sentence says why. */
const NONE_YET = 409;

/** Samples by pages: a list, and beside it the one that is chosen. */
export function Samples(props: {
  /** Another object asks anew. */
  source: ISampleSource;
  /** The tab is seen. */
  active: boolean;
  /** More may come. */
  growing: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { source, active, growing, trans } = props;
  const id = useId();
  const [task, setTask] = useState<string | undefined>(undefined);
  const [filter, setFilter] = useState<ISampleQuery['filter']>('all');
  const [words, setWords] = useState('');
  const [offset, setOffset] = useState(0);
  const [chosen, setChosen] = useState<number | null>(null);
  const q = useSettled(words.trim(), 300);

  const ask = useCallback(
    (signal: AbortSignal) => source.page({ task, filter, q: q || undefined, offset, limit: PAGE }, signal),
    [source, task, filter, q, offset]
  );
  const loaded = useLoaded(active ? ask : null);
  const page = useLast(loaded.value);
  // Samples come as they are answered; what is seen stays meanwhile.
  useRepeated(() => loaded.renew().catch(unlessNoneYet), EVERY, active && growing, true);
  // Another list begins at its beginning.
  useEffect(() => setOffset(0), [task, filter, q]);

  const samples = page?.samples ?? [];
  const at = Math.max(
    0,
    samples.findIndex(sample => sample.doc_id === chosen)
  );
  const sample: Sample | undefined = samples[at];
  /** Choose the first or last sample of a page that is still to come. */
  const arriving = useRef<'first' | 'last' | null>(null);
  useEffect(() => {
    if (arriving.current && page?.offset === offset && page.samples.length) {
      setChosen(page.samples[arriving.current === 'first' ? 0 : page.samples.length - 1].doc_id);
      arriving.current = null;
    }
  }, [page, offset]);
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView?.({ block: 'nearest' });
  }, [sample?.doc_id]);

  const go = (step: number) => {
    const next = samples[at + step];
    if (next) {
      setChosen(next.doc_id);
    } else if (page && step > 0 && offset + PAGE < page.matching) {
      arriving.current = 'first';
      setOffset(offset + PAGE);
    } else if (page && step < 0 && offset > 0) {
      arriving.current = 'last';
      setOffset(Math.max(0, offset - PAGE));
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const far = event.key === 'Home' ? samples[0] : event.key === 'End' ? samples[samples.length - 1] : null;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (far) {
      setChosen(far.doc_id);
    } else if (step) {
      go(step);
    } else {
      return;
    }
    event.preventDefault();
  };
  const position = offset + at;
  const item = (doc: number) => `${id}-${doc}`;

  if (!page) {
    return loaded.status === NONE_YET ? (
      <Nothing>{loaded.error}</Nothing>
    ) : loaded.error ? (
      <div className="jp-LmmsEval-view-padded">
        <Trouble message={loaded.error} trans={trans} onRetry={loaded.retry} />
      </div>
    ) : (
      <Loading>{trans.__('Reading the samples …')}</Loading>
    );
  }
  return (
    <div className="jp-LmmsEval-view-samples">
      <div className="jp-LmmsEval-view-bar-of-tools">
        <HTMLSelect
          className="jp-LmmsEval-view-select"
          aria-label={trans.__('Task')}
          value={loaded.loading && task !== undefined ? task : page.task}
          onChange={event => setTask(event.target.value)}
          options={page.tasks.map(each => ({
            value: each.task,
            label: each.total ? `${each.task} (${count(each.total)})` : each.task
          }))}
        />
        {/* What filters can be taken back, also where nothing has a verdict any more. */}
        {(page.scored || filter !== 'all') && (
          <HTMLSelect
            className="jp-LmmsEval-view-select"
            aria-label={trans.__('Which samples')}
            value={filter}
            onChange={event => setFilter(event.target.value as ISampleQuery['filter'])}
            options={[
              { value: 'all', label: trans.__('All samples') },
              { value: 'wrong', label: trans.__('Wrong only') },
              { value: 'right', label: trans.__('Right only') }
            ]}
          />
        )}
        <input
          type="search"
          className="jp-mod-styled"
          placeholder={trans.__('Search questions and answers')}
          aria-label={trans.__('Search questions and answers')}
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <span className="jp-LmmsEval-view-found" role="status">
          {page.matching === page.total
            ? trans._n('One sample', '%1 samples', page.total, count(page.total))
            : trans.__('%1 of %2 samples', count(page.matching), count(page.total))}
        </span>
        {loaded.loading && !growing && <span className="jp-LmmsEval-view-spinner" aria-hidden="true" />}
      </div>
      <Notes page={page} trans={trans} />
      {loaded.error && loaded.status !== NONE_YET && (
        <Trouble message={loaded.error} trans={trans} onRetry={loaded.retry} />
      )}
      {!sample ? (
        <Nothing>{trans.__('No sample matches; choose all samples or search for less.')}</Nothing>
      ) : (
        <div className="jp-LmmsEval-view-split">
          <div className="jp-LmmsEval-view-samplelist">
            <div
              ref={list}
              className="jp-LmmsEval-view-listbox"
              role="listbox"
              tabIndex={0}
              aria-label={trans.__('Samples')}
              aria-activedescendant={item(sample.doc_id)}
              onKeyDown={onKeyDown}
            >
              {samples.map(each => (
                // The listbox has the keyboard.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={each.doc_id}
                  id={item(each.doc_id)}
                  role="option"
                  tabIndex={-1}
                  aria-selected={each === sample}
                  className="jp-LmmsEval-view-sampleitem"
                  onClick={() => setChosen(each.doc_id)}
                >
                  <span className="jp-LmmsEval-view-doc">{each.doc_id}</span>
                  <span className="jp-LmmsEval-view-brief">
                    <span>{oneLine(each.question) || oneLine(each.answers[0]) || '…'}</span>
                    <span className="jp-LmmsEval-view-dim">
                      {each.question
                        ? oneLine((each.filtered.length ? each.filtered : each.answers).join(' | '))
                        : ''}
                    </span>
                  </span>
                  <Verdict correct={each.correct} trans={trans} brief />
                </div>
              ))}
            </div>
            {page.matching > PAGE && (
              <div className="jp-LmmsEval-view-pager">
                <Step onStep={offset > 0 ? () => setOffset(Math.max(0, offset - PAGE)) : null}>
                  {trans.__('Previous %1', PAGE)}
                </Step>
                <span>
                  {trans.__(
                    '%1–%2 of %3',
                    count(page.offset + 1),
                    count(page.offset + samples.length),
                    count(page.matching)
                  )}
                </span>
                <Step onStep={offset + PAGE < page.matching ? () => setOffset(offset + PAGE) : null}>
                  {trans.__('Next %1', PAGE)}
                </Step>
              </div>
            )}
          </div>
          <SampleDetail
            sample={sample}
            task={page.task}
            live={page.live}
            media={source.media}
            trans={trans}
            onPrevious={position > 0 ? () => go(-1) : null}
            onNext={position + 1 < page.matching ? () => go(1) : null}
          />
        </div>
      )}
    </div>
  );
}

function Notes({ page, trans }: { page: SamplePage; trans: TranslationBundle }): JSX.Element | null {
  const notes = [
    page.live ? trans.__('The job still answers: questions, targets and scores come with its results.') : '',
    !page.live && !page.complete
      ? trans.__('The job ended early: these are the samples that were answered until then.')
      : '',
    page.damaged
      ? trans._n(
          'One line of the file could not be read and is left out.',
          '%1 lines of the file could not be read and are left out.',
          page.damaged,
          count(page.damaged)
        )
      : ''
  ].filter(Boolean);
  return notes.length ? <p className="jp-LmmsEval-view-note">{notes.join(' ')}</p> : null;
}

/** The last value that there was, while the next is still to come. */
function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef(value);
  if (value !== undefined) {
    last.current = value;
  }
  return last.current;
}

/** That there are no samples yet is an answer. */
function unlessNoneYet(error: unknown): void {
  if (!(error instanceof Refusal && error.status === NONE_YET)) {
    throw error;
  }
}

function oneLine(text: string | undefined): string {
  return (text ?? '').slice(0, 200).replace(/\s+/g, ' ').trim();
}
