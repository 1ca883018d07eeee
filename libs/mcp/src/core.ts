/** The protocol over any transport: which method answers a request, in which era, and what is added to its result. */
import { hasWords, inWords, unstorable } from '@inferry/contracts';
import { fitResult, shownTo } from './era.ts';
import { type EventDeps, eventMethods } from './events/event-methods.ts';
import type { Exchange, Listener, Method, Reply, Sender } from './exchange.ts';
import { type ClientTable, onCancelled } from './in-flight.ts';
import {
  type McpNotification,
  type McpRequest,
  type Refusal,
  refuse,
  refuseParams,
  responseText,
  rpcCodes,
} from './json-rpc.ts';
import { answerInitialize } from './methods/initialize.ts';
import { answerServerDiscover } from './methods/server-discover.ts';
import { type SurfaceDeps, surfaceMethods } from './methods/surface-methods.ts';
import { answerToolsCall, type ToolsCallDeps } from './methods/tools-call.ts';
import { listToolsLegacy, listToolsModern } from './methods/tools-list.ts';
import { taskMethods } from './tasks/task-methods.ts';
import type { Era } from './versions.ts';

/** Sees what is asked and what comes of it. */
export interface Observer {
  /** Runs a method; `finish` turns its reply into what is sent. Absent where nobody watches. */
  observe?:
    | ((
        exchange: Exchange,
        method: Method,
        finish: (exchange: Exchange, reply: Reply) => Reply,
      ) => Reply | Promise<Reply>)
    | undefined;
  /** Counts a request for a method that does not exist; its name is the caller's and becomes no label. */
  unknown(exchange: Exchange, refusal: Refusal): Refusal;
}

/** The protocol over any transport: one request in, the text of its response or a refusal out. */
export interface McpCore {
  answer(exchange: Exchange): Reply | Promise<Reply>;
  listen(era: Era, notification: McpNotification, from: Sender): void;
}

export function createMcpCore(
  table: MethodTable,
  { observer, clients }: { observer: Observer; clients: ClientTable },
): McpCore {
  function toResponse(exchange: Exchange, reply: Reply): Reply {
    if (typeof reply !== 'string') return reply;
    const { era, request, clientName, offer } = exchange;
    const said = hasWords(reply) ? inWords(reply, offer.profile.words) : reply;
    const result = fitResult(
      request.method,
      said,
      shownTo(exchange, () => clients.takesLinks(clientName)),
    );
    return responseText(
      request.id,
      era === 'modern' && !isStamped(result) ? splice(offer.identity.stamp, result) : result,
    );
  }

  return {
    answer(exchange) {
      const { era, request } = exchange;
      const method = table.methods[era].get(request.method);
      if (method === undefined) return observer.unknown(exchange, refuseMethod());
      const refusal = refuseUnstorable(request);
      if (refusal !== undefined) return observer.unknown(exchange, refusal);
      if (observer.observe !== undefined) return observer.observe(exchange, method, toResponse);
      const reply = method(exchange);
      return reply instanceof Promise
        ? reply.then((settled) => toResponse(exchange, settled))
        : toResponse(exchange, reply);
    },
    listen(era, notification, from) {
      table.listeners[era].get(notification.method)?.(notification, from);
    },
  };
}

/** A method whose result is of another type, or says more about itself, writes these fields on its own. */
function isStamped(reply: string): boolean {
  return reply.startsWith('{"resultType":');
}

const ownMeta = '{"_meta":{';

/** The fields put first into a JSON object that is text already. */
function splice(fields: string, object: string): string {
  // A result that has a `_meta` already, its first field, is given ours beside what it says.
  if (object.startsWith(ownMeta)) return `{${fields.slice(0, -1)},${object.slice(ownMeta.length)}`;
  return object === '{}' ? `{${fields}}` : `{${fields},${object.slice(1)}`;
}

/**
 * What no store keeps is refused before one sees it, by the name of the parameter. The arguments of tools are looked at where
 * they are read (`parseArguments`), since text may hold more of them.
 */
function refuseUnstorable({ method, params }: McpRequest): Refusal | undefined {
  if (method === 'tools/call') return undefined;
  const { _meta: _envelope, ...rest } = params;
  const problem = unstorable(rest, 'params');
  if (problem === undefined) return undefined;
  return refuseParams(['validation_failed', `${problem.path} ${problem.message}.`], {
    ...(problem.hint === undefined ? {} : { nextAction: `Call again and ${problem.hint}.` }),
  });
}

function refuseMethod(): Refusal {
  return refuse(['method_not_found', 'This method is not served here.'], {
    rpcCode: rpcCodes.methodNotFound,
  });
}

const answerPing: Method = () => '{}';

/** Everything that this server answers and listens to, by era: what is not here does not exist in that era. */
export interface MethodTable {
  methods: Readonly<Record<Era, ReadonlyMap<string, Method>>>;
  listeners: Readonly<Record<Era, ReadonlyMap<string, Listener>>>;
}

export function createMethodTable(deps: ToolsCallDeps & SurfaceDeps & Partial<EventDeps>): MethodTable {
  const toolsCall = answerToolsCall(deps);
  const surface = surfaceMethods(deps);
  const { bus, eventStreams } = deps;
  const events = eventStreams === undefined ? [] : eventMethods({ bus, eventStreams });
  return {
    methods: {
      legacy: new Map([
        ['initialize', answerInitialize()],
        ['ping', answerPing],
        ['tools/list', listToolsLegacy],
        ['tools/call', toolsCall],
        ...surface.legacy,
      ]),
      modern: new Map([
        ['server/discover', answerServerDiscover()],
        ['tools/list', listToolsModern],
        ['tools/call', toolsCall],
        ...surface.modern,
        ...taskMethods(),
        ...events,
      ]),
    },
    listeners: {
      legacy: new Map([['notifications/cancelled', onCancelled(deps)]]),
      modern: new Map(),
    },
  };
}
