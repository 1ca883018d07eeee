import type { PanAndZoomInput } from '../models/pan-and-zoom.ts';

/** What the camera sees, as shares of the picture: the left upper corner and the size (the same for both sides). */
export interface View {
  x: number;
  y: number;
  size: number;
}

/** The camera at a moment (0..1); it starts and stops softly. */
export function cameraAt(motion: PanAndZoomInput['motion'], zoom: number, moment: number): View {
  const close = 1 / zoom;
  const eased = moment * moment * (3 - 2 * moment);
  const room = 1 - close;
  const middle = room / 2;
  switch (motion) {
    case 'zoom-in':
      return centred(1 - room * eased);
    case 'zoom-out':
      return centred(close + room * eased);
    case 'pan-right':
      return { x: room * eased, y: middle, size: close };
    case 'pan-left':
      return { x: room * (1 - eased), y: middle, size: close };
    case 'pan-down':
      return { x: middle, y: room * eased, size: close };
    case 'pan-up':
      return { x: middle, y: room * (1 - eased), size: close };
  }
}

function centred(size: number): View {
  return { x: (1 - size) / 2, y: (1 - size) / 2, size };
}
