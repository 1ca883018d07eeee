import { AppError } from '@inferry/contracts';
import type {
  IncomingMessage,
  MessageListener,
  OutgoingMessage,
  Transport,
  TransportSubscription,
} from './transport.ts';

/** The limit of a NATS server as it comes, so that what works embedded works in production. */
const maxPayloadBytes = 1_048_576;

/** A `Transport` inside one process. Messages are delivered in order, never within `publish`. */
export function createInProcessTransport(): Transport {
  return new InProcessTransport();
}

class InProcessTransport implements Transport {
  readonly maxPayloadBytes = maxPayloadBytes;
  readonly #exact = new Map<string, Audience>();
  readonly #wild = new Map<string, Audience>();
  #queue: OutgoingMessage[] = [];
  #isOpen = true;

  get isConnected(): boolean {
    return this.#isOpen;
  }

  publish(message: OutgoingMessage): void {
    if (!this.#isOpen) throw new AppError('unavailable', 'The bus is closed.', { retryAfterSeconds: 1 });
    if (isTooLarge(message)) throw new AppError('message_too_large', 'The message is too large for the bus.');
    if (this.#queue.push(message) === 1) setImmediate(() => this.#deliverQueued());
  }

  subscribe(subject: string, listener: MessageListener, queue?: string): TransportSubscription {
    const audiences = isWild(subject) ? this.#wild : this.#exact;
    const audience = audiences.get(subject) ?? new Audience(subject);
    audiences.set(subject, audience);
    const member: Member = { queue, listener };
    audience.add(member);
    return {
      unsubscribe() {
        audience.remove(member);
        if (audience.isEmpty && audiences.get(subject) === audience) audiences.delete(subject);
      },
    };
  }

  onStatus(): void {
    // Memory is never disconnected.
  }

  flush(): Promise<void> {
    // The check phase runs what was queued before this first.
    return new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#queue = [];
    this.#exact.clear();
    this.#wild.clear();
  }

  #deliverQueued(): void {
    const batch = this.#queue;
    this.#queue = [];
    for (const message of batch) this.#deliver(message);
  }

  #deliver(message: OutgoingMessage): void {
    const takers = this.#takersOf(message.subject);
    const incoming = toIncoming(message);
    for (const taker of takers) taker(incoming);
    if (takers.length > 0 || message.reply === undefined) return;
    const refusal = { ...toIncoming({ subject: message.reply, data: '' }), isNoResponders: true };
    for (const taker of this.#takersOf(message.reply)) taker(refusal);
  }

  #takersOf(subject: string): MessageListener[] {
    const takers = this.#exact.get(subject)?.pick() ?? [];
    if (this.#wild.size === 0) return takers;
    for (const audience of this.#wild.values()) {
      if (audience.matches(subject)) takers.push(...audience.pick());
    }
    return takers;
  }
}

interface Member {
  queue: string | undefined;
  listener: MessageListener;
}

/** Who listens to one subject or pattern. */
class Audience {
  readonly #pattern: readonly string[];
  /** Up to the first wildcard: almost every subject fails or passes by it. */
  readonly #start: string;
  /** What follows: most patterns have one wildcard, at their end. */
  readonly #end: string;
  readonly #groups = new Map<string | undefined, Member[]>();
  #turn = 0;

  constructor(subject: string) {
    this.#pattern = subject.split('.');
    this.#start = /^[^*>]*/.exec(subject)?.[0] ?? '';
    this.#end = subject.slice(this.#start.length);
  }

  get isEmpty(): boolean {
    return this.#groups.size === 0;
  }

  add(member: Member): void {
    this.#groups.set(member.queue, [...(this.#groups.get(member.queue) ?? []), member]);
  }

  remove(member: Member): void {
    const rest = (this.#groups.get(member.queue) ?? []).filter((other) => other !== member);
    if (rest.length === 0) this.#groups.delete(member.queue);
    else this.#groups.set(member.queue, rest);
  }

  /** Everybody who is in no queue group, and of each group the one whose turn it is. */
  pick(): MessageListener[] {
    this.#turn += 1;
    const picked: MessageListener[] = [];
    for (const [queue, members] of this.#groups) {
      if (queue === undefined) {
        picked.push(...members.map((member) => member.listener));
        continue;
      }
      const member = members[this.#turn % members.length];
      if (member !== undefined) picked.push(member.listener);
    }
    return picked;
  }

  matches(subject: string): boolean {
    if (!subject.startsWith(this.#start)) return false;
    const rest = this.#start.length;
    if (this.#end === '>') return subject.length > rest;
    if (this.#end === '*') return subject.length > rest && !subject.includes('.', rest);
    const segments = subject.split('.');
    for (const [index, part] of this.#pattern.entries()) {
      if (part === '>') return segments.length > index;
      if (index >= segments.length || (part !== '*' && part !== segments[index])) return false;
    }
    return this.#pattern.length === segments.length;
  }
}

function toIncoming(message: OutgoingMessage): IncomingMessage {
  return {
    subject: message.subject,
    data: message.data,
    reply: message.reply,
    isNoResponders: false,
    header: (name) => message.headers?.[name],
  };
}

/** A character is at most three bytes of UTF-8, so most messages need no counting. */
function isTooLarge({ data }: OutgoingMessage): boolean {
  return data.length * 3 > maxPayloadBytes && Buffer.byteLength(data) > maxPayloadBytes;
}

function isWild(subject: string): boolean {
  return subject.endsWith('>') || subject.split('.').includes('*');
}
