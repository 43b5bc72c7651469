import { UUID } from '@lumino/coreutils';
import * as React from 'react';
import { Refusal } from '../../api/connection';
import type { EvaluateRequest } from '../../api/wire';
import type { IEvaluations } from '../../tokens';
import type { IAccepted } from './Accepted';
import type { IProblem } from './draft';
import type { IField } from './fields';
import { placed } from './refused';
import type { ITyping } from './useDraft';
import { useSubmit } from './useSubmit';

/** What came of submitting. */
export interface IOutcome {
  /** Whether somebody wanted to, so that what is missing is told too. */
  readonly tried: boolean;
  readonly accepted: IAccepted | null;
  /** Why the server did not want it, in a sentence, and what of that belongs to fields. */
  readonly refusal: { readonly sentence: string; readonly problems: ReadonlyArray<IProblem> } | null;
}

const NOTHING: IOutcome = { tried: false, accepted: null, refusal: null };

/** Keeps what came of submitting, until what was submitted changes. */
export function useOutcome(): {
  outcome: IOutcome;
  setOutcome: React.Dispatch<React.SetStateAction<IOutcome>>;
  /** A field has changed. */
  corrected: (field: string) => void;
  forget: () => void;
} {
  const [outcome, setOutcome] = React.useState(NOTHING);
  const corrected = React.useCallback((field: string) => {
    setOutcome(({ tried, refusal }) => {
      const left = refusal?.problems.filter(each => each.field !== field) ?? [];
      // A refusal of no field stands until the form changes, others until all is corrected.
      return {
        tried,
        accepted: null,
        refusal: refusal && left.length ? { ...refusal, problems: left } : null
      };
    });
  }, []);
  const forget = React.useCallback(() => setOutcome(NOTHING), []);
  return { outcome, setOutcome, corrected, forget };
}

/** What is submitted, and to whom. */
export interface ISubmissionOptions {
  readonly model: IEvaluations;
  readonly server: string;
  readonly request: EvaluateRequest;
  /** The fields of a request; null: the server has not told them yet. */
  readonly fields: ReadonlyArray<IField> | null;
  /** What is wrong with it as far as is known here: then it is not submitted. */
  readonly problems: ReadonlyArray<IProblem>;
  readonly typing: ITyping;
  readonly setOutcome: React.Dispatch<React.SetStateAction<IOutcome>>;
  readonly onAccepted: (draft: ITyping['draft']) => void;
  /** There is something to correct. */
  readonly onProblems: () => void;
}

/** Submits a request: under one key until it changes or is accepted, so that it becomes one job. */
export function useSubmission(options: ISubmissionOptions): ReturnType<typeof useSubmit> {
  const { model, server, request, fields, problems, typing, setOutcome, onProblems } = options;
  const { draft, amend } = typing;
  return useSubmit(async () => {
    setOutcome(before => ({ ...before, tried: true, accepted: null }));
    typing.forget();
    if (problems.length) {
      onProblems();
      return;
    }
    if (!server || !fields) {
      return;
    }
    const key = draft.key || UUID.uuid4();
    amend(before => ({ ...before, key }));
    try {
      const answer = await model.act(server, api => api.submit(request, key));
      setOutcome({ tried: false, accepted: { server, answer }, refusal: null });
      amend(before => (before.key === key ? { ...before, key: '', again: [], origin: '' } : before));
      options.onAccepted({ ...draft, server });
    } catch (error) {
      const [sentence, errors] =
        error instanceof Refusal ? [error.message, error.fields] : [String(error), []];
      const at = placed(errors, draft, fields);
      setOutcome(before => ({ ...before, refusal: { sentence, problems: at } }));
      if (at.length) {
        onProblems();
      }
    }
  });
}
