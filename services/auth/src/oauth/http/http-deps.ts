import type { Scope, Secret } from '@inferry/contracts';
import type { Limits } from '@inferry/limits';
import type { DocumentFetch } from '../documents/document-fetch.ts';
import type { ProtocolEngine } from '../engine/protocol-engine.ts';
import type { Grants } from '../grants/grants.ts';
import type { Browsers } from '../interactions/browser.ts';
import type { Interactions, OAuthPages, OAuthViews } from '../interactions/interactions.ts';
import type { SingleFlight } from '../refresh/single-flight.ts';
import type { OAuthSettings } from '../settings.ts';
import type { KeyRing } from '../signing/key-ring.ts';

/** What the routes of this folder need. */
export interface HttpDeps {
  engine: ProtocolEngine;
  ring: KeyRing;
  grants: Grants;
  singleFlight: SingleFlight;
  browsers: Browsers;
  interactions: Interactions;
  pages: OAuthPages;
  views: OAuthViews;
  documents: Pick<DocumentFetch, 'isOffered' | 'failureOf'>;
  limits: Limits;
  settings: OAuthSettings;
  /** What a client of the operator gets that asks for nothing in particular. */
  scopesOfClient(clientId: string | undefined): readonly Scope[];
  /** What a refresh token stands for, used or not; undefined for one that is nobody's. */
  scopesOfRefresh(token: string): Promise<readonly string[] | undefined>;
  /** The minted key that a grant rests on, where clients get it itself; it is not kept here then, nor is the grant. */
  takeMinted?: ((grant: { grantId: string; subject: string }) => Promise<Secret | undefined>) | undefined;
  /** Ties a sign-in to the browser that began it. */
  bind(uid: string, browserHash: string): Promise<void>;
  onFault(error: unknown): void;
}
