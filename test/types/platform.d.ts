/* SPDX-License-Identifier: MIT */
/*
 * What pages and workers each know of the other's world, so that modules which both import can be checked in both.
 * TypeScript's DOM library leaves out what only workers have, and its WebWorker library what only pages have; the
 * interfaces here merge with the library's own where it has them.
 */

interface FileSystemSyncAccessHandle {
    close(): void;
    flush(): void;
    getSize(): number;
    read(buffer: AllowSharedBufferSource, options?: { at?: number }): number;
    truncate(newSize: number): void;
    write(buffer: AllowSharedBufferSource, options?: { at?: number }): number;
}

interface FileSystemFileHandle {
    createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}

interface MediaStream extends EventTarget {
    readonly id: string;
}
