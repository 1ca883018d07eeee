import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { Secret } from '@inferry/contracts';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { toEd25519Key, verifyEd25519 } from './ed25519.ts';
import { verifyHmac } from './hmac.ts';
import { verifyStandardWebhook } from './standard-webhooks.ts';

const rawBody = Buffer.from('{"test": 2432232314}');
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const now = 1_614_265_330_000;
const genuine = { isGenuine: true };
const refusedAs = (reason: string) => ({ isGenuine: false, reason });

function signed(body: Buffer = rawBody, at = now): Record<string, string> {
  const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
  return {
    'webhook-id': id,
    'webhook-timestamp': String(at / 1_000),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at), body),
  };
}

describe('verifyStandardWebhook', () => {
  const options = { secrets: [new Secret(secret)], now };

  it('takes what the reference package signs', () => {
    expect(verifyStandardWebhook({ headers: signed(), rawBody }, options)).toEqual(genuine);
  });

  it('takes HMAC-SHA-256 of id, time and body under the base64 part of the secret', () => {
    const headers = signed();
    const own = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'))
      .update(`msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.${rawBody}`)
      .digest('base64');
    const message = { headers: { ...headers, 'webhook-signature': `v1,${own}` }, rawBody };

    expect(verifyStandardWebhook(message, options)).toEqual(genuine);
  });

  it('takes one of several signatures, by one of several secrets, while a secret is replaced', () => {
    const headers = signed();
    const old = new Secret(`whsec_${Buffer.alloc(24, 1).toString('base64')}`);
    const both = `v1,${Buffer.alloc(32).toString('base64')} v1a,other ${headers['webhook-signature']}`;
    const message = { headers: { ...headers, 'webhook-signature': both }, rawBody };

    expect(verifyStandardWebhook(message, { secrets: [old, new Secret(secret)], now })).toEqual(genuine);
  });

  it('refuses another body, id or time than was signed', () => {
    const headers = signed();
    const forgeries = [
      { headers, rawBody: Buffer.from('{"test": 1}') },
      { headers: { ...headers, 'webhook-id': 'msg_other' }, rawBody },
      { headers: { ...headers, 'webhook-timestamp': '1614265331' }, rawBody },
    ];

    for (const message of forgeries)
      expect(verifyStandardWebhook(message, options)).toEqual(refusedAs('forged'));
  });

  it.each([-301, 301])('refuses a message whose time is %i seconds off', (seconds) => {
    const message = { headers: signed(rawBody, now + seconds * 1_000), rawBody };

    expect(verifyStandardWebhook(message, options)).toEqual(refusedAs('stale'));
    expect(() => new Webhook(secret).verify(rawBody, message.headers)).toThrow();
  });

  it('refuses a message without a signature, and any message when there is no secret', () => {
    expect(verifyStandardWebhook({ headers: {}, rawBody }, options)).toEqual(refusedAs('unsigned'));
    expect(verifyStandardWebhook({ headers: signed(), rawBody }, { secrets: [], now })).toEqual(
      refusedAs('no_key'),
    );
  });

  it.each(['', 'v1', 'v2,abcd', 'v1a,abcd'])('refuses the signature header "%s"', (signature) => {
    const message = { headers: { ...signed(), 'webhook-signature': signature }, rawBody };

    expect(verifyStandardWebhook(message, options)).toEqual(refusedAs('malformed'));
  });
});

describe('verifyHmac', () => {
  // RFC 4231, test case 2.
  const body = Buffer.from('what do ya want for nothing?');
  const signature = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843';
  const options = {
    secrets: [new Secret('Jefe')],
    signatureHeader: 'x-signature',
    encoding: 'hex',
    now,
  } as const;

  it('takes the signature of the body alone where the platform signs no time', () => {
    expect(verifyHmac({ headers: { 'x-signature': signature }, rawBody: body }, options)).toEqual(genuine);
  });

  it('takes it behind a prefix and in base64', () => {
    const header = `sha256=${Buffer.from(signature, 'hex').toString('base64')}`;
    const message = { headers: { 'x-signature': header }, rawBody: body };

    expect(verifyHmac(message, { ...options, prefix: 'sha256=', encoding: 'base64' })).toEqual(genuine);
  });

  it('binds the time to the body where the platform signs both', () => {
    const timed = { ...options, timestampHeader: 'x-time' };
    const seconds = String(now / 1_000);
    const own = createHmac('sha256', 'Jefe').update(`${seconds}.${body}`).digest('hex');

    const verdictOf = (time: string) =>
      verifyHmac({ headers: { 'x-signature': own, 'x-time': time }, rawBody: body }, timed);

    expect(verdictOf(seconds)).toEqual(genuine);
    expect(verdictOf(String(now / 1_000 + 1))).toEqual(refusedAs('forged'));
    expect(verdictOf(String(now / 1_000 - 301))).toEqual(refusedAs('stale'));
    expect(verdictOf('soon')).toEqual(refusedAs('stale'));
  });

  it.each([
    [undefined, 'unsigned'],
    ['', 'malformed'],
    [signature.slice(2), 'malformed'],
    [`${signature}00`, 'malformed'],
    [`zz${signature.slice(2)}`, 'malformed'],
    [signature.replace('5', '6'), 'forged'],
  ])('refuses the signature %s as %s', (header, reason) => {
    const message = { headers: { 'x-signature': header }, rawBody: body };

    expect(verifyHmac(message, options)).toEqual(refusedAs(reason));
  });
});

describe('verifyEd25519', () => {
  // RFC 8032, section 7.1, test 1; its key as a JWK is in RFC 8037, appendix A.2.
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
  const signature =
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b';
  const keys = [toEd25519Key(jwk)].filter((key) => key !== undefined);

  it('takes the signature of the standard, and that of any of several keys', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const message = Buffer.from('req\nuser\n1\nabc');
    const own = sign(null, message, privateKey).toString('hex');

    expect(verifyEd25519(Buffer.alloc(0), signature, keys)).toEqual(genuine);
    expect(verifyEd25519(message, own, [...keys, publicKey])).toEqual(genuine);
  });

  it('refuses another message, a malformed signature, and any when there is no key', () => {
    expect(verifyEd25519(Buffer.from('x'), signature, keys)).toEqual(refusedAs('forged'));
    expect(verifyEd25519(Buffer.alloc(0), signature.slice(2), keys)).toEqual(refusedAs('malformed'));
    expect(verifyEd25519(Buffer.alloc(0), signature, [])).toEqual(refusedAs('no_key'));
  });

  it.each([
    null,
    {},
    { ...jwk, kty: 'RSA' },
    { ...jwk, crv: 'X25519' },
    { ...jwk, x: 'short' },
    { ...jwk, d: jwk.x },
    { ...jwk, x: 7 },
  ])('takes no key from %j', (broken) => {
    expect(toEd25519Key(broken)).toBeUndefined();
  });
});
