/* SPDX-License-Identifier: MIT */
/** The device check: see yourself, hear yourself, choose others, and what to do if nothing works. @module */
import { announce } from '../announce.js';
import { DeviceError, closeDevices, explain, listDevices, openDevices } from '../devices.js';
import { button, el, focusStep, icon, setText, shapeFrame } from '../dom.js';
import { LevelMeter } from '../parts/meter.js';
import { strings } from '../strings.js';

/** @typedef {import('../state.js').Sitting} Sitting */

export class DeviceCheck {
    /**
     * @param {HTMLElement} stage @param {Sitting} sitting
     * @param {{title: string, intro: string, go: string}} texts
     * @param {(stream: MediaStream) => void} onReady the stream is the caller's from then on
     */
    constructor(stage, sitting, texts, onReady) {
        this.sitting = sitting;
        this.onReady = onReady;
        /** @type {MediaStream|null} */
        this.stream = null;
        this.left = false;
        const words = strings.devices;
        this.heading = el('h1', { tabindex: -1, id: 'stepTitle' }, texts.title);
        this.video = el('video', { class: 'frame-video mirrored', autoplay: true, playsinline: true,
            muted: true, 'aria-label': words.preview });
        this.video.muted = true;
        this.hint = el('div', { class: 'frame-hint' }, el('strong', {}, words.starting),
            el('p', {}, words.startingHint));
        this.frame = el('div', { class: 'frame' }, this.video, this.hint);
        shapeFrame(this.frame, this.video);
        this.trouble = el('div', { class: 'trouble', hidden: true, tabindex: -1 });
        this.sound = el('p', { class: 'field-hint', hidden: true }, icon('alert'), words.withoutSound);
        this.meter = new LevelMeter();
        this.camera = el('select', { id: 'camera', disabled: true });
        this.microphone = el('select', { id: 'microphone', disabled: true });
        this.go = button(texts.go, () => this.done(), { kind: 'primary', id: 'devicesReady' });
        this.go.disabled = true;
        for (const select of [this.camera, this.microphone]) {
            select.addEventListener('change', () => this.choose());
        }
        this.fields = el('div', { class: 'device-fields' },
            el('div', { class: 'field' },
                el('label', { class: 'field-label', for: 'camera' }, words.camera), this.camera),
            el('div', { class: 'field' },
                el('label', { class: 'field-label', for: 'microphone' }, words.microphone),
                this.microphone, this.sound, this.meter.element));
        stage.replaceChildren(this.heading, el('p', { class: 'lead' }, texts.intro), this.trouble,
            this.frame, this.fields, el('div', { class: 'actions' }, this.go));
        focusStep(this.heading);
        this.onDeviceChange = () => void this.fill();
        navigator.mediaDevices?.addEventListener('devicechange', this.onDeviceChange);
        void this.open();
    }

    choose() {
        this.sitting.cameraId = this.camera.value;
        this.sitting.microphoneId = this.microphone.value;
        void this.open();
    }

    async open() {
        const again = this.stream !== null;
        this.go.disabled = true;
        closeDevices(this.stream);
        this.trouble.hidden = true;
        this.frame.hidden = false;
        this.fields.hidden = false;
        this.hint.hidden = again;
        try {
            const { stream, withoutSound } = await openDevices(this.sitting);
            if (this.left) return closeDevices(stream);
            this.stream = stream;
            this.video.srcObject = stream;
            this.hint.hidden = true;
            this.sound.hidden = !withoutSound;
            this.meter.start(stream);
            await this.fill();
            this.go.disabled = false;
        } catch (error) {
            this.stream = null;
            this.showTrouble(error instanceof DeviceError ? error.explanation : explain(error));
        }
    }

    /** Fills the pickers; names are known only once the permission is there. */
    async fill() {
        if (!this.stream) return;
        const current = (/** @type {MediaStreamTrack|undefined} */ track) =>
            track?.getSettings().deviceId ?? '';
        fillPicker(this.camera, await listDevices('videoinput'), current(this.stream.getVideoTracks()[0]));
        fillPicker(this.microphone, await listDevices('audioinput'),
            current(this.stream.getAudioTracks()[0]));
    }

    /** @param {{title: string, help: string[]}} explanation */
    showTrouble(explanation) {
        this.frame.hidden = true;
        this.fields.hidden = true;
        this.meter.stop();
        this.trouble.replaceChildren(icon('alert'), el('div', {},
            el('h2', {}, explanation.title),
            el('ol', {}, ...explanation.help.map((text) => el('li', {}, text))),
            button(strings.devices.retry, () => void this.open(), { kind: 'primary', icon: 'retry' })));
        this.trouble.hidden = false;
        this.trouble.focus();
        announce([explanation.title, ...explanation.help].join('. '));
    }

    done() {
        const stream = this.stream;
        if (!stream) return;
        this.leave();
        this.onReady(stream);
    }

    leave() {
        this.left = true;
        this.meter.stop();
        this.video.srcObject = null;
        navigator.mediaDevices?.removeEventListener('devicechange', this.onDeviceChange);
    }
}

/** @param {HTMLSelectElement} select @param {{id: string, label: string}[]} devices
 * @param {string} current */
function fillPicker(select, devices, current) {
    const none = select.id === 'microphone' ? strings.devices.noMicrophone : '';
    const options = devices.length > 0 ? devices : [{ id: '', label: none }];
    select.replaceChildren(...options.map(({ id, label }) => {
        const option = el('option', { value: id });
        setText(option, label);
        return option;
    }));
    select.disabled = devices.length < 2;
    select.value = current || options[0]?.id || '';
}
