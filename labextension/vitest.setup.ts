import { configure } from '@testing-library/react';
import { vi } from 'vitest';

// Machines may be busy. Files share `vi`: it is changed once.
const PATIENCE = 10_000;
const { waitFor } = vi;
configure({ asyncUtilTimeout: PATIENCE });
if (waitFor.name !== 'waitLonger') {
  vi.waitFor = function waitLonger(check, options) {
    return waitFor(check, typeof options === 'number' ? options : { timeout: PATIENCE, ...options });
  };
}

// What Lumino and JupyterLab touch when they are imported, and jsdom does not have.

class NoDragEvent extends MouseEvent {
  dataTransfer = null;
}

class NoResizeObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

const lacking: Record<string, unknown> = {
  requestIdleCallback: (call: () => void) => setTimeout(call),
  cancelIdleCallback: (handle: number) => clearTimeout(handle),
  DragEvent: NoDragEvent,
  ResizeObserver: NoResizeObserver,
  matchMedia: (media: string) => ({
    matches: false,
    media,
    addEventListener() {},
    removeEventListener() {},
    addListener() {},
    removeListener() {}
  })
};

for (const [name, value] of Object.entries(lacking)) {
  if (typeof Reflect.get(globalThis, name) !== 'function') {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}
