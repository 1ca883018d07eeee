import type { ProviderModel } from '@inferry/providers';
import { describe, expect, it } from 'vitest';
import { toCard } from '../model-card.ts';
import { modelOf } from '../testing/model-of.ts';
import { findModels } from './find-models.ts';
import { SearchIndex } from './search-index.ts';

const models: Record<string, Partial<ProviderModel>> = {
  'acme/flux': { title: 'FLUX', capabilities: ['io:text-to-image'] },
  'acme/enlarge-image': { title: 'Enlarge an image', capabilities: ['io:image-to-image'] },
  'acme/upscale-2x': { title: 'Upscale 2x', capabilities: ['io:image-to-image', 'op:upscale'] },
  'acme/multilingual-e5-large': { title: 'Multilingual E5 large', capabilities: ['op:embed'] },
  'acme/kling': { title: 'Kling', capabilities: ['io:image-to-video'] },
  'acme/whisper': { title: 'Whisper', capabilities: ['io:audio-to-text', 'op:transcribe'] },
  'acme/speech': {
    title: 'Speech',
    summary: 'Text to speech',
    capabilities: ['io:text-to-audio', 'op:text-to-speech'],
  },
  'acme/denoise': { title: 'Denoise', summary: 'Removes background noise', capabilities: ['op:denoise'] },
  'acme/rembg': { title: 'Cut-out', capabilities: ['io:image-to-image', 'op:remove-background'] },
  'acme/gpt-4o': { title: 'gpt-4o', capabilities: ['op:chat', 'io:text-to-text', 'io:image-to-text'] },
  'acme/detect-objects': { title: 'Detect objects in a picture', capabilities: ['op:detect-objects'] },
  'acme/ocr': { title: 'OCR', summary: 'Text in an image', capabilities: ['op:ocr'] },
};

const index = new SearchIndex();
for (const [id, changes] of Object.entries(models)) {
  const model = modelOf(id, { tags: [], categories: [], summary: '', ...changes });
  index.put(toCard({ provider: 'p', model, updatedAt: 1, fingerprint: '' }));
}

function firstOf(query: string): string | undefined {
  const { cards } = findModels([index], {
    query,
    filters: {},
    includeOffline: false,
    withFacets: false,
    limit: 3,
    isUsable: () => true,
  });
  return cards[0]?.nativeId;
}

describe('a sentence finds what does what it asks for', () => {
  it.each([
    ['image of a cat', 'acme/flux'],
    ['text to image', 'acme/flux'],
    ['Draw me a picture of a lighthouse!', 'acme/flux'],
    ['remove background', 'acme/rembg'],
    ['remove the background noise', 'acme/denoise'],
    ['caption image', 'acme/gpt-4o'],
    ["what's in this picture?", 'acme/gpt-4o'],
    ['what is in this picture', 'acme/gpt-4o'],
    ['enlarge picture', 'acme/upscale-2x'],
    ['speech to text', 'acme/whisper'],
    ['text to speech', 'acme/speech'],
    ['animate this photo', 'acme/kling'],
    ['make a video from a picture', 'acme/kling'],
    ['turn this old photo into a short film', 'acme/kling'],
    ['bring my photo to life', 'acme/kling'],
    ['speech from text', 'acme/speech'],
    ['turn an article into a podcast', 'acme/speech'],
    ['text from a recording', 'acme/whisper'],
    ['turn this interview into text', 'acme/whisper'],
    ['extract the text from this scan', 'acme/ocr'],
    ['read the text in an image', 'acme/ocr'],
    ['read this receipt', 'acme/ocr'],
    ['picture from a text', 'acme/flux'],
  ])('%s', (query, id) => {
    expect(firstOf(query)).toBe(id);
  });

  it.each([
    ['upscaling', 'acme/upscale-2x'],
    ['denoising', 'acme/denoise'],
    ['whsiper', 'acme/whisper'],
    ['klnig', 'acme/kling'],
  ])('%s is found by its stem, or in spite of its slip', (query, id) => {
    expect(firstOf(query)).toBe(id);
  });

  it('does not take a name for a sentence', () => {
    expect(firstOf('gpt-4o')).toBe('acme/gpt-4o');
    expect(firstOf('enlarge-image')).toBe('acme/enlarge-image');
  });
});
