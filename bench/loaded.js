// SPDX-License-Identifier: MIT
// One candidate under the load generator: what it took, and what the receiver spent on it.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { cpuSeconds, discard, listening, output, peakBytes, scratch } from './process.js';
import { shuffled } from './stats.js';

/**
 * server, serverEach: the binaries; noSync: a library that takes the syncs out of one; tusd: '' without;
 * scratch: where data is written.
 * @typedef {{server: string, serverEach: string, noSync: string, floor: string, load: string, web: string,
 *   tusd: string, scratch: string, rounds: number}} Setup
 */
/** @typedef {{seconds: number, bytes: number, cpu: number, peak: number}} Figure cpu: seconds of the receiving process;
 * peak: bytes of memory it had at the most */
/** @typedef {{name: string, run: (setup: Setup) => Promise<Figure>}} Candidate */
/** @typedef {{connections: number, partBytes: number, parts: number}} Shape */
/** @typedef {import('./process.js').Listening} Listening */
/** @typedef {{server?: 'server' | 'serverEach', tls?: boolean, sync?: boolean}} Kind how our server runs */

/**
 * @param {Setup} setup @param {string} speaks what bench-load speaks @param {Shape} shape
 * @param {(directory: string) => Promise<Listening>} start @param {boolean} [tls]
 * @returns {Promise<Figure>}
 */
export async function loaded(setup, speaks, shape, start, tls = false) {
  return measured(setup, start, async (port) => {
    const text = await output(setup.load, [
      speaks, String(port), String(shape.connections), String(shape.partBytes), String(shape.parts), ...(tls ? ['tls'] : []),
    ]);
    const [seconds, bytes] = text.trim().split(' ').map(Number);
    return { seconds, bytes };
  });
}

/**
 * @param {Setup} setup @param {(directory: string) => Promise<Listening>} start
 * @param {(port: number, directory: string) => Promise<{seconds: number, bytes: number}>} load
 * @returns {Promise<Figure>}
 */
export async function measured(setup, start, load) {
  const directory = scratch(setup.scratch);
  const target = await start(directory);
  const before = cpuSeconds(target.pid);
  const { seconds, bytes } = await load(target.port, directory);
  const cpu = cpuSeconds(target.pid) - before;
  const peak = peakBytes(target.pid);
  await target.stop();
  discard(directory);
  return { seconds, bytes, cpu, peak };
}

/** A certificate and its key for 127.0.0.1. @param {string} directory @returns {[string, string]} paths */
export function certificate(directory) {
  const [cert, key] = [path.join(directory, 'cert.pem'), path.join(directory, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return [cert, key];
}

/** @param {'discard' | 'write' | 'sync' | 'seal'} mode @param {Shape} shape */
export const floor = (mode, shape) => (/** @type {Setup} */ setup) =>
  loaded(setup, 'raw', shape, (directory) =>
    listening(setup.floor, [mode, directory, ...(mode === 'seal' ? certificate(directory) : [])], /^(\d+)\n/), mode === 'seal');

/** Our server. @param {Setup} setup @param {Kind} [kind] @param {string[]} [more] arguments */
export const reelhaul = (setup, kind = {}, more = []) => (/** @type {string} */ directory) => {
  const data = path.join(directory, 'data');
  mkdirSync(data);
  const [cert, key] = kind.tls ? certificate(directory) : [];
  return listening(setup[kind.server ?? 'server'], [
    'serve', '--listen', '127.0.0.1:0', '--data', data, '--web', setup.web, '--reserve', '1MiB',
    '--log-level', 'error', ...(cert ? ['--tls-cert', cert, '--tls-key', /** @type {string} */ (key)] : []), ...more,
  ], /https?:\/\/127\.0\.0\.1:(\d+)/, kind.sync === false ? { LD_PRELOAD: setup.noSync } : {});
};

/** @param {Shape} shape @param {Kind} [kind] */
export const videos = (shape, kind) => (/** @type {Setup} */ setup) =>
  loaded(setup, 'videos', shape, reelhaul(setup, kind), kind?.tls);

/** @param {Shape} shape @param {Kind} [kind] */
export const tus = (shape, kind) => (/** @type {Setup} */ setup) =>
  loaded(setup, 'tus', shape, reelhaul(setup, kind), kind?.tls);

/** Two rounds to warm up, then those that count; each runs every candidate once, in random order.
 * @param {Setup} setup @param {Candidate[]} candidates @returns {Promise<Map<string, Figure[]>>} */
export async function rounds(setup, candidates) {
  /** @type {Map<string, Figure[]>} */
  const figures = new Map(candidates.map(({ name }) => [name, []]));
  const warmUps = setup.rounds > 5 ? 2 : 1;
  for (let round = -warmUps; round < setup.rounds; round++) {
    for (const { name, run } of shuffled(candidates)) {
      const figure = await run(setup);
      if (round >= 0) /** @type {Figure[]} */ (figures.get(name)).push(figure);
    }
  }
  return figures;
}

/** @param {Figure} figure */
export const megabytesPerSecond = (figure) => figure.bytes / figure.seconds / 1e6;
