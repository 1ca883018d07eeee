/** tools/call: the way of a call to whoever serves its tool, and what becomes of it when the wait or the stream ends. */
import type { Bus, ClientSide } from '@inferry/bus';
import {
  type AnyOperation,
  type AnyTool,
  AppError,
  argumentOf,
  callOf,
  clip,
  type ErrorEnvelope,
  getRun,
  hint,
  isObject,
  type JsonObject,
  runModel,
  type Scope,
  scopes,
  toAppError,
  toErrorResult,
  type WaitBudget,
} from '@inferry/contracts';
import type { Resumptions } from '../client/resumptions.ts';
import { type RunRounds, refuseCapabilities } from '../client/rounds.ts';
import { decodeHeader, has, mismatch } from '../era.ts';
import type { Exchange, Method, Reply } from '../exchange.ts';
import {
  type CancellableCall,
  type ClientTable,
  createProgressReporter,
  type InFlight,
  logLines,
  type ProgressReporter,
  readProgressToken,
} from '../in-flight.ts';
import { type Refusal, refuse, refuseParams } from '../json-rpc.ts';
import { createTaskResult, isOver, takesTasks, tasksCapability } from '../tasks/task-results.ts';
import { readerOf } from '../tasks/tasks.ts';

export interface ToolsCallDeps {
  bus: Bus;
  inFlight: InFlight;
  waits: ClientTable;
  rounds: RunRounds;
  resumptions: Resumptions;
}

/**
 * What starting, answering and one re-issue may take on top of the wait itself, whatever is frozen, cut off or away: a
 * caller has its answer within its wait and three seconds, half a second of which is the way to it.
 */
const marginMs = 2_500;
/** The same for a call that carries or makes a file, as long as somebody is seen to work on it. */
const longMarginMs = 10_000;
/** What is left of the margin at least when checking a credential and counting the request took most of it. */
const leastMs = 400;

/** Clients of older revisions do not ask for more scopes when a challenge tells them to (auth, insufficient scope). */
const firstWithStepUp = '2025-11-25';

const revoked = refuse(['invalid_token', 'This credential was revoked while the call waited.'], {
  nextAction: 'A run that was started goes on; use another credential.',
});

/** Passes a call on to whoever serves the tool: nothing here knows any one tool. */
export function answerToolsCall(deps: ToolsCallDeps): Method {
  return (exchange) => {
    const { name } = exchange.request.params;
    if (typeof name !== 'string') return refuseParams(['validation_failed', 'params.name must be a string.']);
    const tool = exchange.view.byName.get(name);
    if (tool === undefined) return refuseTool(name, exchange);
    const refusal = refuseParamHeaders(tool, exchange) ?? refuseWithoutTasks(tool, exchange);
    return refusal ?? callTool(deps, exchange, tool);
  };
}

/** A tool that the scopes do not open is worth a step-up; any other one does not exist for this request. */
function refuseTool(name: string, { view, principal, version }: Exchange): Reply {
  const scope = view.missingScopes.get(name);
  if (scope !== undefined) {
    if (principal.kind === 'oauth' && version < firstWithStepUp)
      return JSON.stringify(toErrorResult(reconnect(scope)));
    return refuse(['insufficient_scope', `This tool needs the scope ${scope}.`], {
      data: { required_scope: scope },
      nextAction: 'Use a credential that has this scope.',
    });
  }
  const near = nearest(name, [...view.byName.keys()]);
  const next = `${near === undefined ? '' : `Did you mean ${near}? `}Call tools/list for what there is.`;
  // Clients show the message alone.
  return refuseParams(['tool_not_available', `There is no tool ${clip(name, 64)} here. ${next}`], {
    nextAction: next,
  });
}

/** The tool that shares most words, or the beginning, with what was asked for. */
function nearest(asked: string, known: readonly string[]): string | undefined {
  const words = new Set(asked.toLowerCase().split(/[^a-z]+/));
  const scored = known
    .map((name) => {
      const shared = name.split('_').filter((word) => words.has(word)).length;
      return { name, score: shared + (name.startsWith(asked.slice(0, 4).toLowerCase()) ? 0.5 : 0) };
    })
    .filter(({ score }) => score > 0);
  return scored.reduce<(typeof scored)[number] | undefined>(
    (best, one) => (best === undefined || one.score > best.score ? one : best),
    undefined,
  )?.name;
}

/** A call that could not be made has a result too: the agent reads it and knows what to do next. */
async function callTool(deps: ToolsCallDeps, exchange: Exchange, tool: AnyTool): Promise<Reply> {
  const { channel, principal, resumed } = exchange;
  const reporter = follow(exchange, tool);
  const startedAt = resumed?.startedAt ?? Date.now();
  const budget = deps.waits.budget(exchange.clientName, reporter === undefined ? 'nothing' : 'progress');
  const wait = resumed === undefined ? budget : leftOf(budget, Date.now() - startedAt);
  const held = holdForCancellation(deps.inFlight, exchange);
  let known: Record<string, string> | undefined;
  try {
    const call = async (client?: ClientSide) => {
      const { operation, args } = toCall(tool, exchange);
      const text = await deps.bus.callTool(tool, args, {
        operation,
        principal,
        wait: isTask(tool, exchange) ? noWait : wait,
        client,
        life: channel.life,
        attachment: exchange.attachment,
        ...limitsOf({ tool, args, wait, heldMs: exchange.heldMs }),
        onLog: client === undefined ? undefined : logLines(exchange),
        onProgress(step) {
          if (step.data !== undefined && isNews(step.data, known)) {
            known = { ...known, ...step.data };
            makeResumable(deps.resumptions, exchange, { tool, startedAt, known, reporter });
          }
          reporter?.report(step);
        },
      });
      return toTask(text, { tool, exchange, serverInfo: exchange.offer.identity.serverInfo });
    };
    return await (tool.operation.isInteractive && resumed === undefined
      ? deps.rounds(exchange, call)
      : call());
  } catch (error) {
    const failure = toAppError(error);
    if (failure.code !== 'cancelled') return JSON.stringify(toErrorResult(failure.toEnvelope()));
    if (channel.stopReason === 'revoked') return revoked;
    return channel.stopReason === 'handed_over'
      ? JSON.stringify(toErrorResult(handedOver(known)))
      : undefined;
  } finally {
    if (held !== undefined) deps.inFlight.delete(held);
  }
}

/** What is known of a tool where only its time matters. */
type Timed = Pick<AnyTool, 'waitSeconds'> & {
  operation: Pick<AnyOperation, 'waits' | 'isLong' | 'makesFile'>;
};

/** A call that is to be a task is answered as soon as its record is there. */
const noWait: WaitBudget = { defaultSeconds: 0, maxSeconds: 0 };

/** What the call may take in all, and in silence, of what is left since the request arrived. */
export function limitsOf({
  tool,
  args,
  wait,
  heldMs = 0,
}: {
  tool: Timed;
  args: unknown;
  wait: WaitBudget;
  heldMs?: number | undefined;
}): { timeoutMs: number; patienceMs?: number } {
  const leftMs = Math.max(leastMs, marginMs - heldMs);
  const { waits, isLong, makesFile } = tool.operation;
  if (waits !== undefined) return { timeoutMs: waitMsOf(tool, args, wait) + leftMs };
  return isLong || makesFile === true
    ? { timeoutMs: wait.maxSeconds * 1_000 + longMarginMs, patienceMs: leftMs }
    : { timeoutMs: leftMs };
}

function waitMsOf(tool: Timed, args: unknown, wait: WaitBudget): number {
  const usual = tool.operation.waits === 'as_usual' ? wait.defaultSeconds : 0;
  return Math.min(askedSeconds(tool, args) ?? usual, wait.maxSeconds) * 1_000;
}

function isNews(data: Record<string, string>, known: Record<string, string> | undefined): boolean {
  return known === undefined || Object.entries(data).some(([name, value]) => known[name] !== value);
}

/** Lets the client see that work goes on: progress if it asked for it, bytes if the call may last. */
function follow(
  { channel, request, resumed, version }: Exchange,
  tool: AnyTool,
): ProgressReporter | undefined {
  if (!channel.canStream) return undefined;
  const token = readProgressToken(request.meta);
  if (token === undefined) {
    // The rest of a stream is a stream, however short.
    if (resumed !== undefined) channel.open();
    else if (tool.operation.isLong) channel.expectWait();
    return undefined;
  }
  const reporter = createProgressReporter(token, channel, {
    shown: resumed?.shown,
    hasMessages: has('progress', 'message', version),
  });
  channel.onIdle(reporter.repeat);
  channel.open();
  return reporter;
}

/** In the modern era closing the stream cancels; in the legacy era a notification does, on any replica. */
function holdForCancellation(
  inFlight: InFlight,
  { era, channel, principal, session, request }: Exchange,
): CancellableCall | undefined {
  if (era === 'modern') return undefined;
  const key = { subject: principal.subject, session, requestId: request.id };
  return inFlight.add(key, () => channel.stop('cancelled'));
}

/** What a person has to do, in the words that the agent passes on. */
function reconnect(scope: Scope): ErrorEnvelope {
  return new AppError('insufficient_scope', `This connection was not given the scope ${scope}.`, {
    nextAction: `Ask the user to disconnect and reconnect this server, and to tick "${scopes[scope]}" on its page.`,
    details: { required_scope: scope },
  }).toEnvelope();
}

/** The wait ends with this process, the run does not; `known` is what the call had told about it. */
function handedOver(known: Record<string, string> | undefined): ErrorEnvelope {
  return new AppError('unavailable', 'This server is restarting; nothing was lost.', {
    retryAfterSeconds: 1,
    nextAction: `A run that was started goes on: ${hint`continue with ${callOf(getRun)}, or `}call again${hint` with the same ${argumentOf(runModel, 'client_ref')}`}.`,
    details: known,
  }).toEnvelope();
}

/** The revision that has events which only carry an id (SEP-1699). */
const firstWithPrimers = '2025-11-25';

/** What goes over the bus: the call as the client made it, or the one that goes on with it. */
function toCall(tool: AnyTool, exchange: Exchange): { operation: AnyOperation; args: unknown } {
  const { operation } = tool;
  const { resumed } = exchange;
  if (resumed === undefined) return { operation, args: toArguments(tool, exchange) };
  return { operation: operation.continuation?.operation ?? operation, args: resumed.args };
}

/** How long a call is to wait, as its client said it. */
function askedSeconds(tool: Pick<AnyTool, 'waitSeconds'>, args: unknown): number | undefined {
  if (!isObject(args)) return undefined;
  if (tool.waitSeconds !== undefined) return tool.waitSeconds(args);
  const { wait_seconds: wish } = args;
  const asked = wish === undefined || wish === null || wish === '' ? Number.NaN : Number(wish);
  return asked >= 0 ? asked : undefined;
}

/** The client's patience began with the first call. */
function leftOf({ defaultSeconds, maxSeconds }: WaitBudget, passedMs: number): WaitBudget {
  const left = (seconds: number) => Math.max(0, seconds - passedMs / 1_000);
  return { defaultSeconds: left(defaultSeconds), maxSeconds: left(maxSeconds) };
}

/**
 * Gives the stream a name by which its rest can be fetched when it breaks: clients of the legacy era wait for the end
 * of their patience otherwise. In the modern era a broken stream is a lost request (MCP 2026-07-28, transports).
 */
function makeResumable(
  resumptions: Resumptions,
  exchange: Exchange,
  call: {
    tool: AnyTool;
    startedAt: number;
    known: Record<string, string>;
    reporter: ProgressReporter | undefined;
  },
): void {
  const { era, channel, request, version, isAssumed } = exchange;
  const { tool, startedAt, known, reporter } = call;
  const { continuation } = tool.operation;
  if (era === 'modern' || !channel.canStream || continuation === undefined) return;
  // Earlier revisions have no events without content.
  if (reporter === undefined && version < firstWithPrimers) return;
  const { arguments: given } = request.params;
  const first: JsonObject = tool.toCall?.(given ?? {}) ?? (isObject(given) ? given : {});
  const next =
    continuation.input === undefined ? first : continuation.input(known, askedSeconds(tool, first));
  const args = exchange.resumed?.args ?? next;
  if (args === undefined) return;
  const progressToken = readProgressToken(request.meta);
  const name = resumptions.name(
    { requestId: request.id, progressToken, version, isAssumed, tool: tool.name, args, startedAt },
    exchange,
  );
  if (reporter === undefined) channel.prime(name);
  else reporter.resumable(name);
}

interface MirroredParam {
  param: string;
  header: string;
}

const mirroredBy = new WeakMap<AnyTool, readonly MirroredParam[]>();

/**
 * A tool can have arguments repeated in `Mcp-Param-*` headers, for proxies that route by them; what a proxy believed
 * must be what is done (MCP 2026-07-28, server/tools, x-mcp-header).
 */
function refuseParamHeaders(tool: AnyTool, { era, request, header }: Exchange): Refusal | undefined {
  if (era === 'legacy' || header === undefined) return undefined;
  const mirrored = mirroredOf(tool);
  if (mirrored.length === 0) return undefined;
  const args = isObject(request.params.arguments) ? request.params.arguments : {};
  const wrong = mirrored.find(({ param, header: name }) => !agrees(header(`mcp-param-${name}`), args[param]));
  return wrong === undefined
    ? undefined
    : mismatch(`Mcp-Param-${wrong.header} and the argument ${wrong.param} differ`);
}

function mirroredOf(tool: AnyTool): readonly MirroredParam[] {
  const known = mirroredBy.get(tool);
  if (known !== undefined) return known;
  const { properties } = tool.inputSchema;
  const found = Object.entries(isObject(properties) ? properties : {}).flatMap(([param, schema]) => {
    const header = isObject(schema) ? schema['x-mcp-header'] : undefined;
    return typeof header === 'string' ? [{ param, header: header.toLowerCase() }] : [];
  });
  mirroredBy.set(tool, found);
  return found;
}

function agrees(sent: string | undefined, value: unknown): boolean {
  if (value === undefined || value === null) return sent === undefined;
  if (sent === undefined) return false;
  const decoded = decodeHeader(sent.trim());
  if (decoded === undefined) return false;
  return typeof value === 'number' ? Number(decoded) === value && decoded !== '' : decoded === String(value);
}

const needsTasks = refuseCapabilities(tasksCapability);

/** The extension is of the modern era; whoever does not declare it gets the plain result (SEP-2663). */
function isTask(tool: AnyTool, { era, capabilities }: Exchange): boolean {
  return readerOf(tool) !== undefined && era === 'modern' && takesTasks(capabilities);
}

/** Some tools cannot be called but as tasks. */
function refuseWithoutTasks(tool: AnyTool, exchange: Exchange): Refusal | undefined {
  if (!tool.operation.task?.isRequired || isTask(tool, exchange)) return undefined;
  return needsTasks;
}

/** The arguments of a call: those of one that is to be a task say so where that is not said by its wait alone. */
function toArguments(tool: AnyTool, exchange: Exchange): unknown {
  const given = exchange.request.params.arguments ?? {};
  const args = tool.toCall?.(given) ?? given;
  const detach = tool.operation.task?.detach;
  return detach !== undefined && isObject(args) && isTask(tool, exchange) ? detach(args) : args;
}

/** The task that a call made, if it goes on; else the result as it is. */
function toTask(
  text: string,
  { tool, exchange, serverInfo }: { tool: AnyTool; exchange: Exchange; serverInfo: JsonObject },
): string {
  const read = readerOf(tool);
  if (read === undefined || !isTask(tool, exchange)) return text;
  // as: results are written by our own bus.
  const { structuredContent, isError } = JSON.parse(text) as JsonObject;
  const task = isObject(structuredContent) && !isError ? read(structuredContent) : undefined;
  return task === undefined || isOver(task) ? text : createTaskResult(task, serverInfo);
}
