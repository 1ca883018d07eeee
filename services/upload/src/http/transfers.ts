/** The transfers in hand: bounded, shared out among tenants and files, and known when this process stops. */
import { AppError } from '@inferry/contracts';

interface TransferLimits {
  atOnce: number;
  /** Of one tenant, and of one URL. */
  perTenant: number;
  perUrl: number;
  /** Places beside those, which nobody but our own services takes: for the outputs of runs that were paid for. */
  reserved: number;
}

/** Whose transfer it is. */
export interface Transfer {
  tenant: string;
  url: string;
  isReserved: boolean;
}

export class Transfers {
  readonly #limits: TransferLimits;
  readonly #active = new Map<AbortController, Transfer>();
  #isClosed = false;
  #whenIdle: (() => void) | undefined;

  constructor(limits: TransferLimits) {
    this.#limits = limits;
  }

  /** Runs one transfer; its signal is aborted when time for stopping is over. */
  async run<T>(transfer: Transfer, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#refuse(transfer);
    const abort = new AbortController();
    this.#active.set(abort, transfer);
    try {
      return await work(abort.signal);
    } finally {
      this.#active.delete(abort);
      if (this.#active.size === 0) this.#whenIdle?.();
    }
  }

  #refuse({ tenant, url, isReserved }: Transfer): void {
    const { atOnce, perTenant, perUrl, reserved } = this.#limits;
    const alike = [...this.#active.values()].filter((other) => other.isReserved === isReserved);
    const own = alike.filter((other) => other.tenant === tenant);
    const isFull = alike.length >= (isReserved ? reserved : atOnce);
    if (this.#isClosed || isFull) throw busy('Too many transfers at once.');
    if (own.length >= perTenant) throw busy('Too many transfers of yours at once.');
    if (own.filter((other) => other.url === url).length >= perUrl) {
      throw busy('Too many transfers of this file at once.');
    }
  }

  /** Takes no more, waits for those in hand, then cuts what is left. */
  async drain(graceMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#active.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenIdle = resolve;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
    for (const abort of this.#active.keys()) abort.abort();
  }
}

function busy(message: string): AppError {
  return new AppError('busy', message, {
    retryAfterSeconds: 2,
    nextAction: 'Send the same request again in a few seconds.',
  });
}
