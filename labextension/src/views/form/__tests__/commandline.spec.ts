import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { EvaluateRequest } from '../../../api/wire';
import { ownCommand, pythonCode, pythonLiteral, shellQuoted, submitCommand } from '../commandline';

const request = (given: Record<string, unknown>) => given as unknown as EvaluateRequest;

/** Words with everything in them that means something to a shell or to Python, the same in every run. */
function words(count: number): string[] {
  const alphabet = [...'abz09 _-=~\'"\\$`!*?[]{}()<>|&;#%^@:,./+\n\t\r\u0001\u007fé漢\u2028😀'];
  let seed = 20260101;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  return Array.from({ length: count }, () =>
    Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join('')
  );
}

function python(program: string, input: string): string {
  return execFileSync('python3', ['-c', program], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
}

/** The arguments of the terminal command, read by its own parser; null where Python does not have it. */
const PARSER = [
  'import argparse, json, shlex, sys',
  'from jupyter_lmms_eval.client.arguments import add_evaluation_arguments, evaluation_request',
  'parser = argparse.ArgumentParser()',
  'add_evaluation_arguments(parser)',
  'print(json.dumps([evaluation_request(parser.parse_args(shlex.split(each)[3:]))[0]',
  '    for each in json.load(sys.stdin)]))'
].join('\n');

function understood(commands: string[]): Record<string, unknown>[] | null {
  for (const program of ['../.venv/bin/python', 'python3']) {
    try {
      const options = {
        input: JSON.stringify(commands),
        encoding: 'utf8',
        stdio: 'pipe',
        cwd: process.cwd()
      } as const;
      return JSON.parse(execFileSync(program, ['-c', PARSER], options));
    } catch {
      // The next may have it.
    }
  }
  return null;
}

describe('a word for a shell', () => {
  const given = ['', '~', '=ls', '-x', "it's", 'a b', '$HOME', 'Qwen/Qwen2.5-VL', ...words(400)];

  it('is read by a real shell as it was', () => {
    const script = given.map(word => `printf '%s\\0' ${shellQuoted(word)}`).join('\n');
    const read = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
    expect(read).toEqual(given);
  });

  it("is read by Python's shlex as it was", () => {
    const line = given.map(shellQuoted).join(' ');
    const program = 'import json,shlex,sys; print(json.dumps(shlex.split(json.load(sys.stdin))))';
    expect(JSON.parse(python(program, JSON.stringify(line)))).toEqual(given);
  });

  it('stays plain where it can', () => {
    expect(shellQuoted('Qwen/Qwen2.5-VL-3B-Instruct')).toBe('Qwen/Qwen2.5-VL-3B-Instruct');
    expect(shellQuoted('a b')).toBe("'a b'");
  });
});

describe('a value for Python', () => {
  it('is read by Python as it was', () => {
    const given = [
      ...words(400),
      0,
      -1,
      0.5,
      1e-7,
      1e300,
      true,
      false,
      null,
      [],
      {},
      [1, ['a', null]],
      { a: { 'b c': [true, { d: "it's" }] } }
    ];
    const program =
      'import ast,json,sys; print(json.dumps([ast.literal_eval(each) for each in json.load(sys.stdin)]))';
    expect(JSON.parse(python(program, JSON.stringify(given.map(pythonLiteral))))).toEqual(given);
  });

  it('is a keyword of evaluate()', () => {
    const given = {
      model: 'qwen2_5_vl',
      tasks: ['mme', "it's"],
      model_args: { pretrained: 'some/long/path/to/a/checkpoint/of/a/model', max_pixels: 3136, flag: true },
      limit: 8
    };
    const { code } = pythonCode(request(given), 'http://localhost:8800');
    const program = [
      'import ast, json, sys',
      'call = ast.parse(sys.stdin.read()).body[-1].value',
      'print(json.dumps([ast.literal_eval(call.func.value.args[0]),',
      '  {each.arg: ast.literal_eval(each.value) for each in call.keywords}]))'
    ].join('\n');
    expect(JSON.parse(python(program, code))).toEqual(['http://localhost:8800', given]);
  });
});

describe('a command line', () => {
  const split = (code: string): string[] =>
    JSON.parse(
      python(
        'import json,shlex,sys; print(json.dumps(shlex.split(sys.stdin.read())))',
        code.replace(/ \\\n/g, ' ')
      )
    );

  it('says the whole request with the flags of the terminal command', () => {
    const { code, lost } = submitCommand(
      request({
        model: 'qwen2_5_vl',
        tasks: ['mme', 'mmmu_val'],
        model_args: { pretrained: 'a b', max_pixels: 3136 },
        limit: 0.5,
        log_samples: false,
        predict_only: true,
        force_simple: false,
        seed: [0, null, 1, 2],
        reasoning_tags: [['<think>', '</think>']],
        system_instruction: '-- be brief',
        output_dir: '/tmp/out',
        gpu_memory: 20
      })
    );
    expect(lost).toEqual([]);
    expect(split(code)).toEqual([
      ...['jupyter', 'lmms-eval', 'submit', '--model', 'qwen2_5_vl', '--tasks', 'mme,mmmu_val'],
      ...['--model_args', 'pretrained=a b,max_pixels=3136', '--limit', '0.5', '--no_log_samples'],
      ...['--predict_only', '--seed', '0,None,1,2', '--reasoning_tags', '[["<think>","</think>"]]'],
      ...['--system_instruction=-- be brief', '--output_path', '/tmp/out', '--gpu_memory', '20']
    ]);
  });

  it('names the server where there are several', () => {
    const { code } = submitCommand(request({ model: 'a', tasks: ['b'] }), 'http://localhost:1');
    expect(split(code).slice(3, 5)).toEqual(['--url', 'http://localhost:1']);
  });

  it('says what it cannot say', () => {
    const given = request({ model: 'a', tasks: ['b'], model_args: { sizes: [1, 2], pretrained: 'c' } });
    expect(submitCommand(given).lost).toEqual(['sizes']);
  });

  it("of lmms-eval's own starts a process for each GPU, keeps samples, and leaves out what a server has", () => {
    const { code, lost } = ownCommand(
      request({ model: 'a', tasks: ['b'], num_gpus: 2, priority: 1, name: 'x' })
    );
    expect(split(code)).toEqual([
      ...['accelerate', 'launch', '--num_processes=2', '-m', 'lmms_eval', '--model', 'a', '--tasks', 'b'],
      ...['--output_path', './results', '--log_samples']
    ]);
    expect(lost).toEqual(['priority', 'name']);
  });

  it('is understood by the terminal command itself', context => {
    const said = [
      { model: 'a', tasks: ['b', 'c'], limit: 8, batch_size: 'auto', num_fewshot: 2, log_samples: false },
      {
        model: 'a',
        tasks: ['b'],
        limit: 0.25,
        system_instruction: '-it\'s "so"\n$HOME',
        apply_chat_template: true
      },
      {
        model: 'a',
        tasks: ['b'],
        output_dir: '/tmp/o',
        include_path: '/tmp/a b',
        seed: '1,2,3',
        verbosity: 'DEBUG'
      },
      { model: 'a', tasks: ['b'], num_gpus: 2, gpu_memory: 20.5, name: '--x', priority: -3, timeout: 60 },
      {
        model: 'a',
        tasks: ['b'],
        force_simple: true,
        predict_only: true,
        fewshot_as_multiturn: true,
        repeats: 3
      },
      {
        model: 'a',
        tasks: ['b'],
        max_tokens: 9,
        offset: 4,
        device: 'cuda:1',
        max_batch_size: 8,
        baseline: 'x'
      },
      {
        model: 'a',
        tasks: ['b'],
        process_with_media: true,
        process_docs_parallel: 2,
        agentic_trace_mode: 'full'
      },
      {
        model: 'a',
        tasks: ['b'],
        launcher_args: 'x=1',
        reasoning_tags: [['<a>', '</a>']],
        gen_kwargs: 'until=a'
      }
    ];
    const commands = said.map(each => submitCommand(request(each)).code.replace(/ \\\n/g, ' '));
    const read = understood(commands);
    if (!read) {
      return context.skip('the terminal command is not installed');
    }
    expect(read).toEqual(said);
  });
});
