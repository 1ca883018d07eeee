/** What the service and the process of decoding say to each other. */
import { z } from 'zod';

export interface ViewRequest {
  contentType: string;
  sizeBytes: number;
  maxPx: number;
  atSeconds: number;
  /** Absolute; undefined when there is none. */
  ffmpegPath: string | undefined;
  /** What decoding may take beside the process itself. */
  memoryMb: number;
}

/** One picture of a sheet, as base64 that the process made itself before; an empty place where there is none. */
export interface SheetCell {
  number: number;
  data: string | undefined;
}

/** To the process. */
export type ViewerMessage =
  | { type: 'view'; request: ViewRequest }
  | { type: 'compose'; cells: readonly SheetCell[]; cellPx: number }
  /** The answer to the one `read` that it waits for; undefined when the file cannot be read. */
  | { type: 'bytes'; bytes: Uint8Array | undefined };

export const Picture = z.object({
  image: z.object({ data: z.string().max(2_000_000), mime_type: z.enum(['image/png', 'image/jpeg']) }),
  /** Of the original, as it is shown. */
  width: z.int().positive(),
  height: z.int().positive(),
  /** Of a video. */
  durationSeconds: z.number().optional(),
});
export type Picture = z.infer<typeof Picture>;

/** From the process, which has met a stranger's file and is believed in nothing else. */
export const ViewReply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('read'), start: z.int().min(0), length: z.int().min(0) }),
  z.object({ type: z.literal('shown'), picture: Picture }),
  z.object({ type: z.literal('refused'), message: z.string().max(500), nextAction: z.string().max(500) }),
]);
export type ViewReply = z.infer<typeof ViewReply>;
