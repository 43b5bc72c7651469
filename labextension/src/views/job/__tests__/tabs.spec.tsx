import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import React, { useState } from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { Tabs } from '../Tabs';

afterEach(cleanup);

function Three(): JSX.Element {
  const [current, setCurrent] = useState<'a' | 'b' | 'c'>('a');
  const tab = (key: 'a' | 'b' | 'c') => ({
    key,
    label: `Tab ${key}`,
    render: (active: boolean) => <p>{`${key} ${active ? 'seen' : 'left'}`}</p>
  });
  return <Tabs label="Views" tabs={[tab('a'), tab('b'), tab('c')]} current={current} onChange={setCurrent} />;
}

describe('tabs', () => {
  it('are chosen by arrow keys, round and round, and the keyboard goes along', () => {
    render(<Three />);
    const press = (key: string) => fireEvent.keyDown(document.activeElement as Element, { key });
    screen.getByRole('tab', { name: 'Tab a' }).focus();
    press('ArrowLeft');
    expect(screen.getByRole('tab', { selected: true }).textContent).toBe('Tab c');
    expect(document.activeElement?.textContent).toBe('Tab c');
    press('ArrowRight');
    press('ArrowRight');
    expect(screen.getByRole('tab', { selected: true }).textContent).toBe('Tab b');
    press('End');
    expect(screen.getByRole('tabpanel', { name: 'Tab c' }).textContent).toBe('c seen');
    press('Home');
    expect(screen.getByRole('tab', { selected: true }).tabIndex).toBe(0);
    expect(screen.getByRole('tab', { name: 'Tab b' }).tabIndex).toBe(-1);
  });

  it('make what was never seen only when it is seen, and keep it then', () => {
    render(<Three />);
    expect(screen.queryByText(/^b/)).toBeNull();
    fireEvent.click(screen.getByRole('tab', { name: 'Tab b' }));
    fireEvent.click(screen.getByRole('tab', { name: 'Tab a' }));
    expect(screen.getByText('b left')).toBeTruthy();
  });
});
