/** What `--json` of the commands prints. */
export function printJson(out: { write(text: string): unknown }, document: object): void {
  out.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
