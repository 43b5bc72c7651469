import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IPreferences, Preferences, preferredPace, type IPreferenceValues } from '../model/preferences';
import { IEvaluations } from '../tokens';

/** Name of the settings: of this plugin, and of `schema/plugin.json`. */
const SETTINGS = 'jupyter-lmms-eval:plugin';

/** Reads the settings and applies them, also while the page is open. */
export const settings: JupyterFrontEndPlugin<IPreferences> = {
  id: SETTINGS,
  description: 'Reads what the user prefers about evaluations.',
  autoStart: true,
  requires: [IEvaluations],
  optional: [ISettingRegistry],
  provides: IPreferences,
  activate: (_: JupyterFrontEnd, evaluations: IEvaluations, registry: ISettingRegistry | null) => {
    const preferences = new Preferences();
    preferences.changed.connect(({ values }) => evaluations.setPace(preferredPace(values)));
    // Not awaited: all works without, and nobody shall wait for the network.
    registry?.load(SETTINGS).then(
      loaded => {
        const take = (): void => preferences.take(loaded.composite as Partial<IPreferenceValues>);
        loaded.changed.connect(take);
        take();
      },
      error => console.warn('The settings of evaluations cannot be read; the defaults hold', error)
    );
    return preferences;
  }
};
