import { Token } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';
import type { ServerArguments } from '../api/servers';
import type { IPace } from '../tokens';

/** Of which jobs a notification tells when they are over. */
export type NotifyOnFinish = 'all' | 'failures' | 'never';

/** The settings; names and defaults are those of `schema/plugin.json`. */
export interface IPreferenceValues {
  /** Seconds between two questions while a job waits or runs. */
  pollBusySeconds: number;
  /** Seconds between two questions while none does. */
  pollIdleSeconds: number;
  /** Jobs of each server that are listed. */
  newestJobs: number;
  notifyOnFinish: NotifyOnFinish;
  showInStatusBar: boolean;
  /** Arguments of servers that are started from here, beside those that are given. */
  serverArguments: ServerArguments;
}

export const DEFAULTS: Readonly<IPreferenceValues> = {
  pollBusySeconds: 1.5,
  pollIdleSeconds: 10,
  newestJobs: 1000,
  notifyOnFinish: 'all',
  showInStatusBar: true,
  serverArguments: {}
};

/** What the user prefers; the defaults until the settings are read, and where there are none. */
export interface IPreferences {
  readonly values: Readonly<IPreferenceValues>;
  readonly changed: ISignal<IPreferences, void>;
}

export const IPreferences = new Token<IPreferences>(
  'jupyter-lmms-eval:IPreferences',
  'What the user prefers about evaluations; the defaults where there are no settings.'
);

export class Preferences implements IPreferences {
  get values(): Readonly<IPreferenceValues> {
    return this._values;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Take in new settings; what they do not say is as by default. */
  take(given: Partial<IPreferenceValues>): void {
    this._values = { ...DEFAULTS, ...given };
    this._changed.emit();
  }

  private _values: Readonly<IPreferenceValues> = DEFAULTS;
  private readonly _changed = new Signal<this, void>(this);
}

/** How often and for how much to ask, as preferred. */
export function preferredPace(values: IPreferenceValues): Partial<IPace> {
  return {
    busy: values.pollBusySeconds * 1000,
    idle: values.pollIdleSeconds * 1000,
    newest: values.newestJobs
  };
}
