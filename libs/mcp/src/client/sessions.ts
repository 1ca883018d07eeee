import { randomUUID } from 'node:crypto';
import { isObject, type JsonObject, type Principal, Recent, type Secret } from '@inferry/contracts';
import { appsExtension, showsApps } from '../apps/app-hosts.ts';
import { negotiate } from '../versions.ts';
import { createSignedText } from './signed-text.ts';

/** What a client of the legacy era said about itself when it began. */
export interface Session {
  id: string;
  subject: string;
  capabilities: JsonObject;
  clientName: string;
  /** The protocol version that was negotiated; sessions of before it was kept have none. */
  version?: string | undefined;
  /** Epoch seconds. */
  expiresAt: number;
}

/** Sessions that are stored nowhere: the id is the session, signed. */
export interface Sessions {
  /** The `Mcp-Session-Id` for the client that sent this `initialize`. */
  issue(params: JsonObject, principal: Principal): string;
  /** Undefined when it is not ours, over, or somebody else's. */
  verify(token: string, principal: Principal): Session | undefined;
}

export interface SessionsOptions {
  key: Secret;
  now?: (() => number) | undefined;
}

/** Clients begin anew when they are told that a session is over, which loses nothing; not all do it well. */
const lifeSeconds = 30 * 86_400;
/** What this server may ask a client for; but for views of tools, anything else that it declares is not worth its place in every request. */
const keptCapabilities = ['elicitation', 'sampling', 'roots'];
const maxCapabilityLength = 200;
const maxNameLength = 64;
const visibleAscii = /^[\x21-\x7e]+$/;

export function createSessions({ key, now = Date.now }: SessionsOptions): Sessions {
  const signed = createSignedText(key, 'session');
  const seen = new Recent<Session>(10_000);

  function read(token: string): Session | undefined {
    const known = seen.get(token);
    if (known !== undefined) return known;
    if (token.length > 4_096 || !visibleAscii.test(token)) return undefined;
    const value = signed.verify(token);
    if (value === undefined) return undefined;
    // as: signed by `issue`, which writes nothing else.
    const session = value as unknown as Session;
    seen.set(token, session);
    return session;
  }

  return {
    issue({ capabilities, clientInfo, protocolVersion }, { subject }) {
      return signed.sign({
        id: randomUUID(),
        subject,
        capabilities: isObject(capabilities) ? keep(capabilities) : {},
        clientName: isObject(clientInfo) ? String(clientInfo.name ?? '').slice(0, maxNameLength) : '',
        version: negotiate(protocolVersion),
        expiresAt: Math.floor(now() / 1_000) + lifeSeconds,
      } satisfies Session);
    },
    verify(token, { subject }) {
      const session = read(token);
      if (session === undefined || session.subject !== subject) return undefined;
      return session.expiresAt * 1_000 > now() ? session : undefined;
    },
  };
}

function keep(capabilities: JsonObject): JsonObject {
  const kept = keptCapabilities.flatMap((name) => {
    const value = capabilities[name];
    if (!isObject(value)) return [];
    return [[name, JSON.stringify(value).length > maxCapabilityLength ? {} : value] as const];
  });
  const apps = showsApps(capabilities) ? [['extensions', { [appsExtension]: {} }] as const] : [];
  return Object.fromEntries([...kept, ...apps]);
}
