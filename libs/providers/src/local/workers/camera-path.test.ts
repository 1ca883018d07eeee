import { expect, it } from 'vitest';
import { motions } from '../models/pan-and-zoom.ts';
import { cameraAt } from './camera-path.ts';

it.each(motions)('never looks past the edge of the picture with %s', (motion) => {
  for (const moment of [0, 0.25, 0.5, 0.75, 1]) {
    const { x, y, size } = cameraAt(motion, 1.7, moment);
    for (const edge of [x, y, 1 - size - x, 1 - size - y]) expect(edge).toBeGreaterThanOrEqual(-1e-9);
  }
});

it('ends a zoom at the size that was asked for', () => {
  expect(cameraAt('zoom-in', 2, 1).size).toBeCloseTo(0.5);
  expect(cameraAt('zoom-out', 2, 0).size).toBeCloseTo(0.5);
});

it('moves the view to the right in pan-right and back in pan-left', () => {
  expect(cameraAt('pan-right', 1.5, 1).x).toBeGreaterThan(cameraAt('pan-right', 1.5, 0).x);
  expect(cameraAt('pan-left', 1.5, 1).x).toBeLessThan(cameraAt('pan-left', 1.5, 0).x);
});
