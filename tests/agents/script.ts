/** What a careful agent does, whoever made it: a run that makes a file, a wait, a look at it, an error; and what its model must have been told, once. */
import type { JsonObject } from '@inferry/contracts';
import type { Script, ShownTool } from './scripted-model.ts';

/** One pixel. */
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const nextStep = /get_run\(run_id="(run_[\w-]{22})", wait_seconds=(\d+)\)/g;

/** With the ids, and the next step, that it reads in what it was told. */
export const script: Script = [
  () => ({ name: 'upload_file', args: { base64: pixel, file_name: 'pixel.png' } }),
  (said) => ({
    name: 'run_model',
    args: { model: 'local/upscale-2x', input: { image: lastOf(/asset_[\w-]{22}/g, said) }, wait_seconds: 0 },
  }),
  (said) => {
    const [, run_id = '', seconds] = [...plainly(said).matchAll(nextStep)].at(-1) ?? [];
    return { name: 'get_run', args: { run_id, wait_seconds: Number(seconds) } };
  },
  (said) => ({ name: 'view_output', args: { run_id: lastOf(/run_[\w-]{22}/g, said) } }),
  () => ({ name: 'run_model', args: { model: 'local/upscale-2x', input: {} } }),
];

function lastOf(pattern: RegExp, said: string): string {
  return said.match(pattern)?.at(-1) ?? '';
}

/** What of a result a client shows its model. */
export type Shown = 'text' | 'structure' | 'both';

interface Fact {
  /** In the words, which stand alone where there is no structure. */
  text: RegExp;
  structure?: RegExp;
  isOfError?: true;
}

const run = 'run_[\\w-]{22}';
const file = 'http://127\\.0\\.0\\.1:\\d+/files/asset_[\\w-]{22}/[\\w-]+/upscale-2x\\.png';
const wait = `get_run\\(run_id="${run}", wait_seconds=\\d+\\)`;
const correct = 'Correct the fields and call again\\. Nothing was run or charged\\.';

/** What a model has to know. */
const facts: Readonly<Record<string, Fact>> = {
  'how to wait for the run': {
    text: new RegExp(`Run ${run}: (queued|running) [^\\n]*\\nNext: ${wait}`, 'g'),
    structure: new RegExp(`"next_action":"${wait}"`, 'g'),
  },
  'the end of the run': {
    text: new RegExp(`Run ${run}: succeeded`, 'g'),
    structure: new RegExp(`"run_id":"${run}","status":"succeeded","model"`, 'g'),
  },
  'where the file is': {
    text: new RegExp(`Output 0: !\\[image\\]\\(${file}\\) asset asset_`, 'g'),
    structure: new RegExp(`"mime_type":"image/png","url":"${file}"`, 'g'),
  },
  'what it cost': { text: /Cost: free/g, structure: /"cost":\{[^{}]*"charged":0\b/g },
  'the size of the picture': { text: new RegExp(`: 2 x 2\\. Full size: \\[link\\]\\(${file}\\)`, 'g') },
  'the code of the error': {
    text: /\[validation_failed\] local\/upscale-2x/g,
    structure: /"code":"validation_failed"/g,
    isOfError: true,
  },
  'the field that is wrong': {
    text: /- image: is required \(an http/g,
    structure: /"path":"image","message":"is required"/g,
    isOfError: true,
  },
  'what to do next': {
    text: new RegExp(`Next: ${correct}`, 'g'),
    structure: new RegExp(`"next_action":"${correct}"`, 'g'),
    isOfError: true,
  },
};

/** What was said without the quoting that clients put around it. */
export function plainly(said: string): string {
  return said.replaceAll(/\\+"/g, '"').replaceAll(/\\+n/g, '\n');
}

/** What of the facts is not in what the model was told, or stands there again in another form or another time. */
export function wrongIn(said: string, shows: Shown, showsOfErrors: Shown = shows): string[] {
  const plain = plainly(said);
  const wrong = Object.entries(facts).flatMap(([name, fact]) =>
    wrongAbout(fact, plain, fact.isOfError ? showsOfErrors : shows).map((problem) => `${name} ${problem}`),
  );
  // Once more where the picture is shown.
  const links = timesIn(plain, new RegExp(file, 'g'));
  if (links !== (shows === 'both' ? 3 : 2)) wrong.push(`the link of the file stands there ${links} times`);
  // It is said in words or in a field, and not as another thing that the model has to make sense of.
  if (/resource.?link/i.test(plain)) wrong.push('the link of the file is a block of its own');
  return wrong;
}

function wrongAbout({ text, structure }: Fact, plain: string, shown: Shown): string[] {
  const wrong: string[] = [];
  const inWords = timesIn(plain, text);
  const inFields = structure === undefined ? 0 : timesIn(plain, structure);
  if (inWords !== Number(structure === undefined || shown !== 'structure'))
    wrong.push(`stands ${inWords} times in words`);
  if (inFields !== Number(structure !== undefined && shown !== 'text'))
    wrong.push(`stands ${inFields} times in fields`);
  return wrong;
}

function timesIn(plain: string, pattern: RegExp): number {
  return plain.match(pattern)?.length ?? 0;
}

/** A tool as the server lists it. */
export interface ListedTool {
  name: string;
  inputSchema: JsonObject;
}

/** What of the server's tools and their arguments the model was not shown. `freely`: that any field may stand in `input`, too. */
export function notShown(
  listed: readonly ListedTool[],
  tools: readonly ShownTool[],
  freely = true,
): string[] {
  const wrong: string[] = [];
  for (const { name, inputSchema } of listed) {
    const shown = tools.filter((tool) => tool.name === name || tool.name.endsWith(`_${name}`));
    if (shown.length !== 1) wrong.push(`${name} is shown ${shown.length} times`);
    const parameters = shown[0]?.parameters ?? {};
    for (const [field, schema] of Object.entries(fieldsOf(inputSchema)))
      if (fieldsOf(parameters)[field]?.description !== schema.description)
        wrong.push(`${name}: what ${field} is`);
    const { required = [] } = inputSchema;
    if (JSON.stringify(parameters.required ?? []) !== JSON.stringify(required))
      wrong.push(`${name}: that ${JSON.stringify(required)} are required`);
    const { input } = fieldsOf(parameters);
    if (name === 'run_model' && freely && input?.additionalProperties !== true)
      wrong.push('run_model: that any field may stand in input');
  }
  return wrong;
}

function fieldsOf({ properties = {} }: JsonObject): Record<string, JsonObject> {
  // as: what a schema says of each field is a schema.
  return properties as Record<string, JsonObject>;
}
