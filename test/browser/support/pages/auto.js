/* SPDX-License-Identifier: MIT */
/* Adds a file without being told by DevTools: ?bytes=…&host=… ; its title says when it is stored. */
import '/page.js';

const asked = new URLSearchParams(location.search);
const { Reelhaul, noise } = /** @type {any} */ (window);
const reelhaul = await Reelhaul.open({ host: asked.get('host') ?? undefined, background: asked.has('background') });
await reelhaul.addFile(new File([noise(Number(asked.get('bytes')), 1)], 'x.webm', { type: 'video/webm' }),
    { videoId: 'video-1' });
document.title = 'stored';
