import type { IncomingMessage } from 'node:http';
import { type AddressRanges, addressKey, clientAddress } from '@inferry/runtime';
import { type HttpRefusal, refuse } from '../http-refusal.ts';
import type { Charge, Windows } from './windows.ts';

/**
 * Stands before questions that go to a platform for somebody whom nobody knows yet. Room is taken before a question is
 * sent and given back when its failure is counted, so that no more are sent than an address may fail; and one address
 * or one slow platform has so many open at once, so that the others get their turn.
 */
export interface ProbeGate {
  /** The answer of `ask`, or why it was not asked. `isBad` answers count as failures of the address. */
  pass<T>(
    probe: { request: IncomingMessage; provider: string; isBad(answer: T): boolean },
    ask: () => Promise<T>,
  ): Promise<T | HttpRefusal>;
  /** What counting the failure of a request came to, where it was counted here already. */
  chargeOf(request: IncomingMessage): Charge;
}

interface ProbeGateOptions {
  windows: Pick<Windows, 'roomForProbe' | 'chargeProbe'>;
  trustedProxies: AddressRanges;
  trustedEgress: AddressRanges;
  perAddress?: number;
  perProvider?: number;
}

/** Addresses that many share have so many times the room. */
const sharedTimes = 8;

const busy = refuse(429, ['busy', 'Too many unknown keys of this address are being tried.'], {
  retryAfterSeconds: 1,
  nextAction: 'Wait a moment, then retry.',
});
const platformBusy = refuse(503, ['busy', 'The platform of this key is slow to tell whether it is good.'], {
  retryAfterSeconds: 2,
  nextAction: 'Wait a moment, then retry.',
});

export function createProbeGate(options: ProbeGateOptions): ProbeGate {
  const { windows, trustedProxies, trustedEgress, perAddress = 8, perProvider = 64 } = options;
  const open = new Counts();
  const charges = new WeakMap<IncomingMessage, Charge>();

  return {
    async pass({ request, provider, isBad }, ask) {
      const address = clientAddress(request, trustedProxies);
      const mine = `address:${addressKey(address)}`;
      const theirs = `provider:${provider}`;
      const room = trustedEgress.has(address) ? perAddress * sharedTimes : perAddress;
      if (open.of(mine) >= room) return busy;
      if (open.of(theirs) >= perProvider) return platformBusy;
      open.add(mine);
      open.add(theirs);
      try {
        const refusal = await windows.roomForProbe({ address, provider, open: open.of(mine) });
        if (refusal !== undefined) {
          charges.set(request, refusal);
          return refusal;
        }
        const answer = await ask();
        if (isBad(answer)) charges.set(request, await windows.chargeProbe(address, provider));
        return answer;
      } finally {
        open.remove(mine);
        open.remove(theirs);
      }
    },
    chargeOf: (request) => charges.get(request),
  };
}

class Counts {
  readonly #counts = new Map<string, number>();

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    const left = this.of(key) - 1;
    if (left <= 0) this.#counts.delete(key);
    else this.#counts.set(key, left);
  }
}
