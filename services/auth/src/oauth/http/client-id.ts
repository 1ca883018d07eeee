/** Who a client says it is: in the same three places where the engine looks. What it says is proved elsewhere. */
export function clientIdOf(form: URLSearchParams, authorization: string | undefined): string | undefined {
  const clientId = form.get('client_id');
  if (clientId !== null) return clientId;
  try {
    return authorization === undefined ? subjectOf(form.get('client_assertion')) : userOf(authorization);
  } catch {
    // Not base64, not JSON: nobody.
    return undefined;
  }
}

function userOf(authorization: string): string | undefined {
  const [scheme, credentials = ''] = authorization.split(' ');
  if (scheme?.toLowerCase() !== 'basic') return undefined;
  const [name = ''] = Buffer.from(credentials, 'base64').toString().split(':', 1);
  return decodeURIComponent(name.replaceAll('+', '%20'));
}

function subjectOf(assertion: string | null): string | undefined {
  const [, payload = ''] = (assertion ?? '').split('.');
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return typeof claims === 'object' && claims !== null && 'sub' in claims ? String(claims.sub) : undefined;
}

/**
 * A client without a secret that sends an empty one by HTTP Basic has none (RFC 6749, section 2.3.1: an empty secret may
 * be left out): it is then the public client that its id names. Returns the header that is left of it.
 */
export function withoutEmptySecret(
  form: URLSearchParams,
  authorization: string | undefined,
): string | undefined {
  if (form.get('client_secret') === '') form.delete('client_secret');
  const [scheme, credentials = ''] = (authorization ?? '').trim().split(/ +/);
  if (scheme?.toLowerCase() !== 'basic') return authorization;
  const [name = '', ...secret] = Buffer.from(credentials, 'base64').toString().split(':');
  if (name === '' || secret.join(':') !== '') return authorization;
  const clientId = clientIdOf(new URLSearchParams(), authorization);
  if (clientId === undefined || (form.has('client_id') && form.get('client_id') !== clientId))
    return authorization;
  form.set('client_id', clientId);
  return undefined;
}
