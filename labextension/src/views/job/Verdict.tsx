import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

/** Whether a sample is right: a symbol with its word, never colour alone. */
export function Verdict(props: {
  correct: boolean | null;
  trans: TranslationBundle;
  brief?: boolean;
}): JSX.Element | null {
  const { correct, trans, brief } = props;
  if (correct === null) {
    return null;
  }
  const word = correct ? trans.__('right') : trans.__('wrong');
  return (
    <span className="jp-LmmsEval-view-verdict" data-correct={correct} title={brief ? word : undefined}>
      <span aria-hidden="true">{correct ? '✓' : '✗'}</span> {word}
    </span>
  );
}
