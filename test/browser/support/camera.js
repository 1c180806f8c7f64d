/* SPDX-License-Identifier: MIT */
/* Moving pictures with sound, made by ffmpeg, that Chromium takes for a camera and a microphone. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';

/**
 * @param {string} directory where the two files go
 * @returns {{args: string[]}} for Browser.start
 */
export function makeCamera(directory) {
    const video = path.join(directory, 'camera.mjpeg');
    const audio = path.join(directory, 'microphone.wav');
    execFileSync('ffmpeg', ['-v', 'error', '-y',
        '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=20:duration=8', '-q:v', '6', video,
        '-f', 'lavfi', '-i', 'sine=frequency=440:beep_factor=4:duration=8', '-map', '1:a', audio]);
    return { args: [`--use-file-for-fake-video-capture=${video}`, `--use-file-for-fake-audio-capture=${audio}`] };
}

/**
 * Decodes the whole file; throws when ffmpeg cannot.
 * @param {string} file @returns {{frames: number, kinds: string[]}}
 */
export function probe(file) {
    const text = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries',
        'stream=codec_type,nb_read_frames', '-of', 'json', file], { encoding: 'utf8' });
    /** @type {{codec_type: string, nb_read_frames: string}[]} */
    const streams = JSON.parse(text).streams;
    const video = streams.find((stream) => stream.codec_type === 'video');
    return { frames: Number(video?.nb_read_frames ?? 0), kinds: streams.map((stream) => stream.codec_type).sort() };
}
