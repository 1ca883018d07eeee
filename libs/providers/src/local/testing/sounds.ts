/** Root mean square of a stretch of sound. */
export function loudness(samples: Float32Array | undefined, from = 0, to = samples?.length ?? 0): number {
  const stretch = samples?.subarray(from, to) ?? new Float32Array();
  return Math.sqrt(stretch.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, stretch.length));
}

/** Repeatable white noise. */
export function noise(length: number, level: number): Float32Array {
  let state = 12_345;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return level * ((2 * state) / 0x7fff_ffff - 1);
  });
}
