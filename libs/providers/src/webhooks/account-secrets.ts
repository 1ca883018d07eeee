import { createHash } from 'node:crypto';
import { AppError, Secret } from '@inferry/contracts';
import type { ProviderContext } from '../provider.ts';
import type { SignatureVerdict, SignedMessage } from './signature.ts';
import { verifyStandardWebhook } from './standard-webhooks.ts';

export interface AccountSecretsOptions {
  /** Asks the platform for the secret that signs the webhooks of an account. */
  read(context: ProviderContext): Promise<string>;
  now: () => number;
}

interface Known {
  secret: Secret;
  readAt: number;
}

const maxAccounts = 1_000;
const freshMs = 3_600_000;
/** A forged message makes nobody ask more often than this. */
const askAgainMs = 60_000;

/**
 * Verifies Standard Webhooks of a platform whose API tells the signing secret of an account to its key. A secret is kept
 * for an hour, and asked for again when a signature does not fit, since it may have been replaced.
 */
export class AccountSecrets {
  readonly #options: AccountSecretsOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: AccountSecretsOptions) {
    this.#options = options;
  }

  async verify(message: SignedMessage, context: ProviderContext): Promise<SignatureVerdict> {
    const now = this.#options.now();
    const known = this.#known.get(accountOf(context));
    const isFresh = known !== undefined && now - known.readAt < freshMs;
    const first = isFresh ? known : await this.#read(context);
    const verdict = check(message, first, now);
    if (verdict.isGenuine || verdict.reason !== 'forged' || first === undefined) return verdict;
    if (now - first.readAt < askAgainMs) return verdict;
    return check(message, await this.#read(context), now);
  }

  /** Undefined where the account has none. */
  async #read(context: ProviderContext): Promise<Known | undefined> {
    try {
      const known = { secret: new Secret(await this.#options.read(context)), readAt: this.#options.now() };
      if (this.#known.size >= maxAccounts) this.#known.clear();
      this.#known.set(accountOf(context), known);
      return known;
    } catch (error) {
      if (error instanceof AppError && error.upstreamStatus === 404) return undefined;
      throw error;
    }
  }
}

function check(message: SignedMessage, known: Known | undefined, now: number): SignatureVerdict {
  return verifyStandardWebhook(message, { secrets: known === undefined ? [] : [known.secret], now });
}

function accountOf({ credential }: ProviderContext): string {
  return createHash('sha256')
    .update(credential?.reveal() ?? '')
    .digest('base64url');
}
