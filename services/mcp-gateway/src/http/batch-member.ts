import { CallLife } from '@inferry/bus';
import type { Channel, StopReason } from '@inferry/mcp';

/** One request of a batch: it shares the answer with the others, so it has no stream of its own. */
export class BatchMember implements Channel {
  readonly canStream = false;
  readonly life = new CallLife();
  readonly #abort = new AbortController();
  #stopReason: StopReason | undefined;

  constructor(whole: Channel) {
    whole.life.attach({
      cancel: () => this.stop(whole.stopReason ?? 'gone'),
      finish: () => this.life.finish(),
    });
    if (whole.stopReason !== undefined) this.stop(whole.stopReason);
    if (whole.life.isFinishing) this.life.finish();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason;
  }

  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.life.cancel();
    this.#abort.abort(reason);
  }

  open(): void {}

  expectWait(): void {}

  notify(): boolean {
    return false;
  }

  prime(): void {}

  onIdle(): void {}
}
