/**
 * What a server of NATS lets this process hear and ask. Rights come with a reload of the server's configuration, which may be later
 * than this process: what was refused is asked for again, and until it was granted once, the process has a problem to tell.
 */
import type { NatsConnection, PermissionViolationError, Subscription } from '@nats-io/nats-core';
import { directSubject } from '../frames.ts';

interface RightsOptions {
  /** Subjects of calls that must be allowed; asked about by messages to an instance that there is not. */
  asks: readonly string[];
  /** Told of each subject once, until it is granted. */
  onRefused(error: PermissionViolationError): void;
}

/** A subscription that outlives its refusal. */
interface Listening {
  subject: string;
  open(): Subscription;
  current: Subscription;
  isGranted: boolean;
}

const retryMs = 1_000;
const nobody = 'nobody';

export class Rights {
  readonly #connection: NatsConnection;
  readonly #options: RightsOptions;
  readonly #listening = new Set<Listening>();
  /** Since they were last asked for. */
  readonly #refused = new Set<string>();
  readonly #told = new Set<string>();
  /** What was refused and never granted. */
  readonly #lacking = new Set<string>();
  #asks: string[];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(connection: NatsConnection, options: RightsOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#asks = options.asks.map((subject) =>
      directSubject(nobody, subject.replaceAll('*', nobody).replace(/>$/, nobody)),
    );
    this.#checkIn(0);
  }

  /** What keeps this process from its work; what was granted once and taken away again does not count. */
  get problem(): string | undefined {
    const [first] = this.#lacking;
    if (first === undefined) return undefined;
    const others = this.#lacking.size === 1 ? '' : ` and ${this.#lacking.size - 1} more`;
    return `the server refuses ${first}${others}; its configuration may be older than this release`;
  }

  listen(subject: string, open: () => Subscription): { unsubscribe(): void } {
    const listening: Listening = { subject, open, current: open(), isGranted: false };
    this.#listening.add(listening);
    this.#checkIn(0);
    return {
      unsubscribe: () => {
        this.#listening.delete(listening);
        const { current } = listening;
        if (this.#connection.isClosed() || current.isClosed()) return;
        // Drained, so that calls already on their way to this process are still answered.
        current.drain().catch(() => {
          // The connection is gone, and the subscription with it.
        });
      },
    };
  }

  refuse(error: PermissionViolationError): void {
    const { subject } = error;
    this.#refused.add(subject);
    if (!this.#told.has(subject)) this.#options.onRefused(error);
    this.#told.add(subject);
    this.#checkIn(retryMs);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #checkIn(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => void this.#check(), delayMs);
    this.#timer.unref();
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    const refused = new Set(this.#refused);
    this.#refused.clear();
    try {
      const asked = [...this.#listening];
      for (const listening of asked) {
        if (!refused.has(listening.subject)) continue;
        // The server has forgotten it, and after a reload the client has not.
        listening.current.unsubscribe();
        listening.current = listening.open();
      }
      for (const subject of this.#asks) this.#connection.publish(subject, '');
      // A refusal comes before the answer to what follows it, and by another way within this process.
      await this.#connection.flush();
      await this.#connection.flush();
      for (const listening of asked) listening.isGranted ||= this.#settle(listening.subject, listening);
      this.#asks = this.#asks.filter((subject) => !this.#settle(subject, { isGranted: false }));
    } catch {
      // The connection is lost: nothing is known yet.
      for (const subject of refused) this.#refused.add(subject);
    }
    this.#timer = undefined;
    if (this.#refused.size > 0) this.#checkIn(retryMs);
  }

  /** Whether it is granted now. */
  #settle(subject: string, { isGranted }: Pick<Listening, 'isGranted'>): boolean {
    if (this.#refused.has(subject)) {
      if (!isGranted) this.#lacking.add(subject);
      return false;
    }
    this.#lacking.delete(subject);
    this.#told.delete(subject);
    return true;
  }
}
