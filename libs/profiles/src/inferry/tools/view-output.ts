import { defineTool, text, ViewedOutput, viewOutput } from '@inferry/contracts';
import { readOnly } from '../../annotations.ts';

export const viewOutputTool = defineTool({
  name: 'view_output',
  title: 'View output',
  description:
    'Look at one image or video frame of a run or asset as a small picture (about 600 tokens). The only tool that returns image content.',
  annotations: readOnly,
  operation: viewOutput,
  isContentOnly: true,
  output: ViewedOutput,
  present({ image, asset_id: assetId, url, width, height, duration_seconds: seconds }) {
    const length = seconds === undefined ? '' : `, ${seconds} s`;
    return [
      { type: 'image', data: image.data, mimeType: image.mime_type },
      text(`${assetId ?? 'Output'}: ${width} x ${height}${length}. Full size: [link](${url})`),
    ];
  },
  toStructured: ({ image: _image, ...structured }) => structured,
});
