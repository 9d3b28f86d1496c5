from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.retrieve import languages, tokenizer
from ragkit.retrieve.languages import detect_language
from ragkit.retrieve.token_counts import count_tokens
from ragkit.retrieve.tokenizer import fold, is_function_word, open_terms, terms, words_and_runs


@pytest.mark.parametrize(
    ("text", "whole", "parts"),
    [
        ("set top_k to 5", "top_k", ["top", "k", "5"]),
        ("since v2.4.x", "v2.4.x", ["v2", "4", "x"]),
        ("an HNSW index", "hnsw", []),
        ("the camelCase option", "camelcase", ["camel", "case"]),
        ("HTTPServer fails", "httpserver", ["http", "server"]),
        ("pass --no-stream", "--no-stream", ["no", "stream", "no-stream"]),
        ("in C++ and C#", "c++", ["c", "c#"]),
        ("升级到 v6.4.0 版本", "v6.4.0", ["v6", "升级", "版本"]),
        ("使用TiDB集群", "tidb", ["ti", "db", "集群"]),
    ],
)
def test_identifiers_are_kept_whole_and_in_parts(text, whole, parts):
    found = terms(text)
    assert whole in found
    assert set(parts) <= set(found)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("indexes", "indexing", "en"),
        ("Universitäten", "Universität", "de"),
        ("книги", "книгами", "ru"),
        ("canciones", "canción", "es"),
        ("UNIVERSITÉ", "universite", "fr"),
        ("ＨＮＳＷ", "hnsw", None),
    ],
)
def test_forms_of_one_word_share_a_term(one, other, language):
    assert terms(one, language=language) == terms(other, language=language)


def test_chinese_has_characters_and_pairs():
    assert terms("战国无双") == ["战", "国", "无", "双", "战国", "国无", "无双"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ประเทศไทย", ["ประ", "ระเท", "เทศ", "ศไท", "ไทย"]),
        ("ที่", ["ที่"]),  # one cluster
        ("မြန်မာ", ["မြန်", "န်မာ"]),
        ("កម្ពុជា", ["កម្ពុ", "ម្ពុជា"]),
        ("ລາວ", ["ລາວ"]),
    ],
)
def test_scripts_without_spaces_have_pairs_of_clusters(text, found):
    assert terms(text) == found


def test_hindi_vowel_signs_stay_in_their_word():
    assert all(term != "ि" for term in terms("यह हिन्दी किताब है"))
    assert len(terms("यह हिन्दी किताब है")) == 4


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("Wie hoch ist der Turm?", "de"),
        ("¿Cuándo fue construida la torre?", "es"),
        ("Quelle est la hauteur de la tour ?", "fr"),
        ("Когда была построена башня?", "ru"),
        ("Коли була збудована вежа?", "uk"),
        ("متى تم بناء البرج؟", "ar"),
        ("این برج کی ساخته شد؟", "fa"),
        ("टावर कब बनाया गया था?", "hi"),
        ("Kule ne zaman inşa edildi?", "tr"),
        ("Tháp được xây dựng khi nào?", "vi"),
        ("这座塔是什么时候建的？", "zh"),
        ("這座塔是什麼時候建的？", "zh-Hant"),
        ("この塔はいつ建てられましたか", "ja"),
        ("이 탑은 언제 지어졌습니까?", "ko"),
        ("หอคอยสร้างเมื่อไหร่", "th"),
        ("HNSW", "en"),
        ("12345 ?!", None),
        ("", None),
    ],
)
def test_language_of_a_short_question(text, language):
    assert detect_language(text) == language


def test_function_words_belong_to_a_language():
    assert is_function_word("The", "en")
    assert not is_function_word("the", "de")
    assert not is_function_word("tower", "en")
    assert not is_function_word("the", None)


def test_soft_hyphens_are_in_no_term():
    assert terms("infor\xadmation 电\xad池") == terms("information 电池")
    assert words_and_runs("exam\xadple 电\xad池", language="en") == (["exampl"], "电池")


def test_count_tokens_by_script():
    assert count_tokens("one two, three!") == 3
    assert count_tokens("战国无双") == 4
    assert count_tokens("ประเทศไทย") == 3
    assert count_tokens("a" * 1600) == 100
    assert count_tokens(" \n。，") == 0


@given(st.text(max_size=200))
def test_terms_hold_no_space_or_quote_and_repeat(text):
    found = terms(text)
    assert found == terms(text)
    assert all(term and not any(c.isspace() or c in '"\0' for c in term) for term in found)


@given(st.text(max_size=100), st.text(max_size=100))
def test_count_is_additive_over_a_space(left, right):
    assert count_tokens(f"{left} {right}") == count_tokens(left) + count_tokens(right)


@given(st.text(max_size=50))
def test_folding_is_idempotent_on_case(word):
    assert fold(word.lower()) == fold(fold(word.lower()))


@pytest.mark.parametrize("unit", ["a", "-", "a-", "a.", "_", "中", "ก", "é", "\u0301", "_a-", "9 "])
def test_one_long_line_takes_linear_time(unit):
    def seconds(length: int) -> float:
        line = unit * (length // len(unit))
        start = time.process_time()
        terms(line)
        count_tokens(line)
        return time.process_time() - start

    short, long = seconds(50_000), seconds(500_000)
    assert long < 40 * short + 0.1  # quadratic would be 100 times


def test_importing_the_tokenizer_loads_nothing_heavy():
    code = (
        "import sys, ragkit.retrieve.tokenizer;"
        "print([m for m in ('numpy', 'llama_index', 'Stemmer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "table",
    [
        "order_id,customer,product,quantity,status,date\n" + "17,Acme GmbH,Bolt M8,5,open,x\n" * 9,
        "a,is,ki,meg\n" + "1,2,x,y\n" * 20,
        "\n".join(f"x{i} = f(a, b); y = g(i, e, o)" for i in range(20)),
        "Nombre;Ciudad;Pedidos\n" + "Ana;Roma;Tornillos\n" * 9,
    ],
)
def test_a_table_or_code_is_in_no_language(table: str) -> None:
    assert detect_language(table) is None


@pytest.mark.parametrize("text", ["user_id, e_mail, a, b", "id;name;a;e;o"])
def test_letters_of_a_list_are_no_function_words(text: str) -> None:
    assert detect_language(text) == "en"


def test_a_text_in_no_language_is_found_in_many() -> None:
    held = set(open_terms("Pedidos; Bestellungen; orders; commandes"))
    for language, word in [
        ("es", "pedido"), ("de", "Bestellung"), ("en", "order"), ("fr", "commande"),
    ]:  # fmt: skip
        assert set(terms(word, language=language)) <= held
    assert open_terms("订单 17") == terms("订单 17", language="en")


@given(st.text(st.sampled_from("aé ñжбαا字國国かカ한ไ𠀀\ud800 1.、ｱ"), max_size=700))
def test_long_texts_are_looked_at_as_short_ones_are(text):
    codes = languages._codes(text)
    assert languages._scripts_of_long(codes) == languages._scripts(text)
    assert languages._leaning_of_long(codes) == sum(map(languages._leaning, text))


@given(
    st.lists(
        st.sampled_from(
            ["a", "THE", "für", "“the", "d’une", "o\u0307", "\u212aI", "x_y", "中文。the", "7"]
        )
    )
)
def test_words_are_counted_as_they_stand_in_the_text(words):
    text = " ".join([*words, "\u212a"])
    number, said, marks = languages._said(text, "latin")
    found = languages._WORD.findall(text.lower())
    profile = languages._profile("latin")
    assert number == len(found)
    assert list(said.items()) == list(Counter(filter(profile.words.__contains__, found)).items())
    assert marks == Counter(filter(profile.letters.__contains__, text.lower()))


@given(st.text(st.sampled_from("aBé7Жअ中한ไ²\u0301_-."), min_size=1, max_size=45))
def test_a_word_taken_the_short_way_is_one_chunk_of_one_piece(text):
    if tokenizer._is_word(text):
        assert tokenizer._CHUNK.findall(text) == [text]
        assert not tokenizer._RUN.match(text)
        assert tokenizer._pieces(text) == [text]


@given(st.text(st.sampled_from("aBéñ7Ж中ing -."), max_size=30))
def test_terms_of_an_open_text_are_the_english_ones_and_others_once(text):
    english = terms(text, language="en")
    others = open_terms(text)[len(english) :]
    assert open_terms(text)[: len(english)] == english
    assert len(others) == len(set(others))
    assert set(others).isdisjoint(english)
    for language in ("de", "es", "fr"):
        assert set(terms(text, language=language)) <= {*english, *others}
