import type { Menu } from '@lumino/widgets';

/**
 * Open the context menu at a button, as a right click would.
 *
 * When it closes the button has the focus again; what the menu does then may take it further.
 *
 * @param button - A button within what the menu is of.
 * @param menu - The application's context menu.
 */
export function openMenu(button: HTMLElement, menu: Menu): void {
  const { left, bottom } = button.getBoundingClientRect();
  button.dispatchEvent(
    new MouseEvent('contextmenu', {
      bubbles: true,
      cancelable: true,
      clientX: left,
      clientY: bottom,
      button: 2
    })
  );
  if (menu.isAttached) {
    const back = (): void => {
      menu.aboutToClose.disconnect(back);
      button.focus();
    };
    menu.aboutToClose.connect(back);
  }
}
