import { unportableKeywords } from '@inferry/contracts';
import { describe, expect, it } from 'vitest';
import { capabilitiesOf, categoriesOf, componentSchema, normaliseSchema, schemaOfFields } from './index.ts';

describe('normaliseSchema', () => {
  it('writes references out and merges allOf', () => {
    const document = {
      components: {
        schemas: {
          Size: { type: 'string', enum: ['small', 'large'], title: 'Size' },
          Input: {
            type: 'object',
            required: ['prompt'],
            properties: {
              prompt: { type: 'string', 'x-order': 1 },
              size: { allOf: [{ $ref: '#/components/schemas/Size' }], default: 'small', 'x-order': 0 },
            },
          },
        },
      },
    };

    expect(componentSchema(document, 'Input')).toEqual({
      type: 'object',
      required: ['prompt'],
      properties: {
        size: { type: 'string', title: 'Size', default: 'small', enum: ['small', 'large'] },
        prompt: { type: 'string' },
      },
    });
  });

  it('widens a choice and never narrows it', () => {
    const size = {
      anyOf: [
        { type: 'string', enum: ['square', 'landscape'] },
        { type: 'object', required: ['width'], properties: { width: { type: 'integer' } } },
      ],
    };

    const { properties } = normaliseSchema({ type: 'object', properties: { size } });

    expect(properties).toEqual({
      size: {
        type: ['string', 'object'],
        description: 'One of square, landscape, or a value of its own.',
        properties: { width: { type: 'integer' } },
      },
    });
  });

  it('makes one type of a type or null', () => {
    const seed = { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }], title: 'Seed' };

    expect(normaliseSchema({ properties: { seed } }).properties).toEqual({
      seed: { type: ['integer', 'null'], title: 'Seed', minimum: 0 },
    });
  });

  it('reads the words of OpenAPI 3.0', () => {
    const strength = { type: 'number', nullable: true, minimum: 0, exclusiveMinimum: true };

    expect(normaliseSchema({ properties: { strength } }).properties).toEqual({
      strength: { type: ['number', 'null'], exclusiveMinimum: 0 },
    });
  });

  it('marks fields that take files, and lists of them', () => {
    const properties = {
      image_url: { type: 'string' },
      reference_images: { type: 'array', items: { type: 'string', format: 'uri' } },
      audio: { type: 'string', format: 'binary' },
      image_size: { type: 'string' },
      webhook_url: { type: 'string' },
      startFrameUrl: { type: 'string', maxLength: 2_000 },
    };

    const schema = normaliseSchema({ type: 'object', properties });

    expect(schema.properties).toEqual({
      image_url: { type: 'string', format: 'uri', 'x-inferry-file': 'image' },
      reference_images: {
        type: 'array',
        items: { type: 'string', format: 'uri', 'x-inferry-file': 'image' },
      },
      audio: { type: 'string', format: 'uri', 'x-inferry-file': 'audio' },
      image_size: { type: 'string' },
      webhook_url: { type: 'string' },
      startFrameUrl: { type: 'string', format: 'uri', 'x-inferry-file': 'image' },
    });
  });

  it('lets a field be what any variant of a choice of objects says', () => {
    const variant = (kind: string, value: object) => ({
      type: 'object',
      properties: { type: { const: kind }, value },
      required: ['type', 'value'],
    });
    const oneOf = [variant('a', { type: 'integer', maximum: 10 }), variant('b', { type: 'string' })];

    expect(normaliseSchema({ properties: { item: { oneOf } } }).properties).toEqual({
      item: {
        type: 'object',
        properties: { type: { enum: ['a', 'b'] }, value: { type: ['integer', 'string'] } },
      },
    });
  });

  it('takes null among choices wherever the original does', () => {
    const words = { type: 'string', enum: ['fast', 'slow'] };
    const either = { type: ['string', 'null'], enum: ['fast', 'slow', null] };
    const properties = { mode: { anyOf: [words, { type: 'null' }] }, kind: { ...words, nullable: true } };

    expect(normaliseSchema({ properties }).properties).toEqual({ mode: either, kind: either });
  });

  it('takes choices that are no text for what they are', () => {
    const properties = {
      size: { type: 'string', enum: [5, 8] },
      tiled: { type: 'string', enum: [true, false] },
      mixed: { type: 'string', enum: ['auto', 1.5] },
    };

    expect(normaliseSchema({ properties }).properties).toEqual({
      size: { type: 'integer', enum: [5, 8] },
      tiled: { type: 'boolean', enum: [true, false] },
      mixed: { type: ['string', 'number'], enum: ['auto', 1.5] },
    });
  });

  it('keeps a schema open that takes further fields', () => {
    const schema = { type: 'object', properties: { prompt: { type: 'string' } }, additionalProperties: true };

    expect(normaliseSchema(schema)).toEqual(schema);
  });

  it('marks the fields whose form shows a file', () => {
    const ui = { field: 'image' };
    const properties = {
      photo: { type: 'string', ui },
      subject: { anyOf: [{ type: 'string', ui }, { type: 'null' }] },
      either: {
        anyOf: [
          { type: 'string', ui },
          { type: 'object', properties: {} },
        ],
      },
      clips: { type: 'array', items: { type: 'string', ui: { field: 'video' } } },
      pieces: { type: 'array', items: { type: 'string' }, ui: { field: 'audio' } },
      look: { type: 'string', ui: { field: 'textarea' } },
    };

    const text = JSON.stringify(normaliseSchema({ properties }).properties);

    expect(text.match(/"x-inferry-file":"\w+"/g)).toEqual(
      ['image', 'image', 'image', 'video', 'audio'].map((medium) => `"x-inferry-file":"${medium}"`),
    );
  });

  it('hides what is for us to fill in', () => {
    const schema = {
      properties: { prompt: { type: 'string' }, webhook: { type: 'string' } },
      required: ['webhook'],
    };

    expect(normaliseSchema(schema, { hidden: ['webhook'] })).toEqual({
      type: 'object',
      properties: { prompt: { type: 'string' } },
    });
  });

  it('ends on a schema that holds itself, and stays portable', () => {
    const node = { type: 'object', properties: { child: { $ref: '#/$defs/node' }, not: { type: 'string' } } };

    const text = JSON.stringify(normaliseSchema({ $defs: { node }, oneOf: [{ $ref: '#/$defs/node' }] }));

    expect(text.length).toBeLessThan(2_000);
    expect(unportableKeywords.filter((word) => word !== 'not' && text.includes(`"${word}":`))).toEqual([]);
  });

  it('ends on a schema that doubles with every reference', () => {
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const definitions = names.map((name, index) => {
      const $ref = `#/$defs/n${index + 1}`;
      return [name, { properties: { left: { $ref }, right: { $ref } } }];
    });

    const schema = normaliseSchema({ $defs: Object.fromEntries(definitions), $ref: '#/$defs/n0' });

    expect(JSON.stringify(schema).length).toBeLessThan(1_000_000);
  });
});

it('makes a schema of a list of fields', () => {
  const schema = schemaOfFields([
    { name: 'prompt', type: 'string', isRequired: true, maxLength: 10 },
    { name: 'frames', type: 'string', file: 'image', isList: true, maxItems: 2 },
    { name: 'steps', type: 'integer', minimum: 1, maximum: 50, default: 20 },
  ]);

  expect(schema).toEqual({
    type: 'object',
    required: ['prompt'],
    properties: {
      prompt: { type: 'string', maxLength: 10 },
      frames: {
        type: 'array',
        items: { type: 'string', format: 'uri', 'x-inferry-file': 'image' },
        maxItems: 2,
      },
      steps: { type: 'integer', minimum: 1, maximum: 50, default: 20 },
    },
  });
});

describe('capabilitiesOf', () => {
  const image = { type: 'string', 'x-inferry-file': 'image' };

  it.each([
    ['a text-to-image model with LoRA', {}, ['io:text-to-image', 'form:lora']],
    ['Upscale pictures', { properties: { image }, required: ['image'] }, ['io:image-to-image', 'op:upscale']],
    ['image-to-video', { properties: { image_url: image } }, ['io:image-to-video']],
    ['Text to speech', {}, ['io:text-to-audio', 'op:text-to-speech']],
    [
      'Remove the background of an image',
      { properties: { image } },
      ['io:image-to-image', 'op:remove-background'],
    ],
  ])('reads "%s"', (text, inputSchema, expected) => {
    const output = text.startsWith('Upscale') || text.startsWith('Remove') ? 'image' : undefined;

    expect(capabilitiesOf({ text, inputSchema, output })).toEqual(expected);
  });

  it('says that a picture may come along', () => {
    const inputSchema = { properties: { prompt: { type: 'string' }, image }, required: ['prompt'] };

    expect(capabilitiesOf({ text: '', inputSchema, output: 'video' })).toEqual([
      'io:text-to-video',
      'io:image-to-video',
    ]);
  });

  it('names the medium first and then the task', () => {
    expect(categoriesOf(['io:text-to-image', 'op:edit'])).toEqual(['image', 'text-to-image']);
  });
});
