/**
 * Who speaks on the bus and for whom: principals, runs and recipients stated by a service and signed with its Ed25519
 * key. It knows no transport; the caller puts a statement into the envelope, the responder reads it before a handler runs.
 */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { AppError, Principal, type Secret } from '@inferry/contracts';
import { z } from 'zod';

/** The services that see credentials of callers, so that they alone may say who a caller is. */
const speakers: readonly string[] = ['mcp-gateway', 'auth'];
/** The one service that may act for the owner of a run after the owner's call has ended. */
const runner = 'inference-poller';

const lifeMs = 3_600_000;
/** So long before its end a statement is made anew: longer than a call and its repetitions last. */
const renewMs = lifeMs / 2;
/** How far the clocks of two machines may be apart. */
const skewMs = 600_000;
const maxRunMs = 60 * 86_400_000;
const maxKnown = 20_000;

const Stated = z.object({
  by: z.string(),
  /** Epoch milliseconds. */
  iat: z.number(),
  exp: z.number(),
  principal: Principal.optional(),
  /** For the owner of this run, whose own statement `of` is. */
  run: z.object({ id: z.string(), provider: z.string() }).optional(),
  of: z.string().optional(),
  claim: z.string().optional(),
});
type Stated = z.infer<typeof Stated>;

/** The run that a call is made for when its owner is not there. */
export interface StatedRun {
  id: string;
  provider: string;
}

/** Whom a call is made for, as a service that may say so has signed it. */
export interface Speaker {
  principal: Principal;
  /** The service itself asks, on nobody's behalf. */
  isService: boolean;
  run: StatedRun | undefined;
}

export interface StatementKeys {
  /** This service's name. */
  service: string;
  /** 32 bytes that this service's private key is made of. */
  seed: Uint8Array;
  /** The raw public key of a service (32 bytes); undefined: there is no such service. */
  publicKeyOf(service: string): Uint8Array | undefined;
  /** Also takes calls that nobody signed: while a deployment is updated from a release that signs nothing. */
  acceptsUnsigned?: boolean | undefined;
  now?: (() => number) | undefined;
}

/** Signs what this service says, and reads what others have signed. Both are remembered: a call costs two map reads. */
export class Statements {
  readonly #keys: StatementKeys;
  readonly #privateKey: KeyObject;
  #now: () => number;
  readonly #publicKeys = new Map<string, KeyObject>();
  /** Statements by principal: one that came with a call goes on with every call that is made for it. */
  readonly #written = new WeakMap<Principal, { text: string; renewAt: number }>();
  /** Those for whom a run alone speaks. */
  readonly #ofRuns = new WeakSet<Principal>();
  readonly #read = new Map<string, { speaker: Speaker; exp: number }>();

  constructor(keys: StatementKeys) {
    this.#keys = keys;
    this.#privateKey = toPrivateKey(keys.seed);
    this.#now = keys.now ?? Date.now;
  }

  /** From now on by this clock, which is to be the same for all services: a machine's own may be hours off. */
  goBy(now: () => number): void {
    this.#now = now;
  }

  get acceptsUnsigned(): boolean {
    return this.#keys.acceptsUnsigned === true;
  }

  /**
   * The statement that a call for this principal carries. Throws `unauthorized` where a service that may say who a caller is has
   * the principal from a run: its word would open more than the run's.
   */
  write(principal: Principal): string {
    if (this.#ofRuns.has(principal) && speakers.includes(this.#keys.service)) throw unsigned();
    const known = this.#written.get(principal);
    const now = this.#now();
    if (known !== undefined && known.renewAt > now) return known.text;
    const text = this.#sign({ principal, exp: now + lifeMs });
    this.#written.set(principal, { text, renewAt: now + renewMs });
    return text;
  }

  /** Throws `unauthorized` for what nobody signed who may say it. */
  read(text: string): Speaker {
    const known = this.#read.get(text);
    if (known !== undefined && known.exp > this.#now()) return known.speaker;
    const stated = this.#verify(text);
    const speaker = this.#toSpeaker(stated);
    if (speaker.run !== undefined) this.#ofRuns.add(speaker.principal);
    if (!speaker.isService && speaker.run === undefined) {
      // Only while it can still be passed on: a call for the same principal later on brings a newer one.
      this.#written.set(speaker.principal, { text, renewAt: stated.exp });
    }
    const [oldest] = this.#read.keys();
    if (this.#read.size >= maxKnown && oldest !== undefined) this.#read.delete(oldest);
    this.#read.set(text, { speaker, exp: stated.exp });
    return speaker;
  }

  /** To be kept with a run: it lets the runs' service act for the owner of this run alone, until then. */
  writeRun(principal: Principal, run: StatedRun, until: number): string {
    return this.#sign({ run, of: this.write(principal), exp: until });
  }

  /** This service says so, whatever it is; `isClaimed` tells whether a given service did. */
  claim(text: string): string {
    return this.#sign({ claim: text, exp: this.#now() + 30 * 86_400_000 });
  }

  isClaimed(text: string, proof: string | undefined, services: readonly string[]): boolean {
    if (proof === undefined) return false;
    try {
      const { by, claim } = this.#verify(proof);
      return claim === text && services.includes(by);
    } catch {
      // Whatever is wrong with it, it proves nothing.
      return false;
    }
  }

  #toSpeaker(stated: Stated): Speaker {
    const { by, principal, run, of, iat } = stated;
    if (run !== undefined && of !== undefined && by === runner) {
      // Its owner's statement may have ended since: it must have been good when the run began.
      const owner = this.#verify(of, iat);
      if (owner.principal === undefined || !speakers.includes(owner.by) || stated.exp - iat > maxRunMs)
        throw unsigned();
      return { principal: Object.freeze(owner.principal), isService: false, run };
    }
    if (principal === undefined) throw unsigned();
    if (speakers.includes(by))
      return { principal: Object.freeze(principal), isService: false, run: undefined };
    return { principal: servicePrincipal(by), isService: true, run: undefined };
  }

  #sign(stated: Omit<Stated, 'by' | 'iat'>): string {
    const payload = Buffer.from(JSON.stringify({ by: this.#keys.service, iat: this.#now(), ...stated }));
    const signature = signBytes(null, payload, this.#privateKey);
    return `${payload.toString('base64url')}.${signature.toString('base64url')}`;
  }

  /** Signed by a service that there is, and good at that time. */
  #verify(text: string, at = this.#now()): Stated {
    const [payload = '', signature = ''] = text.split('.');
    const bytes = Buffer.from(payload, 'base64url');
    const stated = parse(bytes);
    const key = stated === undefined ? undefined : this.#publicKey(stated.by);
    if (stated === undefined || key === undefined) throw unsigned();
    if (!verifyBytes(null, bytes, key, Buffer.from(signature, 'base64url'))) throw unsigned();
    if (at >= stated.exp || at < stated.iat - skewMs) throw unsigned();
    return stated;
  }

  #publicKey(service: string): KeyObject | undefined {
    const known = this.#publicKeys.get(service);
    if (known !== undefined) return known;
    const raw = this.#keys.publicKeyOf(service);
    if (raw === undefined) return undefined;
    const x = Buffer.from(raw).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    this.#publicKeys.set(service, key);
    return key;
  }
}

/** A service's public key, raw, from the 32 bytes that its private key is made of. */
export function statementPublicKey(seed: Uint8Array): Uint8Array {
  const { x = '' } = createPublicKey(toPrivateKey(seed)).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/** The 32 bytes of a service's private key from a secret of any form. */
export function toStatementSeed(secret: Secret): Uint8Array {
  const bytes = Buffer.from(secret.reveal(), 'base64url');
  if (bytes.length !== 32) throw new Error('a signing key has 32 bytes');
  return bytes;
}

/** A service on nobody's behalf: it owns nothing, and nobody signs in under this name. */
export function servicePrincipal(service: string): Principal {
  return Object.freeze({
    subject: `inferry:${service}`,
    grant_id: `inferry:${service}`,
    kind: 'local',
    scopes: [],
  });
}

function parse(bytes: Buffer): Stated | undefined {
  try {
    return Stated.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** PKCS #8 of an Ed25519 key (RFC 8410, section 7) up to its 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

function toPrivateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seed]), format: 'der', type: 'pkcs8' });
}

export function unsigned(): AppError {
  return new AppError('unauthorized', 'Nobody who may say so has signed for whom this call is made.');
}
