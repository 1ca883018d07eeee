/**
 * What the bus needs of a message system: core publish and subscribe with queue groups, nothing that is stored.
 * NATS in production, `createInProcessTransport` in one process; both pass the same contract suite.
 */
export interface Transport {
  readonly isConnected: boolean;
  /** What keeps this process from being called and from calling, where something does. */
  readonly problem?: string | undefined;
  /** Largest payload in bytes. */
  readonly maxPayloadBytes: number;
  /** Throws when the payload is too large or the transport is closed; never waits. */
  publish(message: OutgoingMessage): void;
  /**
   * `subject` may end in `*` (one segment) or `>` (the rest). Members of one queue group share the messages.
   * The listener must not throw.
   */
  subscribe(subject: string, listener: MessageListener, queue?: string): TransportSubscription;
  /** Called with true after a lost connection came back, with false when it is lost. */
  onStatus(listener: (isConnected: boolean) => void): void;
  /** Resolves when what was published so far has left this process. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface OutgoingMessage {
  subject: string;
  data: string;
  /** Where answers go; with it, a message that nobody listens for is answered by one with `isNoResponders`. */
  reply?: string;
  headers?: Readonly<Record<string, string>>;
}

export interface IncomingMessage {
  readonly subject: string;
  readonly data: string;
  readonly reply: string | undefined;
  readonly isNoResponders: boolean;
  header(name: string): string | undefined;
}

export type MessageListener = (message: IncomingMessage) => void;

export interface TransportSubscription {
  /** Stops taking messages; those already taken are still delivered. */
  unsubscribe(): void;
}
