/* SPDX-License-Identifier: MIT */
/**
 * The playlist: one row per take with its state, progress, and what can be done with it. Rows are changed
 * in place, so that the focus stays where it is while numbers move.
 * @module
 */
import { announce } from '../announce.js';
import { button, download, el, find, icon, setText } from '../dom.js';
import { clock, size } from '../format.js';
import { strings } from '../strings.js';
import { announcementOf, badgeOf, percentOf, reasonOf } from '../view.js';
import { makeBadge, makeFailedBadge, updateBadge } from './badge.js';
import { play } from './player.js';

/** @typedef {import('../../sdk/types.js').UploadSnapshot} Upload */
/** @typedef {import('../uploads.js').Uploads} Uploads */
/** @typedef {{title: string, durationMs: number, mine: boolean}} Described */

const SYNCED_SHOWN_MS = 5000;

class TakeRow {
    /** @param {TakeList} list @param {Upload} upload */
    constructor(list, upload) {
        this.list = list;
        this.id = upload.id;
        this.name = '';
        /** @type {Upload|undefined} */
        this.shown = undefined;
        this.badgeKey = '';
        this.syncedTimer = 0;
        this.title = el('span', { class: 'take-title' });
        this.facts = el('span', { class: 'take-facts' });
        this.badge = el('span', { class: 'take-badge' });
        this.reason = el('p', { class: 'take-reason' });
        this.fill = el('span', { class: 'progress-fill' });
        this.progress = el('div', { class: 'progress', role: 'progressbar', 'aria-valuemin': 0,
            'aria-valuemax': 100 }, this.fill);
        const words = strings.takes;
        this.play = button(words.playShort, () => this.list.onPlay(this), { icon: 'play', kind: 'quiet' });
        this.save = button(words.saveShort, () => this.list.onSave(this), { icon: 'save', kind: 'quiet' });
        this.retry = button(words.retryShort, () => this.list.uploads.reelhaul.retry(this.id),
            { icon: 'retry', kind: 'quiet' });
        this.element = el('li', { class: 'take', 'data-take': this.id },
            el('div', { class: 'take-head' },
                el('div', { class: 'take-names' }, this.title, this.facts), this.badge),
            this.progress, this.reason,
            el('div', { class: 'take-actions' }, this.play, this.save, this.retry));
    }

    /** @param {Upload} upload @param {Described} described */
    update(upload, described) {
        this.name = described.title;
        setText(this.title, this.name);
        const facts = [described.durationMs > 0 ? clock(described.durationMs) : '',
            upload.total > 0 ? size(upload.total) : ''].filter(Boolean);
        setText(this.facts, facts.join(' · '));
        this.label(this.play, strings.takes.play(this.name));
        this.label(this.save, strings.takes.save(this.name));
        this.label(this.retry, strings.takes.retry(this.name));
        this.play.hidden = !described.mine || upload.recording || !(upload.local || upload.url);
        this.save.hidden = !described.mine || upload.recording || !upload.local;
        /* Also hurries an upload that waits for its next try. */
        this.retry.hidden = !(upload.state === 'failed' || upload.reason === 'backoff') || !upload.local;
        this.updateBadge(upload);
        this.updateProgress(upload);
        setText(this.reason, upload.state === 'failed' ? '' : reasonOf(upload));
        this.reason.hidden = this.reason.textContent === '';
        announce(announcementOf(this.shown, upload, this.name));
        this.shown = upload;
    }

    /** @param {HTMLElement} element @param {string} text */
    label(element, text) {
        if (element.getAttribute('aria-label') !== text) element.setAttribute('aria-label', text);
        element.title = text;
    }

    /** @param {Upload} upload */
    updateProgress(upload) {
        const percent = percentOf(upload);
        this.progress.hidden = upload.state === 'completed' || upload.state === 'failed'
            || (upload.total === 0 && !upload.recording);
        this.progress.setAttribute('aria-valuenow', String(percent));
        this.progress.setAttribute('aria-label', strings.takes.progress(this.name));
        this.progress.classList.toggle('paused', upload.state === 'paused');
        this.fill.style.inlineSize = `${percent}%`;
    }

    /** @param {Upload} upload */
    updateBadge(upload) {
        const badge = badgeOf(upload);
        const reason = badge.kind === 'failed' ? reasonOf(upload) : '';
        const key = `${badge.kind} ${reason}`;
        const current = this.badge.firstElementChild;
        if (key === this.badgeKey) {
            if (current instanceof HTMLElement) updateBadge(current, badge);
            return;
        }
        this.badgeKey = key;
        clearTimeout(this.syncedTimer);
        this.badge.replaceChildren(badge.kind === 'failed'
            ? makeFailedBadge(badge, reason, `why-${this.id}`) : makeBadge(badge));
        if (badge.kind !== 'synced') return;
        /* Green for five seconds; a take that was there already when the page opened needs no news. */
        if (this.shown === undefined) this.settle();
        else this.syncedTimer = window.setTimeout(() => this.settle(), SYNCED_SHOWN_MS);
    }

    settle() {
        this.badge.replaceChildren(el('span', { class: 'take-settled' }, icon('check'),
            el('span', {}, strings.takes.uploaded)));
    }
}

export class TakeList {
    /**
     * @param {HTMLElement} holder
     * @param {Uploads} uploads
     * @param {(upload: Upload) => Described} describe
     */
    constructor(holder, uploads, describe) {
        this.uploads = uploads;
        this.describe = describe;
        /** @type {Map<string, TakeRow>} */
        this.rows = new Map();
        this.empty = el('p', { class: 'takes-empty' }, strings.takes.empty);
        this.list = el('ul', { class: 'take-list', 'aria-label': strings.takes.title });
        holder.replaceChildren(el('h2', { class: 'panel-title', id: 'takesTitle' }, strings.takes.title),
            this.empty, this.list);
    }

    /** @param {Upload[]} uploads in recording order */
    update(uploads) {
        const shown = uploads.filter((upload) => upload.state !== 'cancelled');
        const ids = new Set(shown.map((upload) => upload.id));
        for (const [id, row] of this.rows) {
            if (ids.has(id)) continue;
            this.leave(row);
            this.rows.delete(id);
        }
        for (const upload of shown) {
            let row = this.rows.get(upload.id);
            if (!row) {
                row = new TakeRow(this, upload);
                this.rows.set(upload.id, row);
                this.list.append(row.element);
            }
            row.update(upload, this.describe(upload));
        }
        this.empty.hidden = shown.length > 0;
        this.list.hidden = shown.length === 0;
    }

    /** Takes a row away without losing the focus to nowhere. @param {TakeRow} row */
    leave(row) {
        if (row.element.contains(document.activeElement)) find('main', HTMLElement).focus();
        clearTimeout(row.syncedTimer);
        row.element.remove();
    }

    /** @param {TakeRow} row */
    async onPlay(row) {
        const upload = this.uploads.reelhaul.get(row.id);
        try {
            if (upload?.local) {
                const file = await this.uploads.reelhaul.export(row.id);
                play(row.name, URL.createObjectURL(file));
            } else if (upload?.url) {
                play(row.name, new URL(upload.url, this.uploads.reelhaul.server || location.href).href);
            }
        } catch {
            this.complain(row, strings.takes.gone);
        }
    }

    /** @param {TakeRow} row */
    async onSave(row) {
        try {
            const file = await this.uploads.reelhaul.export(row.id);
            download(file, file.name);
        } catch {
            this.complain(row, strings.takes.saveFailed);
        }
    }

    /** @param {TakeRow} row @param {string} text */
    complain(row, text) {
        setText(row.reason, text);
        row.reason.hidden = false;
        announce(`${row.name}: ${text}`);
    }
}
