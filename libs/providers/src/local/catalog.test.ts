import { isObject, unportableKeywords } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { catalogEtag, offeredModels } from './catalog.ts';

const all = offeredModels(() => true);

it('offers exactly these models when every optional package is installed', () => {
  expect([...all.keys()]).toEqual([
    'upscale-2x',
    'upscale-4x',
    'speech',
    'pan-and-zoom',
    'denoise',
    'embed',
    'summarize',
    'detect-language',
    'detect-objects',
    'ocr',
  ]);
});

it('leaves out the models whose optional packages are missing', () => {
  const base = offeredModels(() => false);
  const half = offeredModels((name) => name === 'tesseract.js');

  expect([...base.keys()]).toHaveLength(8);
  expect([...half.keys()]).toHaveLength(8);
});

it('finds the optional packages that are installed here', () => {
  expect([...offeredModels().keys()]).toEqual([...all.keys()]);
});

it('changes the etag with the list', () => {
  expect(catalogEtag(all)).not.toBe(catalogEtag(offeredModels(() => false)));
  expect(catalogEtag(all)).toBe(catalogEtag(offeredModels(() => true)));
});

describe.each([...all.values()])('$entry.nativeId', ({ entry, input, fileFields }) => {
  it('has portable schemas in which every field is described', () => {
    for (const schema of [entry.inputSchema, entry.outputSchema]) {
      expect(schema.type).toBe('object');
      expect(keywordsOf(schema).filter((keyword) => unportableKeywords.includes(keyword))).toEqual([]);
      expect(undescribed(schema)).toEqual([]);
    }
  });

  it('marks its file fields', () => {
    const properties = isObject(entry.inputSchema.properties) ? entry.inputSchema.properties : {};
    const marked = Object.keys(properties).filter((name) => {
      const property = properties[name];
      return isObject(property) && property['x-inferry-file'] !== undefined && property.format === 'uri';
    });

    expect(marked).toEqual([...fileFields]);
  });

  it('is free and says so', () => {
    expect(entry.price).toEqual({ text: 'free', currency: 'USD', basis: 'per_request', amount: 0 });
  });

  it('has two worked examples that its schema takes', () => {
    expect(entry.examples).toHaveLength(2);
    for (const example of entry.examples) expect(input.safeParse(example.input).error).toBeUndefined();
  });

  it('says what it is made of, its limits and its licence', () => {
    for (const heading of ['## Made of', '## Limits', '## Licence']) expect(entry.readme).toContain(heading);
  });

  it('has a category, a task and a capability of each kind', () => {
    expect(entry.categories.length).toBeGreaterThanOrEqual(2);
    expect(entry.capabilities.some((id) => id.startsWith('io:'))).toBe(true);
    expect(entry.capabilities.some((id) => id.startsWith('op:'))).toBe(true);
    expect(entry.summary).not.toContain('\n');
  });
});

it('says plainly that no neural network is behind pan-and-zoom', () => {
  expect(all.get('pan-and-zoom')?.entry.summary).toContain('No neural network');
});

function keywordsOf(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(keywordsOf);
  return isObject(node) ? Object.entries(node).flatMap(([key, value]) => [key, ...keywordsOf(value)]) : [];
}

function undescribed(schema: unknown): string[] {
  if (!isObject(schema)) return [];
  const inside = isObject(schema.items) ? undescribed(schema.items) : [];
  if (!isObject(schema.properties)) return inside;
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const own = isObject(property) && typeof property.description === 'string' ? [] : [name];
    return [...own, ...undescribed(property)];
  });
}
