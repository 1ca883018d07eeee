import {
  argumentOf,
  callOf,
  getRun,
  hint,
  isObject,
  type JsonObject,
  plainWords,
  runModel,
  uploadFile,
  valueInWords,
} from '@inferry/contracts';
import {
  type ClientRequests,
  type Exchange,
  errorText,
  isRefusal,
  isRequest,
  isTooDeep,
  type McpCore,
  type McpMessage,
  type McpRequest,
  type Offer,
  parseJson,
  type Refusal,
  type Reply,
  type ResumedCall,
  type Resumptions,
  readBatchEra,
  readEra,
  readMessage,
  refuseBatch,
  refuseInvalid,
  rpcCodes,
  type Selection,
  type Sessions,
  type Spoken,
  type ToolView,
  tooDeep,
} from '@inferry/mcp';
import { inferry } from '@inferry/profiles';
import type { Parts } from '@inferry/runtime';
import { type Challenger, challengeAdmitted } from '../edge/challenge.ts';
import { oneValue } from '../edge/request-head.ts';
import type { PinnedModels } from '../file-profiles/pinned-models.ts';
import { type HttpRefusal, refuse, toHttp } from '../http-refusal.ts';
import type { OpenCalls } from '../open-calls.ts';
import type { Edge } from './edge.ts';
import { BatchMember, HttpChannel, type OpenStreams, type Post, writeAccepted } from './http-channel.ts';
import {
  acceptsStream,
  HttpExchange,
  headersOf,
  inSession,
  type KnownRequest,
  type KnownSender,
  lineOf,
  readSelection,
  readSender,
} from './to-exchange.ts';

export interface EndpointParts {
  core: McpCore;
  sessions: Sessions;
  resumptions: Resumptions;
  clientRequests: ClientRequests;
  edge: Edge;
  pinnedModels: PinnedModels;
  challenge: Challenger;
  calls: OpenCalls;
  streams: OpenStreams;
  log: Pick<Parts['log'], 'error'>;
}

const badJson = refuse(400, ['parse_error', 'The body is not valid JSON.'], { rpcCode: rpcCodes.parse });
const nothingToGoOn = refuse(404, ['stream_not_found', 'There is no stream that goes on after this event.'], {
  nextAction: `Call again${hint` with the same ${argumentOf(runModel, 'client_ref')}`}${hint`, or read the run with ${callOf(getRun)}`}.`,
});
const internal = refuse(
  500,
  ['internal', 'Something went wrong here. Try again; if it repeats, report it.'],
  {
    rpcCode: rpcCodes.internal,
  },
);

/** What a connection begins with, in each era. */
const beginnings: ReadonlySet<string> = new Set(['initialize', 'server/discover']);

/** Made when it is looked at. */
type View = () => ToolView;

/** The MCP endpoint of both eras: parse, era, toolset, then the protocol core. */
export class McpEndpoint {
  readonly #parts: EndpointParts;

  constructor(parts: EndpointParts) {
    this.#parts = parts;
  }

  /** Answers an admitted request; `attachment` is the caller's asset with the file that was taken out of the body. */
  post(post: Post, body: string, attachment?: string): void {
    try {
      this.#settle(post, this.#route(post, body, attachment));
    } catch (error) {
      this.#fail(post, error);
    }
  }

  /** Sends the rest of a stream that broke, to whoever holds the id of its last event. */
  resume(post: Post): void {
    try {
      this.#settle(post, this.#goOn(post));
    } catch (error) {
      this.#fail(post, error);
    }
  }

  #goOn(post: Post): Promise<void> | undefined {
    const { sessions, resumptions } = this.#parts;
    const from = readSender(sessions, post, { era: 'legacy' });
    if (isRefusal(from)) return this.#refuse(post, from);
    const resumed = resumptions.read(oneValue(post.request.headers['last-event-id']) ?? '', from);
    if (resumed === undefined) return this.#refuse(post, nothingToGoOn);
    const { version, isAssumed } = resumed;
    return this.#request(post, toRequest(resumed), { era: 'legacy', version, isAssumed, from, resumed });
  }

  /** Answers an admitted request whose body is not what is wanted. */
  refuse(post: Post, refusal: Refusal | HttpRefusal): void {
    this.#settle(post, this.#refuse(post, refusal));
  }

  #settle(post: Post, answering: Promise<void> | undefined): void {
    answering?.catch((error: unknown) => this.#fail(post, error));
  }

  #fail(post: Post, error: unknown): void {
    this.#parts.log.error({ err: error }, 'a request failed');
    if (post.response.headersSent) post.response.destroy();
    else this.#parts.edge.send(post, internal);
  }

  /** Every request passes here: a promise is made only where there is something to wait for. */
  #route(post: Post, body: string, attachment: string | undefined): Promise<void> | undefined {
    if (isTooDeep(body)) return this.#refuse(post, tooDeep);
    const value = parseJson(body);
    if (value === undefined) return this.#refuse(post, badJson);
    if (Array.isArray(value)) return this.#batch(post, value);
    const parsed = readMessage(value);
    const message = attachment === undefined ? parsed : withoutFile(parsed);
    if (isRefusal(message)) return this.#refuse(post, message);
    const spoken = readEra(message, headersOf(post.request));
    if (isRefusal(spoken))
      return this.#refuse(post, spoken, message.kind === 'request' ? message : undefined);
    const from = readSender(this.#parts.sessions, post, { era: spoken.era, message });
    if (isRefusal(from)) return this.#refuse(post, from, message.kind === 'request' ? message : undefined);
    if (message.kind === 'request')
      return this.#request(post, message, { ...inSession(post, spoken, from), attachment, from });
    this.#hear(message, spoken, from);
    writeAccepted(post);
    return undefined;
  }

  /** Messages that get no answer. */
  #hear(message: McpMessage, { era }: Spoken, from: KnownSender): void {
    const { core, clientRequests } = this.#parts;
    if (message.kind === 'notification') core.listen(era, message, from);
    if (message.kind === 'response') clientRequests.settle(message, from);
  }

  #request(post: Post, request: McpRequest, known: KnownRequest): Promise<void> | undefined {
    const view = this.#viewOf(post, [request]);
    return view instanceof Promise
      ? view.then((found) =>
          this.#answer(post, request, { known, view: isRefusal(found) ? found : () => found }),
        )
      : this.#answer(post, request, { known, view });
  }

  #answer(
    post: Post,
    request: McpRequest,
    { known, view }: { known: KnownRequest; view: View | Refusal },
  ): Promise<void> | undefined {
    const { core, calls, streams } = this.#parts;
    if (isRefusal(view)) return this.#refuse(post, view, request);
    const busy = calls.refusal(post.principal);
    if (busy !== undefined) return this.#refuse(post, busy, request);
    const canStream = known.resumed !== undefined || acceptsStream(post.request);
    const channel = new HttpChannel(post, streams, canStream);
    const exchange = new HttpExchange(post, request, { known, view, channel });
    const held = calls.add(channel, post.principal);
    const end = (reply: Reply) => {
      calls.delete(held);
      return this.#deliver(post, { exchange, channel, reply });
    };
    try {
      const reply = core.answer(exchange);
      if (!(reply instanceof Promise)) return end(reply);
      return reply.then(end, (error: unknown) => {
        calls.delete(held);
        throw error;
      });
    } catch (error) {
      calls.delete(held);
      throw error;
    }
  }

  #deliver(
    post: Post,
    { exchange, channel, reply }: { exchange: Exchange; channel: HttpChannel; reply: Reply },
  ): Promise<void> | undefined {
    const { era, request } = exchange;
    if (reply === undefined) channel.finishEmpty();
    else if (typeof reply === 'string') {
      const begins = request.method === 'initialize' && era === 'legacy';
      const token = begins ? this.#parts.sessions.issue(request.params, post.principal) : undefined;
      channel.finish(reply, 200, token === undefined ? undefined : { 'mcp-session-id': token });
    } else if (channel.isStreaming)
      channel.finish(errorText(request.id, reply, exchange.offer.profile.words));
    else return this.#refuse(post, toHttp(reply, era), request);
    return undefined;
  }

  /** Batches are answered together, as JSON (MCP 2025-03-26, transports). */
  async #batch(post: Post, values: readonly unknown[]): Promise<void> {
    const { edge, calls, streams, sessions } = this.#parts;
    const spoken = readBatchEra(headersOf(post.request));
    const from = readSender(sessions, post, { era: 'legacy' });
    const messages = values.map(readMessage);
    const requests = messages.filter(isRequest);
    const viewed = await this.#viewOf(post, requests);
    const view = typeof viewed === 'function' || isRefusal(viewed) ? viewed : () => viewed;
    if (isRefusal(spoken)) return this.#refuse(post, spoken);
    if (isRefusal(view)) return this.#refuse(post, view);
    if (isRefusal(from)) return this.#refuse(post, from);
    const refusal =
      refuseBatch(messages) ??
      // Notifications are work too: one of them may go to every replica.
      (messages.length > 1 ? await edge.charge(post, messages.length - 1) : undefined) ??
      calls.refusal(post.principal, requests.length);
    if (refusal !== undefined) return this.#refuse(post, refusal);
    for (const message of messages) {
      if (!isRefusal(message)) this.#hear(message, spoken, from);
    }
    if (requests.length === 0) return writeAccepted(post);
    const whole = new HttpChannel(post, streams, false);
    const held = calls.add(whole, post.principal, requests.length);
    try {
      const answers = await Promise.all(
        requests.map((request) =>
          this.#member(
            new HttpExchange(post, request, {
              known: { ...inSession(post, spoken, from), from },
              view,
              channel: new BatchMember(whole),
            }),
          ),
        ),
      );
      const texts = answers.filter((text) => text !== undefined);
      if (texts.length === 0) whole.finishEmpty();
      else whole.finish(`[${texts.join(',')}]`);
    } finally {
      calls.delete(held);
    }
  }

  async #member(exchange: Exchange): Promise<string | undefined> {
    const reply = await this.#parts.core.answer(exchange);
    return reply === undefined || typeof reply === 'string'
      ? reply
      : errorText(exchange.request.id, reply, exchange.offer.profile.words);
  }

  /** The tools that a request has. */
  view(post: Post): ToolView | Refusal {
    const selection = selectionOf(post);
    return isRefusal(selection) ? selection : post.offer.viewTools(selection, post.principal.scopes);
  }

  /** The same, with those of the models that its address names. */
  #viewOf(post: Post, requests: readonly McpRequest[]): View | Refusal | Promise<ToolView | Refusal> {
    const { offer, principal, request } = post;
    const selection = selectionOf(post);
    if (isRefusal(selection)) return selection;
    const view = () => offer.viewTools(selection, principal.scopes);
    if (offer.profile.key !== inferry.key || request.url?.includes('models=') !== true) return view;
    const isBeginning = requests.some(({ method }) => beginnings.has(method));
    const asked = { url: request.url, principal, selection, view: view(), isBeginning };
    return this.#parts.pinnedModels.add(asked) ?? view;
  }

  async #refuse(post: Post, refusal: Refusal | HttpRefusal, request?: McpRequest): Promise<void> {
    const { edge, challenge } = this.#parts;
    const weighed = await edge.weigh(post.request, post.principal, toHttp(refusal));
    const wanted = { scope: weighed.data.required_scope, status: weighed.status };
    const at: Challenger = (what) => challenge(what, post.request);
    const challenged = challengeAdmitted(at, post.principal, wanted);
    const headers = challenged === undefined ? weighed.headers : { ...weighed.headers, ...challenged };
    const said = inWordsOf(post.offer, weighed);
    edge.send(post, headers === undefined ? said : { ...said, headers }, request?.id);
  }
}

function selectionOf({ offer, request }: Post): Selection | Refusal {
  const { url = '/', headers } = request;
  return readSelection(offer, {
    url,
    toolsetsHeader: lineOf(headers['x-mcp-toolsets']),
    excludeHeader: lineOf(headers['x-mcp-exclude-tools']),
    readOnlyHeader: lineOf(headers['x-mcp-readonly']),
  });
}

/** A refusal in the words of its mount. */
function inWordsOf({ profile }: Offer, refusal: HttpRefusal): HttpRefusal {
  if (profile.words === plainWords) return refusal;
  // as: the same fields, whose texts alone are said in other words.
  return valueInWords(refusal, profile.words) as HttpRefusal;
}

/** The call of which a stream is the answer, as far as answering it needs it. */
function toRequest({ requestId: id, tool: name, args, progressToken }: ResumedCall): McpRequest {
  const params = { name, arguments: args };
  return { kind: 'request', id, method: 'tools/call', params, meta: { progressToken } };
}

/** A file was taken out of the body because it was said to be a call of upload_file: then it has to be one. */
function withoutFile(message: ReturnType<typeof readMessage>): ReturnType<typeof readMessage> {
  if (isRefusal(message)) return message;
  const isUpload =
    message.kind === 'request' &&
    message.method === 'tools/call' &&
    message.params.name === uploadFile.name &&
    isObject(message.params.arguments);
  if (!isUpload) return refuseInvalid('The body is not the call that its headers name.');
  const { base64: _taken, ...rest } = message.params.arguments as JsonObject;
  return { ...message, params: { ...message.params, arguments: rest } };
}
