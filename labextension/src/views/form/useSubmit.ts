import * as React from 'react';

/** After this long it is said why submitting takes long, in milliseconds. */
const LONG = 1500;

/** Runs one submission at a time, and tells when it takes long. */
export function useSubmit(run: () => Promise<void>): {
  submitting: boolean;
  long: boolean;
  submit: () => void;
} {
  const [submitting, setSubmitting] = React.useState(false);
  const [long, setLong] = React.useState(false);
  // A second click comes before the next rendering.
  const busy = React.useRef(false);
  const submit = (): void => {
    if (busy.current) {
      return;
    }
    busy.current = true;
    setSubmitting(true);
    const timer = setTimeout(() => setLong(true), LONG);
    void run().finally(() => {
      clearTimeout(timer);
      busy.current = false;
      setSubmitting(false);
      setLong(false);
    });
  };
  return { submitting, long, submit };
}
