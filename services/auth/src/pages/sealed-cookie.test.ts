import { Secret } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { createSealedCookie, type SealedCookie } from './sealed-cookie.ts';

const clock = { now: 1_000_000 };

function open(name = 'visit', byte = 1): SealedCookie<string> {
  return createSealedCookie<string>({
    name,
    secret: new Secret(Buffer.alloc(32, byte).toString('base64url')),
    isHttps: true,
    maxAgeSeconds: 60,
    parse: (value) => (typeof value === 'string' ? value : undefined),
    now: () => clock.now,
  });
}

function toHeaders(setCookie: string): { cookie: string } {
  return { cookie: setCookie.split(';')[0] ?? '' };
}

describe('a sealed cookie', () => {
  it('is read by whoever wrote it, and by nobody else', () => {
    const written = open().write('the verifier');

    const headers = toHeaders(written);
    const renamed = { cookie: headers.cookie.replace('visit=', 'other=') };

    expect(written).toMatch(/^__Host-visit=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=60$/);
    expect(Buffer.from(headers.cookie, 'base64url').toString('latin1')).not.toContain('verifier');
    expect(open().read(headers)).toBe('the verifier');
    expect(open('visit', 2).read(headers)).toBeUndefined();
    expect(open('other').read(renamed)).toBeUndefined();
  });

  it('is refused when a bit of it was changed, it is cut off or made up', () => {
    const { cookie } = toHeaders(open().write('the verifier'));
    const last = cookie.at(-5) === 'A' ? 'B' : 'A';

    const read = [
      `${cookie.slice(0, -5)}${last}${cookie.slice(-4)}`,
      cookie.slice(0, 40),
      '__Host-visit=',
      '__Host-visit=e30',
    ].map((made) => open().read({ cookie: made }));

    expect(read).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('ends when its time is over, whatever the browser keeps', () => {
    const headers = toHeaders(open().write('the verifier'));

    clock.now += 60_000;

    expect(open().read(headers)).toBeUndefined();
  });
});
