"""A few words on one of Windows' Latin code pages, which single letters cannot tell apart."""

from __future__ import annotations

import random

import pytest

from ragkit.errors import IngestError
from ragkit.ingest.readers.encoding import decode
from ragkit.ingest.readers.letter_pairs import PAGES, likelier_page

# Written for this test, in the words of a notice on a door.
NOTICES = [
    ("Příště zavřete dveře, prosím.", "cp1250"),
    ("Klíče jsou u vrátného.", "cp1250"),
    ("Proszę zamykać drzwi wejściowe.", "cp1250"),
    ("Kérjük, csukja be az ajtót!", "cp1250"),
    ("Zatvárajte prosím dvere v noci.", "cp1250"),
    ("Zaprite vrata, če odhajate zadnji.", "cp1250"),
    ("Zatvorite vrata kad izađete, ključ je kod kuće.", "cp1250"),
    ("Vă rugăm să închideţi uşa.", "cp1250"),
    ("Kapıyı lütfen kapatınız.", "cp1254"),
    ("Palun sulgege uks, võti on käes.", "cp1257"),
    ("Bitte die Tür schließen.", "cp1252"),
    ("Fermez la porte derrière vous, merci à tous.", "cp1252"),
    ("¿Dónde está la llave del baño?", "cp1252"),
    ("Feche a porta, por favor. Não há chave.", "cp1252"),
    ("Stäng dörren efter dig.", "cp1252"),
    ("Husk å låse døren.", "cp1252"),
    ("Sulje ovi perässäsi, jätä avain pöydälle.", "cp1252"),
]


@pytest.mark.parametrize(("text", "encoding"), NOTICES)
def test_a_notice_of_a_few_words_is_read(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


# On the other pages these are letters: £ is Ł, º is ş, ³ is ł, ¾ is ľ.
@pytest.mark.parametrize(
    "text",
    [
        "The price is £5 for each of the two rooms.",
        "£ and € are both taken.",
        "Sala 3ª planta, nº 5",
        "Keep it at 5º today",
        "30 m³ of gas, 25 m² of floor",
        "½ cup of sugar, ¾ of salt",
        "¹ See the note. ³ Also this.",
    ],
)
def test_signs_are_no_letters_of_central_europe(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


# Lone signs, which are letters in ISO 8859-2 and 8859-5, on the Mac, in Chinese and in Japanese.
@pytest.mark.parametrize(
    "text",
    [
        "20°C, 3 m²",
        "Kept at 20°C ± 2 all day.",
        "temp,size\n20 °C,5 µm\n",
        "set µ = 3 and leave it there for the whole of the test",
        "ISO® and Haiku™ are trade marks",
        "x² + y² = r²",
        "It has 10¹² cells.",
        "Add ½ cup of it",
        "5 µm, 20°C, naïve Müller",
    ],
)
def test_signs_are_read_on_the_western_page(text: str) -> None:
    assert decode(text.encode("cp1252")).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("On był w domu.", "cp1250"),
        ("a když přišel, náš dům", "iso8859_2"),
        ("Температура 5 °C ± 2", "cp1251"),
        ("车间有 3共 x 件", "gb18030"),
        ("面积30", "gb18030"),
    ],
)
def test_letters_at_the_places_of_signs_are_letters(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).text == text


@pytest.mark.parametrize("page", sorted(PAGES))
def test_what_shows_no_pairs_stays_on_its_page(page: str) -> None:
    assert likelier_page(b"plain words", page) == page
    assert likelier_page(b"", page) == page


def test_a_page_on_which_the_bytes_have_no_letter_is_left() -> None:
    text = "Příště zavřete dveře, prosím."
    assert likelier_page(text.encode("cp1250"), "cp1252") == "cp1250"


def test_bytes_at_random_stay_no_text() -> None:
    rng = random.Random(7)
    for size in range(40, 240):
        data = rng.randbytes(size)
        with pytest.raises(IngestError):
            decode(data)
