/** The largest input by factor: about two minutes of one core, and at most 16 million pixels out. */
export const maxUpscalePixels = { 2: 4_194_304, 4: 1_048_576 } as const;
