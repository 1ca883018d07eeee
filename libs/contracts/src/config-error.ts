/** What is wrong with a deployment's configuration, in sentences for the person who wrote it: thrown wherever it is read. */

/** Every problem of an environment at once, each with its variable. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Runs each reader, and throws one `ConfigError` with the problems of all of them. Anything else is thrown at once. */
export async function readAll<T extends readonly unknown[]>(
  readers: {
    readonly [K in keyof T]: () => T[K] | Promise<T[K]>;
  },
): Promise<T> {
  const values: unknown[] = [];
  const problems: string[] = [];
  for (const read of readers) {
    try {
      values.push(await read());
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  // as: without a problem, each reader has given its value, in order.
  return values as unknown as T;
}
