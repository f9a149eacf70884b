"""What is taken as a file, under which names; the scanner's protocol; the body files come in."""

from __future__ import annotations

import socket
import struct
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

import pytest

from chassis.attachments import names, scanner
from chassis.attachments.archives import MOST_DIRECTORY, MOST_MEMBERS
from chassis.attachments.errors import FileInfected, FileTypeRefused
from chassis.attachments.kinds import KINDS, recognised
from chassis.domain.errors import Unavailable, ValidationFailed
from chassis.http import uploads
from tests.support import files


@pytest.mark.parametrize("name", files.every_kind())
def test_every_kind_is_recognised_by_its_content(name: str):
    kind = recognised(files.every_kind()[name])
    assert names.checked(name, kind) == name
    assert kind.media_type.partition("/")[0] in ("image", "application", "video")


SCRIPT = b"<script>alert(1)</script>"
REFUSED = {
    "nothing known": b"hello", "plain text": "安装说明".encode(), "html": b"<!doctype html><html></html>", "xml": b"<?xml version='1.0'?><a/>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "a program": b"MZ\x90\0" + b"\0" * 200, "elf": b"\x7fELF" + b"\0" * 99,
    "a shell script": b"#!/bin/sh\nid\n", "an archive": files.archive("a.txt"), "a program archive": files.archive("META-INF/MANIFEST.MF", "A.class"),
    "rar": b"Rar!\x1a\x07\0" + b"\0" * 50, "7z": b"7z\xbc\xaf\x27\x1c" + b"\0" * 50, "gzip": b"\x1f\x8b\x08" + b"\0" * 50,
    "old office": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "rtf": b"{\\rtf1 x}", "tiff": b"II*\0" + b"\0" * 50, "bmp": b"BM" + b"\0" * 60,
    "docx with macros": files.docx("word/vbaProject.bin"), "docx with a program": files.docx("word/embeddings/a.exe"),
    "docx that leaves its folder": files.docx("../../x.xml"), "office of neither kind": files.archive("[Content_Types].xml", "ppt/presentation.xml"),
    "half an archive": files.docx()[:60], "half a picture": files.png()[:30], "half a jpeg": files.JPEG[:40], "half a pdf": files.PDF[:50],
    "picture and archive": files.JPEG + files.archive("A.class"), "gif and archive": files.GIF + files.archive("index.html"),
    "pdf and archive": files.PDF + files.archive("A.class"), "picture and page": files.GIF[:6] + SCRIPT + files.GIF[6:],
    "picture and pdf": files.JPEG[:4] + files.PDF + files.JPEG[4:], "pdf not at the front": b"\n" * 20 + files.PDF,
    "video and page": files.MP4 + b"<html><body>", "wave": b"RIFF\0\0\0\0WAVEfmt ", "unknown video": files.MP4.replace(b"isom", b"zzzz", 1),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_not_on_the_list_is_refused(why: str):
    with pytest.raises(FileTypeRefused):
        recognised(REFUSED[why])


def test_a_picture_that_decodes_to_gigabytes_is_only_its_bytes():
    """Nothing is unpacked or decoded: 60,000 by 60,000 pixels in some hundred bytes cost what any small file costs."""
    assert recognised(files.png(60_000, 60_000)) is KINDS["png"]


def many(entries: int, told: int | None = None) -> bytes:
    """An office file whose table of contents has so many entries, and says that it has ``told``."""
    data = files.docx()
    end = data.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HII", data[end + 10 : end + 20])
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    table = data[start : start + size] + entry * (entries - count)
    said = min(entries if told is None else told, 0xFFFF)
    return data[:start] + table + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, said, said, len(table), start, 0)


@pytest.mark.parametrize("told", [None, 3, 4000, 0, 0xFFFF])
def test_an_archive_of_many_entries_costs_nothing(told: int | None):
    """Whatever it says it holds: the table of contents is not read beyond what an office file has."""
    bomb = many(400_000, told)
    tracemalloc.start()
    with pytest.raises(FileTypeRefused):
        recognised(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2 * MOST_DIRECTORY
    tracemalloc.stop()


def test_an_archive_of_some_hundred_entries_is_one():
    assert recognised(many(900)) is KINDS["docx"]


@pytest.mark.parametrize("told", [2, 5])
def test_an_archive_that_says_another_number_is_none(told: int):
    with pytest.raises(FileTypeRefused):
        recognised(many(4, told))


def test_a_table_of_contents_in_the_long_form_is_read_too():
    """Some writers always use it (zip64)."""
    data = files.docx()
    end = data.rindex(b"PK\x05\x06")
    count, size, start = struct.unpack("<HII", data[end + 10 : end + 20])
    longer = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start) + struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    short = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert recognised(data[:end] + longer + short) is KINDS["docx"]
    for number in (2**40, 2**63, MOST_MEMBERS + 1, 2):
        lying = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, number, number, size, start)
        with pytest.raises(FileTypeRefused):
            recognised(data[:end] + lying + longer[56:] + short)


def test_pictures_of_telephones_carry_a_video_behind_them():
    assert recognised(files.JPEG + files.MP4) is KINDS["jpeg"]


@pytest.mark.parametrize("content", [files.EICAR, files.PDF + files.EICAR, files.docx("word/x.xml") + files.EICAR])
def test_the_scanners_test_file_is_a_virus(content: bytes):
    with pytest.raises(FileInfected):
        recognised(content)


GOOD = ["a.pdf", "发票 2026-11.pdf", "Größe (1).pdf", "a.b.c.pdf", "A.PDF", "C:\\fakepath\\a.pdf", "../../a.pdf", "/etc/a.pdf", " a.pdf ", "😀.pdf", "invoice.shop.com.pdf",
        "www.firma.pl.pdf", "notes.app.v2.sh.pdf", "می\u200cخواهم.pdf", "क्\u200dष.pdf", "👩\u200d👩\u200d👧.pdf", "🏴\U000e0067\U000e0062\U000e007f.pdf", "a\u200b.pdf", "so\u00adft.pdf",
        "ﷺ.pdf", "\U0001f9ff\U0001fae8\U0001fadc.pdf", "\ue000.pdf", "文\u3000件.pdf"]
BAD = {
    "a.pdf\0.exe": "bad_name", "a\u202efdp.exe.pdf": "bad_name", "\u202egpj.pdf": "bad_name", "a\u200e.pdf": "bad_name", "a\u2067b.pdf": "bad_name", "a\u061c.pdf": "bad_name", "a\x85.pdf": "bad_name", "a\u2028.pdf": "bad_name",
    "a.ex\u200be.pdf": "program_name", "a.com": "program_name", "a.pdf.com": "program_name", "a.p\u200ddf": "wrong_extension", "a.pd\u200cf.": "bad_name",
    "a.ｐｄｆ": "wrong_extension", "\ufeffa.pdf": "bad_name",
    "a\r\nSet-Cookie: x.pdf": "bad_name", "a\x1b[2J.pdf": "bad_name", ".pdf": "bad_name", ".htaccess.pdf": "bad_name", "": "bad_name", "..": "bad_name",
    "a.pdf.": "bad_name", "CON.pdf": "bad_name", "lpt1.x.pdf": "bad_name", "a:b.pdf": "bad_name", "a?.pdf": "bad_name", "a|b.pdf": "bad_name",
    "x" * 197 + ".pdf": "bad_name", "\ud800.pdf": "bad_name", "a.exe.pdf": "program_name", "a.php.pdf": "program_name", "a.ＥＸＥ.pdf": "program_name",
    "a.js .pdf": "program_name", "a.pdf.exe": "program_name", "a.svg": "program_name", "a.html": "program_name", "a.jpg": "wrong_extension",
    "a": "wrong_extension", "pdf": "wrong_extension", "a.docx": "wrong_extension",
}  # fmt: skip


@pytest.mark.parametrize("given", GOOD)
def test_names_are_kept_without_their_folders(given: str):
    kept = names.checked(given, KINDS["pdf"])
    assert kept and "/" not in kept and "\\" not in kept and kept == kept.strip()


@pytest.mark.parametrize("given", BAD, ids=ascii)
def test_names_that_hide_or_pretend_something(given: str):
    with pytest.raises(ValidationFailed) as refused:
        names.checked(given, KINDS["pdf"])
    assert refused.value.members["errors"] == [{"field": "file", "code": BAD[given]}]


@pytest.mark.parametrize("given", GOOD)
def test_a_disposition_gives_the_name_back(given: str):
    kept = names.checked(given, KINDS["pdf"])
    shown = names.disposition(kept)
    assert shown.isascii() and shown.isprintable() and shown.count('"') == 2
    assert unquote(shown.rpartition("''")[2]) == kept


def test_a_disposition_holds_nothing_but_the_name():
    shown = names.disposition('发票 "x";filename=evil.exe\r\nX: y.pdf')
    assert "\r" not in shown and "\n" not in shown and shown.count('"') == 2 and shown.startswith("attachment; filename=")
    assert shown.endswith("filename*=UTF-8''%E5%8F%91%E7%A5%A8%20%22x%22%3Bfilename%3Devil.exe%0D%0AX%3A%20y.pdf")


# -- the scanner -----------------------------------------------------------------------------------------------
@contextmanager
def clamd(verdict: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """The other side of INSTREAM: its address, and the files it was given."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        given: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    wire, _ = door.accept()
                except OSError:
                    return
                with wire, wire.makefile("rb") as read:
                    assert read.read(10) == b"zINSTREAM\0"
                    content = b""
                    while length := struct.unpack("!I", read.read(4))[0]:
                        content += read.read(length)
                    given.append(content)
                    wire.sendall(verdict)

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{door.getsockname()[1]}", given


def test_a_clean_file_passes_whole():
    content = files.png(padding=400_000)
    with clamd(b"stream: OK\0") as (address, given):
        scanner.scan(content, address)
    assert given == [content]


def test_what_the_scanner_finds_is_named():
    with clamd(b"stream: Win.Test.EICAR_HDB-1 FOUND\0") as (address, _), pytest.raises(FileInfected) as found:
        scanner.scan(files.PDF, address)
    assert found.value.members == {"finding": "Win.Test.EICAR_HDB-1"}


@pytest.mark.parametrize("verdict", [b"INSTREAM size limit exceeded. ERROR\0", b"", b"stream: OK FOUND?\0", b"\xff\xfe\0"])
def test_without_a_verdict_nothing_is_clean(verdict: bytes):
    with clamd(verdict) as (address, _), pytest.raises(Unavailable):
        scanner.scan(files.PDF, address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "unix:///nowhere/clamd.ctl", "nonsense", "http://127.0.0.1:1"])
def test_a_scanner_that_is_away_lets_nothing_pass(address: str):
    with pytest.raises(Unavailable):
        scanner.scan(files.PDF, address)


def test_no_scanner_is_asked_unless_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(scanner.VARIABLE, raising=False)
    scanner.scan(files.PDF)


# -- the body --------------------------------------------------------------------------------------------------
FIELDS = {"file": {}}


def read(body: bytes, kind: str) -> dict[str, uploads.Upload]:
    return uploads.parse(body, kind, FIELDS)


@pytest.mark.parametrize("content", [b"x", b"", b"\r\n", b"--b", b"\r\n--", b"\r\n--b", bytes(range(256)) * 5])
def test_a_file_comes_out_as_it_went_in(content: bytes):
    body, headers = files.form("发票.pdf", content, boundary="bound")
    assert read(body, headers["Content-Type"]) == {"file": uploads.Upload("发票.pdf", content)}


def test_names_as_different_clients_write_them():
    for written, name in (('filename="a b.pdf"', "a b.pdf"), ("filename=a.pdf", "a.pdf"), ("filename*=UTF-8''%E5%8F%91.pdf", "发.pdf"),
                          ('filename="a%22b.pdf"', 'a"b.pdf'), (r'filename="a\"b.pdf"', 'a"b.pdf')):
        body = f'--b\r\nContent-Disposition: form-data; name="file"; {written}\r\n\r\nx\r\n--b--\r\n'.encode()
        assert read(body, "multipart/form-data; boundary=b")["file"].name == name


HEAD = b'Content-Disposition: form-data; name="file"; filename="a.pdf"\r\n'
BROKEN = {
    "nothing": b"", "no end": b"--b\r\n" + HEAD + b"\r\nx", "no blank line": b"--b\r\n" + HEAD + b"x\r\n--b--", "only the end": b"--b--\r\n",
    "line feeds alone": b"--b\n" + HEAD.replace(b"\r", b"") + b"\nx\n--b--\n", "something in front": b"x\r\n--b\r\n" + HEAD + b"\r\nx\r\n--b--",
    "something behind": b"--b\r\n" + HEAD + b"\r\nx\r\n--b--\r\nGET / HTTP/1.1", "two heads": b"--b\r\n" + HEAD * 2 + b"\r\nx\r\n--b--",
    "encoded": b"--b\r\n" + HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nx\r\n--b--", "another boundary": b"--c\r\n" + HEAD + b"\r\nx\r\n--c--",
    "twice": (b"--b\r\n" + HEAD + b"\r\nx\r\n") * 2 + b"--b--", "many": (b"--b\r\n" + HEAD + b"\r\nx\r\n") * 5000 + b"--b--",
    "a plain field": b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--', "not a form": b"--b\r\nContent-Disposition: attachment; filename=a\r\n\r\nx\r\n--b--",
    "unknown field": b'--b\r\nContent-Disposition: form-data; name="org_path"; filename=a\r\n\r\nx\r\n--b--', "a head of 5000": b"--b\r\n" + b"X: " + b"y" * 5000 + b"\r\n" + HEAD + b"\r\nx\r\n--b--",
    "no letters": b"--b\r\n\xff\xfe: x\r\n" + HEAD + b"\r\nx\r\n--b--",
}  # fmt: skip


@pytest.mark.parametrize("why", BROKEN)
def test_a_body_that_two_readers_may_read_differently_is_refused(why: str):
    with pytest.raises(ValidationFailed):
        read(BROKEN[why], "multipart/form-data; boundary=b")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 71,
                                  "multipart/form-data; boundary=\"a\r\nb\"", "multipart/mixed; boundary=b", ""])
def test_a_boundary_is_asked_for(kind: str):
    with pytest.raises(ValidationFailed):
        read(b"--b\r\n" + HEAD + b"\r\nx\r\n--b--\r\n", kind)


def test_the_same_file_is_the_same_request_whatever_its_boundary():
    one, other = (read(*_form("a.pdf", b"x")) for _ in range(2))
    assert uploads.identity(one) == uploads.identity(other) != uploads.identity(read(*_form("b.pdf", b"x")))
    assert uploads.identity(one) != uploads.identity(read(*_form("a.pdf", b"y")))


def _form(name: str, content: bytes) -> tuple[bytes, str]:
    body, headers = files.form(name, content)
    return body, headers["Content-Type"]
