// SPDX-License-Identifier: MIT
import test from 'node:test';

import { killPushers, pushLineOf } from './push-kills.js';

test('twelve kills of senders and server: every upload arrives whole', { timeout: 120000 }, async (t) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9);
    t.diagnostic(`SEED=${seed}`);
    t.diagnostic(pushLineOf(await killPushers(t, { kills: 12, seed, senders: 3 })));
});
