import type { Secret } from '@inferry/contracts';

export const driverIds = ['local', 'apikey', 'oidc', 'handoff', 'runpod'] as const;
export type DriverId = (typeof driverIds)[number];

/** Who somebody is, by the word of one driver. */
export interface Identity {
  driver: DriverId;
  /** Unique within the driver and stable: a user name, `iss` and `sub`, the fingerprint of a key. */
  externalId: string;
  /** For people; nothing is decided by it. */
  display: string;
  /** A key of a provider that came with it: kept, sealed, as this person's connection. */
  connection?: { provider: string; key: Secret; label: string } | undefined;
}

/** `problem` is a whole sentence for the page; it never tells which of several things was wrong. */
export type SignInOutcome = { identity: Identity } | { problem: string };

/** One try to sign in with a form. */
export interface FormAttempt {
  fields: Readonly<Record<string, string>>;
  /** The window key of the address that it comes from. */
  address: string;
  /** The sign-in that it belongs to: a few tries each. */
  transaction: string;
}

/** What a redirect driver must remember until the browser is back; sealed in that browser's cookie. */
export type Stash = Readonly<Record<string, string>>;

/** Signs in with a form of ours. */
export interface FormDriver {
  kind: 'form';
  id: 'local' | 'apikey';
  label: string;
  /** The one platform that it is of. */
  provider?: string | undefined;
  submit(attempt: FormAttempt): Promise<SignInOutcome>;
}

/** Signs in at somebody else's page, who then sends the browser back to `/oauth/callback/<id>`. */
export interface RedirectDriver {
  kind: 'redirect';
  id: 'oidc' | 'handoff' | 'runpod';
  label: string;
  /** The one platform that it is of. */
  provider?: string | undefined;
  /** `state` is ours: it names the sign-in, and must come back with the browser. */
  begin(request: {
    state: string;
    callbackUrl: string;
    signal: AbortSignal;
  }): Promise<{ url: string; stash: Stash }>;
  callback(request: {
    /** The whole address that the browser came back to. */
    url: URL;
    state: string;
    callbackUrl: string;
    stash: Stash;
    signal: AbortSignal;
    /** Whether another browser has come back with this state: then somebody else was led to approve it. */
    wasElsewhere(): Promise<boolean>;
  }): Promise<SignInOutcome>;
}

export type IdentityDriver = FormDriver | RedirectDriver;
