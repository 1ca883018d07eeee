/** What `--json` of a command prints; returns the exit code. */
export function printJson(document: object): number {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  return 0;
}
