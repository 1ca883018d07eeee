import { describe, expect, it, vi } from 'vitest';
import { answered, rawOf } from './answer.ts';

const facts = { upstreamStatus: 'COMPLETED' };
const box = (brand: string) =>
  Buffer.concat([Buffer.from('00000020', 'hex'), Buffer.from(`ftyp${brand}`), Buffer.alloc(16)]).toString(
    'base64',
  );
const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>';

describe('the end of a job by its answer', () => {
  it.each<[string, unknown, string]>([
    ['AVIF in base64', { image: { url: `data:image/avif;base64,${box('avif')}` } }, 'image image/avif'],
    ['M4A in base64', { audio: { url: `data:audio/mp4;base64,${box('M4A ')}` } }, 'audio audio/mp4'],
    [
      'SVG in base64',
      { image: `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}` },
      'image image/svg+xml',
    ],
    [
      'SVG in percent-encoding',
      { image: `data:image/svg+xml,${encodeURIComponent(svg)}` },
      'image image/svg+xml',
    ],
    ['a list of links', [{ url: 'https://a.example/1.png' }], 'image image/png'],
    ['a link without an ending', { output: 'https://a.example/1' }, 'file application/octet-stream'],
    ['the address of a site', { output: 'https://www.example.com/' }, 'text text/plain'],
    ['silence', { text: '', chunks: [] }, 'text text/plain'],
    ['a large number', { score: '18446744073709551615' }, 'json application/json'],
  ])('has %s as what it is', (_what, answer, kind) => {
    const { status, outputs = [] } = answered(answer, facts);

    expect(status).toBe('succeeded');
    expect(outputs.map((output) => `${output.kind} ${output.contentType}`)).toEqual([kind]);
  });

  it.each([[null], [{}], [[]], [{ images: [] }], ['']])(
    'is a failure where there is nothing: %j',
    (answer) => {
      expect(answered(answer, facts)).toMatchObject({ status: 'failed', error: { code: 'upstream_failed' } });
    },
  );

  it('tells what a filter flagged, and the seed', () => {
    const images = [{ url: 'https://a.example/1.png' }, { url: 'https://a.example/2.png' }];
    const { notes, raw } = answered({ images, has_nsfw_concepts: [false, true], seed: 424242 }, facts);

    expect(notes).toEqual([expect.stringMatching(/^Output 2 was flagged .*NSFW/), 'Seed: 424242.']);
    expect(raw).toMatchObject({ seed: 424242, has_nsfw_concepts: [false, true] });
    expect(answered({ images, has_nsfw_concepts: [false, false] }, facts).notes).toBeUndefined();
  });

  it('tells how many outputs there were where not all are kept', () => {
    const images = Array.from({ length: 70 }, (_, at) => ({ url: `https://a.example/${at}.png` }));
    const { outputs, notes } = answered({ images }, facts);

    expect(outputs).toHaveLength(64);
    expect(notes).toEqual(['The model made 70 outputs; the first 64 are kept, 6 are missing here.']);
  });
});

describe('an answer far wider than any model gives', () => {
  const link = 'https://a.example/1.png';
  const many = <T>(item: T) => Array.from({ length: 300_000 }, () => item);

  it.each<[string, unknown, string]>([
    ['links', many(link), 'at least 10000'],
    ['objects with links', many({ url: link }), 'at least 10000'],
    ['typed links', many({ url: link, content_type: 'image/png' }), 'at least 10000'],
    ['names', Object.fromEntries(many(link).map((each, at) => [`image${at}`, each])), 'at least 10000'],
  ])('of %s is not looked at to its end', (_what, answer, count) => {
    const canParse = vi.spyOn(URL, 'canParse');

    const { outputs, notes } = answered(answer, facts);

    // Twice at most for each that is looked at, of three hundred thousand.
    expect(canParse.mock.calls.length).toBeLessThanOrEqual(20_000);
    canParse.mockRestore();
    expect(outputs).toHaveLength(64);
    expect(notes?.[0]).toContain(`The model made ${count} outputs`);
  });

  it('still has the file that follows many numbers and words', () => {
    const words = Array.from({ length: 100_000 }, (_, at) => ({ word: 'so', start: at, end: at + 1 }));

    expect(answered({ words, file: link }, facts).outputs).toMatchObject([{ url: link }]);
  });
});

describe('what is kept of an answer', () => {
  it('has neither content, nor keys, nor what signs a link', () => {
    const kept = JSON.stringify(
      rawOf({
        picture: `data:image/png;base64,${'A'.repeat(5_000)}`,
        key: 'Bearer sk-abcdefghijklmnopqrstuvwxyz',
        link: 'https://a.example/1.png?sig=secret',
      }),
    );

    expect(kept).not.toMatch(/AAAA|abcdefghij|sig=/);
    expect(kept).toContain('https://a.example/1.png');
  });

  it('is bounded, however much or deep it is', () => {
    const deep = JSON.parse(`${'['.repeat(150)}${']'.repeat(150)}`);

    for (const much of [
      Array.from({ length: 9_000 }, () => 'x'.repeat(900)),
      { deep },
      { text: 'y'.repeat(1e6) },
    ]) {
      expect(JSON.stringify(rawOf(much)).length).toBeLessThan(32_768);
    }
  });
});
