import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useCallback } from 'react';
import type { Sample } from '../../api/samples';
import { useLoaded } from './loading';
import { Medium } from './Medium';
import type { IMediaSource } from './samplesource';
import { scoreText } from './scores';
import { Step } from './Step';
import { Loading, Trouble } from './Telling';
import { Verdict } from './Verdict';

/** One sample: what was shown and asked, what was said, what was right. */
export function SampleDetail(props: {
  sample: Sample;
  task: string;
  live: boolean;
  media: IMediaSource | null;
  trans: TranslationBundle;
  /** Null: there is none. */
  onPrevious: (() => void) | null;
  onNext: (() => void) | null;
}): JSX.Element {
  const { sample, task, live, media, trans, onPrevious, onNext } = props;
  const extracted = sample.filtered.length > 0 && sample.filtered.join('\n') !== sample.answers.join('\n');
  const details = Object.entries(sample.details).filter(([, value]) => value !== null && value !== '');
  return (
    <div className="jp-LmmsEval-view-sample" role="region" aria-label={trans.__('Sample %1', sample.doc_id)}>
      <div className="jp-LmmsEval-view-samplehead">
        <h3>{trans.__('Sample %1', sample.doc_id)}</h3>
        <Verdict correct={sample.correct} trans={trans} />
        <span className="jp-LmmsEval-view-steps">
          <Step onStep={onPrevious}>{trans.__('Previous')}</Step>
          <Step onStep={onNext}>{trans.__('Next')}</Step>
        </span>
      </div>
      {/* Of another sample all is new, but not the buttons that lead there: one of them has the focus. */}
      <div key={`${task} ${sample.doc_id}`} className="jp-LmmsEval-view-samplebody">
        {media && <Media source={media} task={task} docId={sample.doc_id} trans={trans} />}
        <div className="jp-LmmsEval-view-texts">
          <Text title={trans.__('Question')} text={sample.question} />
          <Text
            title={extracted ? trans.__('Answer, extracted') : trans.__('Answer')}
            text={(extracted ? sample.filtered : sample.answers).join('\n')}
            empty={trans.__('The model said nothing.')}
            mark={sample.correct}
          />
          {!live && <Text title={trans.__('Target')} text={sample.target} />}
          {extracted && (
            <Text
              title={trans.__('Answer, raw')}
              text={sample.answers.join('\n')}
              empty={trans.__('The model said nothing.')}
            />
          )}
          <Scores scores={sample.scores} trans={trans} />
          {!media && (
            <p className="jp-LmmsEval-view-dim">
              {trans.__('The files hold no pictures, videos or sounds; the view of the job shows them.')}
            </p>
          )}
          {details.length > 0 && (
            <details>
              <summary>{trans.__('More that was noted')}</summary>
              <dl className="jp-LmmsEval-view-facts">
                {details.map(([name, value]) => (
                  <div key={name}>
                    <dt>{name}</dt>
                    <dd>
                      <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
                    </dd>
                  </div>
                ))}
              </dl>
            </details>
          )}
        </div>
      </div>
    </div>
  );
}

function Text(props: {
  title: string;
  text: string;
  empty?: string;
  mark?: boolean | null;
}): JSX.Element | null {
  const { title, text, empty, mark } = props;
  if (!text && !empty) {
    return null;
  }
  return (
    <section aria-label={title} className="jp-LmmsEval-view-text" data-correct={mark ?? undefined}>
      <h4>{title}</h4>
      {text ? <p>{text}</p> : <p className="jp-LmmsEval-view-dim">{empty}</p>}
    </section>
  );
}

function Scores({
  scores,
  trans
}: {
  scores: Record<string, number>;
  trans: TranslationBundle;
}): JSX.Element | null {
  const entries = Object.entries(scores);
  return entries.length ? (
    <section aria-label={trans.__('Scores')} className="jp-LmmsEval-view-text">
      <h4>{trans.__('Scores')}</h4>
      <dl className="jp-LmmsEval-view-samplescores">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{Number.isInteger(value) ? value : scoreText(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  ) : null;
}

function Media(props: {
  source: IMediaSource;
  task: string;
  docId: number;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { source, task, docId, trans } = props;
  const ask = useCallback((signal: AbortSignal) => source.list(task, docId, signal), [source, task, docId]);
  const { value, loading, error, retry } = useLoaded(ask);
  if (error) {
    return (
      <div className="jp-LmmsEval-view-media">
        <Trouble message={error} trans={trans} onRetry={retry} />
      </div>
    );
  }
  if (loading) {
    return (
      <div className="jp-LmmsEval-view-media">
        <Loading>{trans.__('Looking for pictures …')}</Loading>
      </div>
    );
  }
  return value?.length ? (
    <div className="jp-LmmsEval-view-media">
      {value.map(({ n, kind }) => (
        <Medium
          key={n}
          source={source}
          task={task}
          docId={docId}
          n={n}
          kind={kind}
          total={value.length}
          trans={trans}
        />
      ))}
    </div>
  ) : null;
}
