import { MimeData } from '@lumino/coreutils';
import { Drag } from '@lumino/dragdrop';

/** What a notebook takes for cells. */
const CELLS = 'application/vnd.jupyter.cells';
/** Pixels that a mouse moves before it drags something. */
const THRESHOLD = 5;

/**
 * Begin to drag code, once the mouse has moved far enough.
 *
 * A notebook takes it as a code cell, an editor as text.
 *
 * @param event - The press of the mouse.
 * @param code - Makes the code; it is asked for only if something is dragged.
 * @param label - What is shown beside the mouse.
 * @param source - Who drags.
 */
export function dragCode(
  event: { clientX: number; clientY: number },
  code: () => string,
  label: string,
  source: unknown
): void {
  const stop = new AbortController();
  const { signal } = stop;
  const onMove = (move: MouseEvent): void => {
    if (Math.hypot(move.clientX - event.clientX, move.clientY - event.clientY) < THRESHOLD) {
      return;
    }
    stop.abort();
    const text = code();
    const mimeData = new MimeData();
    mimeData.setData('text/plain', text);
    mimeData.setData(CELLS, [
      { cell_type: 'code', source: text, metadata: {}, outputs: [], execution_count: null }
    ]);
    const drag = new Drag({
      mimeData,
      dragImage: image(label),
      supportedActions: 'copy',
      proposedAction: 'copy',
      source
    });
    void drag.start(move.clientX, move.clientY);
  };
  document.addEventListener('mousemove', onMove, { signal, capture: true });
  document.addEventListener('mouseup', () => stop.abort(), { signal, capture: true });
}

function image(label: string): HTMLElement {
  const element = document.createElement('div');
  element.className = 'jp-LmmsEval-panel-dragImage';
  element.textContent = label;
  return element;
}
