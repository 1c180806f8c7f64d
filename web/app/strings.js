/* SPDX-License-Identifier: MIT */
/**
 * Every word the pages show, in one place. Translate this file to translate the recorder; the texts of
 * one study (title, prompts, consent) come from prompts.json.
 *
 * The marked texts are fixed by the product's documents and by its tests; a translation may change them.
 * @module
 */

/** @param {number} count @param {string} one @param {string} many */
const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;

export const strings = {
    appName: 'Recorder',
    loading: 'Loading…',
    skipToMain: 'Skip to the recorder',

    /* Fixed texts: the indicator, the badges, the completion page. */
    indicator: {
        /** @param {number} pending */
        uploading: (pending) => `Uploading… (${pending} pending)`,
        /** @param {number} count */
        uploaded: (count) => `${count} uploaded`,
        /** @param {number} count */
        failed: (count) => `${count} failed`,
        retrying: 'Retrying upload…',
        resuming: 'Resuming uploads…',
    },
    badge: {
        /** @param {number} percent */
        uploading: (percent) => `${percent}%`,
        paused: 'PAUSED',
        synced: 'SYNCED',
        failed: 'FAILED',
        pending: 'WAITING',
        retrying: 'RETRYING',
        recording: 'REC',
        review: 'IN REVIEW',
    },
    complete: {
        title: 'Finishing up',
        waiting: 'Waiting for uploads to complete…',
        /** @param {number} count */
        failed: (count) => `${count} video(s) failed to upload. Please check your connection.`,
        retry: 'Retry failed uploads',
        done: 'All done. Thank you!',
        /** @param {number} count */
        doneText: (count) => count === 1
            ? 'Your recording has arrived safely.'
            : `All ${count} recordings have arrived safely.`,
        safe: 'It is safe to close this page.',
        keepOpen: 'Please keep this page open until it says that you can close it.',
        keptHere: 'If you have to leave now, nothing is lost: your recordings stay on this device, and the '
            + 'upload goes on when this page is opened again in this browser.',
        failedKept: 'Your recordings are still safe on this device. You can try again, or save them as files.',
        failedGone: 'Some recordings could not be kept on this device. Please tell the people who asked you '
            + 'to record.',
        offline: 'You are offline. The upload goes on by itself as soon as the connection is back.',
        nothing: 'Nothing to upload',
        nothingText: 'There are no recordings on this device that still have to be sent.',
        notAccepted: 'One recording has not been reviewed yet.',
        backToRecorder: 'Back to the recorder',
        startOver: 'Start a new session',
        /** @param {string} sent @param {string} total */
        bytes: (sent, total) => `${sent} of ${total}`,
        /** @param {string} time */
        left: (time) => `about ${time} left`,
        overall: 'Upload progress of all recordings',
    },

    welcome: {
        participant: 'Your participant code',
        participantHint: 'You find it in your invitation.',
        participantMissing: 'Please enter your participant code.',
        accept: 'Before you start',
        acceptMissing: 'Please tick every box to go on.',
        /** @param {number} count @param {string|null} duration */
        facts: (count, duration) => duration
            ? `${plural(count, 'recording', 'recordings')} · up to ${duration}`
            : plural(count, 'recording', 'recordings'),
        needs: 'You need a camera and a microphone.',
        safeCopy: 'Everything you record is kept on this device until it has arrived, '
            + 'also if the connection drops.',
        begin: 'Check camera and microphone',
    },
    devices: {
        title: 'Camera and microphone',
        titleResume: 'Welcome back',
        intro: 'Make sure that you can see yourself, and that the bar moves when you speak.',
        /** @param {number} number @param {number} count */
        introResume: (number, count) =>
            `You can go on with recording ${number} of ${count}. First a quick check of your devices.`,
        camera: 'Camera',
        microphone: 'Microphone',
        noMicrophone: 'No microphone',
        level: 'Microphone level',
        levelQuiet: 'Say something: the bar should move.',
        levelGood: 'We can hear you.',
        /** @param {number} number */
        unnamedCamera: (number) => `Camera ${number}`,
        /** @param {number} number */
        unnamedMicrophone: (number) => `Microphone ${number}`,
        preview: 'Your camera',
        starting: 'Starting your camera…',
        startingHint: 'If your browser asks, allow the use of camera and microphone.',
        go: 'Everything works',
        goResume: 'Continue',
        retry: 'Try again',
        withoutSound: 'No microphone was found, so this will be recorded without sound.',
    },
    mediaError: {
        denied: {
            title: 'Camera and microphone are blocked',
            help: ['Click the camera or lock symbol next to the address of this page.',
                'Choose “Allow” for camera and microphone.', 'Then press “Try again”.'],
        },
        deniedBySystem: {
            title: 'Your system does not let this browser use the camera',
            help: ['Open the privacy settings of your computer or phone.',
                'Allow the camera and the microphone for this browser.', 'Then press “Try again”.'],
        },
        notFound: {
            title: 'No camera was found',
            help: ['Connect a camera, or switch it on (some laptops have a shutter or a key for it).',
                'Then press “Try again”.'],
        },
        inUse: {
            title: 'The camera is in use by another program',
            help: ['Close other programs and tabs that use the camera, such as video calls.',
                'Then press “Try again”.'],
        },
        insecure: {
            title: 'This page may not use the camera',
            help: ['Browsers allow recording only over a secure connection. '
                + 'Open this page with an address that starts with https://.'],
        },
        unsupported: {
            title: 'This browser cannot record video',
            help: ['Please open this page in a current version of Chrome, Edge, Firefox or Safari.'],
        },
        other: {
            title: 'The camera could not be started',
            help: ['Unplug the camera and plug it in again, or choose another one.',
                'Then press “Try again”.'],
        },
    },
    prompt: {
        /** @param {number} number @param {number} count */
        position: (number, count) => `Recording ${number} of ${count}`,
        /** @param {string} time */
        upTo: (time) => `Up to ${time}`,
        /** @param {string} time */
        atLeast: (time) => `At least ${time}`,
        start: 'Start recording',
        starting: 'Starting…',
        waiting: 'Waiting for the last upload…',
        cancel: 'Cancel',
        stop: 'Stop recording',
        saving: 'Saving…',
        recording: 'Recording',
        elapsed: 'Recorded time',
        /** @param {string} time */
        remaining: (time) => `${time} left`,
        /** @param {string} time */
        stopFrom: (time) => `You can stop from ${time} on`,
        getReady: 'Get ready',
        /** @param {number} seconds */
        countdown: (seconds) => `Recording starts in ${plural(seconds, 'second', 'seconds')}`,
        started: 'Recording has started.',
        /** @param {number} seconds */
        secondsLeft: (seconds) => `${plural(seconds, 'second', 'seconds')} left`,
        preview: 'Your camera',
        startFailed: 'The recording could not be started.',
        stopFailed: 'The recording could not be finished. What was saved is offered again after a reload.',
        changeDevices: 'Change devices',
    },
    review: {
        title: 'How does it look?',
        /** @param {string} name */
        text: (name) => `Play your take of “${name}”. Keep it, or record it again.`,
        interrupted: 'The recording was interrupted. This is what was saved.',
        empty: 'Nothing was recorded. Please record it again.',
        noPlayback: 'This take cannot be played here, but it is complete. You can keep it.',
        playback: 'Your take',
        notSaved: 'Your decision could not be written down. Please try again.',
        accept: 'Keep and continue',
        acceptLast: 'Keep and finish',
        retake: 'Record again',
        save: 'Save as file',
        /** @param {string} duration @param {string} size */
        facts: (duration, size) => (duration ? `${duration} · ${size}` : size),
    },
    takes: {
        title: 'Your recordings',
        empty: 'Your recordings will appear here.',
        earlier: 'Earlier recording',
        /** @param {string} name */
        play: (name) => `Play ${name}`,
        /** @param {string} name */
        save: (name) => `Save ${name} as a file`,
        /** @param {string} name */
        retry: (name) => `Retry upload of ${name}`,
        /** @param {string} name */
        progress: (name) => `Upload progress of ${name}`,
        /** @param {string} name */
        why: (name) => `Why did the upload of ${name} fail?`,
        playShort: 'Play',
        saveShort: 'Save',
        retryShort: 'Retry',
        uploaded: 'Uploaded',
        sent: 'Sent, not proven',
        close: 'Close',
        gone: 'This recording can no longer be played on this device.',
        saveFailed: 'This recording could not be saved as a file.',
    },
    /** A sentence for each reason the SDK gives; '' adds nothing. @type {Record<string, string>} */
    reasons: {
        '': '',
        recording: '',
        review: 'Waiting for your decision',
        offline: 'Offline. Goes on by itself',
        backoff: 'Trying again shortly',
        user: 'Paused',
        quota: 'This device is out of space',
        unauthorized: 'An access code is needed',
        mode: 'Goes on after the recording',
        refused: 'The server refused this recording',
        gone: 'The server no longer knows this recording',
        conflict: 'The server already has a different recording under this name',
        source_lost: 'The local copy of this recording is gone',
        exhausted: 'All retries failed',
        server_full: 'The server is out of space. Goes on by itself',
        finishing: 'Finishing',
        waiting: '',
        damaged: 'The local copy of this recording is damaged',
    },
    announce: {
        /** @param {string} name @param {number} percent */
        percent: (name, percent) => `${name}: ${percent}% uploaded`,
        /** @param {string} name */
        uploading: (name) => `${name}: uploading`,
        /** @param {string} name */
        paused: (name) => `${name}: upload paused`,
        /** @param {string} name */
        completed: (name) => `${name}: uploaded`,
        /** @param {string} name @param {string} why */
        failed: (name, why) => `${name}: upload failed. ${why}`,
        kept: 'Take kept.',
    },
    access: {
        title: 'Access code',
        text: 'This recorder is protected. Please enter the access code you were given.',
        label: 'Access code',
        wrong: 'That code was not accepted. Please check it and try again.',
        submit: 'Continue',
        cancel: 'Cancel',
    },
    notice: {
        offline: 'You are offline. You can go on recording: everything is kept on this device and goes up '
            + 'by itself later.',
        noServer: 'The server cannot be reached right now. You can record all the same: everything is kept '
            + 'on this device and goes up by itself later.',
        noCode: 'Without an access code your recordings stay on this device and are not sent.',
        enterCode: 'Enter access code',
        noUploads: 'Recording to this device does not work in this browser window. '
            + 'A private window may be the reason.',
        saveNow: 'Save what was recorded',
        dismiss: 'Dismiss',
        deviceLost: 'The camera or microphone was disconnected.',
    },
    turn: {
        title: 'The recorder is already open',
        text: 'It is open in another tab or window of this browser. Go on there, or close it: this page then '
            + 'goes on by itself.',
    },
    config: {
        title: 'This recorder is not set up yet',
        /** @param {string} what */
        text: (what) => `Its prompts.json could not be used: ${what}`,
        hint: 'If you were invited to record, please tell the people who invited you.',
    },
    help: {
        title: 'Help and privacy',
        whereTitle: 'What happens to my recordings?',
        where: [
            'While you record, every second is written to this device at once, so that a crash or a dead '
                + 'battery costs you almost nothing.',
            'In the background it is sent to the server of the people who asked you to record. '
                + 'Nobody else receives it.',
            'The copy on this device is removed when the server has confirmed that it holds every byte. '
                + 'Until then it stays, also if the upload fails.',
            'A take that you record again is removed here and on the server.',
        ],
        keysTitle: 'Keyboard',
        keys: 'Everything works with Tab, Enter and Space. Escape cancels the countdown.',
        troubleTitle: 'If something does not work',
        check: 'Run a check',
        checking: 'Checking…',
        checkResult: 'Result of the check',
        checkFailed: 'The check itself could not run.',
        ok: 'OK',
        notOk: 'Problem',
        copy: 'Copy the result',
        copied: 'Copied',
        log: 'Log level for debugging',
        logLevels: { off: 'Off', error: 'Errors', warn: 'Warnings', info: 'Information', debug: 'Everything' },
    },
};
