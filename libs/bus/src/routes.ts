/**
 * Which instances of a service answer now. A queue group hands calls to a frozen member like to any other, so that once
 * a call met silence, the calls of its service go straight to instances that have just answered, for a while.
 */
export class Routes {
  readonly #bySubject = new Map<string, Route>();
  readonly #routes: Route[] = [];

  /** A call of the subject met silence. */
  suspect(subject: string, now: number): Route {
    const route = this.#bySubject.get(subject) ?? this.#add(subject);
    route.suspect(now);
    return route;
  }

  /** The instance to call; undefined where the queue group is to decide. */
  next(subject: string, now: number): string | undefined {
    return this.#routes.length === 0 ? undefined : this.#bySubject.get(subject)?.next(subject, now);
  }

  /** An instance answered the question of a route with everything that it serves. */
  hear(number: number, { instance, subjects }: Presence, now: number): void {
    const route = this.#routes[number];
    if (route === undefined) return;
    route.heard(instance, { subjects: new Set(subjects), at: now });
    for (const subject of subjects) if (!this.#bySubject.has(subject)) this.#bySubject.set(subject, route);
  }

  /** The server says that nobody hears the question. */
  desert(number: number): void {
    const route = this.#routes[number];
    if (route !== undefined) route.isDeserted = true;
  }

  values(): readonly Route[] {
    return this.#routes;
  }

  #add(subject: string): Route {
    const route = new Route(subject, this.#routes.length);
    this.#bySubject.set(subject, route);
    this.#routes.push(route);
    return route;
  }
}

/** What an instance says of itself. */
export interface Presence {
  instance: string;
  subjects: readonly string[];
}

export function isPresence(value: unknown): value is Presence {
  return (
    typeof value === 'object' &&
    value !== null &&
    'instance' in value &&
    typeof value.instance === 'string' &&
    'subjects' in value &&
    Array.isArray(value.subjects) &&
    value.subjects.every((subject) => typeof subject === 'string')
  );
}

/** How long calls are kept from the queue group after a silence; twice as long for each one that follows soon. */
const firstDetourMs = 10_000;
const longestDetourMs = 300_000;
const askEveryMs = 1_000;
/** An instance that has not answered for so long is left out. */
const freshMs = 2_500;

interface Answer {
  subjects: ReadonlySet<string>;
  at: number;
}

/** The instances of one service. */
export class Route {
  /** By which it is asked for. */
  readonly subject: string;
  /** In the inbox that answers come to. */
  readonly number: number;
  askedAt = Number.NEGATIVE_INFINITY;
  isDeserted = false;
  readonly #answers = new Map<string, Answer>();
  #suspectedAt = Number.NEGATIVE_INFINITY;
  #detourMs = 0;
  #turn = 0;

  constructor(subject: string, number: number) {
    this.subject = subject;
    this.number = number;
  }

  suspect(now: number): void {
    if (this.#isDetour(now)) return;
    const isSoon = now < this.#suspectedAt + this.#detourMs * 2;
    this.#detourMs = isSoon ? Math.min(this.#detourMs * 2, longestDetourMs) : firstDetourMs;
    this.#suspectedAt = now;
  }

  /** Whether it is time to ask again who is there. */
  isAskDue(now: number, everyMs: number = askEveryMs): boolean {
    return now - this.askedAt >= everyMs && this.#isDetour(now);
  }

  asked(now: number): void {
    this.askedAt = now;
    this.isDeserted = false;
  }

  heard(instance: string, answer: Answer): void {
    this.#answers.set(instance, answer);
  }

  /** Left out until it answers again. */
  drop(instance: string): void {
    this.#answers.delete(instance);
  }

  /** Whether somebody else would take a call. */
  has(subject: string, now: number): boolean {
    return this.#live(subject, now).length > 0;
  }

  /** The instance whose turn it is, of those that answered lately. */
  next(subject: string, now: number): string | undefined {
    if (!this.#isDetour(now)) return undefined;
    const live = this.#live(subject, now);
    this.#turn += 1;
    return live[this.#turn % live.length];
  }

  #live(subject: string, now: number): string[] {
    const live: string[] = [];
    for (const [instance, { subjects, at }] of this.#answers) {
      if (now - at >= freshMs) this.#answers.delete(instance);
      else if (subjects.has(subject)) live.push(instance);
    }
    return live;
  }

  #isDetour(now: number): boolean {
    return now < this.#suspectedAt + this.#detourMs;
  }
}
