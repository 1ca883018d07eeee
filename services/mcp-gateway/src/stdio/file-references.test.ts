/** Which texts in the arguments of a call are paths. */
import { describe, expect, it } from 'vitest';
import { findPaths, pathIn, replacePaths } from './file-references.ts';

describe('a path in the arguments', () => {
  it.each([
    ['@photo.png', 'photo.png'],
    ['@pictures/my photo.png', 'pictures/my photo.png'],
    ['@/home/ada/photo.png', '/home/ada/photo.png'],
    ['@./a/b', './a/b'],
    ['@C:\\pictures\\photo.png', 'C:\\pictures\\photo.png'],
    ['file:///home/ada/photo.png', 'file:///home/ada/photo.png'],
    ['FILE:///home/ada/a%20b.png', 'FILE:///home/ada/a%20b.png'],
  ])('is %s', (text, path) => {
    expect(pathIn(text)).toBe(path);
  });

  it.each([
    'photo.png',
    '@ada',
    '@ada says hello.',
    '@ada\nlooks at a/b',
    '@',
    '@@photo.png',
    'a file:///photo.png',
    'ada@example.com',
    'http://example.com/@photo.png',
  ])('is not %s', (text) => {
    expect(pathIn(text)).toBeUndefined();
  });

  it('is found at any depth, once, and in an object that is written as text', () => {
    const args = {
      model: 'local/denoise',
      input: { images: ['@a.png', { url: '@b/c' }], same: '@a.png' },
      text: '{"audio":"@d.wav","note":"@@e.txt"}',
      broken: '{"audio":"@f.wav"',
    };

    expect(findPaths(args)).toEqual(['a.png', 'b/c', 'd.wav']);
    expect(replacePaths(args, (path) => `asset_${path.length}`)).toEqual({
      model: 'local/denoise',
      input: { images: ['asset_5', { url: 'asset_3' }], same: 'asset_5' },
      text: '{"audio":"asset_5","note":"@e.txt"}',
      broken: '{"audio":"@f.wav"',
    });
  });

  it('is text with a second sign, which is taken away where it was needed', () => {
    const args = { a: '@@photo.png', b: '@@ada', c: '@@@photo.png' };

    expect(replacePaths(args, () => 'never')).toEqual({ a: '@photo.png', b: '@@ada', c: '@@photo.png' });
  });
});
