/** MCP over any transport: messages, eras, methods, tasks, subscriptions and what a mount offers. */
export { isRequest, refuseBatch } from './batches.ts';
export type { ClientRequests } from './client/client-requests.ts';
export { startConversation } from './client/conversation.ts';
export type { Resumptions } from './client/resumptions.ts';
export type { Sessions } from './client/sessions.ts';
export { createMcpCore, createMethodTable, type McpCore, type MethodTable, type Observer } from './core.ts';
export { type McpHeaders, readBatchEra, readEra, type Spoken } from './era.ts';
export type { Channel, Exchange, Method, Reply, ResumedCall, Sender, StopReason } from './exchange.ts';
export { isIconUrl, ownIcon } from './icon.ts';
export type { ServerIdentity } from './identity.ts';
export {
  type ClientRow,
  ClientRows,
  type ClientTable,
  createClientTable,
  InFlight,
  knownClients,
  type Member,
  Roster,
} from './in-flight.ts';
export {
  errorText,
  isRefusal,
  isRequestId,
  isSameId,
  isTooDeep,
  type McpMessage,
  type McpRequest,
  parseJson,
  type Refusal,
  type RefusalOptions,
  type RequestId,
  readMessage,
  refuse,
  refuseInvalid,
  refuseParams,
  refuseSize,
  rpcCodes,
  tooDeep,
} from './json-rpc.ts';
export { createOffer, type Offer } from './offer.ts';
export { type Asked, createToolViews, type Selection, type ToolView, type ViewTools } from './selection.ts';
export { startSurfaces } from './start-surfaces.ts';
export type { SubscriptionLimits } from './subscriptions/subscriptions.ts';
export { type Era, legacyVersions, metaKeys, modernVersion, negotiate } from './versions.ts';
export type { Icon } from './wire.ts';
