/** Calls that need something of their client: what it can be asked, and how, in either era. */
import type { ClientSide } from '@inferry/bus';
import {
  AppError,
  type InputRequest,
  type InputRequests,
  InputRequired,
  isObject,
  isUnset,
  type JsonObject,
  type NeededInput,
} from '@inferry/contracts';
import type { Exchange, Reply } from '../exchange.ts';
import { isRefusal, type Refusal, refuse, refuseParams, rpcCodes } from '../json-rpc.ts';
import { metaKeys } from '../versions.ts';
import type { InputRequiredResult } from '../wire.ts';
import type { ClientRequests } from './client-requests.ts';
import type { RequestStates, StateOwner } from './request-states.ts';

interface RoundsDeps {
  clientRequests: ClientRequests;
  requestStates: RequestStates;
}

/** Makes the call with what is known of the client; may be called several times. */
type Attempt = (client: ClientSide) => Promise<Reply>;

/** Makes a call that may need input of its client, in the way that the client's era has for it. */
export type RunRounds = (exchange: Exchange, attempt: Attempt) => Promise<Reply>;

/** A service that asks for ever is a fault, not a conversation. */
const maxRounds = 8;

export function createRounds(deps: RoundsDeps): RunRounds {
  return (exchange, attempt) =>
    exchange.era === 'modern' ? runModern(deps, exchange, attempt) : runLegacy(deps, exchange, attempt);
}

/**
 * The call ends with what it needs, and the client makes it again with the answers (MCP 2026-07-28, multi round-trip
 * requests).
 */
async function runModern(deps: RoundsDeps, exchange: Exchange, attempt: Attempt): Promise<Reply> {
  const owner = toOwner(exchange);
  const round = readRound(deps, exchange, owner);
  if (isRefusal(round)) return round satisfies Refusal;
  try {
    return await attempt({ capabilities: exchange.capabilities, ...agentOf(exchange), ...round });
  } catch (error) {
    if (!(error instanceof InputRequired)) throw error;
    return toReply(deps, exchange, { owner, needed: error.needed });
  }
}

function toReply(
  { requestStates }: RoundsDeps,
  exchange: Exchange,
  { owner, needed }: { owner: StateOwner; needed: NeededInput },
): Reply {
  const { inputRequests, state } = needed;
  const missing = missingCapabilities(inputRequests, exchange.capabilities);
  if (missing !== undefined) return refuseCapabilities(missing);
  return JSON.stringify({
    resultType: 'input_required',
    _meta: { [metaKeys.serverInfo]: exchange.offer.identity.serverInfo },
    inputRequests,
    ...(state === undefined ? {} : { requestState: requestStates.seal(owner, state) }),
  } satisfies InputRequiredResult);
}

/** As its HTTP requests call it, else as it introduced itself. */
function agentOf({ header, clientName, clientVersion }: Exchange): Partial<ClientSide> {
  if (header !== undefined) return { agent: (header('user-agent') ?? clientName).slice(0, 200) };
  return {
    agent: clientName.slice(0, 200),
    ...(clientVersion !== undefined && { agentVersion: clientVersion.slice(0, 200) }),
    isOverStdio: true,
  };
}

/** What the request brings of an earlier round. */
function readRound(
  { requestStates }: RoundsDeps,
  { request }: Exchange,
  owner: StateOwner,
): Pick<ClientSide, 'responses' | 'state'> | Refusal {
  const { inputResponses: responses = {}, requestState } = request.params;
  if (!isObject(responses)) return invalid('params.inputResponses must be an object.');
  if (isUnset(requestState ?? null)) return { responses };
  const state = typeof requestState === 'string' ? requestStates.open(owner, requestState) : undefined;
  return state === undefined
    ? invalid('params.requestState is not one that was made for this request, or it is too old.')
    : { responses, state };
}

/** Asks on the call's own stream and makes the call again here. */
async function runLegacy(deps: RoundsDeps, exchange: Exchange, attempt: Attempt): Promise<Reply> {
  // Whoever takes no stream cannot be asked, whatever they declared: a handler that knows has another way.
  const capabilities = exchange.channel.canStream ? exchange.capabilities : {};
  const agent = agentOf(exchange);
  let client: ClientSide = { capabilities, ...agent, responses: {} };
  for (let round = 0; round < maxRounds; round += 1) {
    try {
      return await attempt(client);
    } catch (error) {
      if (!(error instanceof InputRequired)) throw error;
      const { state } = error.needed;
      client = { capabilities, ...agent, responses: await askAll(deps, exchange, error.needed), state };
    }
  }
  throw new AppError('client_input_missing', 'The call asked for input too often.');
}

async function askAll(
  { clientRequests }: RoundsDeps,
  exchange: Exchange,
  { inputRequests }: NeededInput,
): Promise<JsonObject> {
  const { channel, capabilities } = exchange;
  const missing = missingCapabilities(inputRequests, capabilities);
  if (missing !== undefined || !channel.canStream) throw cannotAsk(missing);
  channel.open();
  const answers = Object.entries(inputRequests).map(
    async ([key, request]) => [key, await clientRequests.ask(exchange, request)] as const,
  );
  return Object.fromEntries(await Promise.all(answers));
}

export function refuseCapabilities(requiredCapabilities: JsonObject): Refusal {
  return refuse(['client_capability_missing', 'This call needs what the client did not declare.'], {
    rpcCode: rpcCodes.missingCapability,
    data: { requiredCapabilities },
  });
}

function cannotAsk(missing: JsonObject | undefined): AppError {
  return new AppError(
    'client_capability_missing',
    'This call needs to ask its client, which cannot be asked.',
    {
      ...(missing === undefined ? {} : { details: { required_capabilities: missing } }),
    },
  );
}

function invalid(message: string): Refusal {
  return refuseParams(['validation_failed', message]);
}

function toOwner({ principal, request }: Exchange): StateOwner {
  return { subject: principal.subject, method: request.method, params: request.params };
}

/** What must be declared to be asked this, as a `ClientCapabilities` object (MCP 2026-07-28, basic). */
function requirement({ method, params }: InputRequest): JsonObject {
  if (method === 'roots/list') return { roots: {} };
  if (method === 'sampling/createMessage') return { sampling: {} };
  return params.mode === 'url' ? { elicitation: { url: {} } } : { elicitation: {} };
}

function isDeclared({ method, params }: InputRequest, capabilities: JsonObject): boolean {
  if (method === 'roots/list') return isObject(capabilities.roots);
  if (method === 'sampling/createMessage') return isObject(capabilities.sampling);
  const { elicitation } = capabilities;
  if (!isObject(elicitation)) return false;
  if (params.mode === 'url') return isObject(elicitation.url);
  // An empty object is how forms were declared before there was anything else.
  return isObject(elicitation.form) || Object.keys(elicitation).length === 0;
}

/** What the client would have to declare on top of what it did; undefined when it can be asked all of this. */
export function missingCapabilities(
  requests: InputRequests,
  capabilities: JsonObject,
): JsonObject | undefined {
  const missing = Object.values(requests).filter((request) => !isDeclared(request, capabilities));
  return missing.length === 0 ? undefined : Object.assign({}, ...missing.map(requirement));
}
