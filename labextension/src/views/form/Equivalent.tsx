import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { EvaluateRequest } from '../../api/wire';
import { ownCommand, pythonCode, submitCommand } from './commandline';
import { showable } from './draft';
import { REDACTED } from './secrets';

/** The request in other words. */
export interface IEquivalentProps {
  readonly id: string;
  readonly request: EvaluateRequest;
  /** Address of the server, if it has to be said. */
  readonly url: string | undefined;
  readonly trans: TranslationBundle;
}

type Words = 'python' | 'terminal' | 'own';

/** The same evaluation in Python and on the command line, to be copied. */
export const Equivalent = React.memo(function Equivalent(props: IEquivalentProps): React.ReactElement {
  const { id, request, url, trans } = props;
  const [words, setWords] = React.useState<Words>('python');
  const [copied, setCopied] = React.useState('');
  const shown = showable(request);
  const { code, lost } =
    words === 'python'
      ? pythonCode(shown, url)
      : words === 'terminal'
        ? submitCommand(shown, url)
        : ownCommand(shown);
  const tabs: [Words, string][] = [
    ['python', trans.__('Python')],
    ['terminal', trans.__('Terminal')],
    ['own', 'lmms-eval']
  ];
  const go = (event: React.KeyboardEvent, index: number): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const next = tabs[(index + step + tabs.length) % tabs.length][0];
      setWords(next);
      document.getElementById(`${id}-tab-${next}`)?.focus();
    }
  };
  return (
    <section className="jp-LmmsEval-equivalent" aria-label={trans.__('The same as code')}>
      <div className="jp-LmmsEval-tabs">
        <div role="tablist" aria-label={trans.__('The same as code')}>
          {tabs.map(([name, label], index) => (
            <button
              key={name}
              id={`${id}-tab-${name}`}
              type="button"
              role="tab"
              aria-selected={words === name}
              aria-controls={`${id}-panel`}
              tabIndex={words === name ? 0 : -1}
              onClick={() => setWords(name)}
              onKeyDown={event => go(event, index)}
            >
              {label}
            </button>
          ))}
        </div>
        <button
          type="button"
          className="jp-LmmsEval-copy"
          onClick={() => {
            Clipboard.copyToSystem(code);
            setCopied(code);
          }}
        >
          {copied === code ? (
            <checkIcon.react tag="span" className="jp-LmmsEval-icon" />
          ) : (
            <copyIcon.react tag="span" className="jp-LmmsEval-icon" />
          )}
          {copied === code ? trans.__('Copied') : trans.__('Copy')}
        </button>
      </div>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-tab-${words}`}>
        {/* It scrolls, so that it has to be reached by keys. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <pre tabIndex={0} aria-label={trans.__('Code')}>
          {code}
        </pre>
        {code.includes(REDACTED) && (
          <p className="jp-LmmsEval-help">
            {trans.__('Secrets are not shown: put them in the place of %1.', REDACTED)}
          </p>
        )}
        {lost.length > 0 && (
          <p className="jp-LmmsEval-help">
            {words === 'own'
              ? trans.__('lmms-eval itself takes these otherwise, or not at all: %1.', lost.join(', '))
              : trans.__('A command line cannot say these as they are: %1. Python can.', lost.join(', '))}
          </p>
        )}
      </div>
    </section>
  );
});
