import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useCallback, useEffect, useState } from 'react';
import type { MediaKind } from '../../api/samples';
import { useLoaded } from './loading';
import type { IMediaSource } from './samplesource';
import { Loading, Trouble } from './Telling';

/** A picture, video or sound of a sample. */
export function Medium(props: {
  source: IMediaSource;
  task: string;
  docId: number;
  n: number;
  kind: MediaKind;
  /** How many the sample has. */
  total: number;
  trans: TranslationBundle;
}): JSX.Element {
  const { source, task, docId, n, kind, total, trans } = props;
  const url = source.url(task, docId, n);
  // A video is streamed where the browser sends the login by itself; all else, and whatever does not play so, is
  // fetched with the login that Jupyter's page has.
  const [streamed, setStreamed] = useState(kind === 'video' && sameOrigin(url));
  const ask = useCallback(
    (signal: AbortSignal) => source.fetch(task, docId, n, signal),
    [source, task, docId, n]
  );
  const { value: blob, error, retry } = useLoaded(streamed ? null : ask);
  const [failed, setFailed] = useState(false);
  const local = useObjectUrl(blob);
  const title = describe(kind, docId, n, total, trans);
  const label = trans.__('%1 of task %2', title, task);

  if (streamed) {
    return (
      <figure className="jp-LmmsEval-view-medium">
        {/* Data sets have no captions. */}
        {/* eslint-disable-next-line jsx-a11y/media-has-caption */}
        <video src={url} controls preload="metadata" aria-label={label} onError={() => setStreamed(false)} />
        <figcaption>{title}</figcaption>
      </figure>
    );
  }
  if (error || failed) {
    return (
      <Trouble
        message={error || trans.__('The browser cannot show %1.', title)}
        trans={trans}
        onRetry={() => {
          setFailed(false);
          retry();
        }}
      >
        {failed && local && (
          <a href={local} download={`${task}-${docId}-${n}`}>
            {trans.__('Download')}
          </a>
        )}
      </Trouble>
    );
  }
  if (!local || !blob) {
    return (
      <div className="jp-LmmsEval-view-medium jp-mod-placeholder">
        <Loading>{trans.__('Loading %1 …', title)}</Loading>
      </div>
    );
  }
  const shown = kindOf(kind, blob.type);
  return (
    <figure className="jp-LmmsEval-view-medium">
      {shown === 'image' && (
        <button
          type="button"
          className="jp-LmmsEval-view-enlarge"
          aria-label={trans.__('Enlarge: %1', label)}
          title={trans.__('Show it larger')}
          onClick={() => void enlarge(local, title, label, trans)}
        >
          <img src={local} alt={label} onError={() => setFailed(true)} />
        </button>
      )}
      {shown === 'video' && (
        // eslint-disable-next-line jsx-a11y/media-has-caption
        <video src={local} controls aria-label={label} onError={() => setFailed(true)} />
      )}
      {shown === 'audio' && (
        // eslint-disable-next-line jsx-a11y/media-has-caption
        <audio src={local} controls aria-label={label} onError={() => setFailed(true)} />
      )}
      {shown === 'unknown' && (
        <a href={local} download={`${task}-${docId}-${n}`}>
          {trans.__('Download %1 (%2)', title, blob.type || trans.__('unknown type'))}
        </a>
      )}
      <figcaption>{title}</figcaption>
    </figure>
  );
}

/** What something is: as the server says, else by the type of its content. */
export function kindOf(kind: MediaKind, type: string): MediaKind {
  const beginning = type.split('/')[0];
  return kind !== 'unknown'
    ? kind
    : beginning === 'image' || beginning === 'video' || beginning === 'audio'
      ? beginning
      : 'unknown';
}

function describe(
  kind: MediaKind,
  docId: number,
  n: number,
  total: number,
  trans: TranslationBundle
): string {
  const which = total > 1 ? ` ${n + 1}` : '';
  switch (kind) {
    case 'image':
      return trans.__('Picture%1 of sample %2', which, docId);
    case 'video':
      return trans.__('Video%1 of sample %2', which, docId);
    case 'audio':
      return trans.__('Sound%1 of sample %2', which, docId);
    default:
      return trans.__('File%1 of sample %2', which, docId);
  }
}

/** Show a picture as large as the window allows; Escape closes it. */
async function enlarge(url: string, title: string, label: string, trans: TranslationBundle): Promise<void> {
  // The address belongs to the sample that is shown; a sample that changes below would take it away.
  const own = URL.createObjectURL(await (await fetch(url)).blob());
  try {
    const dialog = new Dialog({
      title,
      body: (
        <div className="jp-LmmsEval-view-large">
          <img src={own} alt={label} />
        </div>
      ),
      buttons: [Dialog.okButton({ label: trans.__('Close') })],
      hasClose: true
    });
    dialog.addClass('jp-LmmsEval-ImageDialog');
    await dialog.launch();
  } finally {
    URL.revokeObjectURL(own);
  }
}

/** An address for something fetched, as long as it is shown. */
function useObjectUrl(blob: Blob | undefined): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!blob) {
      setUrl(null);
      return;
    }
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}

function sameOrigin(url: string): boolean {
  return new URL(url, location.href).origin === location.origin;
}
