// SPDX-License-Identifier: MIT
import test from 'node:test';

import { killAndCompare, lineOf } from './kills.js';

test('ten kills under load: nothing that was acknowledged is lost', { timeout: 60000 }, async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    t.diagnostic(lineOf(await killAndCompare(t, { kills: 10, seed, connections: 4 })));
});
