#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The include graph: who may use whom. Run without arguments; exit status 1 and one line for each fault.

`--prove` plants one fault of each kind in a copy and fails unless each is found.
"""

import pathlib
import re
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A room may include itself and these (docs/internals/ has a page for each).
ROOMS = {
    "base": set(),
    "fields": {"base"},
    "engine": {"base", "fields"},
    "wire": {"base", "fields", "engine"},
    "http": {"base", "fields"},
    "vault": {"base", "fields"},
    "api": {"base", "fields", "http", "vault"},
    "serve": {"base", "fields", "http", "vault", "api"},
    "cli": {"base", "fields", "engine", "wire", "http", "vault", "api", "serve"},
}

# No libc here, but for files named *_native.c and *_native.h.
FREESTANDING = {"base", "fields", "engine", "wire"}
FREESTANDING_HEADERS = {
    "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdnoreturn.h",
}

# These reach nothing but the named headers of the world outside the compiler.
SOCKET_HEADERS = re.compile(r"^(sys/(socket|epoll|un)\.h|netinet/.*|arpa/.*|netdb\.h|openssl/ssl\.h)$")
NO_SOCKETS = {"http", "vault", "api"}

C_INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
JS_IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.[^'"]+)['"]""")


def is_native(name):
    return name.rsplit(".", 1)[0].endswith("_native")


def check_include(room, path, quoted, angled):
    """The fault in one include of a file of a room, or None."""
    if angled is not None:
        if angled.startswith("reelhaul/"):
            return None
        if room in FREESTANDING and not is_native(path.name) and angled not in FREESTANDING_HEADERS:
            return f"<{angled}> in the freestanding room {room}"
        if room in NO_SOCKETS and SOCKET_HEADERS.match(angled):
            return f"<{angled}>: {room} knows no socket"
        return None
    if quoted.startswith("reelhaul/"):
        return None
    target = quoted.split("/", 1)[0]
    if "/" not in quoted or ".." in quoted:
        return f'"{quoted}" is not of the form "room/file.h"'
    if target not in ROOMS:
        return f'"{quoted}" names no room'
    if target != room and target not in ROOMS[room]:
        return f'"{quoted}": {room} may not use {target}'
    if target in FREESTANDING and is_native(quoted) and not is_native(path.name):
        if target == room or room in FREESTANDING:
            return f'"{quoted}" is native, {path.name} is not'
    return None


def c_faults(root):
    for path in sorted((root / "src").glob("*/**/*.[ch]")):
        room = path.relative_to(root / "src").parts[0]
        if room not in ROOMS:
            yield f"{path.relative_to(root)}: the room {room} is not in the table"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = C_INCLUDE.match(line)
            fault = check_include(room, path, *match.groups()) if match else None
            if fault:
                yield f"{path.relative_to(root)}:{number}: {fault}"


def public_faults(root):
    """The public headers need nothing but each other."""
    for path in sorted((root / "include").glob("**/*.h")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = C_INCLUDE.match(line)
            name = match and (match.group(1) or match.group(2))
            if name and not name.startswith("reelhaul/") and name not in FREESTANDING_HEADERS:
                yield f"{path.relative_to(root)}:{number}: {name} in a public header"


def js_faults(root):
    """The SDK stands alone; the pages use its public API alone: reelhaul.js, the faces, the types."""
    web = root / "web"
    for path in sorted(web.glob("**/*.js")):
        side = path.relative_to(web).parts[0]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for target in JS_IMPORT.findall(line):
                place = path.parent / target
                # The pages are served at /, the SDK at /sdk/: ../sdk/x.js in web/app/ is web/sdk/x.js either way.
                parts = (path.relative_to(web).parent / target).parts
                crossing = "sdk" in parts or "app" in parts
                if side == "sdk" and (web / "sdk").resolve() not in place.resolve().parents:
                    yield f"{path.relative_to(root)}:{number}: {target} is outside the SDK"
                if side == "app" and crossing and "sdk" in parts:
                    inside = parts[parts.index("sdk") + 1:]
                    public = inside[:1] in (("reelhaul.js",), ("types.js",), ("faces",))
                    if not public:
                        yield f"{path.relative_to(root)}:{number}: {target} is private to the SDK"


def faults(root):
    return [*c_faults(root), *public_faults(root), *js_faults(root)]


PLANTS = [
    ("src/base/planted.c", '#include "fields/sf.h"'),
    ("src/fields/planted.c", '#include "engine/state.h"'),
    ("src/engine/planted.c", '#include "wire/wire.h"'),
    ("src/engine/planted.c", '#include "vault/vault.h"'),
    ("src/engine/planted.c", "#include <string.h>"),
    ("src/wire/planted.h", "  #  include <stdio.h>"),
    ("src/base/planted.c", '#include "base/planted_native.h"'),
    ("src/http/planted.c", '#include "vault/vault.h"'),
    ("src/vault/planted.c", '#include "http/h1.h"'),
    ("src/vault/planted.c", "#include <sys/socket.h>"),
    ("src/api/planted.c", '#include "serve/loop.h"'),
    ("src/serve/planted.c", '#include "engine/state.h"'),
    ("src/serve/planted.c", '#include "loop.h"'),
    ("src/serve/planted.c", '#include "../vault/vault.h"'),
    ("src/attic/planted.c", '#include "base/bytes.h"'),
    ("include/reelhaul/planted.h", "#include <stdio.h>"),
    ("web/sdk/planted.js", "import { x } from '../app/view.js';"),
    ("web/app/planted.js", "import { x } from '../sdk/journal.js';"),
]


def prove():
    """Each planted fault must be found, in its own file."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for part in ("src", "include", "web"):
            if (ROOT / part).exists():
                shutil.copytree(ROOT / part, copy / part)
        plants = []
        for number, (name, line) in enumerate(PLANTS):
            name = name.replace("planted", f"planted_{number}")
            planted = copy / name
            planted.parent.mkdir(parents=True, exist_ok=True)
            planted.write_text(line + "\n", encoding="utf-8")
            plants.append((name, line))
        found = faults(copy)
    missed = [plant for plant in plants if not any(fault.startswith(plant[0] + ":") for fault in found)]
    for name, line in missed:
        print(f"not found: {line} in {name}")
    print(f"{len(plants) - len(missed)} of {len(plants)} planted faults found")
    return len(missed)


def main():
    if sys.argv[1:] == ["--prove"]:
        return 1 if prove() else 0
    found = faults(ROOT)
    for fault in found:
        print(fault)
    print(f"include graph: {len(found)} faults")
    return 1 if found else 0


sys.exit(main())
