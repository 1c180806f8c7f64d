// SPDX-License-Identifier: MIT
// The server killed many times under load: script/soak --kills N.
import test from 'node:test';

import { killAndCompare, lineOf } from '../server/kills.js';

const kills = Number(process.env.KILLS ?? 300);

test(`${kills} kills under load: nothing that was acknowledged is lost`, async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9);
    console.log(`SEED=${seed}`);
    console.log(lineOf(await killAndCompare(t, { kills, seed, connections: 8, log: console.log })));
});
