import { fileField } from '../local-model.ts';

/** What every model that reads a picture says about it. */
export const pictureFormats = 'PNG, JPEG or WebP; at most 32 MiB. Orientation in EXIF is honoured.';

export function pictureField(what: string): ReturnType<typeof fileField> {
  return fileField('image', `${what} ${pictureFormats}`);
}
