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
