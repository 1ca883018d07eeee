/** How long and how much is kept for whom, as the operator set it. */
import { createPolicyReader, type Database, policyFor, type StoragePolicy } from '@inferry/database';

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

const dayMs = 86_400_000;

/** `fileSeconds`: how long files live that are given no end; undefined: for ever. */
export function createPolicies(
  { queries }: Database,
  { fileSeconds }: { fileSeconds: number | undefined },
): Policies {
  const all = createPolicyReader(queries);
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
