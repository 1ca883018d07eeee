import { describe, expect, it } from 'vitest';
import { parseUploadConfig } from './config.ts';

describe('parseUploadConfig', () => {
  it('has defaults for everything', () => {
    expect(parseUploadConfig({})).toEqual({
      uploadUrlSeconds: 900,
      fileUrlSeconds: undefined,
      maxStoredBytes: 53_687_091_200,
      maxStoredFiles: 100_000,
      fileSeconds: undefined,
      viewsAtOnce: 1,
      viewMemoryMb: 400,
      ffmpegPath: undefined,
    });
  });

  it('refuses an upload URL that lives longer than a day', () => {
    expect(() => parseUploadConfig({ UPLOAD_URL_SECONDS: '86401' })).toThrow('UPLOAD_URL_SECONDS');
  });

  it('refuses an FFMPEG_PATH that is no program', () => {
    expect(() => parseUploadConfig({ FFMPEG_PATH: '/nowhere/ffmpeg' })).toThrow('FFMPEG_PATH');
    expect(() => parseUploadConfig({ FFMPEG_PATH: 'ffmpeg' })).toThrow('FFMPEG_PATH');
  });

  it('takes a program by its absolute path', () => {
    expect(parseUploadConfig({ FFMPEG_PATH: process.execPath }).ffmpegPath).toBe(process.execPath);
  });
});
