import * as React from 'react';
import type { ModelClass } from '../../api/wire';
import { EMPTY, fitted, type IDraft } from './draft';

/** What is changed of a draft. */
export type Change = Partial<IDraft> | ((before: IDraft) => Partial<IDraft>);

/** What is typed, and the ways in which that changes. */
export interface ITyping {
  readonly draft: IDraft;
  /** What was typed before the form was emptied; null: that cannot be taken back, or never was. */
  readonly emptied: IDraft | null;
  /** Change the request: it is another job then. */
  readonly change: (changes: Change) => void;
  /** Change what is no part of what a person asks for. */
  readonly amend: React.Dispatch<React.SetStateAction<IDraft>>;
  /** Empty the form, but for the server. */
  readonly empty: (server: string) => void;
  readonly undo: () => void;
  /** Offer no more to take back that the form was emptied. */
  readonly forget: () => void;
}

/** Keeps what is typed, and tells it. */
export function useDraft(initial: IDraft, onDraft: (draft: IDraft) => void): ITyping {
  const [draft, setDraft] = React.useState(initial);
  const [emptied, setEmptied] = React.useState<IDraft | null>(null);
  React.useEffect(() => onDraft(draft), [draft, onDraft]);
  const change = React.useCallback((changes: Change) => {
    setDraft(before => ({
      ...before,
      ...(typeof changes === 'function' ? changes(before) : changes),
      key: ''
    }));
    setEmptied(null);
  }, []);
  return {
    draft,
    emptied,
    change,
    amend: setDraft,
    empty: server => {
      setEmptied(draft);
      setDraft({ ...EMPTY, server });
    },
    undo: () => {
      if (emptied) {
        setDraft({ ...emptied, key: '' });
        setEmptied(null);
      }
    },
    forget: () => setEmptied(null)
  };
}

/** Fits arguments in which nothing is typed to the class that takes them. */
export function useFitted(amend: ITyping['amend'], used: ModelClass | null): void {
  React.useEffect(() => {
    amend(before => {
      const args = fitted(before.args, used);
      return args === before.args ? before : { ...before, args };
    });
  }, [amend, used]);
}
