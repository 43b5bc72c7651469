import { describe, expect, it } from 'vitest';
import { hasPlaceholder, isPlaceholder, isSecretName, redacted, redactedText } from '../secrets';

describe('secrets', () => {
  it.each(['api_key', 'OPENAI_API_KEY', 'hf-token', 'password', 'Authorization', 'client_secret'])(
    '%s is the name of one',
    name => expect(isSecretName(name)).toBe(true)
  );

  it.each(['pretrained', 'pad_token', 'sort_key', 'eos_token', 'keyboard', 'max_new_tokens'])(
    '%s is not',
    name => expect(isSecretName(name)).toBe(false)
  );

  it('are taken out of objects, however deep', () => {
    const given = {
      pretrained: 'a',
      api_key: 's3cret-value',
      headers: [{ authorization: 'Bearer abc' }],
      use_key: true
    };
    expect(redacted(given)).toEqual({
      pretrained: 'a',
      api_key: '[redacted]',
      headers: [{ authorization: '[redacted]' }],
      use_key: true
    });
  });

  it('are taken out of text, under their name or by their looks', () => {
    expect(redactedText('model=a api_key=s3cret,temperature=0')).toBe(
      'model=a api_key=[redacted],temperature=0'
    );
    expect(redactedText('{"token": "s3cret", "n": 1}')).toBe('{"token": "[redacted]", "n": 1}');
    expect(redactedText('url=https://me:s3cret@host/v1')).toBe('url=https://[redacted]@host/v1');
    expect(redactedText('hf_abcdefghijklmnopqrst')).toBe('[redacted]');
    expect(redactedText('temperature=0,pad_token=<pad>,token=none')).toBe(
      'temperature=0,pad_token=<pad>,token=none'
    );
  });

  it('leave placeholders that are known as such', () => {
    expect(isPlaceholder('[redacted:0123456789abcdef]')).toBe(true);
    expect(isPlaceholder('https://[redacted]@host')).toBe(false);
    expect(hasPlaceholder('https://[redacted]@host')).toBe(true);
    expect(redactedText('api_key=[redacted]')).toBe('api_key=[redacted]');
  });
});
