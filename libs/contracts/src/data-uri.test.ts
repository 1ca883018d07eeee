import { describe, expect, test } from 'vitest';
import { isDataUri, readDataUri } from './data-uri.ts';

describe('readDataUri', () => {
  test.each([
    ['data:image/png;base64,AAEC', 'image/png', [0, 1, 2]],
    ['DATA:image/png;BASE64,AAEC', 'image/png', [0, 1, 2]],
    ['data:IMAGE/PNG; base64,AAEC', 'image/png', [0, 1, 2]],
    ['data:image/png;base64 ,AAEC', 'image/png', [0, 1, 2]],
    ['data:image/png;name=a.png;base64,AAEC', 'image/png', [0, 1, 2]],
    ['data:;base64,AAEC', undefined, [0, 1, 2]],
    ['data:image/png;base64,-_-_', 'image/png', [251, 255, 191]],
    ['data:image/png;base64,%2B/%2B/', 'image/png', [251, 255, 191]],
    ['data:image/png;base64,AA%3D%3D', 'image/png', [0]],
    ['data:image/png;base64,AA E\nC', 'image/png', [0, 1, 2]],
    ['  data:image/png;base64,AAEC', 'image/png', [0, 1, 2]],
    ['data:,a%20b', undefined, [97, 32, 98]],
    ['data:text/plain,100%25%zz', 'text/plain', [49, 48, 48, 37, 37, 122, 122]],
    ['data:application/octet-stream,%00%FF', 'application/octet-stream', [0, 255]],
    ['data:text/plain;charset=utf-8,é', 'text/plain', [0xc3, 0xa9]],
    ['data:text/plain;base64;charset=utf-8,AA', 'text/plain', [65, 65]],
  ])('reads %j', (text, contentType, bytes) => {
    expect(isDataUri(text)).toBe(true);
    const read = readDataUri(text);

    expect(read?.contentType).toBe(contentType);
    expect([...(read?.bytes ?? [])]).toEqual(bytes);
  });

  test.each([
    'data:image/png;base64',
    'datum:,x',
    'https://a/data:,x',
    'data:image/png;base64,A',
    'data:;base64,@@@@',
  ])('reads nothing in %j', (text) => {
    expect(readDataUri(text)).toBeUndefined();
  });
});
