"""Encodings that are rare, short texts in each, and names that pages give them."""

from __future__ import annotations

import random

import pytest

from ragkit.errors import IngestError
from ragkit.ingest.readers.encoding import decode

SHORT = [
    ("回覆：佢哋喺度食飯，嗰個係我嘅", "big5hkscs"),
    ("회의실 열쇠는 안내 데스크에서 받으세요.", "johab"),
    ("회의실 열쇠는 안내 데스크에서 받으세요.", "iso2022_kr"),
    ("会议室钥匙在前台领取。", "hz"),
    ("Температура на складе не выше двадцати пяти градусов", "cp855"),
    ("Примечание: оплата при получении, моя подпись", "mac_cyrillic"),
    ("тоится в следующий раз", "cp1251"),
    ("Klíč od zasedací místnosti je na recepci. Příliš žluťoučký kůň.", "iso8859_2"),
    ("مفتاح غرفة الاجتماعات عند الاستقبال.", "iso8859_6"),
    ("品名：ﾃｽﾄ　数量：二十", "cp932"),
    ("Price: 12€ – “special” offer", "cp1252"),
    ("会议室钥匙", "utf-16-le"),
    ("Ключ", "utf-16-be"),
]


@pytest.mark.parametrize(("text", "encoding"), SHORT)
def test_a_short_text_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


def test_a_page_of_markup_in_hungarian_is_not_taken_for_western_european() -> None:
    words = "<p class='row'>" + "<span></span>" * 40 + "Az őrült fűtő főnöke tűnődött.</p>\n"
    assert "őrült fűtő" in decode((words * 20).encode("iso8859_2")).text


def test_a_few_western_letters_among_markup_are_western() -> None:
    page = "<p>" + "<b>word</b> " * 40 + "Café Zoë</p>"
    assert "Café Zoë" in decode(page.encode("cp1252")).text


@pytest.mark.parametrize("name", ["x-sjis", "Shift_JIS", "windows-31j"])
def test_a_page_of_rare_characters_is_read_as_it_says(name: str) -> None:
    text = "髙橋鍈一昱炻器纊褜蓜俉昉昮棈鋹曻彅丨仡仼伀伃伹佖侒侊侚侔"
    assert decode(text.encode("cp932")).text != text
    assert decode(text.encode("cp932"), declared=name).text == text


@pytest.mark.parametrize("name", ["x-unknown", "windows-31", "", "rot13", "x-utf-8"])
def test_a_name_that_says_nothing_is_passed_over(name: str) -> None:
    assert (
        decode("会议室钥匙在前台领取。".encode("gbk"), declared=name).text
        == "会议室钥匙在前台领取。"
    )


def test_code_with_tildes_is_not_read_as_chinese() -> None:
    code = "sed -e 's~{name}~{value}~g' file"
    assert decode(code.encode()).text == code


def test_random_bytes_are_no_text() -> None:
    source = random.Random(11)
    for _ in range(60):
        with pytest.raises(IngestError):
            decode(source.randbytes(1024))
