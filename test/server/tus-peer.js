// SPDX-License-Identifier: MIT
// A tus server that is not ours (@tus/server with its file store), as a process that can be killed:
// node tus-peer.js PORT DIRECTORY. It prints its address when it listens.
import http from 'node:http';

import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

const [, , port, directory] = process.argv;
const tus = new Server({ path: '/files', datastore: new FileStore({ directory: String(directory) }) });
const server = http.createServer((request, response) => void tus.handle(request, response));
server.listen(Number(port), '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${port}/files\n`));
