// SPDX-License-Identifier: MIT
// Measures Reelhaul as ratios against floors, in one run, on one file system. Method: docs/benchmarks.md.
import { parseArgs } from 'node:util';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureIngest } from './ingest.js';
import { measureMemory } from './memory.js';
import { measureSizes } from './sizes.js';

const top = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    build: { type: 'string', default: path.join(top, 'build/release') },
    dir: { type: 'string', default: '/var/tmp' },
    rounds: { type: 'string', default: '15' },
    only: { type: 'string', default: 'ingest,memory,sizes' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`usage: script/bench [--rounds 15] [--only ingest,memory,sizes] [--dir /var/tmp] [--build DIR]

ingest   durable 8 MiB parts over 1 and 8 connections against the floors; 64 KiB parts over 64 connections with and
         without group commit
memory   private memory per idle connection and per slow upload
sizes    gzipped wasm and SDK
--dir    where data is written: the file system that is measured`);
  process.exit(0);
}

const setup = {
  server: path.join(values.build, 'reelhaul'),
  serverEach: path.join(values.build, 'bench/bench-reelhaul-commit-each'),
  floor: path.join(values.build, 'bench/bench-floor'),
  load: path.join(values.build, 'bench/bench-load'),
  web: path.join(top, 'web'),
  scratch: values.dir,
  rounds: Number(values.rounds),
};
const only = values.only.split(',');
if (only.includes('ingest')) await measureIngest(setup);
if (only.includes('memory')) await measureMemory(setup);
if (only.includes('sizes')) measureSizes(setup);
