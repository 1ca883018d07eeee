import { callOf, hint, listRuns, type Principal } from '@inferry/contracts';
import { type Member, Roster, type StopReason } from '@inferry/mcp';
import { type HttpRefusal, refuse } from './http-refusal.ts';

/** The answer to one request, as far as its end is concerned. */
export interface OpenCall {
  /** Asks for the answer with what there is. */
  hurry(): void;
  stop(reason: StopReason): void;
}

export interface OpenCallLimits {
  /** At once in this process. */
  perProcess: number;
  /** At once by one credential, so that none takes the place of all others. */
  perGrant: number;
  /** And by all credentials of one account together. Default: no more than each may. */
  perSubject?: number | undefined;
}

/** Whose call it is: limits count all credentials of a subject together, revoking ends those of one grant. */
type CallOwner = string | Pick<Principal, 'subject' | 'grant_id'>;

/** What one credential, or one account, has open. */
interface Holder {
  key: string;
  open: number;
}
type Holders = Map<string, Holder>;

/** A call from `add` to `delete`. */
export interface HeldCall extends Member {
  readonly call: OpenCall;
  readonly grant: Holder;
  readonly subject: Holder;
  readonly weight: number;
}

const processBusy = refuse(503, ['busy', 'Too many calls at once.'], { retryAfterSeconds: 1 });

/** The requests that this process is answering: bounded, and waited for when it stops. */
export class OpenCalls {
  readonly #calls = new Roster<HeldCall>();
  readonly #grants: Holders = new Map();
  readonly #subjects: Holders = new Map();
  readonly #limits: OpenCallLimits;
  readonly #grantBusy: HttpRefusal;
  #isDraining = false;
  #whenIdle: (() => void) | undefined;

  constructor(limits: OpenCallLimits) {
    this.#limits = limits;
    this.#grantBusy = refuse(
      429,
      ['busy', `More than ${limits.perGrant} calls of this credential or account at once.`],
      {
        retryAfterSeconds: 5,
        nextAction: `Wait until some of them are answered${hint`; ${callOf(listRuns)} follows many runs in one call`}.`,
      },
    );
  }

  /** Why there is no room for `weight` more waits, if so. */
  refusal(owner: CallOwner, weight = 1): HttpRefusal | undefined {
    const { perProcess, perGrant, perSubject = Number.POSITIVE_INFINITY } = this.#limits;
    if (this.#calls.size >= perProcess) return processBusy;
    const { grant_id: grantId, subject } = keysOf(owner);
    const ofGrant = (this.#grants.get(grantId)?.open ?? 0) + weight;
    const ofSubject = (this.#subjects.get(subject)?.open ?? 0) + weight;
    return ofGrant > perGrant || ofSubject > perSubject ? this.#grantBusy : undefined;
  }

  get size(): number {
    return this.#calls.size;
  }

  add(call: OpenCall, owner: CallOwner, weight = 1): HeldCall {
    const { grant_id: grantId, subject } = keysOf(owner);
    const held: HeldCall = {
      call,
      grant: hold(this.#grants, grantId, weight),
      subject: hold(this.#subjects, subject, weight),
      weight,
      place: -1,
    };
    this.#calls.add(held);
    if (this.#isDraining) call.hurry();
    return held;
  }

  delete(held: HeldCall): void {
    if (!this.#calls.delete(held)) return;
    release(this.#grants, held.grant, held.weight);
    release(this.#subjects, held.subject, held.weight);
    if (this.#calls.size === 0) this.#whenIdle?.();
  }

  /** Ends what a credential left open: revoking it is to have an effect now, not when a wait is over. */
  revoke(grantId: string): void {
    for (const { call } of this.#calls.filter(({ grant }) => grant.key === grantId)) call.stop('revoked');
  }

  /**
   * Asks every wait for its answer with what there is and lets calls finish; what is still open `handOverMs` before
   * the end is handed back to its client.
   */
  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    for (const { call } of this.#calls.snapshot()) call.hurry();
    const handOverMs = Math.min(2_000, graceMs / 2);
    await this.#idle(graceMs - handOverMs);
    for (const { call } of this.#calls.snapshot()) call.stop('handed_over');
    await this.#idle(handOverMs);
  }

  async #idle(timeoutMs: number): Promise<void> {
    if (this.#calls.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    this.#whenIdle = resolve;
    await promise;
    clearTimeout(timer);
  }
}

function keysOf(owner: CallOwner): Pick<Principal, 'subject' | 'grant_id'> {
  return typeof owner === 'string' ? { grant_id: owner, subject: owner } : owner;
}

function hold(holders: Holders, key: string, weight: number): Holder {
  let holder = holders.get(key);
  if (holder === undefined) {
    holder = { key, open: 0 };
    holders.set(key, holder);
  }
  holder.open += weight;
  return holder;
}

function release(holders: Holders, holder: Holder, weight: number): void {
  holder.open -= weight;
  if (holder.open === 0) holders.delete(holder.key);
}
