/** A request as a command line, and as Python: pure. */

import type { EvaluateRequest } from '../../api/wire';
import { writeArguments } from './modelargs';

/** Text to copy, and what it cannot say. */
export interface IWritten {
  readonly code: string;
  /** Names of what is not the same, or not said at all. */
  readonly lost: ReadonlyArray<string>;
}

/** Flags that are not called as the field is. */
const FLAGS: Record<string, string> = { output_dir: '--output_path' };
/** Fields that mean something to a server only. */
const SERVERS_OWN = new Set(['num_gpus', 'one_process', 'gpu_memory', 'name', 'priority', 'timeout']);
const INDENT = '  ';

/** Quote a word for a POSIX shell. */
export function shellQuoted(word: string): string {
  // A word that begins with `=` or `~` is something else to a shell.
  return /^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*$/.test(word)
    ? word
    : `'${word.replace(/'/g, `'"'"'`)}'`;
}

/** Write a value as Python reads it. */
export function pythonLiteral(value: unknown): string {
  if (value === null || value === undefined) {
    return 'None';
  }
  if (typeof value === 'boolean') {
    return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return `[${value.map(pythonLiteral).join(', ')}]`;
  }
  if (typeof value === 'object') {
    const items = Object.entries(value).map(
      ([name, each]) => `${pythonLiteral(name)}: ${pythonLiteral(each)}`
    );
    return `{${items.join(', ')}}`;
  }
  // JSON's escapes are Python's too.
  return JSON.stringify(value);
}

/**
 * Write a request for `jupyter lmms-eval submit`.
 *
 * @param request - The request.
 * @param url - Address of the server; nothing: the one that is found.
 */
export function submitCommand(request: EvaluateRequest, url?: string): IWritten {
  const { flags, lost } = flagsOf(request, Object.keys(request));
  return { code: lines(['jupyter lmms-eval submit', ...(url ? [flag('--url', url)] : []), ...flags]), lost };
}

/**
 * Write a request for lmms-eval's own command.
 *
 * @param request - The request; what only a server has is left out.
 * @param folder - Where results go if the request does not say: samples are not kept without it.
 */
export function ownCommand(request: EvaluateRequest, folder = './results'): IWritten {
  const said = { ...request, output_dir: request.output_dir ?? folder };
  const names = Object.keys(said).filter(name => !SERVERS_OWN.has(name) && name !== 'log_samples');
  const { flags, lost } = flagsOf(said, names);
  const processes = request.one_process ? 1 : (request.num_gpus ?? 1);
  const program =
    processes > 1 ? `accelerate launch --num_processes=${processes} -m lmms_eval` : 'python -m lmms_eval';
  const samples = request.log_samples === false ? [] : ['--log_samples'];
  const left = Object.keys(request).filter(
    name => SERVERS_OWN.has(name) && name !== 'num_gpus' && name !== 'one_process'
  );
  return { code: lines([program, ...flags, ...samples]), lost: [...lost, ...left] };
}

/**
 * Write a request as Python.
 *
 * @param request - The request.
 * @param url - Address of the server; nothing: the one that is found.
 */
export function pythonCode(request: EvaluateRequest, url?: string): IWritten {
  const given = Object.entries(request).filter(([, value]) => value !== undefined && value !== null);
  const keywords = given.map(([name, value]) => `    ${name}=${pythonValue(value)},`);
  const client = `EvalClient(${url ? pythonLiteral(url) : ''})`;
  return {
    code: [
      'from jupyter_lmms_eval import EvalClient',
      '',
      `job = ${client}.evaluate(`,
      ...keywords,
      ')'
    ].join('\n'),
    lost: []
  };
}

/** Objects with several entries, one in a line. */
function pythonValue(value: unknown): string {
  const whole = pythonLiteral(value);
  if (whole.length <= 60 || !value || typeof value !== 'object') {
    return whole;
  }
  const [open, close, items] = Array.isArray(value)
    ? ['[', ']', value.map(pythonLiteral)]
    : [
        '{',
        '}',
        Object.entries(value).map(([name, each]) => `${pythonLiteral(name)}: ${pythonLiteral(each)}`)
      ];
  return [open, ...items.map(item => `        ${item},`), `    ${close}`].join('\n');
}

function flagsOf(request: EvaluateRequest, names: string[]): { flags: string[]; lost: string[] } {
  const lost: string[] = [];
  const flags = names.flatMap(name => {
    const value = (request as Record<string, unknown>)[name];
    const word = FLAGS[name] ?? `--${name}`;
    if (value === undefined || value === null) {
      return [];
    }
    if (typeof value === 'boolean') {
      if (name === 'log_samples') {
        return [value ? '--log_samples' : '--no_log_samples'];
      }
      return value ? [word] : [];
    }
    if (name === 'tasks') {
      const tasks = value as string[];
      lost.push(...tasks.filter(task => task.includes(',')));
      return [flag(word, tasks.join(','))];
    }
    if (name === 'model_args' || name === 'gen_kwargs') {
      if (typeof value === 'string') {
        return [flag(word, value)];
      }
      const { text, changed } = writeArguments(value as Record<string, unknown>);
      lost.push(...changed);
      return [flag(word, text)];
    }
    if (Array.isArray(value) && name === 'seed') {
      return [flag(word, value.map(each => (each === null ? 'None' : String(each))).join(','))];
    }
    if (Array.isArray(value) && name === 'include_path') {
      lost.push(...(value.length > 1 ? [name] : []));
      return value.length ? [flag(word, String(value[0]))] : [];
    }
    return [flag(word, typeof value === 'object' ? JSON.stringify(value) : String(value))];
  });
  return { flags, lost };
}

/** A flag with its value; one that begins with a hyphen would be taken for the next flag. */
function flag(name: string, value: string): string {
  return value.startsWith('-') ? `${name}=${shellQuoted(value)}` : `${name} ${shellQuoted(value)}`;
}

function lines(parts: string[]): string {
  return parts.join(` \\\n${INDENT}`);
}
