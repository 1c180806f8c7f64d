// SPDX-License-Identifier: MIT
// What TLS and HTTP/2 cost: against a floor that receives by TLS, writes and syncs, and does nothing else.
import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { floor, measured, megabytesPerSecond, reelhaul, rounds, tus } from './loaded.js';
import { output } from './process.js';
import { summary } from './stats.js';

/** @typedef {import('./loaded.js').Setup} Setup */
/** @typedef {import('./loaded.js').Shape} Shape */

const MIB = 1 << 20;
/** @type {Shape} */
const shape = { connections: 8, partBytes: 64 * MIB, parts: 1 };

/** Each upload is one POST with its bytes (creation-with-upload), made by nghttp2's own client. @param {'h1' | 'h2'} version */
const byH2load = (version) => (/** @type {Setup} */ setup) =>
  measured(setup, reelhaul(setup, { tls: true }), async (port, directory) => {
    const file = path.join(directory, 'body');
    writeFileSync(file, '');
    truncateSync(file, shape.partBytes);
    const text = await output('h2load', [
      ...(version === 'h1' ? ['--h1'] : ['-m', String(shape.connections)]),
      '-c', version === 'h1' ? String(shape.connections) : '1', '-n', String(shape.connections), '-d', file,
      '-H', 'Tus-Resumable: 1.0.0', '-H', `Upload-Length: ${shape.partBytes}`, '-H', 'Content-Type: application/offset+octet-stream',
      `https://127.0.0.1:${port}/files/`,
    ]);
    const found = /finished in ([\d.]+)(us|ms|s),/.exec(text);
    const good = new RegExp(`status codes: ${shape.connections} 2xx`).test(text);
    if (!found || !good) throw new Error(`h2load says:\n${text}`);
    const unit = { us: 1e-6, ms: 1e-3, s: 1 }[/** @type {'us' | 'ms' | 's'} */ (found[2])];
    return { seconds: Number(found[1]) * unit, bytes: shape.connections * shape.partBytes };
  });

/** @param {Setup} setup */
export async function measureSecure(setup) {
  const figures = await rounds(setup, [
    { name: 'floor c: recv, pwrite, fdatasync', run: floor('sync', shape) },
    { name: 'floor d: the same by TLS', run: floor('seal', shape) },
    { name: 'Reelhaul, HTTP/1.1', run: tus(shape) },
    { name: 'Reelhaul, HTTP/1.1 with TLS', run: tus(shape, { tls: true }) },
    { name: 'Reelhaul, HTTP/1.1 with TLS, sent by h2load', run: byH2load('h1') },
    { name: 'Reelhaul, HTTP/2 with TLS, sent by h2load over one connection', run: byH2load('h2') },
  ]);
  const of = (/** @type {string} */ name) => (figures.get(name) ?? []).map(megabytesPerSecond);
  console.log(`\n## TLS and HTTP/2, 8 × 64 MiB: ${setup.rounds} rounds\n`);
  console.log('| what | MB/s, median (10–90 %) | against floor d in the same round | CPU-s per GB of the receiver |\n|---|---|---|---|');
  for (const [name, list] of figures) {
    const ratios = of(name).map((rate, round) => rate / of('floor d: the same by TLS')[round]);
    console.log(`| ${name} | ${summary(of(name), 0)} | ${summary(ratios)} | ${summary(list.map((figure) => figure.cpu / (figure.bytes / 1e9)))} |`);
  }
}
