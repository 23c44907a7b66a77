#!/usr/bin/env python3
"""bench/stalling_folder.py -- a folder on a disk that stalls: of the reads of its files some take seconds.

    stalling_folder.py FOLDER AT PERCENT SECONDS      shows FOLDER at AT until it is told to end; prints "ready"

Speaks the kernel's side of FUSE (Documentation/filesystems/fuse in Linux, include/uapi/linux/fuse.h) by itself, and needs the right to mount. Only what a
tier does is there: files in one folder, made, written, read, renamed and removed. Which reads stall is drawn from a fixed seed."""

import ctypes
import errno
import os
import queue
import random
import signal
import stat
import struct
import sys
import threading
import time

IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("<QQQQII")
REQUEST_BYTES = (1 << 20) + 4096
THREADS = 64
ROOT = 1
(LOOKUP, FORGET, GETATTR, SETATTR, UNLINK, RENAME, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, CREATE, INTERRUPT,
 DESTROY, BATCH_FORGET, RENAME2) = (1, 2, 3, 4, 10, 12, 14, 15, 16, 17, 18, 20, 25, 26, 27, 28, 29, 35, 36, 38, 42, 45)
SET_SIZE = 1 << 3
KEEPS_NOTHING = 1  # FOPEN_DIRECT_IO: each read comes here
ASYNC_READ, BIG_WRITES, ASYNC_DIRECT_IO, MAX_PAGES = 1 << 0, 1 << 5, 1 << 15, 1 << 22


class Folder:
    def __init__(self, path, percent, seconds):
        self.path, self.percent, self.seconds = path, percent, seconds
        self.draw, self.lock = random.Random(1), threading.Lock()
        self.names, self.nodes, self.stalls = {}, {}, 0

    # ---- names ----

    def place(self, name):
        return os.path.join(os.fsencode(self.path), name)

    def node_of(self, name):
        """Numbers are not given twice: a file that was removed may still be open."""
        with self.lock:
            if name not in self.nodes:
                node = ROOT + 1 + len(self.names)
                self.nodes[name], self.names[node] = node, name
            return self.nodes[name]

    def path_of(self, node):
        return os.fsencode(self.path) if node == ROOT else self.place(self.names[node])

    def forget(self, name):
        with self.lock:
            self.nodes.pop(name, None)

    # ---- answers ----

    @staticmethod
    def attr(found, node):
        return ATTR.pack(node, found.st_size, found.st_blocks, int(found.st_atime), int(found.st_mtime), int(found.st_ctime), 0, 0, 0, found.st_mode,
                         found.st_nlink, found.st_uid, found.st_gid, 0, 4096, 0)

    def entry(self, name):
        found = os.lstat(self.place(name))
        node = self.node_of(name)
        return ENTRY.pack(node, 0, 0, 0, 0, 0) + self.attr(found, node)

    def answer(self, operation, node, body):
        """The bytes of an answer; None: there is none."""
        handler = self.HANDLERS.get(operation)
        if handler is None:
            raise OSError(errno.ENOSYS, "")
        return handler(self, node, body)

    def init(self, _, body):
        (major, minor, readahead, flags) = struct.unpack_from("<IIII", body)
        wanted = flags & (ASYNC_READ | BIG_WRITES | ASYNC_DIRECT_IO | MAX_PAGES)
        return struct.pack("<IIIIHHIIHHI", major, min(minor, 31), readahead, wanted, 128, 96, 1 << 20, 1, 256, 0, 0) + bytes(28)

    def lookup(self, _, body):
        return self.entry(body.rstrip(b"\0"))

    def getattr(self, node, body):
        flags, _, handle = struct.unpack_from("<IIQ", body)
        found = os.fstat(handle) if flags & 1 else os.lstat(self.path_of(node))
        return struct.pack("<QII", 0, 0, 0) + self.attr(found, node)

    def setattr(self, node, body):
        valid, _, handle, size = struct.unpack_from("<IIQQ", body)
        if valid & SET_SIZE:
            os.truncate(handle if valid & 1 << 6 else self.path_of(node), size)
        found = os.fstat(handle) if valid & 1 << 6 else os.lstat(self.path_of(node))
        return struct.pack("<QII", 0, 0, 0) + self.attr(found, node)

    def unlink(self, _, body):
        name = body.rstrip(b"\0")
        os.unlink(self.place(name))
        self.forget(name)
        return b""

    def rename_names(self, names):
        old, new = names.split(b"\0")[:2]
        os.rename(self.place(old), self.place(new))
        with self.lock:
            node = self.nodes.pop(old)
            self.nodes[new], self.names[node] = node, new
        return b""

    def open(self, node, body):
        (flags,) = struct.unpack_from("<I", body)
        return self.handle(os.open(self.path_of(node), flags & ~(os.O_DIRECT | os.O_NOFOLLOW | os.O_CREAT | os.O_EXCL)))

    @staticmethod
    def handle(fd):
        return struct.pack("<QII", fd, KEEPS_NOTHING, 0)

    def create(self, _, body):
        flags, mode = struct.unpack_from("<II", body)
        name = body[16:].rstrip(b"\0")
        fd = os.open(self.place(name), (flags | os.O_CREAT) & ~os.O_DIRECT, mode)
        return self.entry(name) + self.handle(fd)

    def read(self, _, body):
        handle, offset, size = struct.unpack_from("<QQI", body)
        with self.lock:
            stalls = self.draw.uniform(0, 100) < self.percent
            self.stalls += stalls
        if stalls:
            time.sleep(self.seconds)
        return os.pread(handle, size, offset)

    def write(self, _, body):
        handle, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(handle, body[40:40 + size], offset), 0)

    def statfs(self, *_):
        found = os.statvfs(self.path)
        return struct.pack("<QQQQQIIII", found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree, found.f_bsize, 255,
                           found.f_frsize, 0) + bytes(24)

    def release(self, _, body):
        os.close(struct.unpack_from("<Q", body)[0])
        return b""

    def readdir(self, _, body):
        _, offset, size = struct.unpack_from("<QQI", body)
        answer = b""
        for place, name in enumerate(sorted(os.listdir(os.fsencode(self.path))), 1):
            record = struct.pack("<QQII", self.node_of(name), place, len(name), stat.S_IFREG >> 12) + name
            record += bytes(-len(record) % 8)
            if place > offset and len(answer) + len(record) <= size:
                answer += record
            elif place > offset:
                break
        return answer

    HANDLERS = {INIT: init, LOOKUP: lookup, GETATTR: getattr, SETATTR: setattr, UNLINK: unlink, OPEN: open, CREATE: create, READ: read, WRITE: write,
                STATFS: statfs, RELEASE: release, READDIR: readdir, OPENDIR: lambda *_: struct.pack("<QII", 0, 0, 0), RELEASEDIR: lambda *_: b"",
                FSYNC: lambda *_: b"", FLUSH: lambda *_: b"", RENAME: lambda self, _, body: self.rename_names(body[8:]),
                RENAME2: lambda self, _, body: self.rename_names(body[16:]), DESTROY: lambda *_: b""}


def serve(device, folder, requests):
    while (request := requests.get()) is not None:
        _, operation, unique, node = IN_HEADER.unpack_from(request)[:4]
        try:
            error, answer = 0, folder.answer(operation, node, request[IN_HEADER.size:])
        except OSError as failure:
            error, answer = failure.errno or errno.EIO, b""
        except KeyError:
            error, answer = errno.ENOENT, b""
        try:
            os.write(device, OUT_HEADER.pack(OUT_HEADER.size + len(answer), -error, unique) + answer)
        except OSError:
            pass  # it was given up meanwhile


def main():
    path, at, percent, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
    if libc.mount(b"bale-stalling", os.fsencode(at), b"fuse", 0, options) != 0:
        sys.exit(f"{at} cannot be mounted: {os.strerror(ctypes.get_errno())}")
    signal.signal(signal.SIGTERM, lambda *_: libc.umount2(os.fsencode(at), 2))
    folder, requests = Folder(path, percent, seconds), queue.SimpleQueue()
    for _ in range(THREADS):
        threading.Thread(target=serve, args=(device, folder, requests), daemon=True).start()
    print("ready", flush=True)
    while True:
        try:
            request = os.read(device, REQUEST_BYTES)
        except OSError as failure:
            if failure.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                continue
            break  # unmounted
        if IN_HEADER.unpack_from(request)[1] not in (FORGET, BATCH_FORGET, INTERRUPT):
            requests.put(request)
    print(folder.stalls, "reads stalled", flush=True)


if __name__ == "__main__":
    main()
