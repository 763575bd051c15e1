#!/usr/bin/env python3
"""image.py NAME:TAG OUT.tar ENTRYPOINT_JSON FILE=PATH_IN_IMAGE... LINK->TARGET...

Writes a one-layer OCI image archive that `ctr images import` takes. The same arguments give the same bytes. No other tool is needed."""
import hashlib
import io
import json
import os
import platform
import sys
import tarfile

USERS = {"etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n", "etc/group": "root:x:0:\nnobody:x:65534:\n"}
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
MEDIA = "application/vnd.oci.image."


class Layer:
    """A tar in memory whose folders appear before what is in them."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w")
        self.folders = set()

    def folder(self, path, mode=0o755):
        if not path or path in self.folders:
            return
        self.folder(os.path.dirname(path))
        self.folders.add(path)
        self.add(path, tarfile.DIRTYPE, mode)

    def add(self, path, kind, mode, data=b"", target=""):
        self.folder(os.path.dirname(path))
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), target
        self.tar.addfile(entry, io.BytesIO(data))

    def take(self, item):
        if "->" in item:
            link, target = item.split("->")
            self.add(link.lstrip("/"), tarfile.SYMTYPE, 0o777, target=target)
        else:
            file, path = item.split("=")
            with open(file, "rb") as opened:
                self.add(path.lstrip("/"), tarfile.REGTYPE, 0o755, opened.read())

    def finish(self):
        self.tar.close()
        return self.bytes.getvalue()


def build_layer(items):
    layer = Layer()
    layer.folder("tmp", 0o1777)
    for path, text in USERS.items():
        layer.add(path, tarfile.REGTYPE, 0o644, text.encode())
    for item in items:
        layer.take(item)
    return layer.finish()


def main(name, out, entrypoint, items):
    blobs = {}

    def keep(data):
        data = data if isinstance(data, bytes) else json.dumps(data, sort_keys=True).encode()
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"digest": "sha256:" + digest, "size": len(data)}

    layer = keep(build_layer(items))
    config = keep({
        "architecture": ARCHITECTURE, "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": json.loads(entrypoint) or None, "Env": ["PATH=/usr/bin:/bin:/sbin"], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}, "history": [{"created_by": "image.py"}],
    })
    manifest = keep({
        "schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json",
        "config": {"mediaType": MEDIA + "config.v1+json", **config},
        "layers": [{"mediaType": MEDIA + "layer.v1.tar", **layer}],
    })
    annotations = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[1]}
    index = {"schemaVersion": 2, "manifests": [{
        "mediaType": MEDIA + "manifest.v1+json", **manifest,
        "platform": {"os": "linux", "architecture": ARCHITECTURE}, "annotations": annotations,
    }]}
    archive = Layer()
    archive.add("oci-layout", tarfile.REGTYPE, 0o644, b'{"imageLayoutVersion":"1.0.0"}')
    archive.add("index.json", tarfile.REGTYPE, 0o644, json.dumps(index).encode())
    for digest, data in blobs.items():
        archive.add("blobs/sha256/" + digest, tarfile.REGTYPE, 0o644, data)
    with open(out + ".new", "wb") as opened:
        opened.write(archive.finish())
    os.rename(out + ".new", out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
