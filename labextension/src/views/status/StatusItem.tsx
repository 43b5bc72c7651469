import { GroupItem, TextItem } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { evaluationsIcon } from '../../icons';
import type { IStanding } from '../../model/standing';
import { gpuWords, jobWords, standingDetails } from './words';

export interface IStatusItemProps {
  standing: IStanding;
  /** Opens the panel. */
  onOpen: () => void;
  trans: TranslationBundle;
}

/** What runs and waits, and how busy the GPUs are, in a few words. */
export function StatusItem({ standing, onOpen, trans }: IStatusItemProps): React.JSX.Element {
  const words = [jobWords(standing, trans), standing.gpus ? gpuWords(standing.gpus, trans) : ''];
  const stale = standing.trouble.length > 0;
  const text = words.filter(word => word).join(' · ');
  return (
    <GroupItem
      spacing={4}
      role="button"
      tabIndex={0}
      className="jp-LmmsEval-Status"
      data-stale={stale}
      aria-label={trans.__('Evaluations: %1', stale ? `${text}, ${trans.__('not up to date')}` : text)}
      title={standingDetails(standing, trans)}
      onClick={onOpen}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          onOpen();
        }
      }}
    >
      <evaluationsIcon.react verticalAlign="middle" stylesheet="statusBar" />
      <TextItem source={text} />
      {stale && <TextItem className="jp-LmmsEval-Status-stale" source={`⚠ ${trans.__('not up to date')}`} />}
    </GroupItem>
  );
}
