/* SPDX-License-Identifier: MIT */
/**
 * The numbers that messages between pages and workers carry. Tabs of an old and of a new version of the SDK may be open
 * together: of two uploaders the older yields, and the newer one understands what the older pages say and is understood
 * by them.
 * @module
 */

/** Of this code; the higher one leads. 1: one dedicated uploader per tab, unnumbered. 2: uploaders in any host. */
export const FORMAT = 2;

/** In each message: the oldest format that understands it. What needs a newer one than ours is left alone. */
export const SPEAKS = 2;
