from mime_fast.evaluation.page.markup import Html, join, table, tag, terms


def test_only_markup_is_not_escaped() -> None:
    assert tag("p", "a < b & c") == "<p>a &lt; b &amp; c</p>"
    assert tag("p", tag("b", 1)) == "<p><b>1</b></p>"
    assert join(["<", Html("<br>")], "&") == "&lt;&amp;<br>"


def test_attributes() -> None:
    found = tag("g", class_='"x"', aria_label="a<b", viewBox="0 0 1 1")
    assert found == '<g class="&quot;x&quot;" aria-label="a&lt;b" viewBox="0 0 1 1"></g>'


def test_a_row_starts_with_its_name() -> None:
    found = table("what", ["", "n"], [("a", 1)])
    assert '<tr><th scope="row">a</th><td>1</td></tr>' in found
    assert "<caption>what</caption>" in found


def test_terms() -> None:
    assert terms([("a", "b")]) == "<dl><dt>a</dt><dd>b</dd></dl>"
