import { randomBytes, randomUUID } from 'node:crypto';
import { AppError, ErrorEnvelope } from '@inferry/contracts';
import { context, propagation } from '@opentelemetry/api';
import type { CallOptions, Progress } from './bus.ts';
import { type BusTimings, cancelSubject, frameKind, headerNames } from './frames.ts';
import type { IncomingMessage, Transport } from './transport.ts';

interface Pending {
  subject: string;
  payload: string;
  headers: Record<string, string>;
  inbox: string;
  deadlineAt: number;
  heardAt: number;
  attempts: number;
  lastProgress: Progress | undefined;
  onProgress: ((progress: Progress) => void) | undefined;
  settle(outcome: { json: string } | { error: AppError }): void;
}

export interface Caller {
  /** Sends one call and resolves with the JSON text of its result. */
  send(subject: string, payload: string, options: CallOptions & { timeoutMs: number }): Promise<string>;
  close(): void;
}

const maxAttempts = 3;

/**
 * The asking side: one wildcard inbox and one map for all calls (a fifth of what a request per subscription costs),
 * one timer for all deadlines. A call whose responder fell silent is re-issued with the same call id: reads are
 * safe to repeat and writes are idempotent by that id.
 */
export function createCaller(transport: Transport, timings: BusTimings): Caller {
  const self = randomBytes(9).toString('base64url');
  const pending = new Map<string, Pending>();
  let counter = 0;

  const subscription = transport.subscribe(`inbox.${self}.*`, (message) => {
    const call = pending.get(message.subject);
    if (call !== undefined) receive(call, message);
  });

  const sweep = setInterval(() => {
    const now = Date.now();
    for (const call of pending.values()) {
      if (now >= call.deadlineAt)
        giveUp(call, new AppError('deadline_exceeded', 'The call took too long.', { retryAfterSeconds: 1 }));
      else if (now - call.heardAt > timings.lostAfterMs) reissue(call);
    }
  }, timings.sweepMs);
  sweep.unref();

  function issue(call: Pending): void {
    call.inbox = `inbox.${self}.${++counter}`;
    call.heardAt = Date.now();
    call.attempts += 1;
    pending.set(call.inbox, call);
    transport.publish({
      subject: call.subject,
      data: call.payload,
      reply: call.inbox,
      headers: call.headers,
    });
  }

  function receive(call: Pending, message: IncomingMessage): void {
    if (message.isNoResponders)
      return finish(call, { error: unavailable('Nobody serves this call now.', call) });
    call.heardAt = Date.now();
    const body = message.data.slice(1);
    switch (frameKind(message.data)) {
      case 'P':
        return reportProgress(call, body);
      case 'R':
        return finish(call, { json: body });
      case 'E':
        return finish(call, { error: AppError.fromEnvelope(ErrorEnvelope.parse(JSON.parse(body))) });
      default:
    }
  }

  function finish(call: Pending, outcome: { json: string } | { error: AppError }): void {
    pending.delete(call.inbox);
    call.settle(outcome);
  }

  function giveUp(call: Pending, error: AppError): void {
    finish(call, { error });
    if (transport.isConnected) transport.publish({ subject: cancelSubject(call.inbox), data: '' });
  }

  function reissue(call: Pending): void {
    pending.delete(call.inbox);
    if (call.attempts >= maxAttempts || !transport.isConnected) {
      return call.settle({ error: unavailable('Whoever served this call is gone.', call) });
    }
    issue(call);
  }

  return {
    send(subject, payload, options) {
      refuseUnsendable(transport, payload);
      return new Promise((resolve, reject) => {
        const { signal } = options;
        const onAbort = () => giveUp(call, new AppError('cancelled', 'The caller cancelled.'));
        const call: Pending = {
          subject,
          payload,
          headers: toHeaders(options),
          inbox: '',
          deadlineAt: Date.now() + options.timeoutMs,
          heardAt: 0,
          attempts: 0,
          lastProgress: undefined,
          onProgress: options.onProgress,
          settle(outcome) {
            signal?.removeEventListener('abort', onAbort);
            if ('json' in outcome) resolve(outcome.json);
            else reject(outcome.error);
          },
        };
        if (signal?.aborted)
          return call.settle({ error: new AppError('cancelled', 'The caller cancelled.') });
        signal?.addEventListener('abort', onAbort, { once: true });
        issue(call);
      });
    },
    close() {
      clearInterval(sweep);
      subscription.unsubscribe();
      for (const call of [...pending.values()])
        finish(call, { error: unavailable('This process is closing.', call) });
    },
  };
}

function reportProgress(call: Pending, body: string): void {
  // as: only our own responders write to this inbox, and `Progress` is what they send.
  const step = JSON.parse(body) as Progress;
  // A re-issued call starts over: progress shown to a client must still only grow.
  if (call.lastProgress !== undefined && step.progress <= call.lastProgress.progress) {
    call.lastProgress.data = { ...call.lastProgress.data, ...step.data };
    return;
  }
  call.lastProgress = { ...step, data: { ...call.lastProgress?.data, ...step.data } };
  call.onProgress?.(step);
}

function refuseUnsendable(transport: Transport, payload: string): void {
  if (!transport.isConnected) {
    throw new AppError('unavailable', 'The message bus cannot be reached.', {
      retryAfterSeconds: 2,
      nextAction: 'Retry; a run that was started goes on and list_runs finds it.',
    });
  }
  if (Buffer.byteLength(payload) > transport.maxPayloadBytes) {
    throw new AppError('message_too_large', `The call is larger than ${transport.maxPayloadBytes} bytes.`, {
      nextAction: 'Upload large values with create_upload and pass the asset id.',
    });
  }
}

function unavailable(message: string, call: Pending): AppError {
  return new AppError('unavailable', message, {
    retryAfterSeconds: 2,
    nextAction: 'Retry; a run that was started goes on and list_runs finds it.',
    details: call.lastProgress?.data,
  });
}

function toHeaders(options: CallOptions & { timeoutMs: number }): Record<string, string> {
  const headers: Record<string, string> = {
    [headerNames.principal]: JSON.stringify(options.principal),
    [headerNames.deadline]: String(Date.now() + options.timeoutMs),
    [headerNames.callId]: options.callId ?? randomUUID(),
  };
  if (options.wait !== undefined) headers[headerNames.wait] = JSON.stringify(options.wait);
  propagation.inject(context.active(), headers);
  return headers;
}
