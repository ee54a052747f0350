import { videoBackends, type VideoBackend } from './video-file.js';

/** Whether something that decodes video files is here. */
export interface VideoBackendHealth {
  readonly name: VideoBackend;
  readonly found: boolean;
  /** For people. */
  readonly about: string;
  /** What to run to get it, where it is not here. */
  readonly remedy?: string;
}

const REMEDIES: Readonly<Record<VideoBackend, string>> = {
  mediabunny: `'npm install mediabunny @mediabunny/server'`,
  ffmpeg: 'install ffmpeg, so that ffmpeg and ffprobe are on the PATH',
};

/** What decodes video files here, and what to run for the rest. */
export async function examineVideoBackends(
  find: () => Promise<readonly VideoBackend[]> = videoBackends,
): Promise<VideoBackendHealth[]> {
  const found = await find();
  return (Object.keys(REMEDIES) as VideoBackend[]).map((name) =>
    found.includes(name)
      ? { name, found: true, about: 'decodes video files' }
      : { name, found: false, about: 'not found; only video files need it, or the other', remedy: REMEDIES[name] },
  );
}
