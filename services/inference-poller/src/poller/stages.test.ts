import { describe, expect, it } from 'vitest';
import { Places } from './stages.ts';

const lane = (subject: string, provider = 'one') => ({ subject, provider });

function fill(places: Places, who: ReturnType<typeof lane>): number {
  let count = 0;
  while (places.canTake(who)) {
    places.take(who);
    count += 1;
  }
  return count;
}

describe('places with a reserve', () => {
  it('leave room for whoever comes next, however many have come before', () => {
    const places = new Places({ capacity: 256, perPlatform: 128, keepsReserve: true });

    const taken = ['a', 'b', 'c', 'd', 'e'].map((subject) => fill(places, lane(subject)));

    expect(taken).toEqual([64, 32, 16, 8, 4]);
    expect(places.canTake(lane('late'))).toBe(true);
    expect(places.canTake(lane('late', 'two'))).toBe(true);
  });

  it('give one platform at most half of what is free, so that hanging ones never take all', () => {
    const places = new Places({ capacity: 100, keepsReserve: true });
    for (const provider of ['one', 'two', 'three']) {
      for (const subject of ['a', 'b', 'c']) fill(places, lane(subject, provider));
    }

    expect(places.used).toBeLessThan(95);
    expect(places.canTake(lane('z', 'four'))).toBe(true);
    expect(places.canTake(lane('z', 'one'))).toBe(true);
    expect(places.saturated(new Set(['one'])).map(({ subject }) => subject)).toEqual(['a', 'b', 'c']);
  });

  it('have one place for anybody when there is only one', () => {
    const places = new Places({ capacity: 1, keepsReserve: true });

    expect(fill(places, lane('a'))).toBe(1);
    places.leave(lane('a'));
    expect(places.canTake(lane('b'))).toBe(true);
  });

  it('share out what is free, one each in turn', () => {
    const places = new Places({ capacity: 12, keepsReserve: true });
    places.take(lane('busy'));
    places.take(lane('busy'));

    const picks = places.allot([lane('busy'), lane('new'), lane('other')], 4);

    expect(picks).toEqual([
      { ...lane('new'), limit: 2 },
      { ...lane('other'), limit: 1 },
    ]);
    expect(places.used).toBe(2);
  });
});

describe('places without a reserve', () => {
  it('are used up, and handed on to whoever waited longest', () => {
    const places = new Places({ capacity: 1, keepsReserve: false });
    const lanes = [lane('a'), lane('b'), lane('c')];
    const order: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      const [pick] = places.allot(lanes, 10);
      order.push(pick?.subject ?? '');
      places.served(lane(pick?.subject ?? ''));
    }

    expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(fill(places, lane('a'))).toBe(1);
  });
});

describe('places beyond those that are used up', () => {
  it('are for tenants who have none, one each', () => {
    const places = new Places({ capacity: 2, keepsReserve: false, beyond: 2 });

    expect(fill(places, lane('a'))).toBe(2);
    expect(fill(places, lane('b'))).toBe(1);
    expect(fill(places, lane('c'))).toBe(1);
    expect(places.canTake(lane('d'))).toBe(false);
    places.leave(lane('b'));
    expect([places.canTake(lane('a')), places.canTake(lane('d'))]).toEqual([false, true]);
  });
});

describe('a wait for a place', () => {
  it('ends when one is free, first for whoever may have it', async () => {
    const places = new Places({ capacity: 8, keepsReserve: true });
    const { signal } = new AbortController();
    const admitted: string[] = [];
    fill(places, lane('a'));
    fill(places, lane('b'));
    const wait = (subject: string) =>
      places.acquire(lane(subject), signal).then((isIn) => isIn && admitted.push(subject));
    const waits = [wait('a'), wait('a'), wait('c')];
    await waits[2];

    expect(admitted).toEqual(['c']);
    places.leave(lane('b'));
    places.leave(lane('a'));
    await waits[0];
    expect(admitted).toEqual(['c', 'a']);
  });

  it('ends with the signal and takes nothing', async () => {
    const places = new Places({ capacity: 1, keepsReserve: true });
    const abort = new AbortController();
    places.take(lane('a'));
    const waiting = places.acquire(lane('b'), abort.signal);

    abort.abort();

    expect(await waiting).toBe(false);
    places.leave(lane('a'));
    expect(places.used).toBe(0);
  });
});
