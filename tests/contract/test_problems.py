"""Problem documents speak the reader's language; codes and places are the same in all."""

import pytest

QUESTIONS = {
    "no key": ("GET", "/tiers", None, {"Authorization": ""}),
    "a wrong key": ("GET", "/tiers", None, {"Authorization": "Bearer nobody"}),
    "an unknown order": ("GET", "/orders/web/none", None, {}),
    "an unknown address": ("GET", "/nothing", None, {}),
    "a wrong method": ("DELETE", "/tiers", None, {}),
    "no JSON": ("PUT", "/orders/web/A1", b"{", {}),
    "missing fields": ("PUT", "/orders/web/A1", {}, {}),
    "another media type": ("PUT", "/orders/web/A1", b"x", {"Content-Type": "text/plain"}),
    "a wrong query": ("GET", "/points/rules?limit=0", None, {}),
}
SPOKEN = {
    "en": "en", "en-GB,fr;q=0.5": "en", "fr": "en", "": "en", "*": "en", "tlh;q=x": "en",
    "zh": "zh-Hans", "zh-CN": "zh-Hans", "zh-Hans-SG": "zh-Hans", "fr,zh-CN;q=0.8": "zh-Hans",
    "zh-TW": "zh-Hant", "zh-HK,zh;q=0.9": "zh-Hant", "zh-Hant": "zh-Hant", "ZH-hant-mo": "zh-Hant",
    "en;q=0.1,zh-TW;q=0.9": "zh-Hant",
}  # fmt: skip


def ask(admin, question: str, language: str) -> dict:
    method, path, body, headers = QUESTIONS[question]
    answer = admin(method, path, body, headers={"Accept-Language": language} | headers)
    assert answer.content_type == "application/problem+json"
    problem = answer.get_json()
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["status"] == answer.status_code
    return problem


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_refusal_is_told_in_three_languages_with_one_code(admin, question):
    told = {language: ask(admin, question, language) for language in ("en", "zh-Hans", "zh-Hant")}
    for name in ("title", "detail"):
        words = {problem[name] for problem in told.values()}
        assert len(words) >= 2, (name, words)
        assert told["en"][name].isascii()
        assert not told["zh-Hans"][name].isascii()
        assert not told["zh-Hant"][name].isascii()
    assert len({(one["code"], one["type"], one["status"]) for one in told.values()}) == 1
    places = {tuple((e["pointer"], e["code"]) for e in one["errors"]) for one in told.values()}
    assert len(places) == 1


@pytest.mark.parametrize(("asked", "spoken"), SPOKEN.items(), ids=SPOKEN)
def test_the_language_is_the_best_of_those_asked_for(admin, asked, spoken):
    assert ask(admin, "no JSON", asked)["title"] == ask(admin, "no JSON", spoken)["title"]


def test_a_request_id_is_taken_over_when_it_is_harmless(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "till-7.42"})
    assert answer.headers["X-Request-Id"] == "till-7.42"
    for given in ("x" * 65, "a b", "<script>", "é"):
        answer = client.get("/healthz", headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] != given


def test_a_refusal_never_shows_a_trace(admin):
    for question in QUESTIONS:
        text = str(ask(admin, question, "en"))
        assert "Traceback" not in text
        assert "sqlalchemy" not in text.lower()
