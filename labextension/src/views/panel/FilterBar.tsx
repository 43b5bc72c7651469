import type { TranslationBundle } from '@jupyterlab/translation';
import { InputGroup, searchIcon } from '@jupyterlab/ui-components';
import React, { memo } from 'react';
import type { JobStatus } from '../../api/wire';
import { grouped } from '../../words/numbers';
import { STATUSES, statusWord, SYMBOLS } from '../../words/status';
import type { IFilter } from './listing';

interface IFilterBarProps {
  filter: IFilter;
  counts: ReadonlyMap<JobStatus, number>;
  onFilter(filter: IFilter): void;
  trans: TranslationBundle;
}

/** Search box, and one button for each status that there is. */
export const FilterBar = memo(function FilterBar({
  filter,
  counts,
  onFilter,
  trans
}: IFilterBarProps): React.JSX.Element {
  const shown = STATUSES.filter(status => counts.get(status) || filter.status === status);
  return (
    <div className="jp-LmmsEval-panel-filter" role="search">
      <InputGroup
        type="search"
        value={filter.text}
        placeholder={trans.__('Filter jobs')}
        aria-label={trans.__('Filter jobs by name, id, model, task or status')}
        rightIcon={searchIcon}
        onChange={event => onFilter({ ...filter, text: event.currentTarget.value })}
        onKeyDown={event => {
          if (event.key === 'Escape' && filter.text) {
            onFilter({ ...filter, text: '' });
            event.stopPropagation();
          }
        }}
      />
      <div className="jp-LmmsEval-panel-chips" role="group" aria-label={trans.__('Show jobs by status')}>
        {shown.map(status => (
          <button
            key={status}
            type="button"
            className="jp-LmmsEval-panel-chip"
            aria-pressed={filter.status === status}
            data-status={status}
            onClick={() => onFilter({ ...filter, status: filter.status === status ? null : status })}
          >
            <span className="jp-LmmsEval-panel-symbol" aria-hidden="true">
              {SYMBOLS[status]}
            </span>
            <span>{statusWord(status, trans)}</span>
            <span className="jp-LmmsEval-panel-number">{grouped(counts.get(status) ?? 0)}</span>
          </button>
        ))}
      </div>
    </div>
  );
});
