import { describe, expect, it } from 'vitest';
import { agreeingName, detectType, servedAs, toPathSegment } from './content-type.ts';

const detect = (bytes: string, declared: string | null = null, fileName = 'x') =>
  detectType(Buffer.from(bytes, 'latin1'), { declared, fileName });

describe('detectType', () => {
  it.each([
    ['\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'text/html', 'image/png'],
    ['%PDF-1.7', 'image/png', 'application/pdf'],
    ['RIFF\0\0\0\0WAVEfmt ', 'audio/mpeg', 'audio/wav'],
  ])('believes the bytes %j and not the declaration %s', async (bytes, declared, type) => {
    expect(await detect(bytes, declared)).toBe(type);
  });

  it.each([
    ['a,b', 'text/csv; charset=utf-8', 'text/csv'],
    ['{}', 'application/json', 'application/json'],
    ['<b>', 'text/html', 'text/plain'],
    ['a{}', 'text/css', 'text/plain'],
    ['x', 'nonsense', 'text/plain'],
    ['a\0b', 'text/csv', 'application/octet-stream'],
    ['\xff\xfe\xfd', 'text/plain', 'application/octet-stream'],
  ])('of %j declared as %s makes %s', async (bytes, declared, type) => {
    expect(await detect(bytes, declared)).toBe(type);
  });

  it('reads the end of the name for undeclared text', async () => {
    expect(await detect('a,b', null, 'table.CSV')).toBe('text/csv');
    expect(await detect('<p>', null, 'page.html')).toBe('text/plain');
    expect(await detect('x', null, 'x.constructor')).toBe('text/plain');
  });

  it('takes UTF-8 that is cut in the middle of a character for text', async () => {
    const type = await detectType(Buffer.from('日本').subarray(0, 5), { declared: null, fileName: 'x' });

    expect(type).toBe('text/plain');
  });
});

describe('servedAs', () => {
  it.each(['image/png', 'video/mp4', 'audio/mpeg', 'application/pdf'])('shows %s inline', (type) => {
    expect(servedAs(type)).toEqual({ type, disposition: 'inline' });
  });

  it.each([
    'text/html',
    'image/svg+xml',
    'application/xml',
    'application/xhtml+xml',
    'text/javascript',
    'application/wasm',
    'text/anything',
    'application/rss+xml',
  ])('sends %s as an attachment of bytes', (type) => {
    expect(servedAs(type)).toEqual({ type: 'application/octet-stream', disposition: 'attachment' });
  });

  it('sends harmless text as plain text', () => {
    expect(servedAs('text/csv')).toEqual({ type: 'text/plain; charset=utf-8', disposition: 'inline' });
  });

  it('sends any other file as an attachment', () => {
    expect(servedAs('application/zip')).toEqual({ type: 'application/zip', disposition: 'attachment' });
  });
});

describe('SVG', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>';

  it.each([
    svg,
    `<?xml version="1.0"?>\n${svg}`,
    `\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- made by hand --><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">${svg}`,
  ])('is told by its root element: %s', async (text) => {
    const type = await detectType(Buffer.from(text), { declared: null, fileName: 'a.png' });

    expect(type).toBe('image/svg+xml');
    expect(servedAs(type).disposition).toBe('attachment');
  });

  it.each(['<html><svg/></html>', 'a <svg/>', '<?xml version="1.0"?><note><svg/></note>'])(
    'is not %s',
    async (text) => {
      expect(await detectType(Buffer.from(text), { declared: null, fileName: 'a' })).not.toBe(
        'image/svg+xml',
      );
    },
  );
});

describe('agreeingName', () => {
  it.each([
    ['run-0.png', 'image/webp', 'run-0.webp'],
    ['run-0.bin', 'image/svg+xml', 'run-0.svg'],
    ['photo.JPEG', 'image/jpeg', 'photo.JPEG'],
    ['v1.2', 'image/png', 'v1.2.png'],
    ['film.mp4', 'audio/x-m4a', 'film.m4a'],
    ['notes.txt', 'text/plain', 'notes.txt'],
    ['data.bin', 'application/octet-stream', 'data.bin'],
  ])('makes of %s with %s %s', (name, type, wanted) => {
    expect(agreeingName(name, type)).toBe(wanted);
  });
});

describe('toPathSegment', () => {
  it.each([
    ['it’s (a) b.png', 'it%E2%80%99s%20%28a%29%20b.png'],
    [`${'é'.repeat(250)}.webp`, `${'%C3%A9'.repeat(19)}.webp`],
    [`${'😀'.repeat(120)}.png`, `${'%F0%9F%98%80'.repeat(9)}.png`],
    ['x'.repeat(255), 'x'.repeat(120)],
  ])('makes of %s a part of a URL that stays short and keeps its extension', (name, wanted) => {
    expect(toPathSegment(name)).toBe(wanted);
    expect(decodeURIComponent(wanted).isWellFormed()).toBe(true);
  });
});
