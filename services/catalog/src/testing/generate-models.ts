import type { ProviderModel } from '@inferry/providers';

const makers = 'acme borealis cobalt delta ember fjord glacier harbor indigo juniper kestrel lumen'.split(
  ' ',
);
const families = 'aurora breeze comet dune echo flare grove haze iris jade kite lotus mist nova onyx'.split(
  ' ',
);
const editions = 'base dev fast lite max mini plus pro schnell turbo ultra vision'.split(' ');
const adjectives = 'accurate cinematic detailed expressive photorealistic quick sharp stylised'.split(' ');
const tasks = [
  'text-to-image',
  'image-to-image',
  'text-to-video',
  'image-to-video',
  'text-to-audio',
  'text-to-speech',
  'speech-to-text',
  'text-to-text',
  'image-upscale',
  'background-removal',
];

/**
 * A made-up catalog of any size, the same each time: names, tasks and prices spread as in real ones. About a tenth of
 * the words of a summary are unique to the model.
 */
export function generateModels(count: number): ProviderModel[] {
  return Array.from({ length: count }, (_, number) => generateModel(number));
}

function generateModel(number: number): ProviderModel {
  const maker = pick(makers, number);
  const family = pick(families, number * 7 + Math.floor(number / 11));
  const edition = pick(editions, number * 5 + Math.floor(number / 13));
  const task = pick(tasks, number * 3 + Math.floor(number / 17));
  const medium = task.split('-').at(-1) ?? 'image';
  return {
    nativeId: `${maker}/${family}-${edition}-${number}`,
    title: `${capital(family)} ${capital(edition)} ${number}`,
    summary: `A ${pick(adjectives, number * 3)} ${task.replaceAll('-', ' ')} model of the ${family} family for ${pick(adjectives, number + 3)} results, tuned on set ${number.toString(36)}x.`,
    kind: number % 25 === 0 ? 'solution' : number % 9 === 0 ? 'endpoint' : 'model',
    categories: [medium, task],
    capabilities: [`io:${task}`, `op:${pick(adjectives, number)}`],
    creator: maker,
    tags: [family, edition, pick(adjectives, number * 5)],
    isFeatured: number % 100 === 0,
    isLive: number % 50 !== 7,
    weight: (number * 37) % 1_000,
    inputSchema: {
      type: 'object',
      required: ['prompt'],
      properties: {
        prompt: { type: 'string', description: 'What to make.' },
        steps: { type: 'integer', minimum: 1, maximum: 50, default: 20, description: 'More is finer.' },
        size: { type: 'string', enum: ['512', '768', '1024'], default: '1024', description: 'Longest side.' },
        seed: { type: 'integer', minimum: 0, description: 'The same seed, the same result.' },
      },
    },
    outputSchema: { type: 'object', properties: { image: { type: 'string' } } },
    price: { text: `$0.0${1 + (number % 9)} an image`, currency: 'USD', basis: 'per_image', amount: 0.01 },
    examples: [
      {
        title: 'First',
        input: { prompt: `a ${family}` },
        output: { image: 'https://example.com/1.png' },
        cost: 0.01,
      },
    ],
    readme: `# ${capital(family)}\n\nMade by ${maker}. ${'It has limits, a licence and a history. '.repeat(20)}`,
  };
}

function pick(list: readonly string[], number: number): string {
  return list[number % list.length] ?? '';
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
