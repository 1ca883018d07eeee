import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isScope, type Scope } from '@inferry/contracts';
import type { Database } from '@inferry/database';
import { consumeRecord, findRecord, putRecord, writeStash } from '@inferry/database/oauth';
import { isLoopback } from '@inferry/runtime';
import { deriveKey } from '@inferry/seals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ClientStore } from '../clients/client-store.ts';
import type { Decision, EngineClient, ProtocolEngine } from '../engine/protocol-engine.ts';
import { recordIdOf } from '../engine/record-id.ts';
import type { Grants } from '../grants/grants.ts';
import { addressOf } from '../http/request-address.ts';
import { sendPage } from '../http/send-page.ts';
import { profileOfResource } from '../policy/resource.ts';
import { parseScope } from '../policy/scopes.ts';
import type { OAuthSettings } from '../settings.ts';
import { openWith, sealWith } from '../signing/key-sealer.ts';
import type { Browser, Browsers } from './browser.ts';
import type { Approval, AskingClient, Interactions, OAuthViews, SignIn } from './interactions.ts';

export interface InteractionDeps {
  database: Database;
  engine: ProtocolEngine;
  grants: Grants;
  clients: ClientStore;
  browsers: Browsers;
  settings: OAuthSettings;
  views: OAuthViews;
  now(): number;
}

const maxStashBytes = 16_384;

export function createInteractions(deps: InteractionDeps): Interactions {
  const { database, browsers } = deps;
  return {
    read: (request, uid) => read(deps, request, uid ?? uidOf(request)),
    checkForm(request, signIn, form) {
      const browser = browsers.of(request.headers);
      const isOurs = isSameOrigin(request, deps.settings.issuer);
      if (browser === undefined || !isOurs || !browsers.isCsrf(browser, signIn.uid, form.csrf))
        throw new AppError('forbidden', 'This form was not sent from our page. Go back and try again.');
    },
    async saveStash({ uid }, value) {
      const stash = value === undefined ? null : JSON.stringify(value);
      if (stash !== null && Buffer.byteLength(stash) > maxStashBytes)
        throw new AppError('internal', 'A sign-in keeps at most 16 KB.');
      await writeStash(database.queries, { recordId: recordIdOf('Interaction', uid), stash });
    },
    async finish(request, reply, approval) {
      const signIn = await read(deps, request, approval.uid ?? uidOf(request));
      await claim(deps, signIn.uid);
      const decision = await grant(deps, signIn, approval);
      await goOn(deps, { request, reply, signIn, decision });
    },
    async repeat(request, reply, uid = uidOf(request)) {
      const browser = browsers.of(request.headers);
      const answer = browser === undefined ? undefined : await findAnswer(deps, browser, uid);
      if (answer === undefined) return false;
      const { location, name, isDenied, profile } = answer;
      sendPage(reply, 200, deps.views.continueTo({ location, client: { name }, isDenied, profile }));
      return true;
    },
    async deny(request, reply, uid) {
      const signIn = await read(deps, request, uid ?? uidOf(request));
      await claim(deps, signIn.uid);
      const decision = { error: 'access_denied', description: 'the person refused' };
      await goOn(deps, { request, reply, signIn, decision });
    },
  };
}

async function read(deps: InteractionDeps, request: FastifyRequest, uid: string): Promise<SignIn> {
  const { database, engine, browsers, now } = deps;
  const row = await findRecord(database.queries, { recordId: recordIdOf('Interaction', uid), at: now() });
  const found = row === undefined || row.consumed_at !== null ? undefined : await engine.findSignIn(uid);
  if (row === undefined || found === undefined) throw isOver();
  const browser = browsers.of(request.headers);
  if (browser === undefined || !browsers.isSame(browser, row.browser))
    throw new AppError('forbidden', 'This sign-in was begun in another browser, or cookies are off.');
  const params = onlyStrings(found.params);
  const client = await engine.findClient(params.client_id ?? '', {
    address: addressOf(request, deps.settings.proxies),
  });
  if (client === undefined) throw new AppError('not_found', 'This client is not registered any more.');
  return {
    uid,
    client: toAskingClient(client, params.redirect_uri ?? ''),
    // '' is the whole deployment.
    profile: profileOfResource(params.resource ?? '', deps.settings) || deps.settings.profile,
    requestedScopes: parseScope(params.scope),
    params,
    csrf: browsers.csrf(browser, uid),
    stash: row.stash === null ? undefined : JSON.parse(row.stash),
  };
}

/** Of two clicks on Allow, one counts; the other gets the answer of the first. */
async function claim(deps: InteractionDeps, uid: string): Promise<void> {
  const { database, now } = deps;
  const at = now();
  const recordId = recordIdOf('Interaction', uid);
  const isMine = await consumeRecord(database.queries, { recordId, at, forgetAt: at + 3_600_000 });
  if (!isMine) throw isOver();
  await putAnswer(deps, uid, '');
}

function isOver(): AppError {
  return new AppError('not_found', 'This sign-in is over. Start again from your client.');
}

/** The last page of a sign-in, kept a while for whoever sends its form twice or loads it again. */
const Answer = z.object({
  location: z.string(),
  name: z.string(),
  isDenied: z.boolean(),
  profile: z.string().optional(),
});
type Answer = z.infer<typeof Answer>;

const answerMs = 120_000;
const answerKind = 'SignInAnswer';
const answerWaitMs = 5_000;
const answerPollMs = 50;

/** Empty: it is being made. It holds a code, so it is sealed with what only the browser has that it is for. */
async function putAnswer({ database, now }: InteractionDeps, uid: string, sealed: string): Promise<void> {
  await putRecord(database.queries, {
    recordId: recordIdOf(answerKind, uid),
    kind: answerKind,
    grantId: null,
    payload: JSON.stringify({ sealed }),
    expiresAt: now() + answerMs,
  });
}

function answerKey(browser: Browser): Buffer {
  return deriveKey(browser.value, 'oauth/sign-in-answer');
}

/** The answer of a sign-in that is over; waits for one that another request is making right now. */
async function findAnswer(deps: InteractionDeps, browser: Browser, uid: string): Promise<Answer | undefined> {
  const { database, now } = deps;
  const endsAt = Date.now() + answerWaitMs;
  while (Date.now() < endsAt) {
    const find = (kind: string) =>
      findRecord(database.queries, { recordId: recordIdOf(kind, uid), at: now() });
    const row = await find(answerKind);
    const sealed = row === undefined ? '' : Sealed.parse(JSON.parse(row.payload)).sealed;
    if (sealed !== '') return openAnswer(browser, uid, sealed);
    const isBeingMade = row !== undefined || (await find('Interaction'))?.consumed_at != null;
    if (!isBeingMade) return undefined;
    await sleep(answerPollMs);
  }
  return undefined;
}

const Sealed = z.object({ sealed: z.string() });

function openAnswer(browser: Browser, uid: string, sealed: string): Answer | undefined {
  try {
    return Answer.parse(JSON.parse(openWith(answerKey(browser), sealed, uid).toString()));
  } catch {
    // Another browser's: it is as unknown as what never was.
    return undefined;
  }
}

async function grant(deps: InteractionDeps, signIn: SignIn, approval: Approval): Promise<Decision> {
  const { grants, clients } = deps;
  const scopes: Scope[] = [...new Set(approval.scopes.filter(isScope))];
  if (scopes.length === 0) return { error: 'access_denied', description: 'no scope was granted' };
  const { grantId } = await grants.add({
    grantId: approval.grantId,
    subject: approval.subject,
    display: approval.display,
    clientId: signIn.client.id,
    clientName: signIn.client.name,
    kind: 'authorization_code',
    scopes,
  });
  await clients.touch([signIn.client.id]);
  return { subject: approval.subject, grantId, scopes };
}

interface Way {
  request: FastifyRequest;
  reply: FastifyReply;
  signIn: SignIn;
  decision: Decision;
}

/** A page and not a redirect: browsers apply the `form-action` of the page before to the whole chain of redirects. */
async function goOn(deps: InteractionDeps, way: Way): Promise<void> {
  const { engine, views } = deps;
  const { request, reply, signIn, decision } = way;
  const answer = await engine.decide(signIn.uid, decision, {
    address: addressOf(request, deps.settings.proxies),
  });
  const location = answer.headers.location;
  if (typeof location !== 'string') {
    const message = 'The sign-in could not be completed. Start again from your client.';
    const problem = { status: 400, code: 'invalid_request', title: 'Sign-in failed', message };
    return sendPage(reply, 400, views.problem(problem));
  }
  const { profile } = signIn;
  const isDenied = 'error' in decision;
  const browser = deps.browsers.of(request.headers);
  if (browser !== undefined) {
    const kept: Answer = { location, name: signIn.client.name, isDenied, profile };
    const text = Buffer.from(JSON.stringify(kept));
    await putAnswer(deps, signIn.uid, sealWith(answerKey(browser), text, signIn.uid));
  }
  const { name } = signIn.client;
  sendPage(reply, 200, views.continueTo({ location, client: { name }, isDenied, profile }));
}

function uidOf({ params }: FastifyRequest): string {
  const uid = typeof params === 'object' && params !== null && 'uid' in params ? params.uid : undefined;
  return typeof uid === 'string' ? uid : '';
}

function onlyStrings(params: Readonly<Record<string, unknown>>): Record<string, string> {
  const entries = Object.entries(params).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

function toAskingClient(client: EngineClient, redirectUri: string): AskingClient {
  const url = URL.parse(redirectUri);
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  const isLocal = isHttp && isLoopback(url.hostname);
  return {
    id: client.id,
    name: client.name ?? client.id,
    verifiedHost: client.isDocument ? URL.parse(client.id)?.hostname : undefined,
    redirectHost: isHttp ? url.host : (url?.protocol ?? ''),
    isLoopback: isLocal,
  };
}

/** Browsers say where a form comes from; a page of another site cannot make them say ours. */
function isSameOrigin({ headers }: FastifyRequest, issuer: string): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (origin !== undefined && origin !== new URL(issuer).origin) return false;
  return site === undefined || site === 'same-origin' || site === 'none';
}
