import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Secret } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import {
  deleteSession,
  findSession,
  insertSession,
  sweepSessions,
  touchSession,
} from '@inferry/database/accounts';
import { createMac, isSameText } from '@inferry/seals';
import { cookieFormOf, cookieOf } from '../oauth/http/cookies.ts';
import { type Account, toAccount } from './accounts.ts';

/** A browser that is signed in to the account page. */
export interface Session {
  account: Account;
  /** The value of the form field `csrf` on pages of this session. */
  csrf: string;
  id: string;
}

/** The `set-cookie` header that begins or ends a session. */
export type SetCookie = string;

export interface Sessions {
  begin(account: Account): Promise<SetCookie>;
  /** The session of a request; undefined when there is none, it has ended or its account is closed. */
  read(headers: IncomingHttpHeaders): Promise<Session | undefined>;
  /** Ends it on the server, so that a copy of the cookie is worth nothing. */
  end(session: Pick<Session, 'id'>): Promise<SetCookie>;
  isCsrf(session: Session, value: string): boolean;
}

export interface SessionOptions {
  database: Database;
  secret: Secret;
  isHttps: boolean;
  /** Below which the deployment is, on a host that it shares. */
  path?: string | undefined;
  /** A session that is not used for so long ends. */
  idleSeconds: number;
  now(): number;
}

/** Uses within it are not written. */
const touchEveryMs = 5 * 60_000;

export function createSessions(options: SessionOptions): Sessions {
  const { database, secret, isHttps, idleSeconds, now } = options;
  const form = cookieFormOf(`${isHttps ? 'https' : 'http'}://host${options.path ?? ''}`);
  const name = form.named('inferry-account');
  const { attributes } = form;
  const mac = createMac(secret);
  const sign = (purpose: string, value: string): string => mac(`${purpose}|${value}`).toString('base64url');

  return {
    async begin({ subject }) {
      const at = now();
      const value = randomBytes(32).toString('base64url');
      await sweepSessions(database.queries, at);
      await insertSession(database.queries, {
        session_id: idOf(value),
        account_id: subject,
        created_at: at,
        seen_at: at,
        expires_at: at + idleSeconds * 1_000,
      });
      return `${name}=${value}.${sign('session', value)}; ${attributes}; Max-Age=${idleSeconds}`;
    },
    async read(headers) {
      const [value = '', signature = ''] = (cookieOf(headers, name) ?? '').split('.');
      // Made-up cookies never reach the database.
      if (!isSameText(signature, sign('session', value))) return undefined;
      const at = now();
      const found = await findSession(database.queries, { sessionId: idOf(value), at });
      if (found === undefined) return undefined;
      const { session, account } = found;
      if (session.seen_at + touchEveryMs < at) {
        const expiresAt = at + idleSeconds * 1_000;
        await touchSession(database.queries, { sessionId: session.session_id, at, expiresAt });
      }
      return { account: toAccount(account), id: session.session_id, csrf: sign('csrf', session.session_id) };
    },
    async end({ id }) {
      await deleteSession(database.queries, id);
      return `${name}=; ${attributes}; Max-Age=0`;
    },
    isCsrf: (session, value) => isSameText(value, session.csrf),
  };
}

function idOf(value: string): string {
  return createHash('sha256').update(value).digest('base64url');
}
