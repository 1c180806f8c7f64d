// SPDX-License-Identifier: MIT
// How many bytes are sent twice over a line that is cut a hundred times, by each protocol of `reelhaul push`.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { reelhaul } from './loaded.js';
import { discard, output, scratch } from './process.js';

/** @typedef {import('./loaded.js').Setup} Setup */

const MIB = 1 << 20;
const SIZE = 256 * MIB;
const CUTS = 100;

/**
 * A proxy that ends the connection after a random number of bytes went up, until it has done so CUTS times.
 * @returns {Promise<{port: number, to: (target: number) => void, sent: () => number, cuts: () => number, close: () => void}>}
 */
async function cutter() {
  let target = 0;
  let sent = 0;
  let cuts = 0;
  let left = 0;
  const next = () => { left = Math.floor(Math.random() * 2 * (SIZE / CUTS)); };
  next();
  const server = net.createServer((client) => {
    const up = net.connect(target, '127.0.0.1');
    const end = () => { client.destroy(); up.destroy(); };
    client.on('data', (bytes) => {
      sent += bytes.length;
      left -= bytes.length;
      if (left <= 0 && cuts < CUTS) {
        cuts += 1;
        next();
        end();
      } else if (!up.write(bytes)) {
        client.pause();
      }
    });
    up.on('drain', () => client.resume());
    up.on('data', (bytes) => { client.write(bytes); });
    for (const socket of [client, up]) socket.on('error', end).on('close', end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = /** @type {net.AddressInfo} */ (server.address());
  return { port: address.port, to: (port) => { target = port; }, sent: () => sent, cuts: () => cuts, close: () => server.close() };
}

/** @param {string} file */
async function digest(file) {
  const hash = createHash('sha256');
  for await (const bytes of createReadStream(file)) hash.update(bytes);
  return hash.digest('hex');
}

/** The one large file below. @param {string} directory @returns {string} */
function largest(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      const found = largest(full);
      if (found) return found;
    } else if (entry.name.startsWith('sample')) {
      return full;
    }
  }
  return '';
}

/** @param {Setup} setup */
export async function measureCuts(setup) {
  console.log(`\n## Bytes sent twice: ${SIZE / MIB} MiB over a line cut ${CUTS} times\n\n| protocol | sent, of the file's bytes | cuts | arrived |\n|---|---|---|---|`);
  for (const protocol of ['videos', 'tus', 'resumable', 'chunks']) {
    const directory = scratch(setup.scratch);
    const file = path.join(directory, 'sample.bin');
    const bytes = Buffer.alloc(SIZE);
    for (let i = 0; i < SIZE; i += 4) bytes.writeUInt32LE((i * 2654435761) >>> 0, i);
    writeFileSync(file, bytes);
    const proxy = await cutter();
    const server = await reelhaul(setup, {}, ['--host', `127.0.0.1:${proxy.port}`])(directory);
    proxy.to(server.port);
    await output(setup.server, ['push', '--quiet', '--to', `http://127.0.0.1:${proxy.port}`, '--protocol', protocol,
      '--spool', path.join(directory, 'spool'), '--set', 'delay_ms=50', '--set', 'delay_ms_max=200', file]);
    const arrived = largest(path.join(directory, 'data'));
    const whole = arrived !== '' && (await digest(arrived)) === (await digest(file));
    console.log(`| ${protocol} | ${(proxy.sent() / SIZE * 100).toFixed(1)} % | ${proxy.cuts()} | ${whole ? 'whole' : 'NOT whole'} |`);
    proxy.close();
    await server.stop();
    discard(directory);
  }
}
