// What goes wrong in a simulated world, drawn from its seed: at a time, at a step of one process, or when it is about to do
// what matters most.

import type { Random } from '../trial/random.ts';
import { type Deployment, type LinkName, linkNames, type Machine } from './deployment.ts';
import type { Cut } from './network.ts';
import type { Entry, Scheduler, SimProcess } from './scheduler.ts';

const kinds = {
  kill: 20,
  stop: 5,
  freeze: 16,
  sleep: 4,
  cut: 18,
  isolate: 8,
  slow: 6,
  away: 8,
  clock: 5,
  gateway_clock: 4,
  disk_full: 5,
  database_full: 4,
} as const;
export type FaultKind = keyof typeof kinds;

/** The moments at which most depends on what a process does next. */
const moments = [
  /is connected/,
  /is connected/,
  /is connected/,
  /^submit: /,
  /transaction/,
  /statement answered/,
  /disk: /,
  /note/,
];

/** As when it is set by hand, or by a server of time after a long while. */
const jumps = [-7_200_000, -10_000, 10_000, 7_200_000];

type When = { at: number } | { step: number } | { moment: RegExp; count: number };

export class Faults {
  readonly told: string[] = [];
  /** Until the last of them is over. */
  endsAt = 0;
  readonly #deployment: Deployment;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #pending: { when: When; machine: Machine; strike(): void; seen: number }[] = [];

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.#scheduler = deployment.parts.scheduler;
    this.#random = this.#scheduler.random;
  }

  /** Draws so many, none of which begins later than that. */
  draw(count: number, withinMs: number): void {
    for (let index = 0; index < count; index++) {
      const machine = this.#random.pick(this.#deployment.machines);
      const kind = this.#random.weighted<FaultKind>(kinds);
      const strike = this.#make(kind, machine);
      const when = this.#drawWhen(withinMs);
      if ('at' in when) {
        this.endsAt = Math.max(this.endsAt, when.at);
        this.#scheduler.add({ at: when.at, what: `fault ${kind} of ${machine.name}`, run: strike });
      } else this.#pending.push({ when, machine, strike, seen: 0 });
    }
  }

  /** The first whose connection stands does not go on before others may have sent its run. */
  stallBeforeLeaving(): void {
    const [forMs, isSleep] = [this.#random.between(9_000, 22_000), this.#random.chance(0.5)];
    this.#atFirst(/is connected/, (machine) => this.#freeze(machine, forMs, isSleep));
  }

  /** An answer comes while the database is away, and whoever heard it dies when its own disk has it. */
  killAfterAnswer(): void {
    const random = this.#random;
    const [diesAfterMs, awayMs] = [random.between(800, 2_500), random.between(100, 3_500)];
    const [databaseMs, areNotesAway] = [random.between(diesAfterMs, 7_000), random.chance(0.7)];
    this.#atFirst(/^submit: job/, (machine) => {
      this.#takeAway('database', databaseMs);
      if (areNotesAway) this.#takeAway('notes', databaseMs);
      this.#after(diesAfterMs, `${machine.name} dies`, () => this.#kill(machine, awayMs));
    });
  }

  /** The first whose connection stands is told to stop. */
  stopAtSubmit(): void {
    this.#atFirst(/is connected/, (machine) => this.#stop(machine));
  }

  /** An answer comes while neither the database nor the notes are there, and whoever heard it lives. */
  takeStoresAwayAtAnswer(): void {
    const awayMs = this.#random.between(1_500, 7_000);
    this.#atFirst(/^submit: job/, () => {
      this.#takeAway('database', awayMs);
      this.#takeAway('notes', awayMs);
    });
  }

  /** An answer comes while the database is away, and whoever heard it dies when the notes have it, and no disk. */
  killAfterNote(): void {
    const random = this.#random;
    const [diesAfterMs, awayMs] = [random.between(800, 2_500), random.between(100, 3_500)];
    const databaseMs = random.between(diesAfterMs, 7_000);
    this.#atFirst(/^submit: job/, (machine) => {
      this.#takeAway('database', databaseMs);
      this.#after(diesAfterMs, `${machine.name} dies`, () => this.#kill(machine, awayMs));
    });
  }

  /** Of all machines, the first that comes to such a step. */
  #atFirst(moment: RegExp, strike: (machine: Machine) => void): void {
    let isOver = false;
    for (const machine of this.#deployment.machines) {
      const strikeOnce = () => {
        if (!isOver) strike(machine);
        isOver = true;
      };
      this.#pending.push({ when: { moment, count: 1 }, machine, strike: strikeOnce, seen: 0 });
    }
  }

  /** Called with each step of a process that is about to be. */
  watch({ process, what, isTimer }: Entry): void {
    if (process === undefined || isTimer) return;
    for (const [index, pending] of this.#pending.entries()) {
      if (pending.machine.process !== process || !this.#isMoment(pending.when, what)) continue;
      pending.seen += 1;
      const wanted =
        'step' in pending.when ? pending.when.step : 'count' in pending.when ? pending.when.count : 0;
      if (pending.seen < wanted) continue;
      this.#pending.splice(index, 1);
      pending.strike();
      return;
    }
  }

  /** Nothing more breaks, and everything is whole again. */
  end(): void {
    const { machines, servers } = this.#deployment;
    this.#pending.length = 0;
    for (const server of Object.values(servers)) Object.assign(server, { isDown: false, isFull: false });
    for (const machine of machines) {
      for (const name of linkNames) machine.links[name].restore();
      machine.disk.isFull = false;
      this.#scheduler.thaw(machine.process);
      if (machine.process.state === 'dead') this.#deployment.start(machine);
    }
  }

  #drawWhen(withinMs: number): When {
    const luck = this.#random.next();
    if (luck < 0.4) return { at: this.#random.between(0, withinMs) };
    if (luck < 0.7) return { step: this.#random.between(1, 90) };
    return { moment: this.#random.pick(moments), count: this.#random.between(1, 4) };
  }

  #isMoment(when: When, what: string): boolean {
    return 'step' in when || ('moment' in when && when.moment.test(what));
  }

  #after(ms: number, what: string, run: () => void): void {
    const at = this.#scheduler.now + ms;
    this.endsAt = Math.max(this.endsAt, at);
    this.#scheduler.add({ at, what, run });
  }

  #tell(kind: FaultKind, line: string): void {
    this.#scheduler.count(`fault ${kind}`);
    this.told.push(`${(this.#scheduler.now / 1_000).toFixed(2)} s ${line}`);
    this.#scheduler.tell(`--- ${line}`);
  }

  #make(kind: FaultKind, machine: Machine): () => void {
    const random = this.#random;
    const shortMs = random.between(100, 5_000);
    const longMs = random.chance(0.25) ? random.between(5_000, 22_000) : shortMs;
    switch (kind) {
      case 'kill':
        return () => this.#kill(machine, random.between(100, 3_500));
      case 'stop':
        return () => this.#stop(machine);
      case 'freeze':
      case 'sleep':
        return () => this.#freeze(machine, longMs, kind === 'sleep');
      case 'cut':
        return () => this.#cut(machine, [random.pick(linkNames)], longMs);
      case 'isolate':
        return () => this.#cut(machine, linkNames, longMs);
      case 'slow':
        return () => this.#slow(machine, random.pick(linkNames), shortMs);
      case 'away':
        return () => this.#takeAway(random.pick(['database', 'notes'] as const), longMs);
      case 'clock':
        return () => this.#jump(machine.process, random.pick(jumps));
      case 'gateway_clock':
        return () => this.#jump(this.#deployment.gateway, random.pick(jumps));
      case 'disk_full':
        return () => this.#fill(machine, longMs);
      case 'database_full':
        return () => this.#fillDatabase(longMs);
      default:
        throw new Error(`unknown fault ${kind satisfies never}`);
    }
  }

  #kill(machine: Machine, awayMs: number): void {
    if (machine.process.state === 'dead') return;
    this.#tell('kill', `${machine.process.name} is killed for ${awayMs} ms`);
    this.#scheduler.kill(machine.process);
    this.#after(awayMs, `${machine.name} starts`, () => {
      if (machine.process.state === 'dead') this.#deployment.start(machine);
    });
  }

  /** SIGTERM: it hands over what it has and ends, and is started again. */
  #stop(machine: Machine): void {
    const { process, service } = machine;
    if (process.state !== 'up' || service === undefined) return;
    this.#tell('stop', `${process.name} is told to stop`);
    const stopped = this.#scheduler.within(process, async () => {
      await service.drain(3_000);
      await service.close();
    });
    const restart = () => {
      this.#deployment.parts.platform.noteEnd(process);
      this.#scheduler.kill(process);
      this.#after(200, `${machine.name} starts`, () => {
        if (machine.process === process) this.#deployment.start(machine);
      });
    };
    stopped.then(restart, restart);
  }

  #freeze(machine: Machine, forMs: number, isSleep: boolean): void {
    const { process } = machine;
    if (process.state !== 'up') return;
    this.#tell(
      isSleep ? 'sleep' : 'freeze',
      `${process.name} ${isSleep ? 'sleeps' : 'stands still'} for ${forMs} ms`,
    );
    this.#scheduler.freeze(process);
    this.#after(forMs, `${process.name} goes on`, () => this.#scheduler.thaw(process, isSleep ? forMs : 0));
  }

  #cut(machine: Machine, names: readonly LinkName[], forMs: number): void {
    const cut: Cut = this.#random.chance(0.5) ? 'hold' : 'lose';
    this.#scheduler.count(`link ${cut}`);
    this.#tell(
      names.length > 1 ? 'isolate' : 'cut',
      `${machine.name} is cut off from ${names.join(', ')} for ${forMs} ms (${cut})`,
    );
    for (const name of names) machine.links[name].break(cut);
    this.#after(forMs, `${machine.name} has its links back`, () => {
      for (const name of names) machine.links[name].restore();
    });
  }

  #slow(machine: Machine, name: LinkName, byMs: number): void {
    this.#tell('slow', `${machine.name} has a slow way to ${name}: up to ${byMs} ms`);
    machine.links[name].slowMs = byMs;
    this.#after(4_000, `${machine.name} is quick again`, () => {
      machine.links[name].slowMs = 0;
    });
  }

  #takeAway(name: 'database' | 'notes', forMs: number): void {
    const server = this.#deployment.servers[name];
    this.#tell('away', `${server.name} is away for ${forMs} ms`);
    server.isDown = true;
    this.#after(forMs, `${server.name} is back`, () => {
      server.isDown = false;
    });
  }

  #jump(process: SimProcess, byMs: number): void {
    this.#tell(
      process === this.#deployment.gateway ? 'gateway_clock' : 'clock',
      `the clock of ${process.name} jumps by ${byMs} ms`,
    );
    process.wallShiftMs += byMs;
  }

  #fill(machine: Machine, forMs: number): void {
    this.#tell('disk_full', `the disk of ${machine.name} is full for ${forMs} ms`);
    machine.disk.isFull = true;
    this.#after(forMs, `the disk of ${machine.name} has room`, () => {
      machine.disk.isFull = false;
    });
  }

  #fillDatabase(forMs: number): void {
    const { database } = this.#deployment.servers;
    this.#tell('database_full', `the database has no room for ${forMs} ms`);
    database.isFull = true;
    this.#after(forMs, 'the database has room', () => {
      database.isFull = false;
    });
  }
}
