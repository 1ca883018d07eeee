/** What fails and may: `<run>: <scenario>`. An entry that passes fails the run. */
export const expectedFailures: readonly string[] = [];
