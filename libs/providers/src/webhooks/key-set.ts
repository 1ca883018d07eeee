import type { KeyObject } from 'node:crypto';
import { AppError, isObject } from '@inferry/contracts';
import { toEd25519Key } from './ed25519.ts';

export interface KeySetOptions {
  /** Where the platform publishes its keys: `https` to a public host. */
  url: string;
  /**
   * Reads a URL as JSON. It must refuse redirects and addresses of private networks, and bound time and size, since a
   * webhook is what makes it run.
   */
  readJson(url: string, signal: AbortSignal): Promise<unknown>;
  now?: () => number;
}

/** For so long the keys are used without asking. */
const freshMs = 3_600_000;
/** For so long they are used when nobody answers: platforms ask for at most 24 hours. */
const usableMs = 24 * 3_600_000;
/** A forged message makes nobody ask more often than this. */
const askAgainMs = 60_000;
const maxKeys = 16;

/** The public keys of a platform: read once for all webhooks, and again when they are old or a signature fits none. */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #now: () => number;
  #keys: readonly KeyObject[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    if (new URL(options.url).protocol !== 'https:') throw new Error('Keys are read over https only.');
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The keys; `isUnknown` says that a message fitted none of those that this gave before. */
  async keys(signal: AbortSignal, { isUnknown = false } = {}): Promise<readonly KeyObject[]> {
    const age = this.#now() - this.#readAt;
    const isDue = isUnknown || age > freshMs;
    if (isDue && (this.#reading !== undefined || this.#now() - this.#askedAt >= askAgainMs)) {
      const error = await this.#readOnce(signal).catch((cause: unknown) => cause);
      if (error !== undefined && this.#now() - this.#readAt > usableMs) {
        throw new AppError('upstream_unavailable', 'The keys of the platform cannot be read.', {
          cause: error,
        });
      }
    }
    return this.#now() - this.#readAt > usableMs ? [] : this.#keys;
  }

  #readOnce(signal: AbortSignal): Promise<void> {
    this.#reading ??= this.#read(signal).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(signal: AbortSignal): Promise<void> {
    this.#askedAt = this.#now();
    const document = await this.#options.readJson(this.#options.url, signal);
    if (!isObject(document) || !Array.isArray(document.keys)) {
      throw new AppError('upstream_malformed', 'The keys of the platform are not a key set.');
    }
    const keys = document.keys.slice(0, maxKeys).flatMap((jwk) => toEd25519Key(jwk) ?? []);
    if (keys.length === 0) throw new AppError('upstream_malformed', 'The platform publishes no usable key.');
    this.#keys = keys;
    this.#readAt = this.#now();
  }
}
