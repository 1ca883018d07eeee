/** What a careful agent does, whoever made it: a run that makes a file, a wait, a look, an error; and what it must have been told. */
import type { Script } from './scripted-model.ts';

/** One pixel. */
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** With the ids that it reads in what it was told. */
export const script: Script = [
  () => ({ name: 'run_model', args: { model: 'local/speech', input: { text: 'hello' }, wait_seconds: 0 } }),
  (said) => ({ name: 'get_run', args: { run_id: lastOf(/run_[\w-]{22}/g, said), wait_seconds: 30 } }),
  () => ({ name: 'upload_file', args: { base64: pixel, file_name: 'pixel.png' } }),
  (said) => ({ name: 'view_output', args: { asset_id: lastOf(/asset_[\w-]{22}/g, said) } }),
  () => ({ name: 'run_model', args: { model: 'local/speech', input: {} } }),
];

function lastOf(pattern: RegExp, said: string): string {
  return said.match(pattern)?.at(-1) ?? '';
}

/** What a model has to know, in words or as structure: clients show it one of them. */
const facts: Readonly<Record<string, RegExp>> = {
  'the end of the run': /Run run_[\w-]{22}: succeeded|"status":"succeeded"/,
  'where the file is': /http:\/\/127\.0\.0\.1:\d+\/files\/asset_[\w-]{22}\/[\w-]+\/speech\.wav/,
  'what it cost': /Cost: free|"charged":0\b/,
  'the size of the picture': /1 x 1/,
  'the code of the error': /validation_failed/,
  'the field that is wrong': /text: is required|"path":"text","message":"is required"/,
  'what to do next': /Correct the fields and call again\. Nothing was run or charged\./,
};

/** What was said without the quoting that clients put around it. */
export function plainly(said: string): string {
  return said.replaceAll(/\\+"/g, '"');
}

/** What of the facts is not in what the model was told. */
export function missingFrom(said: string): string[] {
  return Object.entries(facts)
    .filter(([, pattern]) => !pattern.test(plainly(said)))
    .map(([fact]) => fact);
}
