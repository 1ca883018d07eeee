/** Zero crossings of the filter on each side. */
const crossings = 16;
/** Positions between two samples that the filter is tabulated for. */
const phases = 512;

/** Changes the sample rate with a windowed sinc filter, which also keeps out what the lower rate cannot hold. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const cutoff = Math.min(1, to / from);
  const reach = Math.ceil(crossings / cutoff);
  const filter = tabulate(cutoff, reach);
  const result = new Float32Array(Math.max(1, Math.round((samples.length * to) / from)));
  for (let index = 0; index < result.length; index += 1) {
    const position = (index * from) / to;
    const first = Math.max(0, Math.ceil(position - reach));
    const last = Math.min(samples.length - 1, Math.floor(position + reach));
    let sum = 0;
    for (let at = first; at <= last; at += 1) {
      sum += (samples[at] ?? 0) * (filter[Math.round(Math.abs(at - position) * phases)] ?? 0);
    }
    result[index] = sum;
  }
  return result;
}

/** The sinc under a Blackman window, by distance in steps of 1/phases of a sample. */
function tabulate(cutoff: number, reach: number): Float32Array {
  const filter = new Float32Array(reach * phases + 1);
  for (let step = 0; step < filter.length; step += 1) {
    const distance = step / phases;
    const angle = Math.PI * distance * cutoff;
    const sinc = step === 0 ? 1 : Math.sin(angle) / angle;
    const turn = (Math.PI * distance) / reach;
    filter[step] = cutoff * sinc * (0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn));
  }
  return filter;
}
