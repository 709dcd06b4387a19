"""BG/NBD and MBG/NBD by maximum likelihood: published values, slopes, simulated shops."""

import numpy as np
import pytest

from crm.segments.next_purchase import buy_till_you_die as nbd
from crm.segments.next_purchase import chances

pytestmark = pytest.mark.usefixtures("no_database")

PUBLISHED = nbd.Parameters(0.243, 4.414, 0.793, 2.426, modified=False)


def simulated(model: nbd.Parameters, size: int, time: float, seed: int = 5):
    """x, t_x, t of customers who behave as the model says, and their purchases in `time` more."""
    draw = np.random.default_rng(seed)
    rate = draw.gamma(model.r, 1 / model.alpha, size)
    leave = draw.beta(model.a, model.b, size)
    x, t_x, later = np.zeros(size), np.zeros(size), np.zeros(size)
    for each in range(size):
        at, here = 0.0, not (model.modified and draw.random() < leave[each])
        while here:
            at += draw.exponential(1 / rate[each])
            if at > 2 * time:
                break
            if at <= time:
                x[each], t_x[each] = x[each] + 1, at
            else:
                later[each] += 1
            here = draw.random() >= leave[each]
    return x, t_x, np.full(size, time), later


def test_expected_purchases_are_those_of_the_published_example():
    """Customer 1516 of the authors' note: 2 repeats, the last in week 30.43 of 38.86."""
    one = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert nbd.expected_purchases(PUBLISHED, *one, 39.0)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize("modified", [False, True])
def test_the_slope_is_that_of_the_likelihood(modified):
    draw = np.random.default_rng(2)
    x = draw.integers(0, 5, 60)
    counts = nbd.Counts.of(x, np.where(x, draw.uniform(1, 30, 60), 0), np.full(60, 40.0))
    logs = np.log([0.4, 5.0, 0.9, 2.2])
    _, slope = nbd._likelihood(nbd.Parameters(*np.exp(logs), modified), counts)
    for place in range(4):
        step = np.eye(4)[place] * 1e-5
        up, down = (
            nbd.log_likelihood(nbd.Parameters(*np.exp(logs + sign * step), modified), counts)
            for sign in (1, -1)
        )
        assert slope[place] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def shop():
    model = nbd.Parameters(0.6, 40.0, 0.8, 2.5, modified=True)
    x, t_x, t, later = simulated(model, 6000, 300.0)
    return model, nbd.fit(nbd.Counts.of(x, t_x, t)), (x, t_x, t), later


def test_a_simulated_shop_gives_its_parameters_back(shop):
    model, found, _, _ = shop
    assert found.r == pytest.approx(model.r, rel=0.2)
    assert found.alpha == pytest.approx(model.alpha, rel=0.2)
    assert found.a / (found.a + found.b) == pytest.approx(model.a / (model.a + model.b), rel=0.1)


def test_it_foretells_how_much_a_simulated_shop_sells(shop):
    _, found, seen, later = shop
    assert nbd.expected_purchases(found, *seen, 300.0).sum() == pytest.approx(later.sum(), rel=0.1)


def test_its_chances_are_those_that_come_true(shop):
    _, found, (x, t_x, t), later = shop
    model = {"kind": "mbg_nbd"} | {name: getattr(found, name) for name in ("r", "alpha", "a", "b")}
    features = {"frequency": x + 1, "recency": t - t_x, "tenure": t}
    promised = chances.chance(model, features, 300, np)
    assert promised.mean() == pytest.approx((later > 0).mean(), abs=0.015)
    for few, many in ((0, 0), (1, 2), (3, 99)):
        here = (x >= few) & (x <= many)
        assert promised[here].mean() == pytest.approx((later[here] > 0).mean(), abs=0.03)


def test_a_chance_grows_with_the_time_ahead_and_falls_with_silence():
    model = {"kind": "mbg_nbd", "r": 0.5, "alpha": 40.0, "a": 0.8, "b": 2.5}
    features = {"frequency": 4, "recency": 10, "tenure": 200}
    week, month, quarter = (chances.chance(model, features, days) for days in (7, 30, 90))
    assert 0 < week < month < quarter < 1
    assert chances.chance(model, features | {"recency": 100}, 30) < month


def test_long_histories_do_not_overflow():
    x = np.array([0.0, 4000.0, 1.0])
    counts = nbd.Counts.of(x, np.array([0.0, 9999.0, 1.0]), np.full(3, 10_000.0))
    model = nbd.Parameters(0.5, 30.0, 0.5, 2.0, modified=True)
    assert np.isfinite(nbd.log_likelihood(model, counts))
    seen = (x, np.array([0, 9999.0, 1]), np.full(3, 10_000.0))
    assert np.isfinite(nbd.expected_purchases(model, *seen, 30)).all()


@pytest.mark.parametrize("x", [[], [0, 0, 0]])
def test_nobody_who_came_back_is_nothing_to_learn_from(x):
    x = np.array(x, float)
    with pytest.raises(nbd.NotFitted):
        nbd.fit(nbd.Counts.of(x, x, np.full(len(x), 30.0)))
