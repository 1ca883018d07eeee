import type {
  AnyOperation,
  AnyTool,
  AppError,
  EventContract,
  JsonObject,
  Operation,
  Principal,
  RpcContract,
  Tool,
  WaitBudget,
} from '@inferry/contracts';
import type { z } from 'zod';
import type { CallLife } from './frames.ts';
import type { StatedRun } from './statements.ts';

/** A step of a long call. `data` is what the caller needs if the call breaks off, e.g. the run id. */
export interface Progress {
  /** 0..1, strictly increasing within a call. */
  progress: number;
  message?: string;
  data?: Record<string, string>;
}

/** A line for the client's log, at one of the levels of RFC 5424. */
export interface LogEntry {
  level: string;
  message: string;
}

/** The client at the other end of a call, as far as a handler may know it. */
export interface ClientSide {
  /** MCP `ClientCapabilities` as declared. */
  capabilities: JsonObject;
  /** What the client answered to the `InputRequired` of the call before; unchecked. */
  responses: JsonObject;
  /** The `state` of that `InputRequired`. */
  state?: string | undefined;
  /** What it calls itself, for platforms that want to know who calls. */
  agent?: string | undefined;
  /** Which version of it, where it says so. */
  agentVersion?: string | undefined;
  /** It started this system for itself, and speaks to it over stdin and stdout. */
  isOverStdio?: true | undefined;
}

export interface CallOptions {
  /** Written and signed once per object: a principal is replaced, never changed, and passed on as it came. */
  principal: Principal;
  /** What `grantRun` made when the run began: the call is made for the owner of that run, who is not there. */
  grant?: string | undefined;
  /** Aborting it tells the service to stop, and rejects with `cancelled`. */
  signal?: AbortSignal | undefined;
  /** Cancels the call as `signal` does, or asks for its answer: the call goes on until that answer is here. */
  life?: CallLife | undefined;
  timeoutMs?: number | undefined;
  /** Silence of everybody who might answer after which it fails, where that is sooner than the bus's own. */
  patienceMs?: number | undefined;
  /** The same through every re-issue of one call, so that a service can tell a repetition; made up if absent. */
  callId?: string | undefined;
  wait?: WaitBudget | undefined;
  /** The caller's asset with the bytes that were cut out of the arguments: bytes never travel on the bus. */
  attachment?: string | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Told to the handler. Without it a handler cannot ask the client for anything. */
  client?: ClientSide | undefined;
  onLog?: ((entry: LogEntry) => void) | undefined;
}

export interface ToolCallOptions extends CallOptions {
  /** Called in place of the tool's own operation, with its input: what goes on with a call of the tool, which shows the reply. */
  operation?: AnyOperation | undefined;
}

export interface HandlerContext {
  principal: Principal;
  /** The service itself asks, on nobody's behalf. */
  isService?: boolean;
  /** The one run that this call may be about, when its owner is not there. */
  run?: StatedRun | undefined;
  callId: string;
  /** The profile whose tool is called; undefined between services. */
  mount?: string | undefined;
  /** Epoch milliseconds after which nobody waits for the answer. */
  deadlineAt: number;
  wait: WaitBudget;
  /** Aborted when the caller cancelled, went away or the deadline passed. */
  signal: AbortSignal;
  /** Aborted when this process or the caller's is shutting down: answer now with what there is. */
  readonly draining: AbortSignal;
  /** `CallOptions.attachment`: set by a service of ours, never by a client, who writes arguments only. */
  attachment?: string | undefined;
  progress(step: Progress): void;
  /** Whether the result that the caller's tool makes of this reply is short; true where no tool asks. */
  isShort(reply: unknown): boolean;
  /** Set where an error is shown as a result: the answer itself does not tell. */
  failure?: AppError;
  client?: ClientSide | undefined;
  log?(entry: LogEntry): void;
}

/** What a service answers: an operation, a tool with an operation of its own, or an internal request. */
export type Served = AnyOperation | AnyTool | RpcContract;

export type Handler<C extends Served> =
  C extends Operation<infer I, infer R>
    ? (input: z.infer<I>, context: HandlerContext) => Promise<z.infer<R>>
    : C extends Tool<Operation<infer I, infer R>>
      ? (input: z.infer<I>, context: HandlerContext) => Promise<z.infer<R>>
      : C extends RpcContract<infer I, infer O>
        ? (input: z.infer<I>, context: HandlerContext) => Promise<z.infer<O>>
        : never;

export interface Subscription {
  unsubscribe(): void;
}

/** Calls that are under way in this process. */
export interface BusLoad {
  asking: number;
  answering: number;
}

export interface Bus {
  readonly isConnected: boolean;
  /** What keeps a service from its work, for its readiness: no connection for some seconds, or no rights. */
  readonly problem: string | undefined;
  /** For metrics, and for tests that nothing is left behind. */
  readonly load: BusLoad;
  /**
   * Calls a tool and returns its `ToolResult` as JSON text, ready to be spliced into an MCP answer. A tool that
   * failed is a result with `isError`. Rejects with `InputRequired` when the handler threw it, and with an `AppError`
   * when the call could not be made: `unavailable` (nobody
   * serves it, or whoever served it died), `deadline_exceeded`, `cancelled` or `message_too_large`.
   */
  callTool(tool: AnyTool, args: unknown, options: ToolCallOptions): Promise<string>;
  /** Calls a service; rejects with the `AppError` that the handler threw, or as `callTool` does. */
  call<I extends z.ZodType, O extends z.ZodType>(
    rpc: RpcContract<I, O>,
    input: z.input<I>,
    options: CallOptions,
  ): Promise<z.infer<O>>;
  /** Calls an operation for a service of ours: what it replies, and no tool's result of it. */
  call<I extends z.ZodObject, R extends z.ZodType>(
    operation: Operation<I, R>,
    input: z.input<I>,
    options: CallOptions,
  ): Promise<z.infer<R>>;
  /** Answers an operation or rpc from now on, sharing the calls with every other process in `queue`. */
  serve<C extends Served>(contract: C, handler: Handler<C>): void;
  publish<P extends z.ZodType>(event: EventContract<P>, payload: z.input<P>): void;
  /** Listens to an event; an event may be lost, so whoever acts on one also re-reads the truth on a timer. */
  on<P extends z.ZodType>(event: EventContract<P>, listener: (payload: z.infer<P>) => void): Subscription;
  /**
   * Lets this service act for the owner of a run until then, to be kept with the run; undefined where nothing is signed.
   * `principal` is the one of the call that starts the run.
   */
  grantRun(principal: Principal, run: StatedRun, until: number): string | undefined;
  /** This service's signature below a text; undefined where nothing is signed. */
  claim(text: string): string | undefined;
  /** Whether one of these services has signed this text; true where nothing is signed. */
  isClaimed(text: string, proof: string | undefined, services: readonly string[]): boolean;
  /** Called when the connection to the bus is lost and when it is back. */
  onStatus(listener: (isConnected: boolean) => void): void;
  /**
   * Takes no further calls, tells handlers to finish, and waits for them, at most `graceMs`; calls that are not
   * answered by then go back to their callers, who ask another replica.
   */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}
