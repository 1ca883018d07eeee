/**
 * What a platform tells beside its models and the runs of them: its taxonomy, its own records of a model, models of the
 * community, what is in its storage.
 */
import type { JsonObject } from '@inferry/contracts';

/** A capability that models are found by, with the platform's own name for it. */
export interface Capability {
  id: string;
  label: string;
}

/** `about`: what its list says; `prices`: its own table. */
export const recordParts = ['about', 'examples', 'prices'] as const;
export type RecordPart = (typeof recordParts)[number];

export interface RecordQuery {
  nativeId: string;
  part: RecordPart;
  /** Of examples. */
  capability?: string | undefined;
}

/** A model that nobody curates: somebody's weights, or those of the account. */
export interface CommunityModel {
  nativeId: string;
  name?: string;
  version?: string;
  category?: string;
  architecture?: string;
  tags?: string[];
}

export interface CommunityQuery {
  search: string;
  category?: string | undefined;
  type?: string | undefined;
  architecture?: string | undefined;
  tags?: readonly string[] | undefined;
  limit?: number | undefined;
  offset?: number | undefined;
}

/** A file in the platform's own storage, where inputs of its models may name it. */
export interface StoredMedia {
  id: string;
  url?: string;
  /** The platform's whole answer. */
  record: JsonObject;
}
