/* SPDX-License-Identifier: MIT */
/*
 * The SDK's types, public ones first. Nothing here is loaded by a browser.
 * Units are last in names; sizes without a unit are bytes.
 */

import type { Brain, Snapshot } from './brain.js';

/* ---- public ---- */

/** At the sender. A take under review is already `uploading` under an eager policy. */
export type UploadState = 'pending' | 'uploading' | 'paused' | 'completed' | 'failed' | 'cancelled';

/** Why an upload is in its state; '' when there is nothing to add. */
export type UploadReason =
    | '' | 'recording' | 'review' | 'offline' | 'backoff' | 'user' | 'quota' | 'unauthorized' | 'mode' | 'refused'
    | 'gone' | 'conflict' | 'source_lost' | 'exhausted' | 'server_full' | 'finishing' | 'waiting' | 'damaged'
    | 'metered' | 'method' | 'delegated';

/** One upload as the UI sees it. A plain object, safe to keep. */
export interface UploadSnapshot {
    /** the take's id; the same as Recording.id and Take.id */
    id: string;
    /** the server's id, '' until the server has answered init */
    uploadId: string;
    /** '' for an upload without session */
    sessionId: string;
    videoId: string;
    /** from startRecording({promptId}); else '' */
    promptId: string;
    /** file name for people */
    name: string;
    mimeType: string;
    state: UploadState;
    reason: UploadReason;
    /** false while recorded or under review: not yet completed on the server */
    accepted: boolean;
    /** bytes are still being added */
    recording: boolean;
    /** bytes the server vouched for (durable receipts) */
    bytes: number;
    /** bytes recorded so far; final once !recording */
    total: number;
    /** 0..100, of total; moves within a part */
    percent: number;
    /** bytes per second, 0 when unknown */
    speed: number;
    /** null when unknown */
    remainingMs: number | null;
    /** failed attempts in a row */
    attempts: number;
    /** a sentence for people, '' when fine */
    error: string;
    priority: Priority;
    method: Method;
    /** the Background Fetch that sends it, '' for none (reason 'delegated') */
    delegation: string;
    /** where the finished video is, '' until completed */
    url: string;
    /** the local copy is still whole (export() works) */
    local: boolean;
    /** wall clock, ms */
    createdAt: number;
}

/** Counts of what people accepted. */
export interface Summary {
    total: number;
    /** pending or paused */
    pending: number;
    uploading: number;
    completed: number;
    failed: number;
    isProcessing: boolean;
}

/** A finished recording, not yet accepted. */
export interface Take {
    id: string;
    sessionId: string;
    videoId: string;
    promptId: string;
    mimeType: string;
    size: number;
    durationMs: number;
}

/** live: before all others; manual: behind them. */
export type Priority = 'normal' | 'live' | 'manual';
/** How an upload is sent. Never both for one upload. */
export type Method = 'chunks' | 'tus';
export interface Limit {
    bytesPerSecond?: number;
    /** of the measured uplink, 1..100 */
    percent?: number;
}
/** portal: somebody else answers, as where one signs in to a network first. */
export type ConnectionState = 'online' | 'offline' | 'no-server' | 'portal';
/** Where the uploader runs. */
export type HostKind = 'shared' | 'dedicated' | 'service' | 'page';
export type SpoolKind = 'opfs' | 'idb' | 'memory';

export type PolicyName = 'never-give-up' | 'sequential' | 'live' | 'form' | 'patient' | 'bulk';
export type Mode = 'background' | 'blocking' | 'hybrid' | 'auto';
export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug';
export type Screen = 'instructions' | 'countdown' | 'recording' | 'review' | 'complete';

export interface OpenOptions {
    /** origin (+ base path) of the server; default: the page's origin */
    server?: string;
    /** default 'never-give-up' */
    policy?: PolicyName;
    /** default 'background' */
    mode?: Mode;
    /** when the local copy goes; default 'until-proven' */
    keepLocal?: 'until-proven' | 'each-part' | 'for-good';
    /** part of the partition name; default '' */
    tenant?: string;
    /** the signed-in person; uploads are kept per subject; default '' */
    subject?: string;
    /** bearer token; asked again after 401/403 */
    getToken?: (subject: string) => string | Promise<string>;
    /** overrides navigator.onLine; asked on online/offline events */
    onlineCheck?: () => Promise<boolean>;
    /** bytes per second, 0 = no limit; see setLimit() */
    limit?: number | Limit;
    /** default 'off' */
    logLevel?: LogLevel;
    /** takes whose tab died before they were judged: upload them (default), or leave them in reason 'review'
     * for accept() or discard() */
    orphans?: 'accept' | 'ask';
    /** force a spool (tests); default: OPFS where it works */
    spool?: SpoolKind;
    /** force a place for the uploader (tests); default: the best that this browser has */
    host?: HostKind;
    /** uploads may finish when no page is open (service worker, Background Sync); default true */
    background?: boolean;
    /** Periodic Background Sync, ms between visits (browsers give 12 h or more); default 0: off */
    periodicSyncMs?: number;
}

export interface FileOptions {
    sessionId?: string;
    /** default: a fresh UUID */
    videoId?: string;
    promptId?: string;
    /** JSON; sent with init */
    metadata?: Record<string, unknown>;
    priority?: Priority;
    method?: Method;
}

export interface RecordOptions extends FileOptions {
    stream: MediaStream;
    /** default by policy (live 2000, else 1000) */
    timesliceMs?: number;
    /** default: the best MediaRecorder supports */
    mimeType?: string;
    videoBitsPerSecond?: number;
    audioBitsPerSecond?: number;
}

/** Detail of the event 'storage': local space ran out. Nothing was dropped; act on it. */
export interface StorageTrouble {
    /** the take; '' for all */
    id: string;
    /** which rung of the ladder was reached; memory: nothing here outlives the page */
    step: 'freed' | 'persisted' | 'offer-save' | 'stopped' | 'memory';
    /** a sentence for people */
    message: string;
    /** the take as far as recorded, to save to disk; null where not needed */
    save: (() => Promise<Blob>) | null;
}

export interface Diagnosis {
    name: string;
    ok: boolean;
    /** what was found, and what to do about it if !ok */
    detail: string;
}

/* ---- the spool ---- */

/** A piece of the recording; `closed` ones are immutable and may be read and sent. */
export interface Segment {
    seg: number;
    offset: number;
    length: number;
    crc64: bigint;
    closed: boolean;
}

/** CRC-64/NVME (the wasm's); values are finished after each call, 0n to begin with. */
export interface Crc64 {
    update(crc: bigint, bytes: Uint8Array): bigint;
    combine(a: bigint, b: bigint, lengthB: number): bigint;
}

/** What is known of a recording when it begins; written once. */
export interface Meta {
    format: number;
    rec: string;
    sessionId: string;
    videoId: string;
    promptId: string;
    name: string;
    mimeType: string;
    metadata: Record<string, unknown>;
    createdAt: number;
    source: 'recording' | 'file';
}

/** newer: a format we do not know. damaged: sound records follow an unsound one, so this is no torn tail. Both
 * are left alone. */
export type Verdict = 'ok' | 'newer' | 'damaged';

/** A recording as found in the spool. */
export interface Found {
    meta: Meta;
    verdict: Verdict;
    segments: Segment[];
    /** segments already deleted (they were proven) */
    gone: number[];
    /** durable bytes */
    size: number;
    sealed: boolean;
    /** of the whole; meaningful when sealed */
    crc64: bigint;
    durationMs: number;
    /** the segment that was still open, where the journal could not be sealed: to be freed with the whole only */
    tail?: number;
}

export interface Writer {
    /** durable bytes */
    size: number;
    /** Resolves, with the segments it closed, when the bytes are durable. On an error nothing has moved and the
     * same bytes may be appended again. */
    append(bytes: Uint8Array<ArrayBuffer>): Promise<Segment[]>;
    /** Closes the open one, if any. */
    closeSegment(): Promise<Segment[]>;
    seal(durationMs: number): Promise<{ size: number; crc64: bigint; closed: Segment[] }>;
    /** Closes handles, leaves all as it is. */
    abandon(): void;
}

export interface Spool {
    kind: SpoolKind;
    list(): Promise<string[]>;
    read(rec: string): Promise<Found | null>;
    create(meta: Meta, live: boolean): Promise<Writer>;
    /** As recover() would leave it; writes nothing. */
    salvage(rec: string): Promise<Found | null>;
    /** Under the lock: cuts to what is durable, and seals where it can. */
    recover(rec: string): Promise<Found | null>;
    /** File-backed where there are files. Rejects with NotFoundError if a byte is missing. */
    blob(rec: string, segments: Segment[], offset: number, length: number): Promise<Blob>;
    /** null: the whole recording */
    forget(rec: string, segs: number[] | null): Promise<void>;
}

export interface JournalRecord {
    kind: number;
    seq: number;
    seg: number;
    offset: number;
    length: number;
    crc64: bigint;
    extra?: number;
}

/** What a journal says, up to its last valid record. */
export interface Scan {
    verdict: Verdict;
    records: JournalRecord[];
    segments: Segment[];
    /** bytes covered */
    size: number;
    seal: JournalRecord | null;
}

/* ---- the uploader ---- */

/** One take as people and the uploader know it; stays listed when its bytes are gone. */
export interface TakeRow {
    rec: string;
    meta: Meta;
    accepted: boolean;
    /** being thrown away on both ends */
    discarded: boolean;
    uploadId: string;
    url: string;
    /** 0 until sealed */
    size: number;
    /** the local copy is whole */
    local: boolean;
    /** as last seen, shown until the engine runs */
    last: Snapshot | null;
    /** what a person chose */
    choice?: { priority?: Priority; method?: Method };
    /** parts [offset, length] that a Background Fetch sends */
    delegated?: { id: string; parts: number[][] };
}

/** One request of a Background Fetch. */
export interface DelegatedPart {
    offset: number;
    length: number;
    url: string;
    headers: Record<string, string>;
    body: Blob;
}

export interface Delegation {
    /** of the fetch */
    id: string;
    parts: DelegatedPart[];
}

/** A session that the server has still to be told of. */
export interface SessionRow {
    format: number;
    id: string;
    /** '' for none */
    participantId: string;
    /** wall clock, ms */
    createdAt: number;
}

/** What the server said to it. */
export interface SessionAnswer {
    ok: boolean;
    status: number;
    headers: Headers;
    /** the JSON, {} if it was none */
    said: { session_id?: string; session_token?: string; error?: { code?: string; message?: string } };
}

export interface UploadTake {
    row: TakeRow;
    snapshot: Snapshot | null;
    /** closed ones, by number */
    segments: Map<number, Segment>;
    gone: Set<number>;
    /** unsealed, with a living owner */
    recording: boolean;
    sealed: { size: number; crc64: bigint } | null;
    /** how many the engine knows; they are told in order */
    toldSegments: number;
    toldSealed: boolean;
    added: boolean;
    trouble: UploadReason;
}

/** The ledger's interface is its class; see ledger.js. */
type Ledger = import('./ledger.js').Ledger;

/** What the uploader needs of the place it runs in. */
export interface Host {
    server: string;
    orphans: 'accept' | 'ask';
    /** bytes go up before the take is accepted */
    eager: boolean;
    brain: Brain;
    spool: Spool;
    ledger: Ledger;
    /** a fresh bearer token, '' for none */
    token(): Promise<string>;
    /** what a page says of the network; null: nothing */
    online(): Promise<boolean | null>;
    /** the ledger says that another took over */
    lost(): void;
    /** asks the owner of a recording */
    forget(rec: string, segs: number[]): void;
    /** to every page of the partition */
    publish(message: object): void;
}

/** What an uploader needs to run without a page; in the ledger. */
export interface Config {
    partition: string;
    server: string;
    policy: string;
    overrides: Record<string, number>;
    orphans: 'accept' | 'ask';
    /** spools that were used here */
    kinds: SpoolKind[];
    limit?: Limit;
    /** the last bearer token that a page gave, so that its uploads can be finished without it */
    bearer?: string;
    /** wall clock, ms */
    openedAt: number;
}

/** What the uploader is told by a page at its start. */
export interface UploaderOptions extends Omit<Config, 'openedAt' | 'bearer' | 'limit'> {
    /** its lock `tab:<tab>` is held while the page lives */
    tab: string;
    /** the page has an onlineCheck */
    asksOnline: boolean;
    level: LogLevel;
    /** to the tab's spool */
    port: MessagePort;
}

/** One HTTP request. */
export interface Call {
    method: string;
    url: string;
    headers: Record<string, string>;
    body: Blob | null;
    signal: AbortSignal;
    /** body bytes that left so far */
    progress(bytes: number): void;
}

export interface Reply {
    status: number;
    headers: Headers;
    text: string;
}

/** What a recording needs of its Reelhaul. */
export interface Studio {
    spool: import('./rpc.js').Rpc;
    discard(id: string): Promise<void>;
    file(id: string): Promise<File>;
    trouble(detail: StorageTrouble): void;
    /** the ring or the state changed */
    changed(): void;
}
