# SPDX-License-Identifier: Apache-2.0
"""Holds Hone's cache of a hub against huggingface_hub's, both filled from one small hub on loopback.

    python3 tests/oracle/hub_cache.py HONE      HONE: the program (build/host/hone)

Compares the two cache folders entry by entry, lets huggingface_hub find offline what Hone downloaded, and Hone what
huggingface_hub downloaded. Prints what it saw; ends with status 1 where anything differs.
"""
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.parse

REPOSITORY, COMMIT = "acme/tiny", "0123456789abcdef0123456789abcdef01234567"
FAMILY = pathlib.Path(__file__).resolve().parent.parent / "model" / "data" / "families" / "llama"


def files():
    """name -> (content, large)"""
    weights = (FAMILY / "model.safetensors").read_bytes()
    return {
        "config.json": ((FAMILY / "config.json").read_bytes(), False),
        "model.safetensors": (weights, True),
        "README.md": (b"---\nlicense: apache-2.0\n---\n", False),
        "LICENSE": (b"", False),
        "generation_config.json": (b"{}", False),
        "tokenizer_config.json": (b"{}", False),
        "tokenizer.json": (b'{"version": "1.0"}', True),
        "special_tokens_map.json": (b"{}\n", False),
        "chat_template.jinja": ("{{ 'é' }}".encode(), False),
        # Not needed by a model.
        "pytorch_model.bin": (b"pickle", True),
        "onnx/model.onnx": (b"onnx", True),
        ".gitattributes": (b"x", False),
    }


def etag(content, large):
    return hashlib.sha256(content).hexdigest() if large else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    content = files()

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def tree(self):
        rows = []
        for name, (content, large) in sorted(self.content.items()):
            row = {"type": "file", "path": name, "size": len(content), "oid": etag(content, False)}
            if large:
                row["lfs"] = {"oid": etag(content, True), "size": len(content), "pointerSize": 134}
            rows.append(row)
        return rows

    def do_GET(self):
        path = urllib.parse.unquote(self.path.split("?")[0])
        base = f"/api/models/{REPOSITORY}"
        if path in (f"{base}/revision/main", f"{base}/revision/{COMMIT}", base):
            names = [{"rfilename": name} for name in sorted(self.content)]
            body = json.dumps({"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "private": False, "tags": [],
                               "siblings": names}).encode()
            return self.answer(200, {"Content-Type": "application/json"}, body)
        if path.startswith(f"{base}/tree/"):
            return self.answer(200, {"Content-Type": "application/json"}, json.dumps(self.tree()).encode())
        if path.startswith("/cdn/"):
            for content, large in self.content.values():
                if path == "/cdn/" + etag(content, large):
                    return self.ranged(content, {"ETag": '"of-the-cdn"'})
        for revision in ("main", COMMIT):
            prefix = f"/{REPOSITORY}/resolve/{revision}/"
            if path.startswith(prefix) and path[len(prefix):] in self.content:
                content, large = self.content[path[len(prefix):]]
                tag = f'"{etag(content, large)}"'
                headers = {"X-Repo-Commit": COMMIT}
                if not large:
                    return self.ranged(content, headers | {"ETag": tag})
                cdn = f"http://127.0.0.1:{self.server.cdn}/cdn/{etag(content, True)}"
                return self.answer(302, headers | {"X-Linked-Etag": tag, "X-Linked-Size": str(len(content)),
                                                   "Location": cdn})
        self.answer(404, {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def ranged(self, content, headers):
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and wanted.endswith("-"):
            first = int(wanted[6:-1])
            return self.answer(206, headers | {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"},
                               content[first:])
        self.answer(200, headers, content)


def entries(cache):
    """path -> what is there; locks are named and nothing more, listings of other tools' own are left out"""
    found = {}
    for folder, _, names in os.walk(cache):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, cache)
            if "/trees/" in relative or "/.no_exist/" in relative:
                continue
            if os.path.islink(path):
                found[relative] = "-> " + os.readlink(path)
            elif relative.startswith(".locks") or name == "CACHEDIR.TAG":
                found[relative] = "present"
            else:
                found[relative] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return found


def run(command, home, endpoint, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_HOME": home, "HF_ENDPOINT": endpoint, "XDG_CACHE_HOME": home, "HF_HUB_DISABLE_TELEMETRY": "1",
                    "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    environment |= more
    result = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{command} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def main():
    hone = os.path.abspath(sys.argv[1])
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) for _ in range(2)]
    for server in servers:
        server.cdn = servers[1].server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{servers[0].server_address[1]}"
    python = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = os.path.join(folder, "ours"), os.path.join(folder, "theirs")
        pipeline = json.dumps({"hone": 1, "name": "p", "nodes": {"base": {"stage": "model",
                                                                          "params": {"path": REPOSITORY}}}})
        for home in (ours, theirs):
            os.mkdir(home)
            pathlib.Path(home, "p.json").write_text(pipeline)
        run([hone, "run", "p.json"], ours, endpoint)
        wanted = ["config.json", "model.safetensors", "README.md", "LICENSE", "generation_config.json",
                  "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "chat_template.jinja"]
        run(python + [f"from huggingface_hub import snapshot_download as s; s('{REPOSITORY}', allow_patterns={wanted})"],
            theirs, endpoint)
        a, b = entries(os.path.join(ours, "hub")), entries(os.path.join(theirs, "hub"))
        differences = [f"{path}: ours {a.get(path)}, theirs {b.get(path)}" for path in sorted(a.keys() | b.keys())
                       if a.get(path) != b.get(path)]
        print(f"{len(a)} entries here, {len(b)} there, {len(differences)} differ")
        for line in differences:
            print("  " + line)
        # Each finds what the other downloaded, without the network.
        nowhere = "http://127.0.0.1:1"
        code = (f"from huggingface_hub import snapshot_download as s, scan_cache_dir as c, hf_hub_download as h;"
                f"print(s('{REPOSITORY}', local_files_only=True));"
                f"print(h('{REPOSITORY}', 'config.json', revision='main'));"
                f"i = c(); r = list(i.repos)[0];"
                f"print(len(i.repos), 'repository', r.repo_id, sorted(r.refs), r.nb_files, 'files', len(i.warnings), 'warnings')")
        said = run(python + [code], ours, nowhere, HF_HUB_OFFLINE="1")
        print("huggingface_hub, offline, in Hone's cache:\n  " + said.strip().replace("\n", "\n  "))
        # And online: it has nothing to fetch.
        code = (f"from huggingface_hub import snapshot_download as s; import os;"
                f"b = set(os.listdir('hub/models--acme--tiny/blobs')); s('{REPOSITORY}', allow_patterns={wanted});"
                f"print(len(set(os.listdir('hub/models--acme--tiny/blobs')) - b), 'new blobs')")
        fetched = run(python + [code], ours, endpoint).strip()
        print("huggingface_hub, online, in Hone's cache: " + fetched)
        said = run([hone, "run", "p.json"], theirs, nowhere, HF_HUB_OFFLINE="1")
        print("Hone, offline, in huggingface_hub's cache: " + ("done" if "base: done" in said else said))
        sys.exit(1 if differences or fetched != "0 new blobs" or "base: done" not in said else 0)


if __name__ == "__main__":
    main()
