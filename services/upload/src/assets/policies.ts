/** How long and how much is kept for whom, as the operator set it, read again every few seconds. */
import { type Database, listPolicies, policyFor, type StoragePolicy } from '@inferry/database';

export interface Whose {
  subject: string;
  /** The profile that it came by. */
  mount: string;
}

export interface Policies {
  all(): Promise<readonly StoragePolicy[]>;
  /** When a file that is made now ends: as was asked for, or as is usual here, and never later than its tenant's may. */
  endOf(whose: Whose, made: { at: number; expiresIn?: number | undefined }): Promise<number | null>;
  /** Undefined: as the deployment's own bound says. */
  maxBytesOf(subject: string): Promise<number | undefined>;
}

const readEveryMs = 5_000;
const dayMs = 86_400_000;

/** `fileSeconds`: how long files live that are given no end; undefined: for ever. */
export function createPolicies(
  { queries }: Database,
  { fileSeconds }: { fileSeconds: number | undefined },
): Policies {
  let known: { at: number; policies: Promise<StoragePolicy[]> } | undefined;

  async function all(): Promise<readonly StoragePolicy[]> {
    const at = performance.now();
    if (known === undefined || at - known.at > readEveryMs) known = { at, policies: listPolicies(queries) };
    const mine = known;
    return mine.policies.catch((error: unknown) => {
      if (known === mine) known = undefined;
      throw error;
    });
  }

  return {
    all,
    async endOf(whose, { at, expiresIn = fileSeconds }) {
      const { retentionDays } = policyFor(await all(), whose);
      const ends = [
        ...(expiresIn === undefined ? [] : [at + expiresIn * 1_000]),
        ...(retentionDays === undefined ? [] : [at + retentionDays * dayMs]),
      ];
      return ends.length === 0 ? null : Math.min(...ends);
    },
    maxBytesOf: async (subject) => policyFor(await all(), { subject, mount: '' }).maxBytes,
  };
}
