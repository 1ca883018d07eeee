/** A member knows its place, so that leaving needs no search. */
export interface Member {
  place: number;
}

/**
 * A set of short-lived objects without an order. Thousands of entries a second that pass through a `Map` or `Set` outlive
 * its outgrown tables, and with them one garbage collection after another; here nothing points to who has left.
 */
export class Roster<T extends Member> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Of a member that is in no roster. */
  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** False when it has left already. */
  delete(member: T): boolean {
    const { place } = member;
    if (this.#members[place] !== member) return false;
    const last = this.#members.pop();
    if (last !== undefined && last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    return true;
  }

  /** From 0 to below `size`. Whoever reads from the last place down meets everybody, even while members leave. */
  at(place: number): T | undefined {
    return this.#members[place];
  }

  /** As it is now: members may leave while it is read. */
  snapshot(): readonly T[] {
    return [...this.#members];
  }

  /** Without a copy, for readers that change nothing. */
  filter(isWanted: (member: T) => boolean): T[] {
    return this.#members.filter(isWanted);
  }
}
