import type { Connection, Secret } from '@inferry/contracts';

/** What a platform said of a key. Only `ok` keys are stored. */
export type KeyVerdict = 'ok' | 'rejected' | 'unknown';

/** The keys of providers that somebody's runs use: stored sealed, shown never. */
export interface UserConnections {
  /** Their own and those that they share, the preferred of each provider first. */
  list(subject: string): Promise<Connection[]>;
  /** Tries a key and, when it is good, stores it. */
  add(request: {
    subject: string;
    provider: string;
    key: Secret;
    label?: string | undefined;
  }): Promise<KeyVerdict>;
  /** Tries a key and, when it is good, puts it in the place of the other. Errors: `not_found`. */
  replace(request: { subject: string; connectionId: string; key: Secret }): Promise<KeyVerdict>;
  /** Tries the stored key. Errors: `not_found`. */
  probe(request: { subject: string; connectionId: string }): Promise<KeyVerdict>;
  /** Forgets the key. Errors: `not_found`. */
  remove(request: { subject: string; connectionId: string }): Promise<void>;
  /** Stores a key that was tried a moment ago, or that its platform made for us. */
  keep(request: { subject: string; provider: string; key: Secret; label: string }): Promise<void>;
}
