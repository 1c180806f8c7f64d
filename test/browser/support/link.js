/* SPDX-License-Identifier: MIT */
/* A bad network between a browser and the server: a TCP relay that a test cuts, slows and counts. */
import { once } from 'node:events';
import net from 'node:net';

/** Shapes both directions of every connection through it. Loopback only. */
export class Link {
    /** bytes that went up so far */ up = 0;
    /** refuse and break everything */ isDown = false;
    /** break the connection that takes `up` past this, once @type {number} */ cutAt = Infinity;
    /** called when cutAt struck @type {() => void} */ onCut = () => {};
    /** bytes per second upwards; 0: as fast as it goes */ rate = 0;
    /** @type {Set<net.Socket>} */ #sockets = new Set();
    /** @type {net.Server} */ #server;
    port = 0;
    /** the server's port; a restarted server has another */ target = 0;

    constructor() {
        this.#server = net.createServer((client) => this.#relay(client));
    }

    async start() {
        this.#server.listen(0, '127.0.0.1');
        await once(this.#server, 'listening');
        this.port = /** @type {net.AddressInfo} */ (this.#server.address()).port;
        return this;
    }

    /** @param {net.Socket} client */
    #relay(client) {
        if (this.isDown) return void client.resetAndDestroy();
        const server = net.connect(this.target, '127.0.0.1');
        for (const socket of [client, server]) {
            this.#sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => {
                this.#sockets.delete(socket);
                client.destroy();
                server.destroy();
            });
        }
        server.pipe(client);
        client.on('data', (bytes) => {
            this.up += bytes.length;
            server.write(bytes);
            if (this.up > this.cutAt) return this.#cut(client, server);
            if (this.rate === 0) return;
            client.pause();
            setTimeout(() => client.resume(), (bytes.length / this.rate) * 1000);
        });
    }

    /** @param {net.Socket} client @param {net.Socket} server */
    #cut(client, server) {
        this.cutAt = Infinity;
        this.onCut();
        client.resetAndDestroy();
        server.destroy();
    }

    /** The cable is pulled. */
    down() {
        this.isDown = true;
        for (const socket of this.#sockets) socket.resetAndDestroy();
    }

    restore() {
        this.isDown = false;
    }

    async stop() {
        this.down();
        this.#server.close();
        await once(this.#server, 'close');
    }
}
