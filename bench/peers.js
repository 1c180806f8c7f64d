// SPDX-License-Identifier: MIT
// tus uploads against other people's tus servers: throughput, CPU and memory, in the same rounds.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loaded, megabytesPerSecond, rounds, tus } from './loaded.js';
import { listening } from './process.js';
import { summary } from './stats.js';

/** @typedef {import('./loaded.js').Setup} Setup */
/** @typedef {import('./loaded.js').Shape} Shape */

const MIB = 1 << 20;
const top = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** @type {Record<string, Shape>} */
const shapes = {
  '1 × 1 GiB': { connections: 1, partBytes: 1024 * MIB, parts: 1 },
  '64 × 64 MiB, 8 at once': { connections: 8, partBytes: 64 * MIB, parts: 8 },
};

/** @param {Shape} shape */
const tusd = (shape) => (/** @type {Setup} */ setup) =>
  loaded(setup, 'tus:/files/', shape, (directory) =>
    listening(setup.tusd, ['-host', '127.0.0.1', '-port', '0', '-upload-dir', path.join(directory, 'data'), '-show-startup-logs'],
      /127\.0\.0\.1:(\d+)/));

/** @param {Shape} shape */
const nodeServer = (shape) => (/** @type {Setup} */ setup) =>
  loaded(setup, 'tus:/files', shape, (directory) => {
    const script = path.join(directory, 'server.mjs');
    mkdirSync(path.join(directory, 'data'));
    writeFileSync(script, `import { Server } from '${path.join(top, 'node_modules/@tus/server/dist/index.js')}';
import { FileStore } from '${path.join(top, 'node_modules/@tus/file-store/dist/index.js')}';
const server = new Server({ path: '/files', datastore: new FileStore({ directory: '${path.join(directory, 'data')}' }) });
const listener = server.listen(0, '127.0.0.1', () => console.log('port ' + listener.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
`);
    return listening(process.execPath, [script], /port (\d+)/);
  });

/** @param {Setup} setup */
export async function measurePeers(setup) {
  for (const [name, shape] of Object.entries(shapes)) {
    const candidates = [
      { name: 'Reelhaul', run: tus(shape) },
      { name: 'Reelhaul, syncs left out', run: tus(shape, { sync: false }) },
      ...(existsSync(path.join(top, 'node_modules/@tus/server')) ? [{ name: '@tus/server', run: nodeServer(shape) }] : []),
      ...(setup.tusd === '' ? [] : [{ name: 'tusd', run: tusd(shape) }]),
    ];
    const figures = await rounds(setup, candidates);
    console.log(`\n## tus PATCH, ${name}: ${setup.rounds} rounds\n`);
    console.log('| what | MB/s, median (10–90 %) | against Reelhaul in the same round | CPU-s per GB | memory at most, MiB |\n|---|---|---|---|---|');
    const ours = /** @type {import('./loaded.js').Figure[]} */ (figures.get('Reelhaul')).map(megabytesPerSecond);
    for (const [what, list] of figures) {
      const rates = list.map(megabytesPerSecond);
      console.log(`| ${what} | ${summary(rates, 0)} | ${summary(rates.map((rate, round) => rate / ours[round]))} | `
        + `${summary(list.map((figure) => figure.cpu / (figure.bytes / 1e9)))} | ${summary(list.map((figure) => figure.peak / MIB), 0)} |`);
    }
  }
  if (setup.tusd === '') console.log('\ntusd was not measured: say where it is with --tusd FILE.');
}
