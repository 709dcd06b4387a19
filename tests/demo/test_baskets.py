import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.demo import baskets, catalogue
from crm.demo.draws import Draws

categories = st.sampled_from(catalogue.CATEGORIES)


@given(
    st.integers(1, 99),
    st.integers(1, 214_000),
    st.integers(0, 99),
    st.integers(0, 2**32),
    categories,
)
def test_lines_add_up_to_the_units_and_to_the_fen(units, unit_price, odd, seed, favourite):
    fen = units * unit_price + odd % units
    lines = baskets.lines(units, fen, favourite, Draws(seed))
    assert 1 <= len(lines) <= 3
    assert [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
    assert sum(line["quantity"] for line in lines) == units
    amounts = [line["quantity"] * line["unit_price"] - line.get("discount", 0) for line in lines]
    assert sum(amounts) == fen
    assert min(amounts) > 0
    assert all(line.get("discount", 1) > 0 and line["quantity"] > 0 for line in lines)


@pytest.mark.parametrize("units", [1, 3])
def test_a_free_order_is_a_tasting_sachet_that_costs_nothing(units):
    (line,) = baskets.lines(units, 0, "绿茶", Draws(1))
    assert line["quantity"] == units
    assert line["discount"] == units * line["unit_price"] > 0


def test_there_is_a_product_at_every_price_an_order_can_have():
    for price in range(0, 300_000, 100):
        for product in catalogue.sold_at(price, "茶具"):
            assert product.low <= price < product.high


def test_products_have_one_sku_each_a_known_category_and_both_names():
    shelf = catalogue.products()
    assert 30 <= len(shelf) <= 60
    assert len({product.sku for product in shelf}) == len(shelf)
    assert {product.category for product in shelf} == set(catalogue.CATEGORIES)
    for product in shelf:
        han, english = product.name.split(" ", 1)
        assert not han.isascii()
        assert english[0].isascii()
        assert product.low % 500 == product.high % 500 == 0
