import type { TranslationBundle } from '@jupyterlab/translation';
import type { IVersion } from '../api/servers';

/** The protocol of the extension of Jupyter's server that this was written for. */
const PROTOCOL = 1;

/** Knows whether this page and Jupyter's server fit. */
export class Greeting {
  /**
   * @param ask - Asks Jupyter's server for its version.
   * @param trans - The language of what is said.
   * @param changed - Told when they do not fit any more, or fit again.
   */
  constructor(
    private readonly ask: () => Promise<IVersion>,
    private readonly trans: TranslationBundle,
    private readonly changed: () => void
  ) {}

  /** That they do not fit, in a sentence; empty if they do. */
  get mismatch(): string {
    return this._mismatch;
  }

  /** Ask, unless this Jupyter has answered already. */
  async meet(): Promise<void> {
    if (this.met) {
      return;
    }
    const { protocol, version } = await this.ask();
    this.met = true;
    const mismatch = protocol === PROTOCOL ? '' : this.mismatchWith(protocol, version);
    if (mismatch !== this._mismatch) {
      this._mismatch = mismatch;
      this.changed();
    }
  }

  /** Another Jupyter may answer next. */
  part(): void {
    this.met = false;
  }

  private mismatchWith(protocol: number, version: string): string {
    return protocol > PROTOCOL
      ? this.trans.__(
          "This page is older than Jupyter's server (jupyter_lmms_eval %1): reload the page, or install that version where it comes from",
          version
        )
      : this.trans.__(
          "This page is newer than Jupyter's server (jupyter_lmms_eval %1): restart Jupyter, or install the page's version where it runs",
          version
        );
  }

  private met = false;
  private _mismatch = '';
}
