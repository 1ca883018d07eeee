import { AppError } from '@inferry/contracts';
import type {
  IncomingMessage,
  MessageListener,
  OutgoingMessage,
  Transport,
  TransportSubscription,
} from './transport.ts';

interface Member {
  pattern: string[];
  queue: string | undefined;
  listener: MessageListener;
}

/** The limit of a NATS server as it comes, so that what works embedded works in production. */
const maxPayloadBytes = 1_048_576;

/** A `Transport` inside one process. Messages are delivered in order, never within `publish`. */
export function createInProcessTransport(): Transport {
  const exact = new Map<string, Member[]>();
  const wild: Member[] = [];
  let isOpen = true;
  let turn = 0;

  function members(subject: string): Member[] {
    const segments = subject.split('.');
    const direct = exact.get(subject) ?? [];
    return wild.length === 0
      ? direct
      : [...direct, ...wild.filter((member) => matches(member.pattern, segments))];
  }

  function deliver(message: OutgoingMessage): void {
    if (!isOpen) return;
    const takers = onePerQueue(members(message.subject), turn++);
    if (takers.length === 0 && message.reply !== undefined) return answerNoResponders(message.reply);
    for (const taker of takers) taker.listener(toIncoming(message, false));
  }

  function answerNoResponders(reply: string): void {
    for (const member of members(reply)) member.listener(toIncoming({ subject: reply, data: '' }, true));
  }

  return {
    get isConnected() {
      return isOpen;
    },
    maxPayloadBytes,
    publish(message) {
      if (!isOpen) throw new AppError('unavailable', 'The bus is closed.', { retryAfterSeconds: 1 });
      setImmediate(deliver, message);
    },
    subscribe(subject, listener, queue): TransportSubscription {
      const member: Member = { pattern: subject.split('.'), queue, listener };
      const list = isWild(subject) ? wild : (exact.get(subject) ?? []);
      list.push(member);
      if (!isWild(subject)) exact.set(subject, list);
      return {
        unsubscribe() {
          const at = list.indexOf(member);
          if (at >= 0) list.splice(at, 1);
          if (list.length === 0) exact.delete(subject);
        },
      };
    },
    onStatus() {
      // Memory is never disconnected.
    },
    flush: () => new Promise((resolve) => setImmediate(resolve)),
    async close() {
      isOpen = false;
      exact.clear();
      wild.length = 0;
    },
  };
}

function toIncoming(message: OutgoingMessage, isNoResponders: boolean): IncomingMessage {
  return {
    subject: message.subject,
    data: message.data,
    reply: message.reply,
    isNoResponders,
    header: (name) => message.headers?.[name],
  };
}

function onePerQueue(members: readonly Member[], turn: number): Member[] {
  const queues = new Map<string, Member[]>();
  const takers: Member[] = [];
  for (const member of members) {
    if (member.queue === undefined) takers.push(member);
    else queues.set(member.queue, [...(queues.get(member.queue) ?? []), member]);
  }
  for (const group of queues.values()) {
    const taker = group[turn % group.length];
    if (taker !== undefined) takers.push(taker);
  }
  return takers;
}

function isWild(subject: string): boolean {
  return subject.endsWith('>') || subject.split('.').includes('*');
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    if (part === '>') return segments.length > index;
    if (index >= segments.length || (part !== '*' && part !== segments[index])) return false;
  }
  return pattern.length === segments.length;
}
