// The callers of a simulated world, and what each of them is entitled to: an answer in time, the same run for the same
// reference, their own runs and nobody else's.
import {
  type AnyOperation,
  cancelRun,
  getRun,
  type JsonObject,
  listRuns,
  localPrincipal,
  type Principal,
  runModel,
} from '@inferry/contracts';
import { canonicalTool } from '@inferry/profiles';
import type { Deployment } from './deployment.ts';
import type { Scheduler } from './scheduler.ts';

/** Beyond its wait, an answer is late after this. */
const lateAfterMs = 3_000;
/** What the gateway gives a call beyond its wait. */
const marginMs = 2_500;

interface Reply {
  code?: string;
  runId?: string;
  status?: string;
}

export class Callers {
  readonly violations: string[] = [];
  /** Subject by run: what callers were told of. */
  readonly owners = new Map<string, string>();
  /** When a run was asked for first. */
  readonly askedAt = new Map<string, number>();
  /** Runs are asked for with a priority. */
  hasPriorities = false;
  answered = 0;
  open = 0;
  readonly #deployment: Deployment;
  readonly #scheduler: Scheduler;
  readonly #byRef = new Map<string, string>();
  readonly #firstAsked = new Map<string, number>();

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.#scheduler = deployment.parts.scheduler;
  }

  /** At that time somebody asks for a run, and asks on until it has ended or they lose interest. */
  schedule(atMs: number, subject: string): void {
    const { random } = this.#scheduler;
    const ref = random.chance(0.7) ? `ref-${random.between(1, 3)}` : undefined;
    const waitSeconds = random.pick([0, 0, 2, 6]);
    const times = ref !== undefined && random.chance(0.3) ? 2 : 1;
    for (let index = 0; index < times; index++)
      this.at(atMs + index * random.between(0, 30), `${subject} asks for a run`, () =>
        this.#run(subject, ref, waitSeconds),
      );
  }

  /** Everything that anybody was told of still answers its owner, and nobody else. */
  async askForAll(): Promise<void> {
    for (const [runId, subject] of this.owners) {
      const own = await this.#ask(subject, { operation: getRun, args: { run_id: runId }, waitSeconds: 0 });
      if (own.runId !== runId && own.status === undefined)
        this.violate(`${runId} does not answer its owner: ${own.code ?? 'nothing'}`);
      await this.#pry(runId, subject, getRun);
    }
  }

  at(at: number, what: string, ask: () => Promise<unknown>): void {
    this.open += 1;
    this.#scheduler.add({
      ...{ at, what, process: this.#deployment.gateway },
      run: () => {
        const done = () => {
          this.open -= 1;
        };
        ask().then(done, (error: unknown) => {
          done();
          this.violate(`a caller broke: ${String(error)}`);
        });
      },
    });
  }

  pause(ms: number): Promise<void> {
    return this.#scheduler.pass(this.#deployment.gateway, ms, 'a caller waits');
  }

  async #run(subject: string, ref: string | undefined, waitSeconds: number): Promise<void> {
    const askedAt = this.#askedAt(subject, ref);
    const { random } = this.#scheduler;
    const args = {
      ...{ model: 'sim/model', input: {}, wait_seconds: waitSeconds },
      ...(ref !== undefined && { client_ref: ref }),
      ...(this.hasPriorities && { options: { priority: random.pick(['low', 'low', 'normal', 'high']) } }),
    };
    let runId: string | undefined;
    // Without a reference a repetition would be another run.
    for (let attempt = 0; attempt < (ref === undefined ? 1 : 4) && runId === undefined; attempt++) {
      if (attempt > 0) await this.pause(1_000 * attempt);
      const reply = await this.#ask(subject, { operation: runModel, args, waitSeconds });
      runId = reply.runId;
      if (reply.code === 'budget_exceeded') return;
    }
    if (runId === undefined) return;
    this.#learn(subject, ref, runId);
    this.askedAt.set(runId, askedAt);
    await this.#goOn(subject, runId);
  }

  async #goOn(subject: string, runId: string): Promise<void> {
    const { random } = this.#scheduler;
    const next = random.next();
    if (next < 0.15) {
      await this.#ask(subject, { operation: cancelRun, args: { run_id: runId }, waitSeconds: 5 });
    } else if (next < 0.6) {
      const waitSeconds = random.pick([0, 3, 8]);
      const args = { run_id: runId, wait_seconds: waitSeconds };
      const { code } = await this.#ask(subject, { operation: getRun, args, waitSeconds });
      if (code === 'run_not_found') this.violate(`${runId} is not found by its owner`);
    } else if (next < 0.75) await this.#pry(runId, subject, random.pick([getRun, cancelRun]));
    else if (next < 0.85) await this.#list(subject);
  }

  /** Of a reference, the first time that anybody did. */
  #askedAt(subject: string, ref: string | undefined): number {
    const { now } = this.#scheduler;
    if (ref === undefined) return now;
    const key = `${subject}/${ref}`;
    const first = this.#firstAsked.get(key) ?? now;
    this.#firstAsked.set(key, first);
    return first;
  }

  #learn(subject: string, ref: string | undefined, runId: string): void {
    const owner = this.owners.get(runId) ?? subject;
    if (owner !== subject) this.violate(`${runId} was given to ${owner} and to ${subject}`);
    this.owners.set(runId, subject);
    if (ref === undefined) return;
    const key = `${subject}/${ref}`;
    const known = this.#byRef.get(key) ?? runId;
    if (known !== runId) this.violate(`${key} is ${known} and ${runId}`);
    this.#byRef.set(key, runId);
  }

  /** Somebody else asks for it. */
  async #pry(runId: string, owner: string, operation: AnyOperation): Promise<void> {
    const stranger = owner === 'ada' ? 'ben' : 'ada';
    const { code } = await this.#ask(stranger, { operation, args: { run_id: runId }, waitSeconds: 5 });
    const isHidden = code === 'run_not_found' || code === 'unavailable' || code === 'deadline_exceeded';
    if (!isHidden) this.violate(`${stranger} reached ${runId} of ${owner}: ${code ?? 'an answer'}`);
  }

  async #list(subject: string): Promise<void> {
    const reply = await this.call(subject, { operation: listRuns, args: {}, waitSeconds: 0 });
    const { runs = [] } = reply as { runs?: { run_id: string }[] };
    for (const { run_id: runId } of runs) {
      const owner = this.owners.get(runId) ?? subject;
      if (owner !== subject) this.violate(`${subject} was shown ${runId} of ${owner}`);
    }
  }

  async #ask(subject: string, call: Call): Promise<Reply> {
    const reply = await this.call(subject, call);
    const { run, error } = reply as {
      run?: { run_id?: string; status?: string };
      error?: { code?: string; details?: { run?: { run_id?: string; status?: string } } };
    };
    const about = run ?? error?.details?.run;
    return {
      ...(error?.code !== undefined && { code: error.code }),
      ...(about?.run_id !== undefined && { runId: about.run_id }),
      ...(about?.status !== undefined && { status: about.status }),
    };
  }

  /** One call, answered in time in any case. */
  async call(subject: string, { operation, args, waitSeconds }: Call): Promise<JsonObject> {
    const askedAt = this.#scheduler.now;
    const options = {
      principal: principalOf(subject),
      wait: { defaultSeconds: waitSeconds, maxSeconds: 60 },
      timeoutMs: waitSeconds * 1_000 + marginMs,
    };
    const answer = await this.#deployment.client.callTool(canonicalTool(operation), args, options).then(
      // as: the bus renders every tool reply as a ToolResult.
      (text) => (JSON.parse(text) as { structuredContent?: JsonObject }).structuredContent ?? {},
      (error: unknown) => ({ error: { code: codeOf(error) } }),
    );
    const tookMs = this.#scheduler.now - askedAt;
    this.answered += 1;
    this.#scheduler.tell(`${subject} is answered: ${JSON.stringify(answer).slice(0, 160)}`);
    if (tookMs > waitSeconds * 1_000 + lateAfterMs)
      this.violate(
        `${subject} was answered ${Math.round(tookMs)} ms after a call that waits ${waitSeconds} s`,
      );
    return answer;
  }

  violate(what: string): void {
    this.violations.push(what);
    this.#scheduler.tell(`!!! ${what}`);
  }
}

interface Call {
  operation: AnyOperation;
  args: JsonObject;
  waitSeconds: number;
}

const principals = new Map<string, Principal>();

function principalOf(subject: string): Principal {
  const known = principals.get(subject) ?? { ...localPrincipal, subject };
  principals.set(subject, known);
  return known;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : String(error);
}
