/** A call that goes on: how long its client may wait, what it hears meanwhile, and how a call of the legacy era is found to be cancelled. */
import type { Bus, LogEntry, Progress } from '@inferry/bus';
import { callCancelled, type JsonObject, type WaitBudget } from '@inferry/contracts';
import { z } from 'zod';
import { toEventId } from './client/resumptions.ts';
import type { Channel, Exchange, Listener, Method } from './exchange.ts';
import {
  isExactNumber,
  isRequestId,
  isSameId,
  notificationText,
  type ProgressToken,
  type RequestId,
  refuseParams,
} from './json-rpc.ts';
import type { LoggingMessageParams } from './wire.ts';

/** A call as its client names it: the ids of two clients may be equal, their sessions may not. */
interface CallKey {
  subject: string;
  session: string;
  requestId: RequestId;
}

/** A call from `add` to `delete`. */
export interface CancellableCall extends CallKey, Member {
  cancel(): void;
}

/**
 * The calls of the legacy era that this replica holds, so that `notifications/cancelled` can end one. Hardly any call is
 * cancelled: to be held costs next to nothing, and to be found costs a look at all that are open.
 */
export class InFlight {
  readonly #calls = new Roster<CancellableCall>();

  /** `cancel` is called at most once. */
  add({ subject, session, requestId }: CallKey, cancel: () => void): CancellableCall {
    const call: CancellableCall = { subject, session, requestId, cancel, place: -1 };
    this.#calls.add(call);
    return call;
  }

  delete(call: CancellableCall): void {
    this.#calls.delete(call);
  }

  /**
   * Cancels the call of that name. Two clients of one user may count their requests alike and share a credential:
   * when two calls have the name, neither ends, since a wait that goes on harms less than a stranger's that stops.
   * True when the call is here.
   */
  cancel({ subject, session, requestId }: CallKey): boolean {
    const named = this.#calls.filter(
      (call) => isSameId(call.requestId, requestId) && call.session === session && call.subject === subject,
    );
    const [call] = named;
    if (call === undefined) return false;
    if (named.length === 1) call.cancel();
    return true;
  }
}

/** A member knows its place, so that leaving needs no search. */
export interface Member {
  place: number;
}

/**
 * A set of short-lived objects without an order. Thousands of entries a second that pass through a `Map` or `Set` outlive
 * its outgrown tables, and with them one garbage collection after another; here nothing points to who has left.
 */
export class Roster<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Of a member that is in no roster. */
  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** False when it has left already. */
  delete(member: T): boolean {
    const { place } = member;
    if (this.#members[place] !== member) return false;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    return true;
  }

  /** From 0 to below `size`. Whoever reads from the last place down meets everybody, even while members leave. */
  at(place: number): T | undefined {
    return this.#members[place];
  }

  /** As it is now: members may leave while it is read. */
  snapshot(): readonly T[] {
    return [...this.#members];
  }

  /** Without a copy, for readers that change nothing. */
  filter(isWanted: (member: T) => boolean): T[] {
    return this.#members.filter(isWanted);
  }
}

/** Ends a call of the same user and session on whichever replica holds it (MCP 2025-11-25, cancellation). */
export function onCancelled({ bus, inFlight }: { bus: Bus; inFlight: InFlight }): Listener {
  return ({ params }, { principal, session }) => {
    const { requestId } = params;
    if (!isRequestId(requestId)) return;
    const { subject } = principal;
    // Most often the call is here; the bus reaches the other replicas.
    if (inFlight.cancel({ subject, session, requestId })) return;
    const request_id = isExactNumber(requestId) ? Number(requestId.rawJSON) : requestId;
    bus.publish(callCancelled, { subject, session, request_id });
  };
}

export function readProgressToken(meta: JsonObject): ProgressToken | undefined {
  const { progressToken } = meta;
  return typeof progressToken === 'string' || isRequestId(progressToken) ? progressToken : undefined;
}

export interface ProgressReporter {
  report(step: Progress): void;
  /** Says something for a call that has nothing new to say, so that the client's clock starts again. */
  repeat(): void;
  /** From now on each event has an id from which the stream can go on elsewhere. */
  resumable(name: string): void;
}

/** How much of what is left a repetition takes: after ten minutes of silence it shows 4 %. */
const creep = 0.001;

/** A call's steps as `notifications/progress`: the value grows strictly, whatever the steps do (MCP, progress). */
export function createProgressReporter(
  progressToken: ProgressToken,
  channel: Channel,
  { shown = -1, hasMessages = true }: { shown?: number | undefined; hasMessages?: boolean } = {},
): ProgressReporter {
  let message: string | undefined;
  let eventName: string | undefined;
  // A stream has many of these: only what changes is written anew.
  const head = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${JSON.stringify(progressToken)},"progress":`;

  function say(progress: number): void {
    shown = progress > shown ? progress : shown + (1 - shown) * creep;
    const said = message === undefined || !hasMessages ? '' : `,"message":${JSON.stringify(message)}`;
    const eventId = eventName === undefined ? undefined : toEventId(eventName, shown);
    channel.notify(`${head}${shown},"total":1${said}}}`, eventId);
  }

  return {
    report(step) {
      message = step.message ?? message;
      say(step.progress);
    },
    repeat() {
      message ??= 'Still running.';
      say(0);
    },
    resumable(name) {
      eventName = name;
    },
  };
}

const levels: readonly LoggingMessageParams['level'][] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];
const levelKey = 'io.modelcontextprotocol/logLevel';

const known: readonly unknown[] = levels;
const placeOf = (level: unknown): number => known.indexOf(level);

/** Accepted and not kept: requests of the legacy era may go to any replica, and log lines are rare (MCP 2025-11-25). */
export const setLogLevel: Method = ({ request }) =>
  placeOf(request.params.level) >= 0
    ? '{}'
    : refuseParams(['validation_failed', `params.level must be one of ${levels.join(', ')}.`]);

/**
 * Passes what a service logs on to the client: in the modern era at the level that the request asks for and never
 * without one, in the legacy era from `info` on.
 */
export function logLines({ era, request, channel }: Exchange): ((entry: LogEntry) => void) | undefined {
  const lowest = placeOf(era === 'modern' ? request.meta[levelKey] : 'info');
  if (lowest < 0 || !channel.canStream) return undefined;
  return ({ level: said, message }) => {
    const level = levels[placeOf(said)];
    if (level === undefined || placeOf(level) < lowest) return;
    channel.open();
    const params: LoggingMessageParams = { level, data: message };
    channel.notify(notificationText('notifications/message', { ...params }));
  };
}

const Seconds = z.int().min(0).max(600);
const Budget = z
  .object({ default: Seconds, max: Seconds })
  .refine(({ default: usual, max }) => usual <= max, 'default is above max');

/** How long calls of one kind of client may wait, and what it is sent. */
export const ClientRow = z.object({
  /** Matched against the client's own name, whatever its case. */
  client: z.string().min(1).max(200),
  /** Without a progress token the client sees nothing until the end. */
  silent: Budget.optional(),
  /** With a progress token and a stream the client sees that work goes on. */
  withProgress: Budget.optional(),
  /** `none`: it is sent no `resource_link`, since it fails on one or shows it as text beside the same URL. */
  links: z.enum(['all', 'none']).optional(),
});
export type ClientRow = z.infer<typeof ClientRow>;

/** Rows are tried in order. */
export const ClientRows = z.array(ClientRow).max(200);

/**
 * What is known about clients that differ from the safe default. Codex gives up after 60 s whatever it hears,
 * Claude Desktop and claude.ai after 4 minutes, Claude Code after 5 minutes without a byte. LangChain makes a file of a
 * `resource_link`, which the APIs of models refuse, so that an agent dies after its run was paid; the AI SDK, mcp-use and
 * OpenAI's Agents print one as JSON, Gemini CLI in words, beside the text that has the same link.
 */
export const knownClients: readonly ClientRow[] = [
  { client: 'codex', silent: { default: 45, max: 50 }, withProgress: { default: 45, max: 50 } },
  { client: 'claude-code', silent: { default: 45, max: 240 }, withProgress: { default: 240, max: 600 } },
  { client: 'claude-ai', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
  { client: 'claude desktop', silent: { default: 45, max: 45 }, withProgress: { default: 180, max: 220 } },
  { client: '@langchain/mcp-adapters', links: 'none' },
  { client: 'ai-sdk-mcp-client', links: 'none' },
  { client: 'mcp-use', links: 'none' },
  { client: 'gemini-cli', links: 'none' },
  { client: 'streamable-http: http', links: 'none' },
];

/**
 * Of a client that no row names. Many give up 30 s after they asked, whatever they hear, and most do not say so; one
 * that asks for longer waits knows better, if it sees that work goes on.
 */
const safeSeconds = 25;

export interface ClientTable {
  /** The waiting time of a call; `sees` says whether the client follows its progress. */
  budget(clientName: string, sees: 'progress' | 'nothing'): WaitBudget;
  /** Whether the client has a use for a `resource_link`: the text says the same URL. */
  takesLinks(clientName: string): boolean;
}

interface PreparedRow {
  client: string;
  progress: WaitBudget;
  nothing: WaitBudget;
  takesLinks: boolean;
}

export function createClientTable(rows: readonly ClientRow[], ceilingSeconds: number): ClientTable {
  const unknown: PreparedRow = {
    client: '',
    progress: within({ default: safeSeconds, max: ceilingSeconds }, ceilingSeconds),
    nothing: within({ default: safeSeconds, max: 45 }, ceilingSeconds),
    takesLinks: true,
  };
  const prepared: PreparedRow[] = rows.map(({ client, silent, withProgress, links }) => ({
    client: client.toLowerCase(),
    progress: withProgress === undefined ? unknown.progress : within(withProgress, ceilingSeconds),
    nothing: silent === undefined ? unknown.nothing : within(silent, ceilingSeconds),
    takesLinks: links !== 'none',
  }));

  function rowOf(clientName: string): PreparedRow {
    if (clientName === '') return unknown;
    const name = clientName.toLowerCase();
    return prepared.find(({ client }) => name.includes(client)) ?? unknown;
  }

  return {
    budget: (clientName, sees) => rowOf(clientName)[sees],
    takesLinks: (clientName) => rowOf(clientName).takesLinks,
  };
}

function within({ default: usual, max }: z.infer<typeof Budget>, ceilingSeconds: number): WaitBudget {
  return {
    defaultSeconds: Math.min(usual, ceilingSeconds),
    maxSeconds: Math.min(max, ceilingSeconds),
  };
}
