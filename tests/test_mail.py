"""Messages as programs write them: against the rules of headers, encodings and parts."""

from __future__ import annotations

import base64
import io
import time
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import pytest

from ragkit.errors import IngestError
from ragkit.ingest.extract import extract
from ragkit.ingest.readers.mail import read_mail

TOPIC = "关于会议室钥匙领取的通知与说明"


def read(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "a.eml"
    path.write_bytes(data)
    return extract(path).text


def word(data: bytes, charset: str) -> str:
    return f"=?{charset}?B?{base64.b64encode(data).decode()}?="


def multipart(kind: str, *parts: str) -> bytes:
    body = "".join(f"--x\n{part}\n" for part in parts)
    head = f"From: ann@example.com\nMIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary=x"
    return f"{head}\n\n{body}--x--\n".encode()


PLAIN = "Content-Type: text/plain; charset=utf-8\n\n"
HTML = "Content-Type: text/html; charset=utf-8\n\n"


def test_a_character_cut_between_encoded_words_is_whole(tmp_path: Path) -> None:
    data = TOPIC.encode("gb18030")
    subject = f"{word(data[:7], 'gb2312')}\n {word(data[7:], 'gb2312')}"
    assert f"Subject: {TOPIC}" in read(tmp_path, f"Subject: {subject}\n\nSee there.\n".encode())


def test_encoded_words_in_a_superset_and_in_an_unknown_set_are_read(tmp_path: Path) -> None:
    sender = word("朱镕堃".encode("gb18030"), "GB2312")
    head = f"From: {sender} <z@example.com>\nSubject: =?x-unknown?Q?caf=E9_ouvert?="
    text = read(tmp_path, f"{head}\n\nHello.\n".encode())
    assert text.startswith("From: 朱镕堃 <z@example.com>\nSubject: café ouvert")


@pytest.mark.parametrize("coding", ["gbk", "utf-8", "big5"])
def test_headers_in_eight_bits_are_read(tmp_path: Path, coding: str) -> None:
    name = {"big5": "張琳"}.get(coding, "张琳")
    topic = {"big5": "會議室鑰匙"}.get(coding, "会议室钥匙")
    head = f"From: {name} <z@example.com>\nSubject: {topic}\nContent-Type: text/plain"
    text = read(tmp_path, f"{head}; charset={coding}\n\n{topic}\n".encode(coding))
    assert text == f"From: {name} <z@example.com>\nSubject: {topic}\n\n{topic}"


@pytest.mark.parametrize(
    "head",
    [
        "\ufeffFrom: Ann\nSubject: Fees",
        "\n\nFrom: Ann\nSubject: Fees",
        "From  : Ann\nSubject   : Fees",
        "Received: from x\nquite wrong\nFrom: Ann\nSubject: Fees",
        "From ann@example.com Sat Nov 21 10:00:00 2026\nFrom: Ann\nSubject: Fees",
    ],
)
def test_a_head_that_breaks_the_rules_is_read(tmp_path: Path, head: str) -> None:
    coded = base64.b64encode("Les prix montent à Liège.".encode()).decode()
    rest = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64"
    text = read(tmp_path, f"{head}\n{rest}\n\n{coded}\n".encode())
    assert text == "From: Ann\nSubject: Fees\n\nLes prix montent à Liège."


def test_a_file_that_is_no_message_is_read_as_text(tmp_path: Path) -> None:
    assert read(tmp_path, b"A note about the ferry.\nTwo lines.\n").startswith("A note about")
    with pytest.raises(IngestError):
        read(tmp_path, bytes(range(256)) * 8)


def test_an_empty_alternative_and_one_that_only_points_to_the_page_give_way(
    tmp_path: Path,
) -> None:
    page = f"{HTML}<p>The ferry leaves at nine.</p>" + "<p>Bring your own food.</p>" * 50
    for stub in ("", "Please view this message in a browser."):
        text = read(tmp_path, multipart("alternative", PLAIN + stub, page))
        assert "The ferry leaves at nine." in text
        assert "browser" not in text


def test_of_two_alternatives_the_plain_one_is_read(tmp_path: Path) -> None:
    text = read(tmp_path, multipart("alternative", f"{HTML}<b>Nine</b>", f"{PLAIN}At nine."))
    assert text == "From: ann@example.com\n\nAt nine."


def test_every_text_of_a_message_is_read(tmp_path: Path) -> None:
    picture = "Content-Type: image/png\nContent-Disposition: inline; filename=pier.png\n\nxx"
    notes = "Content-Disposition: attachment; filename=notes.txt\n"
    attached = f"{notes}{PLAIN}The key is under the mat."
    parts = (f"{PLAIN}First.", picture, f"{PLAIN}Second.", attached)
    assert read(tmp_path, multipart("mixed", *parts)) == (
        "From: ann@example.com\n\nFirst.\n\nSecond.\n\nAttachments: pier.png, notes.txt\n"
        "Not read: pier.png\n\nThe key is under the mat."
    )


def test_an_invitation_and_a_message_without_boundary_are_read(tmp_path: Path) -> None:
    head = "From: ann@example.com\nContent-Type: "
    invitation = "BEGIN:VCALENDAR\nSUMMARY:Harbour meeting\nEND:VCALENDAR"
    assert "Harbour meeting" in read(tmp_path, f"{head}text/calendar\n\n{invitation}\n".encode())
    assert "Lost words." in read(tmp_path, f"{head}multipart/mixed\n\nLost words.\n".encode())


def test_pictures_in_a_page_are_no_attachments(tmp_path: Path) -> None:
    logo = "Content-Type: image/png; name=logo.png\nContent-ID: <a>\n\nxx"
    text = read(tmp_path, multipart("related", f"{HTML}<p>Hello.</p>", logo))
    assert text == "From: ann@example.com\n\nHello."


def test_a_name_of_an_encoding_with_nul_costs_no_message(tmp_path: Path) -> None:
    head = b"From: a@b.c\nSubject: =?ut\0f-8?q?Fees?=\nContent-Type: text/plain; charset*=x''%00"
    assert read(tmp_path, head + b"\n\nWe meet at noon.\n").endswith("We meet at noon.")


def test_a_patch_in_a_message_is_read_and_what_is_not_read_is_named() -> None:
    text = read_mail(
        b"From: a@x.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\n\nSee below.\n"
        b"--b\nContent-Type: text/x-patch\n\n+ferry\n"
        b'--b\nContent-Type: text/css\nContent-Disposition: inline; filename="a.css"\n\np {}\n'
        b"--b--\n"
    )
    assert text is not None
    assert text.sections[0].text == (
        "From: a@x.org\n\nSee below.\n\n+ferry\n\nAttachments: a.css\nNot read: a.css"
    )


def test_parts_behind_another_boundary_than_the_named_one_are_read(tmp_path: Path) -> None:
    page = base64.b64encode("<p>Fünf Boote.</p>".encode()).decode()
    coded = f"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n{page}"
    data = multipart("alternative", coded).replace(b"boundary=x", b"boundary=y")
    assert read(tmp_path, data) == "From: ann@example.com\n\nFünf Boote."
    data = multipart("mixed", coded).replace(b"boundary=x", b"boundary=y").replace(b"--x", b"x")
    assert "Content-Type: text/html" in read(tmp_path, data)


def with_files(*files: tuple[str, bytes]) -> bytes:
    message = EmailMessage()
    message["From"] = "ann@example.com"
    message.set_content("See the files.")
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def word_file(*paragraphs: str) -> bytes:
    document, out = docx.Document(), io.BytesIO()
    for text in paragraphs:
        document.add_paragraph(text)
    document.save(out)
    return out.getvalue()


def test_attached_documents_are_read_under_their_names(tmp_path: Path) -> None:
    data = with_files(
        ("offer.docx", word_file("The boat costs 900.")),
        ("prices.csv", b"boat,price\nskiff,900\nyawl,1200\n"),
    )
    assert read(tmp_path, data) == (
        "From: ann@example.com\n\nSee the files.\n\nAttachments: offer.docx, prices.csv\n\n"
        "offer.docx:\n\nThe boat costs 900.\n\n"
        "prices.csv:\n\nboat: skiff; price: 900\nboat: yawl; price: 1200"
    )


def test_what_is_attached_and_not_read_is_named_with_the_reason(tmp_path: Path) -> None:
    data = with_files(
        ("broken.docx", word_file("Lost.")[:-200]),
        ("old.doc", b"x"),
        ("empty.pdf", b"%PDF-1.4\n"),
        ("signed.p7s", b"MII"),
    )
    text = read(tmp_path, data)
    assert (
        "Attachments: broken.docx, old.doc, empty.pdf, signed.p7s\nNot read: broken.docx (D" in text
    )
    assert "empty.pdf (Damaged PDF: it cannot be opened), signed.p7s" in text
    assert "MII" not in text


def test_a_bomb_that_is_attached_costs_no_message(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b" " * 120_000_000)
    text = read(tmp_path, with_files(("bomb.docx", packed.getvalue())))
    assert "See the files." in text
    assert "Not read: bomb.docx (Unpacks to 120 MB" in text


@pytest.mark.parametrize(
    "header",
    ["From: " + "(" * 3_000, "From: " + "a:" * 3_000, "Date: 1 Jan 2020 10:00:00 +" + "9" * 30],
)
def test_a_sender_or_date_of_brackets_or_digits_costs_no_message(
    tmp_path: Path, header: str
) -> None:
    data = f"To: b@example.com\n{header}\n\nWe meet at noon.\n".encode()
    assert read(tmp_path, data).endswith("\n\nWe meet at noon.")


def test_attachments_are_no_more_than_one_file_may_hold(tmp_path: Path) -> None:
    packed = io.BytesIO(word_file("Costs 900."))
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        for at in range(12):
            archive.writestr(f"word/media/{at}.bmp", b" " * 7_900_000)
    first = with_files(*((f"{at}.docx", packed.getvalue()) for at in range(3)))
    text = read(tmp_path, with_files(*((f"{at}.docx", packed.getvalue()) for at in range(3, 5)),
                                     ("more.eml", first)))  # fmt: skip
    assert text.count("Costs 900.") == 4
    assert "Not read: 2.docx (Too large together with the others)" in text


def test_messages_attached_as_files_are_read_to_a_depth(tmp_path: Path) -> None:
    data = with_files(("offer.docx", word_file("Innermost.")))
    text = read(tmp_path, with_files(("first.eml", with_files(("second.eml", data)))))
    assert text.count("From: ann@example.com") == 3
    assert text.endswith("offer.docx:\n\nInnermost.")
    for _ in range(20):
        data = with_files(("again.eml", data))
    assert "Innermost." not in read(tmp_path, data)


@pytest.mark.parametrize(
    "header",
    [
        "Content-Type: text/plain; " + "; ".join(f"a{at}=b{at}" for at in range(10_000)),
        "Content-Disposition: inline; " + "; ".join(f"x*{at}=b{at}" for at in range(10_000)),
        "Content-Transfer-Encoding: " + "(" * 30_000,
    ],
)
def test_endless_headers_take_no_time(tmp_path: Path, header: str) -> None:
    began = time.process_time()
    text = read(tmp_path, f"From: a@b.c\n{header}\n\nWe meet at noon.\n".encode())
    assert text == "From: a@b.c\n\nWe meet at noon."
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    ("sender", "author"),
    [
        ("Petra Novák <petra@example.org>", "Petra Novák"),
        ('"Novák, Petra" <p@example.org>, Ann <a@example.org>', "Novák, Petra, Ann"),
        ("ann@example.com", "ann@example.com"),
        ("王芳 <wang@example.cn>", "王芳"),
        ("nobody in particular <", "nobody in particular"),
    ],
)
def test_the_author_is_a_name_and_the_address_stays_in_the_text(sender: str, author: str) -> None:
    found = read_mail(f"From: {sender}\nSubject: Fees\n\nHello.\n".encode())
    assert found is not None
    assert found.metadata["author"] == author
    assert f"From: {sender}" in found.sections[0].text
