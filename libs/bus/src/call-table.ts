/** At once; far more than any process holds open. */
const slotCount = 2 ** 20;

interface Slot<T> {
  number: number;
  value: T | undefined;
}

/**
 * What is open, by numbers that never come back. A `Map` that thousands of short-lived entries pass through each second
 * keeps them: its outgrown tables are old by then, and whatever they point to outlives one collection after another.
 * Here nothing points to what was taken out.
 */
export class CallTable<T> {
  readonly #slots: Slot<T>[] = [];
  readonly #free: Slot<T>[] = [];

  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  /** Its number, or undefined when the table is full. */
  add(value: T): number | undefined {
    const slot = this.#free.pop() ?? this.#grow();
    if (slot === undefined) return undefined;
    slot.value = value;
    return slot.number;
  }

  get(number: number): T | undefined {
    const slot = this.#slots[number % slotCount];
    return slot?.number === number ? slot.value : undefined;
  }

  delete(number: number): void {
    const slot = this.#slots[number % slotCount];
    if (slot?.number !== number) return;
    slot.value = undefined;
    // Whoever answers late means a number that is not there any more.
    slot.number += slotCount;
    this.#free.push(slot);
  }

  /** Sees what is added meanwhile, or not. */
  *values(): Generator<T> {
    for (const { value } of this.#slots) if (value !== undefined) yield value;
  }

  #grow(): Slot<T> | undefined {
    if (this.#slots.length === slotCount) return undefined;
    const slot: Slot<T> = { number: this.#slots.length, value: undefined };
    this.#slots.push(slot);
    return slot;
  }
}
