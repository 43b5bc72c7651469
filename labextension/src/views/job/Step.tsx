import { Button } from '@jupyterlab/ui-components';
import React from 'react';

/**
 * A button that leads on, or back.
 *
 * Where it leads nowhere it says so and does nothing; a disabled one would lose the focus of who got there by it.
 *
 * @param onStep - Null: it leads nowhere.
 */
export function Step({
  onStep,
  children
}: {
  onStep: (() => void) | null;
  children: React.ReactNode;
}): JSX.Element {
  return (
    <Button
      small
      minimal
      className="jp-LmmsEval-view-button"
      aria-disabled={!onStep}
      onClick={() => onStep?.()}
    >
      {children}
    </Button>
  );
}
