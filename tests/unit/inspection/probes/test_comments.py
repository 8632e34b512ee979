"""Comments and strings are told apart by one pass, in every language that is read."""

from __future__ import annotations

import pytest

from roadworthy.inspection.probes import comments


@pytest.mark.parametrize(
    ("language", "code", "left"),
    [
        ("javascript", "app.use('/api/*', f) // off */", "app.use('/api/*', f)"),
        ("javascript", "/* new Pool({max: 20}) */ pool()", "pool()"),
        ("javascript", "a = `// no comment`", "a = `// no comment`"),
        ("javascript", "it(\"won't\") // don't", 'it("won\'t")'),
        ("javascript", "/* never closed\nfetch(u)", ""),
        ("javascript", "<!-- <script> -->x", "x"),
        ("go", 'u := "http://x.test" // Get(u)', 'u := "http://x.test"'),
        ("java", 'a = """\n// text\n"""; // b', 'a = """\n// text\n""";'),
        ("csharp", "var c = 'x'; /* a */", "var c = 'x';"),
        ("ruby", "=begin\nconfig.force_ssl = true\n=end\na = 1 # b", "a = 1"),
        ("ruby", 'a = "#{b} # c"', 'a = "#{b} # c"'),
        ("python", "a = 'x # y'  # z", "a = 'x # y'"),
        ("python", 'a = """\n# text\n"""', 'a = """\n# text\n"""'),
        ("python", "a = 1 # b", "a = 1"),
        ("php", "$a = 1; # b\n// c\n/* d */", "$a = 1;"),
    ],
)  # fmt: skip
def test_comments_go_and_strings_stay(language: str, code: str, left: str) -> None:
    found = comments.blank(code, language)
    assert found.strip() == left
    assert len(found) == len(code)
    assert found.count("\n") == code.count("\n")


@pytest.mark.parametrize(
    ("language", "code", "left"),
    [
        ("javascript", "log('retry it'); require('retry')", "log('        '); require('retry')"),
        ("javascript", "log(`a\nb`)", "log(` \n `)"),
        ("python", "log('retry')", "log(       )"),
        ("python", '"""a\nb"""\nc', "    \n    \nc"),
    ],
)
def test_what_strings_say_goes(language: str, code: str, left: str) -> None:
    assert comments.unquoted(code, language) == left


def test_comments_of_pages() -> None:
    assert comments.without("a<!-- b -->c{# d #}<%# e %>f", comments.TEMPLATES) == "a" + " " * 10 + "c" + " " * 15 + "f"
