import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { renderText } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Button, caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import React, { memo, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import type { LogChunk } from '../../api/wire';
import { matchesBelow, MOST_MATCHES, rangeOf, type IMatch } from './finding';
import { sentence } from '../../api/connection';
import { useRepeated, useSettled } from './loading';
import { appended, earlierOffset, FIRST_BYTES, opened, prepended, type ILog } from './logtext';
import { Loading, Nothing, Trouble } from './Telling';
import { count } from './words';

/** Between two questions for more of a log that grows, in milliseconds. */
const EVERY = 1000;
/** So close to its end a log counts as read to the end (pixels). */
const NEAR = 24;

/** A log that grows: followed, searched, read backwards. */
export function LogView(props: {
  /** A part of the log, from a byte on; negative: so many bytes before the end. */
  read: (offset: number) => Promise<LogChunk>;
  /** The tab is seen: only then anything is asked. */
  active: boolean;
  /** The job is over; a log that was complete may grow again when it runs again. */
  over: boolean;
  sanitizer: IRenderMime.ISanitizer;
  trans: TranslationBundle;
}): JSX.Element {
  const { read, active, over, sanitizer, trans } = props;
  const [log, setLog] = useState<ILog | null>(null);
  const [error, setError] = useState('');
  const [earlier, setEarlier] = useState(false);
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  /** Height of what was shown before something was put on top, to stay at the same line. */
  const anchored = useRef<number | null>(null);
  const latest = useRef<ILog | null>(null);
  const show = useCallback((next: ILog) => {
    latest.current = next;
    setLog(next);
  }, []);

  const more = useCallback(async () => {
    try {
      const known = latest.current;
      if (!known) {
        show(opened(await read(-FIRST_BYTES)));
      } else {
        const chunk = await read(known.next);
        // What was loaded meanwhile at the beginning stays.
        show(appended(latest.current ?? known, chunk) ?? opened(await read(-FIRST_BYTES)));
      }
      setError('');
    } catch (failure) {
      setError(sentence(failure));
      throw failure;
    }
  }, [read, show]);
  const ended = over && log?.complete === true;
  useRepeated(more, EVERY, active && !ended);

  const loadEarlier = async () => {
    if (!latest.current) {
      return;
    }
    setEarlier(true);
    try {
      const chunk = await read(earlierOffset(latest.current));
      anchored.current = box.current?.scrollHeight ?? null;
      setFollow(false);
      show(prepended(latest.current, chunk));
      setError('');
    } catch (failure) {
      setError(sentence(failure));
    } finally {
      setEarlier(false);
    }
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element || !active) {
      return;
    }
    if (anchored.current !== null) {
      element.scrollTop += element.scrollHeight - anchored.current;
      anchored.current = null;
    } else if (follow) {
      element.scrollTop = element.scrollHeight;
    }
  }, [log, follow, active]);

  const top = useRef(0);
  /** The search went somewhere: that is not to be left when the log grows, even close to its end. */
  const jumped = useRef(false);
  const onMove = () => {
    jumped.current = true;
    setFollow(false);
  };
  const onScroll = () => {
    const element = box.current;
    if (!element) {
      return;
    }
    const up = element.scrollTop < top.current;
    top.current = element.scrollTop;
    if (jumped.current) {
      jumped.current = false;
    } else if (element.scrollTop + element.clientHeight >= element.scrollHeight - NEAR) {
      setFollow(true);
    } else if (up) {
      setFollow(false);
    }
  };

  return (
    <div className="jp-LmmsEval-view-log">
      <div className="jp-LmmsEval-view-bar-of-tools">
        <Search box={box} log={log} onMove={onMove} trans={trans} />
        <Button
          small
          minimal
          className="jp-LmmsEval-view-button jp-LmmsEval-view-toggle"
          aria-pressed={follow}
          title={trans.__('Stay at the end while the log grows')}
          onClick={() => setFollow(!follow)}
        >
          {trans.__('Follow')}
        </Button>
      </div>
      {error && <Trouble message={error} trans={trans} onRetry={() => void more().catch(() => undefined)} />}
      {log === null ? (
        !error && <Loading>{trans.__('Reading the log …')}</Loading>
      ) : (
        <div
          ref={box}
          className="jp-LmmsEval-view-logtext jp-RenderedText"
          role="log"
          // It would speak without end.
          aria-live="off"
          aria-label={trans.__('Log')}
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          onScroll={onScroll}
        >
          {log.first > 0 && (
            <div className="jp-LmmsEval-view-earlier">
              <Button
                small
                className="jp-LmmsEval-view-button"
                disabled={earlier}
                onClick={() => void loadEarlier()}
              >
                {earlier ? trans.__('Loading …') : trans.__('Load earlier')}
              </Button>
              <span>{trans.__('%1 kB before this', count(Math.ceil(log.first / 1024)))}</span>
            </div>
          )}
          {log.parts.map(part => (
            <LogPart key={part.at} text={part.text} sanitizer={sanitizer} />
          ))}
          {!log.parts.length && (
            <Nothing>{over ? trans.__('Nothing was written.') : trans.__('Nothing is written yet.')}</Nothing>
          )}
        </div>
      )}
    </div>
  );
}

/** Some lines, with colours and links as Jupyter shows them. */
const LogPart = memo(function LogPart({
  text,
  sanitizer
}: {
  text: string;
  sanitizer: IRenderMime.ISanitizer;
}): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (host.current) {
      host.current.replaceChildren();
      void renderText({ host: host.current, source: text, sanitizer });
    }
  }, [text, sanitizer]);
  return <div ref={host} className="jp-LmmsEval-view-logpart" />;
});

/** Search in what is loaded: Enter and F3 go on, with Shift back. */
function Search(props: {
  box: React.RefObject<HTMLDivElement>;
  log: ILog | null;
  onMove: () => void;
  trans: TranslationBundle;
}): JSX.Element {
  const { box, log, onMove, trans } = props;
  const [words, setWords] = useState('');
  const settled = useSettled(words, 150);
  const [matches, setMatches] = useState<ReadonlyArray<IMatch>>([]);
  const [current, setCurrent] = useState(-1);
  const name = `jp-LmmsEval-found-${useId().replace(/:/g, '')}`;

  useEffect(() => {
    const parts =
      settled && box.current ? [...box.current.querySelectorAll('.jp-LmmsEval-view-logpart')] : [];
    setMatches(parts.flatMap(part => matchesBelow(part, settled)).slice(0, MOST_MATCHES));
  }, [settled, log, box]);
  // Another text: from the last match, which is what a log is about.
  useEffect(() => setCurrent(-1), [settled]);
  const at = matches.length ? (current < 0 ? matches.length - 1 : Math.min(current, matches.length - 1)) : -1;
  useMarks(name, matches, at);

  const go = (step: number) => {
    if (!matches.length) {
      return;
    }
    const next = current < 0 && step > 0 ? matches.length - 1 : (at + step + matches.length) % matches.length;
    setCurrent(next);
    onMove();
    scrollTo(matches[next], box.current);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' || event.key === 'F3') {
      event.preventDefault();
      event.stopPropagation();
      go(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape' && words) {
      event.stopPropagation();
      setWords('');
    }
  };
  const many = matches.length === MOST_MATCHES ? `${count(MOST_MATCHES)}+` : count(matches.length);
  return (
    <div className="jp-LmmsEval-view-search" role="search">
      <style>{`::highlight(${name}){background-color:var(--jp-search-unselected-match-background-color);color:var(--jp-search-unselected-match-color)}
::highlight(${name}-current){background-color:var(--jp-search-selected-match-background-color);color:var(--jp-search-selected-match-color)}`}</style>
      <input
        type="search"
        className="jp-mod-styled"
        placeholder={trans.__('Search the log')}
        aria-label={trans.__('Search the log')}
        value={words}
        onChange={event => setWords(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <span className="jp-LmmsEval-view-found" role="status">
        {settled &&
          (matches.length
            ? trans.__('%1 of %2', count(at + 1), many)
            : trans.__('Not found in what is loaded'))}
      </span>
      <Button
        small
        minimal
        className="jp-LmmsEval-view-button"
        disabled={!matches.length}
        title={trans.__('Previous match (Shift+Enter)')}
        aria-label={trans.__('Previous match')}
        onClick={() => go(-1)}
      >
        <caretUpIcon.react tag="span" width="16px" />
      </Button>
      <Button
        small
        minimal
        className="jp-LmmsEval-view-button"
        disabled={!matches.length}
        title={trans.__('Next match (Enter)')}
        aria-label={trans.__('Next match')}
        onClick={() => go(1)}
      >
        <caretDownIcon.react tag="span" width="16px" />
      </Button>
    </div>
  );
}

/** Colour matches without touching what shows them, where the browser can; elsewhere select the current one. */
function useMarks(name: string, matches: ReadonlyArray<IMatch>, at: number): void {
  useEffect(() => {
    if (typeof Highlight === 'undefined' || !CSS.highlights) {
      return;
    }
    const alive = matches
      .map((match, index) => ({ match, index }))
      .filter(({ match }) => match.end.node.isConnected);
    const ranges = (wanted: boolean) =>
      alive.filter(({ index }) => (index === at) === wanted).map(({ match }) => rangeOf(match));
    CSS.highlights.set(name, new Highlight(...ranges(false)));
    const selected = new Highlight(...ranges(true));
    selected.priority = 1;
    CSS.highlights.set(`${name}-current`, selected);
    return () => {
      CSS.highlights.delete(name);
      CSS.highlights.delete(`${name}-current`);
    };
  }, [name, matches, at]);
}

function scrollTo(match: IMatch, box: HTMLElement | null): void {
  const range = rangeOf(match);
  if (typeof Highlight === 'undefined') {
    const selection = document.getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  }
  if (box && range.getBoundingClientRect) {
    const [place, view] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
    box.scrollTop += place.top - view.top - box.clientHeight / 2;
  }
}
