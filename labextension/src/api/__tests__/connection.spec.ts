import { ServerConnection } from '@jupyterlab/services';
import { expect, test } from 'vitest';
import { Connection, Refusal } from '../connection';

/** A connection to a Jupyter that answers everything alike, and what it was asked. */
function answering(answer: () => Response | Promise<Response>): { connection: Connection; asked: Request[] } {
  const asked: Request[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://jupyter.test/user/me/',
    token: '',
    fetch: async (request: RequestInfo) => {
      asked.push(request as Request);
      return answer();
    }
  });
  return { connection: new Connection(settings), asked };
}

async function refusal(answer: () => Response | Promise<Response>): Promise<Refusal> {
  const { connection } = answering(answer);
  const found = await connection.ask('GET', ['servers']).catch((error: unknown) => error);
  expect(found).toBeInstanceOf(Refusal);
  return found as Refusal;
}

test('addresses are below the extension, and every part is encoded', () => {
  const { connection } = answering(() => new Response());
  expect(connection.url(['servers', 'a/b', 7], { q: 'x & y', left: undefined, out: null, zero: 0 })).toBe(
    'http://jupyter.test/user/me/lmms-eval/servers/a%2Fb/7?q=x+%26+y&zero=0'
  );
});

test('an answer is read as JSON, and none is none', async () => {
  expect(await answering(() => new Response('{"servers": []}')).connection.ask('GET', ['servers'])).toEqual({
    servers: []
  });
  const stopped = answering(() => new Response(null, { status: 204 }));
  expect(await stopped.connection.ask('DELETE', ['servers', 'a'])).toBeUndefined();
});

test('a body is sent as JSON, beside the headers that were given', async () => {
  const { connection, asked } = answering(() => new Response('{}'));
  await connection.ask('POST', ['servers', 'a', 'evaluate'], {
    body: { model: 'm' },
    headers: { 'Idempotency-Key': 'k' }
  });
  expect(asked[0].headers.get('Content-Type')).toBe('application/json');
  expect(asked[0].headers.get('Idempotency-Key')).toBe('k');
  expect(await asked[0].json()).toEqual({ model: 'm' });
});

test("a refusal has the server's sentence and the fields that are wrong", async () => {
  const wrong = {
    detail: 'limit: must be positive',
    errors: [{ field: 'limit', message: 'must be positive' }]
  };
  const found = await refusal(() => new Response(JSON.stringify(wrong), { status: 422 }));
  expect([found.status, found.message, found.fields]).toEqual([422, wrong.detail, wrong.errors]);
});

test.each([
  [404, 'install jupyter_lmms_eval where Jupyter runs'],
  [403, 'reload the page and log in'],
  [500, 'Jupyter answered 500 without a word']
])('a page instead of an answer (%i) is explained', async (status, sentence) => {
  const found = await refusal(() => new Response('<html></html>', { status }));
  expect(found.status).toBe(status);
  expect(found.message).toContain(sentence);
});

test('a page to log in at is no answer', async () => {
  const found = await refusal(() => new Response('<html>Log in</html>'));
  expect(found.message).toContain('reload the page and log in');
});

test('if nothing answers, that is said', async () => {
  const found = await refusal(() => Promise.reject(new TypeError('Failed to fetch')));
  expect([found.status, found.message]).toEqual([0, 'Jupyter does not answer; check that it still runs']);
});

test('a question that was given up is no refusal', async () => {
  const given = new AbortController();
  const { connection } = answering(() => {
    given.abort();
    return Promise.reject(new DOMException('aborted', 'AbortError'));
  });
  const found = await connection.ask('GET', [], { signal: given.signal }).catch((error: unknown) => error);
  expect(found).not.toBeInstanceOf(Refusal);
});
