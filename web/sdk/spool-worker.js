/* SPDX-License-Identifier: MIT */
/**
 * The dedicated worker around spool-host.js: one per tab.
 * @module
 */

import { SpoolHost } from './spool-host.js';

new SpoolHost(self);
