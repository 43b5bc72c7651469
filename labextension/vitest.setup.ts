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
  DragEvent: NoDragEvent,
  ResizeObserver: NoResizeObserver,
  matchMedia: (media: string) => ({
    matches: false,
    media,
    addEventListener() {},
    removeEventListener() {},
    addListener() {}
  })
};

for (const [name, value] of Object.entries(lacking)) {
  if (!(name in globalThis)) {
    Object.defineProperty(globalThis, name, { value, writable: true });
  }
}
