// SPDX-License-Identifier: MIT
// Throughput and CPU of durable ingest, as ratios of one round's figures to the same round's floors.
import path from 'node:path';
import { discard, output, scratch } from './process.js';
import { floor, megabytesPerSecond, rounds, videos } from './loaded.js';
import { quantile, summary } from './stats.js';

const MIB = 1 << 20;

/** @typedef {import('./loaded.js').Setup} Setup */
/** @typedef {import('./loaded.js').Figure} Figure */
/** @typedef {import('./loaded.js').Candidate} Candidate */

/** dd's own copy with one sync at the end. @param {Setup} setup @returns {Promise<Figure>} */
async function dd(setup) {
  const directory = scratch(setup.scratch);
  const start = process.hrtime.bigint();
  await output('dd', ['if=/dev/zero', `of=${path.join(directory, 'file')}`, 'bs=8M', 'count=32', 'conv=fdatasync', 'status=none']);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  discard(directory);
  return { seconds, bytes: 256 * MIB, cpu: 0, peak: 0 };
}

const one = { connections: 1, partBytes: 8 * MIB, parts: 32 };
const eight = { connections: 8, partBytes: 8 * MIB, parts: 4 };
const small = { connections: 64, partBytes: 64 << 10, parts: 64 };

/** @type {Candidate[]} */
const candidates = [
  { name: 'floor a, 1 × 8 MiB: recv, discard', run: floor('discard', one) },
  { name: 'floor b, 1 × 8 MiB: recv, pwrite', run: floor('write', one) },
  { name: 'floor c, 1 × 8 MiB: b + fdatasync a part', run: floor('sync', one) },
  { name: 'floor c, 8 × 8 MiB', run: floor('sync', eight) },
  { name: 'floor c, 64 × 64 KiB', run: floor('sync', small) },
  { name: 'floor e: dd conv=fdatasync', run: dd },
  { name: 'Reelhaul, 1 × 8 MiB', run: videos(one) },
  { name: 'Reelhaul, 8 × 8 MiB', run: videos(eight) },
  { name: 'Reelhaul, 64 × 64 KiB', run: videos(small) },
  { name: 'Reelhaul, 64 × 64 KiB, a commit per part', run: videos(small, { server: 'serverEach' }) },
];

/** @param {Setup} setup */
export async function measureIngest(setup) {
  const figures = await rounds(setup, candidates);
  report(figures);
}

/** @param {Map<string, Figure[]>} figures */
function report(figures) {
  const of = (/** @type {string} */ name) => /** @type {Figure[]} */ (figures.get(name));
  const write = of('floor b, 1 × 8 MiB: recv, pwrite').map(megabytesPerSecond);
  const middle = quantile(write, 0.5);
  // A round in which the plain write floor itself swung by more than 2× says nothing about anybody.
  const good = write.map((rate) => rate > middle / 2 && rate < middle * 2);
  const kept = (/** @type {Figure[]} */ list) => list.filter((_, round) => good[round]);
  console.log(`\n## Ingest: ${kept(write.map(() => /** @type {any} */ ({}))).length} of ${write.length} rounds count\n`);
  console.log('| what | MB/s, median (10–90 %) | CPU-s per GB of the receiver |\n|---|---|---|');
  for (const [name, list] of figures) {
    const cpu = kept(list).map((figure) => figure.cpu / (figure.bytes / 1e9));
    console.log(`| ${name} | ${summary(kept(list).map(megabytesPerSecond), 0)} | ${name.includes('dd') ? '–' : summary(cpu)} |`);
  }
  const ratio = (/** @type {string} */ a, /** @type {string} */ b) =>
    summary(kept(of(a)).map((figure, round) => megabytesPerSecond(figure) / megabytesPerSecond(kept(of(b))[round])));
  console.log('\n| ratio in the same round | median (10–90 %) | wanted |\n|---|---|---|');
  console.log(`| 8 MiB parts, 1 connection, against floor c | ${ratio('Reelhaul, 1 × 8 MiB', 'floor c, 1 × 8 MiB: b + fdatasync a part')} | ≥ 0.8 |`);
  console.log(`| 8 MiB parts, 8 connections, against floor c | ${ratio('Reelhaul, 8 × 8 MiB', 'floor c, 8 × 8 MiB')} | ≥ 0.8 |`);
  console.log(`| 64 KiB parts, 64 connections, group commit against a commit per part | ${ratio('Reelhaul, 64 × 64 KiB', 'Reelhaul, 64 × 64 KiB, a commit per part')} | ≥ 4 |`);
  console.log(`| 64 KiB parts, 64 connections, against floor c | ${ratio('Reelhaul, 64 × 64 KiB', 'floor c, 64 × 64 KiB')} | – |`);
  console.log(`| floor c itself, 64 × 64 KiB, against a commit per part: no server can do more | ${ratio('floor c, 64 × 64 KiB', 'Reelhaul, 64 × 64 KiB, a commit per part')} | – |`);
}
