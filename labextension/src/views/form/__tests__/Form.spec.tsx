import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import React from 'react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../../api/connection';
import type { ServerApi } from '../../../api/server';
import type { ServerInfo } from '../../../api/wire';
import { unheard } from '../../../model/known';
import type { IEvaluations } from '../../../tokens';
import { Catalogs } from '../catalog';
import { EMPTY, type IDraft } from '../draft';
import { Form, type IFormProps } from '../Form';

const trans = nullTranslator.load('');
const openapi = {
  components: {
    schemas: {
      EvaluateRequest: {
        properties: {
          limit: {
            anyOf: [{ type: 'integer' }, { type: 'number' }, { type: 'null' }],
            description: 'First `N` samples'
          },
          log_samples: { type: 'boolean', default: true, description: 'Keep them' },
          priority: { type: 'integer', default: 0, maximum: 10, description: 'Higher starts first' }
        }
      }
    }
  }
};

beforeAll(() => {
  Element.prototype.scrollIntoView = () => undefined;
});
afterEach(cleanup);

/** A server that answers as it is told. */
function stage(
  given: { servers?: Partial<ServerInfo>[]; submit?: ServerApi['submit']; initial?: Partial<IDraft> } = {}
) {
  const submit = vi.fn(
    given.submit ??
      (async () => ({
        job_id: '0123456789',
        status: 'queued' as const,
        position_in_queue: 2,
        message: '',
        warnings: ['Mind this'],
        created: true
      }))
  );
  const api = {
    tasks: async () => ({
      tasks: [],
      details: [
        {
          name: 'mme',
          kind: 'task',
          output_type: 'generate_until',
          dataset_path: 'lmms-lab/MME',
          samples: 2374
        },
        { name: 'mmmu', kind: 'group', tasks: ['mmmu_val', 'mmmu_test'] },
        { name: 'mmmu_val', kind: 'task' }
      ]
    }),
    models: async () => ({ models: ['dummy', 'llava', 'llava_hf'] }),
    openapi: async () => openapi,
    model: async (name: string) => ({
      name,
      simple: {
        module: name,
        name: 'Llava',
        description: 'A model that sees',
        arguments: [
          { name: 'pretrained', default: "'some/model'", annotation: 'str' },
          { name: 'device_map', default: "'auto'", annotation: 'str' }
        ],
        missing_packages: ['llava']
      }
    }),
    submit
  } as unknown as ServerApi;
  const servers = (given.servers ?? [{ id: 'one' }]).map(info =>
    unheard({ state: 'alive', url: `http://localhost:${info.id}`, ...info } as ServerInfo)
  );
  const model = {
    act: (_: string, action: (api: ServerApi) => Promise<unknown>) => action(api)
  } as unknown as IEvaluations;
  const props: IFormProps = {
    id: 'form',
    model,
    servers,
    heard: true,
    catalogs: new Catalogs(() => api),
    initial: { ...EMPTY, ...given.initial },
    trans,
    onDraft: vi.fn(),
    onAccepted: vi.fn(),
    onOpen: vi.fn(),
    onStart: vi.fn(async () => 'started')
  };
  const { rerender } = render(<Form {...props} />);
  return { props, submit, rerender };
}

const ready = () => screen.findByLabelText('Samples per task');
const box = (name: string) => screen.getByRole('combobox', { name });
const type = (element: HTMLElement, value: string) => fireEvent.change(element, { target: { value } });
const button = (name: string) => screen.getByRole('button', { name });
const offered = () =>
  within(screen.getByRole('listbox'))
    .getAllByRole('option')
    .map(each => each.textContent);
const settle = () => act(async () => void (await new Promise(done => setTimeout(done, 20))));

describe('a model', () => {
  it('is searched, and chosen with the keyboard', async () => {
    stage();
    await ready();
    type(box('Model'), 'llava');
    expect(offered()).toEqual(['llava', 'llava_hf', 'dummy']);
    fireEvent.keyDown(box('Model'), { key: 'ArrowDown' });
    const active = document.getElementById(box('Model').getAttribute('aria-activedescendant') ?? '');
    expect(active?.textContent).toBe('llava_hf');
    fireEvent.keyDown(box('Model'), { key: 'Enter' });
    expect(box('Model')).toHaveProperty('value', 'llava_hf');
    expect(box('Model').getAttribute('aria-expanded')).toBe('false');
    expect(await screen.findByText(/A model that sees/)).toBeTruthy();
    expect(screen.getByText(/The package llava is not installed/)).toBeTruthy();
  });

  it('says which arguments it takes', async () => {
    stage({ initial: { model: 'llava' } });
    await screen.findByText(/A model that sees/);
    expect(screen.getByLabelText('Value of pretrained')).toHaveProperty('placeholder', 'some/model');
    fireEvent.click(button('Add argument'));
    const name = screen.getAllByLabelText('Name of the argument')[1];
    type(name, 'dev');
    fireEvent.click(screen.getByRole('option', { name: /device_map/ }));
    type(screen.getByLabelText('Value of device_map'), 'cpu');
    expect(screen.getByLabelText('Code').textContent).toContain('model_args={"device_map": "cpu"}');
    type(name, 'devise');
    expect(screen.getByText('Llava has no argument of this name.')).toBeTruthy();
  });

  it('takes its arguments as text, and gives them back in rows', async () => {
    stage();
    await ready();
    fireEvent.click(button('Edit as text'));
    type(screen.getByLabelText('Model arguments'), 'pretrained=a,n');
    expect(screen.getByText(/"n" is not key=value/)).toBeTruthy();
    expect(button('Edit in rows')).toHaveProperty('disabled', true);
    type(screen.getByLabelText('Model arguments'), 'pretrained=a,n=3');
    fireEvent.click(button('Edit in rows'));
    expect(screen.getByLabelText('Type of n')).toHaveProperty('value', 'number');
    expect(screen.getByLabelText('Code').textContent).toContain('{"pretrained": "a", "n": 3}');
  });

  it('takes a pasted text into rows, and can take that back', async () => {
    stage();
    await ready();
    fireEvent.paste(screen.getByLabelText('Value of pretrained'), {
      clipboardData: { getData: () => 'pretrained=a,device=cpu' }
    });
    expect(screen.getByLabelText('Value of device')).toHaveProperty('value', 'cpu');
    fireEvent.click(button('Undo paste'));
    expect(screen.queryByLabelText('Value of device')).toBeNull();
  });
});

describe('tasks', () => {
  it('are searched, added and taken away', async () => {
    stage();
    await ready();
    type(box('Tasks'), 'mmmu');
    fireEvent.keyDown(box('Tasks'), { key: 'Enter' });
    const chips = screen.getByRole('list', { name: 'Chosen tasks' });
    expect(within(chips).getByText('group, 2 inside')).toBeTruthy();
    expect(within(screen.getByRole('listbox')).getAllByRole('option')[0].getAttribute('aria-selected')).toBe(
      'true'
    );
    type(box('Tasks'), 'mm*');
    fireEvent.keyDown(box('Tasks'), { key: 'Enter' });
    expect(within(chips).getByText('matches 3')).toBeTruthy();
    fireEvent.click(button('Remove mmmu'));
    fireEvent.keyDown(box('Tasks'), { key: 'Backspace' });
    expect(screen.queryByRole('list', { name: 'Chosen tasks' })).toBeNull();
  });

  it('can be pasted, several at once', async () => {
    stage();
    await ready();
    fireEvent.paste(box('Tasks'), { clipboardData: { getData: () => 'mme, mmmu_val\nunheard_of' } });
    expect(screen.getAllByRole('listitem').map(each => each.textContent)).toEqual([
      'mme',
      'mmmu_val',
      'unheard_ofnot known'
    ]);
  });

  it('that were only searched for are not forgotten silently', async () => {
    stage();
    await ready();
    type(box('Tasks'), 'mme');
    fireEvent.focus(box('Tasks'));
    fireEvent.blur(box('Tasks'));
    expect(screen.getByText(/"mme" is only searched for/)).toBeTruthy();
  });
});

describe('the focus', () => {
  const press = (name: string) => {
    button(name).focus();
    fireEvent.click(button(name));
  };

  it('goes on to the search when a task is taken away', async () => {
    stage({ initial: { tasks: ['mme', 'mmmu'] } });
    await ready();
    press('Remove mme');
    expect(document.activeElement).toBe(box('Tasks'));
    press('Remove mmmu');
    expect(document.activeElement).toBe(box('Tasks'));
  });

  it('goes on to the next argument when one is taken away, and from the last to what adds one', async () => {
    const args = ['a', 'b', 'c'].map((name, id) => ({ id, name, value: '1', kind: null }));
    stage({ initial: { args } });
    await ready();
    const focused = () => (document.activeElement as HTMLInputElement).value;
    press('Remove b');
    expect(focused()).toBe('c');
    press('Remove c');
    expect(focused()).toBe('a');
    press('Remove a');
    expect(document.activeElement).toBe(button('Add argument'));
  });

  it('goes to the field for which a name was meant', async () => {
    stage({
      initial: { model: 'lava', tasks: ['mmee'] },
      submit: async () => {
        throw new Refusal(422, 'all of it', [
          { field: 'model', message: 'Unknown model', nearest: ['llava'] },
          { field: 'tasks', message: "Unknown task 'mmee'", nearest: ['mme'] }
        ]);
      }
    });
    await ready();
    fireEvent.click(button('Submit'));
    await screen.findByText(/^Unknown task 'mmee'$/);
    press('Use mme');
    expect(document.activeElement).toBe(box('Tasks'));
    press('Use llava');
    expect(document.activeElement).toBe(box('Model'));
  });

  it('goes to the model when the form is emptied, and when that is taken back', async () => {
    stage({ initial: { model: 'llava' } });
    await ready();
    press('Reset');
    expect(document.activeElement).toBe(box('Model'));
    press('Undo');
    expect(document.activeElement).toBe(box('Model'));
  });
});

describe('submitting', () => {
  const initial = { model: 'llava', tasks: ['mme'] };

  it('shows what is missing, and submits nothing', async () => {
    const { submit } = stage();
    await ready();
    expect(screen.queryByText(/Choose a model/)).toBeNull();
    fireEvent.click(button('Submit'));
    expect(await screen.findByText('Choose a model.')).toBeTruthy();
    await waitFor(() => expect(document.activeElement).toBe(box('Model')));
    expect(submit).not.toHaveBeenCalled();
  });

  it('shows at once what is wrong with what is typed', async () => {
    stage({ initial });
    type(await ready(), '-1');
    expect(screen.getByText(/a fraction between 0 and 1; leave it empty/)).toBeTruthy();
    expect(await ready()).toHaveProperty('value', '-1');
  });

  it('sends what was typed once, however often it is clicked, and opens the job', async () => {
    const { submit, props } = stage({ initial });
    type(await ready(), '8');
    fireEvent.click(button('Submit'));
    fireEvent.click(button('Submit'));
    fireEvent.keyDown(box('Model'), { key: 'Enter', ctrlKey: true });
    expect(await screen.findByText('Job 01234567 accepted, after 2 others.')).toBeTruthy();
    expect(submit).toHaveBeenCalledTimes(1);
    expect(submit.mock.calls[0][0]).toEqual({ model: 'llava', tasks: ['mme'], limit: 8 });
    expect(screen.getByText('Mind this')).toBeTruthy();
    fireEvent.click(button('Open job'));
    expect(props.onOpen).toHaveBeenCalledWith('one', '0123456789');
    expect(box('Model')).toHaveProperty('value', 'llava');
  });

  it('is done with Ctrl+Enter from anywhere', async () => {
    const { submit } = stage({ initial });
    await ready();
    fireEvent.keyDown(box('Tasks'), { key: 'Enter', ctrlKey: true });
    await settle();
    expect(submit).toHaveBeenCalledTimes(1);
  });

  it('has one key until the form changes or the job is accepted', async () => {
    let failing = true;
    const { submit } = stage({
      initial,
      submit: async () => {
        if (failing) {
          throw new Refusal(0, 'Jupyter does not answer');
        }
        return {
          job_id: 'j',
          status: 'queued',
          position_in_queue: 0,
          message: '',
          warnings: [],
          created: true
        };
      }
    });
    await ready();
    const keys = () => submit.mock.calls.map(([, key]) => key);
    fireEvent.click(button('Submit'));
    expect(await screen.findByText('Jupyter does not answer')).toBeTruthy();
    fireEvent.click(button('Submit'));
    await settle();
    expect(keys()[1]).toBe(keys()[0]);
    failing = false;
    type(await ready(), '8');
    fireEvent.click(button('Submit'));
    await settle();
    expect(keys()[2]).not.toBe(keys()[0]);
    fireEvent.click(button('Submit'));
    await settle();
    expect(keys()[3]).not.toBe(keys()[2]);
    expect(keys().every(Boolean)).toBe(true);
  });

  it('places a refusal at the fields, with what may have been meant', async () => {
    const { submit } = stage({
      initial: { model: 'llava', tasks: ['mmee', 'mmmu'] },
      submit: async () => {
        throw new Refusal(422, 'all of it', [
          { field: 'tasks', message: "Unknown task 'mmee'; did you mean 'mme'?", nearest: ['mme'] },
          { field: 'priority', message: 'priority: the queue has no room', nearest: [] }
        ]);
      }
    });
    await ready();
    fireEvent.click(button('Submit'));
    expect(await screen.findByText(/^Unknown task 'mmee'$/)).toBeTruthy();
    expect(screen.getByText('The queue has no room')).toBeTruthy();
    fireEvent.click(button('Use mme'));
    expect(screen.queryByText(/Unknown task/)).toBeNull();
    fireEvent.click(button('Submit'));
    await settle();
    expect(submit.mock.calls[1][0].tasks).toEqual(['mme', 'mmmu']);
  });

  it('asks for secrets that a cloned job had', async () => {
    const { submit } = stage({
      initial: {
        ...initial,
        origin: 'With the request of x.',
        again: ['api_key'],
        args: [{ id: 1, name: 'api_key', value: '', kind: 'text', again: true }]
      }
    });
    await ready();
    expect(screen.getByText(/give these again: api_key/)).toBeTruthy();
    fireEvent.click(button('Submit'));
    expect(await screen.findByText(/Give api_key again/)).toBeTruthy();
    type(screen.getByLabelText('Value of api_key'), 's3cret');
    expect(screen.getByLabelText('Code').textContent).not.toContain('s3cret');
    fireEvent.click(button('Submit'));
    await settle();
    expect(submit.mock.calls[0][0].model_args).toEqual({ api_key: 's3cret' });
  });
});

describe('servers', () => {
  it('can be chosen from where there are several, and the code names the one', async () => {
    const { submit } = stage({
      servers: [{ id: '1' }, { id: '2' }, { id: '3', state: 'gone' }],
      initial: { model: 'llava', tasks: ['mme'] }
    });
    await ready();
    const choice = screen.getByLabelText('Server');
    expect(within(choice).getAllByRole('option')).toHaveLength(2);
    type(choice, '2');
    expect(screen.getByLabelText('Code').textContent).toContain('EvalClient("http://localhost:2")');
    await ready();
    fireEvent.click(button('Submit'));
    await settle();
    expect(submit).toHaveBeenCalledTimes(1);
  });

  it('that start meanwhile do not take the place of the one that is shown', async () => {
    const { props, rerender } = stage({ servers: [{ id: 'one' }] });
    await ready();
    const info = { id: 'two', state: 'alive', url: 'http://localhost:two' } as ServerInfo;
    rerender(<Form {...props} servers={[unheard(info), ...props.servers]} />);
    expect(screen.getByLabelText('Server')).toHaveProperty('value', 'one');
  });

  it('are started where there is none', async () => {
    const { props, rerender } = stage({ servers: [] });
    fireEvent.click(button('Start a server'));
    expect(button('Starting…')).toHaveProperty('disabled', true);
    await settle();
    expect(props.onStart).toHaveBeenCalledTimes(1);
    const info = { id: 'started', state: 'alive', url: 'http://localhost:9' } as ServerInfo;
    rerender(<Form {...props} servers={[unheard(info)]} />);
    expect(await ready()).toBeTruthy();
  });

  it('that cannot be started say why', async () => {
    const { props, rerender } = stage({ servers: [] });
    rerender(
      <Form
        {...props}
        onStart={async () => {
          throw new Error('No room');
        }}
      />
    );
    fireEvent.click(button('Start a server'));
    expect(await screen.findByText('No room')).toBeTruthy();
  });
});

it('gives everything that is typed to be kept, and can be reset', async () => {
  const { props } = stage();
  type(await ready(), 'not a number');
  expect(vi.mocked(props.onDraft).mock.lastCall?.[0].options).toEqual({ limit: 'not a number' });
  fireEvent.click(button('Reset'));
  expect(await ready()).toHaveProperty('value', '');
  fireEvent.click(button('Undo'));
  expect(await ready()).toHaveProperty('value', 'not a number');
});
