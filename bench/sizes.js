// SPDX-License-Identifier: MIT
// What a page has to load, gzipped as a server would.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** @param {string} file */
const gzipped = (file) => gzipSync(readFileSync(file), { level: 9 }).length;

/** @param {import('./ingest.js').Setup} setup */
export function measureSizes(setup) {
  const sdk = path.join(setup.web, 'sdk');
  const modules = readdirSync(sdk).filter((name) => name.endsWith('.js'));
  const bytes = modules.reduce((sum, name) => sum + gzipped(path.join(sdk, name)), 0);
  console.log('\n## Sizes, gzip -9\n\n| what | bytes | wanted |\n|---|---|---|');
  console.log(`| engine.wasm | ${gzipped(path.join(sdk, 'engine.wasm'))} | ≤ 32768 |`);
  console.log(`| SDK without UI, ${modules.length} modules, each compressed alone | ${bytes} | ≤ 25600 |`);
}
