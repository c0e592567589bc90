"""A one-page PDF made of plain lines, without any library: enough for a statement."""

_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
    b" /Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>"
)


def render(title: str, lines: list[str]) -> bytes:
    """An A4 page with a title in bold and the lines below it. Characters outside CP1252 become « ? »."""
    text = [b"BT /F2 16 Tf 56 770 Td (Mutuelle Horizon) Tj ET", _line(b"F2", 13, 736, title)]
    text += [_line(b"F1", 11, 704 - 17 * rank, line) for rank, line in enumerate(lines[:36])]
    stream = b"\n".join(text)
    return _assemble(
        b"<< /Type /Catalog /Pages 2 0 R /Lang (fr-FR) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        _font(b"Helvetica"),
        _font(b"Helvetica-Bold"),
    )


def _line(font: bytes, size: int, height: int, text: str) -> bytes:
    coded = text.encode("cp1252", errors="replace")
    escaped = coded.replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
    return b"BT /%s %d Tf 56 %d Td (%s) Tj ET" % (font, size, height, escaped)


def _font(name: bytes) -> bytes:
    return b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name


def _assemble(*objects: bytes) -> bytes:
    file = bytearray(b"%PDF-1.4\n")
    offsets = []
    for rank, content in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (rank, content)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)
