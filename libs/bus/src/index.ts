export type {
  Bus,
  BusLoad,
  CallOptions,
  ClientSide,
  Handler,
  HandlerContext,
  LogEntry,
  Progress,
  Subscription,
} from './bus.ts';
export { type BusOptions, createBus } from './create-bus.ts';
export { type BusTimings, CallLife, defaultTimings, type Interruptible, LateSignal } from './frames.ts';
export { createInProcessTransport } from './in-process-transport.ts';
export {
  type StatedRun,
  type StatementKeys,
  Statements,
  servicePrincipal,
  statementPublicKey,
  toStatementSeed,
} from './statements.ts';
export type { IncomingMessage, OutgoingMessage, Transport, TransportSubscription } from './transport.ts';
