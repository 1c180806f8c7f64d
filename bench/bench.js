// SPDX-License-Identifier: MIT
// Measures Reelhaul as ratios against floors, in one run, on one file system. Method: docs/benchmarks.md.
import { parseArgs } from 'node:util';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measureCuts } from './cuts.js';
import { measureHeld } from './held.js';
import { measureIngest } from './ingest.js';
import { measureMemory } from './memory.js';
import { measurePeers } from './peers.js';
import { measureSecure } from './secure.js';
import { measureSizes } from './sizes.js';

const top = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    build: { type: 'string', default: path.join(top, 'build/release') },
    dir: { type: 'string', default: '/var/tmp' },
    rounds: { type: 'string', default: '15' },
    only: { type: 'string', default: 'ingest,memory,sizes' },
    tusd: { type: 'string', default: '' },
    held: { type: 'string', default: '10000' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`usage: script/bench [--rounds 15] [--only ingest,memory,sizes] [--dir /var/tmp] [--tusd FILE] [--held 10000] [--build DIR]

ingest   durable 8 MiB parts over 1 and 8 connections against the floors; 64 KiB parts over 64 connections with and
         without group commit
memory   private memory per idle connection and per slow upload
sizes    gzipped wasm and SDK

and only when asked for:

peers    tus uploads against @tus/server and tusd: some 6 GB a round; --rounds 5 is enough
held     private memory per slow upload, plain, with TLS, and over HTTP/2 with TLS, with as many as the limit of
         descriptors allows (two each in the server), --held at the most; some minutes
cuts     bytes sent twice over a line that is cut a hundred times
secure   TLS and HTTP/2 against a floor by TLS; needs h2load

--tusd   the binary of tusd that is measured
--dir    where data is written: the file system that is measured`);
  process.exit(0);
}

const setup = {
  server: path.join(values.build, 'reelhaul'),
  serverEach: path.join(values.build, 'bench/bench-reelhaul-commit-each'),
  noSync: path.join(values.build, 'bench/libbench-no-sync.so'),
  floor: path.join(values.build, 'bench/bench-floor'),
  load: path.join(values.build, 'bench/bench-load'),
  web: path.join(top, 'web'),
  tusd: values.tusd,
  scratch: values.dir,
  rounds: Number(values.rounds),
};
const only = values.only.split(',');
if (only.includes('ingest')) await measureIngest(setup);
if (only.includes('memory')) await measureMemory(setup);
if (only.includes('peers')) await measurePeers(setup);
if (only.includes('secure')) await measureSecure(setup);
if (only.includes('held')) await measureHeld(setup, Number(values.held));
if (only.includes('cuts')) await measureCuts(setup);
if (only.includes('sizes')) measureSizes(setup);
