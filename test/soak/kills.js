// SPDX-License-Identifier: MIT
// Everything killed many times under load: script/soak --kills N.
import test from 'node:test';

import { killAndCompare, lineOf } from '../server/kills.js';
import { killPushers, pushLineOf } from '../server/push-kills.js';

const kills = Number(process.env.KILLS ?? 300);
const seed = Number(process.env.SEED ?? Date.now() % 1e9);

console.log(`SEED=${seed}`);

test(`${kills} kills of the server and of senders built on the engine`, async (t) => {
    console.log(pushLineOf(await killPushers(t, { kills, seed, senders: 5, log: console.log })));
});

// What those senders never do: parts in any order, sent twice, numbered chunks, metadata, finalize under way.
test(`${kills} kills of the server under parts in any order`, async (t) => {
    console.log(lineOf(await killAndCompare(t, { kills, seed, connections: 8, log: console.log })));
});
