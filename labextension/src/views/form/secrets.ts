/** Secrets in a form: told by the names of arguments, as the server tells them, and never stored: pure. */

const SECRET = /(?:TOKEN|KEY|SECRET|PASSWORD|PASSWD|AUTHORIZATION|COOKIE)$/i;
/** Tokens of a vocabulary, and keys of a table. */
const ORDINARY =
  /(?:^|_)(?:PAD|EOS|BOS|UNK|SEP|CLS|MASK|IMG|IMAGE|VIDEO|AUDIO|SPEECH|VISION|MEDIA|STOP|END|START|BEGIN|SPECIAL|THINK|NEW|NEXT|LAST|FIRST|PER|MAX|MIN|NUM|LABEL|ANSWER|COLUMN|SORT|CACHE)_(?:TOKEN|KEY)$/i;
const PLACEHOLDER = /\[redacted(?::[0-9a-f]{16})?\]/g;
/** `name=value`, `"name": "value"`, `--name value` */
const NAMED = /([A-Za-z][\w.-]*)(["']?(?:\s*[=:]\s*|(?<=\w)\s+(?!-)))("[^"]*"|'[^']*'|[^\s,"'{}[\]()]+)/g;
/** Keys of services, and a name with password in an address; what stays of it is in the group. */
const LOOKS = [
  /()\bhf_[A-Za-z0-9]{16,}\b/g,
  /()\bsk-[A-Za-z0-9_-]{16,}/g,
  /(\bbearer )[A-Za-z0-9._~+/-]{8,}=*/gi,
  /(:\/\/)[^\s/:@]+:[^\s/@]+(?=@)/g
];
const NO_SECRET = new Set(['', 'empty', 'none', 'null', 'true', 'false', 'dummy']);

/** What is shown in place of a secret. */
export const REDACTED = '[redacted]';

/** Whether an argument of this name holds a secret. */
export function isSecretName(name: string): boolean {
  const plain = name.trim().replace(/-/g, '_');
  return SECRET.test(plain) && !ORDINARY.test(plain);
}

/** Whether what stands under such a name is a secret. */
export function isSecretValue(value: unknown): boolean {
  if (value === null || value === undefined || typeof value === 'boolean') {
    return false;
  }
  const text = String(value).trim();
  return !NO_SECRET.has(text.toLowerCase()) && !/^<[^<>]*>$/.test(text) && !isPlaceholder(text);
}

/** Whether a text stands for a secret that is not told. */
export function isPlaceholder(text: string): boolean {
  return text.trim().replace(PLACEHOLDER, '') === '' && text.trim() !== '';
}

/** Whether there is such a placeholder in a text. */
export function hasPlaceholder(text: string): boolean {
  return text.search(PLACEHOLDER) >= 0;
}

/** A copy of arguments, as an object or as text, without secrets. */
export function redacted<T>(value: T): T {
  return without(value, '') as T;
}

function without(value: unknown, name: string): unknown {
  if (name && isSecretName(name) && isSecretValue(value)) {
    return REDACTED;
  }
  if (typeof value === 'string') {
    // Under an ordinary name stands ordinary text, in which "key: value" means nothing.
    return name ? recognized(value) : redactedText(value);
  }
  if (Array.isArray(value)) {
    return value.map(each => (typeof each === 'string' ? recognized(each) : without(each, '')));
  }
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, without(each, key)]));
  }
  return value;
}

/** A text without the secrets that it names, and those that look like one. */
export function redactedText(text: string): string {
  let result = '';
  let at = 0;
  for (;;) {
    NAMED.lastIndex = at;
    const found = NAMED.exec(text);
    if (!found) {
      return recognized(result + text.slice(at));
    }
    const [all, name, between, value] = found;
    const quote = /^["']/.test(value) ? value[0] : '';
    const plain = quote ? value.slice(1, -1) : value;
    if (isSecretName(name) && isSecretValue(plain)) {
      result += `${text.slice(at, found.index)}${name}${between}${quote}${REDACTED}${quote}`;
      at = found.index + all.length;
    } else {
      // What stands for its value may be the next name.
      const end = found.index + name.length;
      result += text.slice(at, end);
      at = end;
    }
  }
}

/** A text without what is a secret by its looks. */
function recognized(text: string): string {
  return LOOKS.reduce(
    (said, pattern) => said.replace(pattern, (_all, before = '') => `${before}${REDACTED}`),
    text
  );
}
