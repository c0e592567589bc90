"""What a PDF of ours says, as its reader sees it: each page's strings, unpacked from its streams."""

import base64
import re
import zlib

STREAM = re.compile(rb"<<([^>]*/Filter \[[^\]]*\][^>]*)>>\s*stream\r?\n(.*?)\s*endstream", re.DOTALL)
SAID = re.compile(rb"\(((?:\\.|[^\\()])*)\) Tj")


def pages(pdf: bytes) -> list[str]:
    """The words of each page that are plain letters and digits (others have codes of their font's own)."""
    contents = [_unpacked(head, body) for head, body in STREAM.findall(pdf) if b"FlateDecode" in head]
    return [
        " ".join(part.decode("latin-1") for part in SAID.findall(content))
        for content in contents
        if b" Tj" in content
    ]


def _unpacked(head: bytes, body: bytes) -> bytes:
    if b"ASCII85Decode" in head:
        body = (
            base64.a85decode(body.strip(), adobe=False)
            if not body.rstrip().endswith(b"~>")
            else (base64.a85decode(b"<~" + body.strip(), adobe=True))
        )
    return zlib.decompress(body)
