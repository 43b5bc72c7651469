import React, { useId, useRef, useState } from 'react';

/** One of several views of the same thing. */
export interface ITab<K extends string> {
  key: K;
  label: string;
  /** Told whether the tab is the one that is seen. */
  render: (active: boolean) => React.ReactNode;
}

/** Tabs as WAI-ARIA describes them: arrow keys choose, what was seen stays as it was left. */
export function Tabs<K extends string>(props: {
  tabs: ReadonlyArray<ITab<K>>;
  current: K;
  label: string;
  onChange: (key: K) => void;
}): JSX.Element {
  const { tabs, current, label, onChange } = props;
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<ReadonlySet<K>>(new Set());
  if (!seen.has(current)) {
    setSeen(new Set([...seen, current]));
  }
  const onKeyDown = (event: React.KeyboardEvent) => {
    const at = tabs.findIndex(tab => tab.key === current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    onChange(tabs[next].key);
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[next]?.focus();
  };
  return (
    <>
      <div
        ref={list}
        className="jp-LmmsEval-view-tabs"
        role="tablist"
        aria-label={label}
        tabIndex={-1}
        onKeyDown={onKeyDown}
      >
        {tabs.map(tab => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={`${id}-tab-${tab.key}`}
            className="jp-LmmsEval-view-tab"
            aria-selected={tab.key === current}
            aria-controls={`${id}-panel-${tab.key}`}
            tabIndex={tab.key === current ? 0 : -1}
            onClick={() => onChange(tab.key)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      {tabs.map(tab => (
        <div
          key={tab.key}
          role="tabpanel"
          id={`${id}-panel-${tab.key}`}
          className="jp-LmmsEval-view-tabpanel"
          aria-labelledby={`${id}-tab-${tab.key}`}
          hidden={tab.key !== current}
        >
          {seen.has(tab.key) && tab.render(tab.key === current)}
        </div>
      ))}
    </>
  );
}
