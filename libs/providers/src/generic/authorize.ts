import { createMac } from '@inferry/seals';
import type { Auth } from './description.ts';

/** The headers that carry a key, as the description says. */
export function authorizerOf(auth: Auth, now: () => number): (key: string) => Record<string, string> {
  switch (auth.type) {
    case 'none':
      return () => ({});
    case 'bearer':
      return (key) => ({ authorization: `Bearer ${key}` });
    case 'header':
      return (key) => ({ [auth.name.toLowerCase()]: `${auth.prefix}${key}` });
    case 'jwt':
      return (key) => ({
        authorization: `Bearer ${signToken(key, Math.floor(now() / 1_000), auth.lifetime_seconds)}`,
      });
  }
}

/** RFC 7519 with HS256; valid from a little before, for clocks that differ. */
function signToken(key: string, seconds: number, lifetime: number): string {
  const at = key.indexOf(':');
  const [issuer, secret] = at === -1 ? [key, ''] : [key.slice(0, at), key.slice(at + 1)];
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const head = encode({ alg: 'HS256', typ: 'JWT' });
  const body = `${head}.${encode({ iss: issuer, exp: seconds + lifetime, nbf: seconds - 5 })}`;
  return `${body}.${createMac(Buffer.from(secret))(body).toString('base64url')}`;
}
