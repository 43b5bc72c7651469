import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React from 'react';

/** That something is on its way. */
export function Loading({ children }: { children: React.ReactNode }): JSX.Element {
  return (
    <p className="jp-LmmsEval-view-loading" role="status">
      <span className="jp-LmmsEval-view-spinner" aria-hidden="true" />
      {children}
    </p>
  );
}

/** That there is nothing, and why. */
export function Nothing({ children }: { children: React.ReactNode }): JSX.Element {
  return <p className="jp-LmmsEval-view-nothing">{children}</p>;
}

/** What went wrong, in a sentence; with a way to try again where that may help. */
export function Trouble(props: {
  message: string;
  trans: TranslationBundle;
  onRetry?: () => void;
  children?: React.ReactNode;
}): JSX.Element {
  const { message, trans, onRetry, children } = props;
  return (
    <div className="jp-LmmsEval-view-trouble" role="alert">
      <span>{message}</span>
      {onRetry && (
        <Button small className="jp-LmmsEval-view-button" onClick={onRetry}>
          {trans.__('Try again')}
        </Button>
      )}
      {children}
    </div>
  );
}

/** Room for something wide; who has no mouse scrolls it by arrow keys. */
export function Wide({ label, children }: { label: string; children: React.ReactNode }): JSX.Element {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="jp-LmmsEval-view-scroll" role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
