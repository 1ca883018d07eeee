import { z } from 'zod';
import { defineLocalModel } from '../local-model.ts';
import { pictureField } from './picture.ts';

export const ocrInput = z.object({
  image: pictureField('The picture of printed English text.'),
});
export type OcrInput = z.infer<typeof ocrInput>;

export const ocr = defineLocalModel({
  nativeId: 'ocr',
  title: 'Read text in a picture (Tesseract)',
  summary: 'Reads printed English text in a picture or scan (OCR).',
  family: 'ocr',
  categories: ['text', 'image-to-text'],
  capabilities: ['io:image-to-text', 'op:ocr'],
  creator: 'Tesseract OCR',
  tags: ['ocr', 'text', 'scan', 'tesseract', 'cpu', 'no-key'],
  weight: 64,
  input: ocrInput,
  output: z.object({ text: z.string().describe('The text that was read, with its line breaks.') }),
  examples: [
    {
      title: 'A printed page',
      input: { image: 'https://example.com/page.png' },
      output: { text: 'Chapter One\nThe ship left the harbour at dawn.' },
      capability: 'op:ocr',
    },
    {
      title: 'A sign',
      input: { image: 'https://example.com/sign.jpg' },
      output: { text: 'Platform 2' },
      capability: 'op:ocr',
    },
  ],
  readme: `
Reads printed text line by line, with real progress.

## Made of
Tesseract 5 in WebAssembly (\`tesseract.js\`) with its LSTM model for English (\`@tesseract.js-data/eng\`, 2.9 MB). The
model is offered when both packages are installed.

## Limits
- English. Clean print at 20 or more pixels of letter height is read nearly without fault; photos of text with low
  contrast, handwriting and curved lines come out as nonsense.
- At most 50 megapixels. A picture in which no text is found fails the run and says so.

## Licence
Code: Apache-2.0. Language data: the package says MIT; Tesseract publishes it under Apache-2.0.
`,
});
