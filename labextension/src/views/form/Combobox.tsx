import * as React from 'react';

/** Height of an option and most options in sight; style/form.css has the same height. */
const ROW = 44;
const IN_SIGHT = 7;
/** Options that are rendered beyond those in sight. */
const AROUND = 4;

/** An input that offers what fits. */
export interface IComboboxProps<T> {
  readonly id: string;
  /** What is typed. */
  readonly text: string;
  /** What fits, best first. */
  readonly options: ReadonlyArray<T>;
  readonly nameOf: (option: T) => string;
  readonly onText: (text: string) => void;
  readonly onChoose: (option: T) => void;
  readonly children: (option: T) => React.ReactNode;
  /** What is told of the option that is looked at. */
  readonly about?: (option: T) => React.ReactNode;
  /** Whether the first option is taken by Enter, without going to it. */
  readonly eager?: boolean;
  /** Names that are chosen already, where several can be. */
  readonly chosen?: ReadonlySet<string>;
  /** Name of the list, for those who hear it. */
  readonly listName: string;
  /** What is shown if nothing fits. */
  readonly nothing: string;
  readonly placeholder?: string;
  readonly label?: string;
  readonly describedBy?: string;
  readonly invalid?: boolean;
  readonly required?: boolean;
  readonly onKeyDown?: (event: React.KeyboardEvent<HTMLInputElement>) => void;
  readonly onPaste?: (event: React.ClipboardEvent<HTMLInputElement>) => void;
}

/**
 * An editable combobox with a list, as WAI-ARIA describes it; of a long list only what is in sight is rendered.
 *
 * Arrow keys move through the list, Enter chooses, Escape closes it. With `chosen` it stays open for the next choice.
 */
export function Combobox<T>(props: IComboboxProps<T>): React.ReactElement {
  const { id, text, options, nameOf, eager = false, chosen } = props;
  const [open, setOpen] = React.useState(false);
  const [active, setActive] = React.useState(-1);
  const [top, setTop] = React.useState(0);
  const list = React.useRef<HTMLDivElement>(null);
  const listId = `${id}-list`;
  const optionId = (index: number) => `${id}-option-${index}`;
  const first = eager && text.trim() ? 0 : -1;
  // What fits may have become less since.
  const at = Math.min(active < 0 ? first : active, options.length - 1);
  const shown = open && (options.length > 0 || text.trim() !== '');

  const show = (): void => {
    setOpen(true);
  };
  const hide = (): void => {
    setOpen(false);
    setActive(-1);
    setTop(0);
  };
  const go = (index: number): void => {
    const to = Math.max(0, Math.min(index, options.length - 1));
    setActive(to);
    const element = list.current;
    if (element) {
      if (to * ROW < element.scrollTop) {
        element.scrollTop = to * ROW;
      } else if ((to + 1) * ROW > element.scrollTop + element.clientHeight) {
        element.scrollTop = (to + 1) * ROW - element.clientHeight;
      }
      setTop(element.scrollTop);
    }
  };
  const choose = (option: T): void => {
    props.onChoose(option);
    if (!chosen) {
      hide();
    }
  };
  const rewind = (): void => {
    setActive(-1);
    setTop(0);
    if (list.current) {
      list.current.scrollTop = 0;
    }
  };

  const onKeyDown = (event: React.KeyboardEvent<HTMLInputElement>): void => {
    if (event.ctrlKey || event.metaKey || event.nativeEvent.isComposing) {
      return;
    }
    const page = IN_SIGHT - 1;
    const steps: Record<string, () => void> = {
      ArrowDown: () => (shown ? go(event.altKey ? at : at + 1) : show()),
      ArrowUp: () => (event.altKey ? hide() : shown ? go(at < 0 ? options.length - 1 : at - 1) : show()),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page)
    };
    if (event.key in steps && (shown || event.key.startsWith('Arrow'))) {
      event.preventDefault();
      steps[event.key]();
    } else if (event.key === 'Enter' && shown && at >= 0 && options[at] !== undefined) {
      event.preventDefault();
      choose(options[at]);
    } else if (event.key === 'Escape' && shown) {
      event.preventDefault();
      event.stopPropagation();
      hide();
    } else {
      props.onKeyDown?.(event);
    }
  };

  const from = Math.max(0, Math.floor(top / ROW) - AROUND);
  const until = Math.min(options.length, Math.ceil(top / ROW) + IN_SIGHT + AROUND);
  const looked = options[at];
  return (
    <div className="jp-LmmsEval-combobox">
      <input
        id={id}
        className="jp-LmmsEval-input"
        type="text"
        role="combobox"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={text}
        placeholder={props.placeholder}
        aria-label={props.label}
        aria-describedby={props.describedBy}
        aria-invalid={props.invalid || undefined}
        aria-required={props.required || undefined}
        aria-autocomplete="list"
        aria-expanded={shown}
        aria-controls={shown ? listId : undefined}
        aria-activedescendant={shown && looked !== undefined ? optionId(at) : undefined}
        onChange={event => {
          props.onText(event.target.value);
          show();
          rewind();
        }}
        onClick={show}
        onBlur={hide}
        onKeyDown={onKeyDown}
        onPaste={props.onPaste}
      />
      {shown && (
        // The focus stays in the input, whatever is pressed here.
        <div className="jp-LmmsEval-popup" onMouseDown={event => event.preventDefault()} role="presentation">
          <div
            id={listId}
            ref={list}
            className="jp-LmmsEval-options"
            role="listbox"
            tabIndex={-1}
            aria-label={props.listName}
            aria-multiselectable={chosen ? true : undefined}
            style={{ maxHeight: ROW * IN_SIGHT }}
            onScroll={event => setTop(event.currentTarget.scrollTop)}
          >
            {options.length === 0 && (
              <div
                className="jp-LmmsEval-nothing"
                role="option"
                aria-selected={false}
                aria-disabled
                tabIndex={-1}
              >
                {props.nothing}
              </div>
            )}
            <div style={{ height: from * ROW }} role="presentation" />
            {options.slice(from, until).map((option, offset) => {
              const index = from + offset;
              const name = nameOf(option);
              return (
                // Keys reach it through the input.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={name}
                  id={optionId(index)}
                  className="jp-LmmsEval-option"
                  role="option"
                  tabIndex={-1}
                  style={{ height: ROW }}
                  aria-selected={chosen ? chosen.has(name) : index === at}
                  aria-setsize={options.length}
                  aria-posinset={index + 1}
                  data-active={index === at || undefined}
                  onMouseMove={() => index !== at && setActive(index)}
                  onClick={() => choose(option)}
                >
                  {chosen && (
                    <span className="jp-LmmsEval-tick" aria-hidden="true">
                      {chosen.has(name) ? '✓' : ''}
                    </span>
                  )}
                  {props.children(option)}
                </div>
              );
            })}
            <div style={{ height: (options.length - until) * ROW }} role="presentation" />
          </div>
          {props.about && looked !== undefined && (
            <div className="jp-LmmsEval-about">{props.about(looked)}</div>
          )}
        </div>
      )}
    </div>
  );
}
